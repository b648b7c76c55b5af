//! Statements: `&'static str`s that say whose rows they touch, registered so that one test judges them all.

use std::marker::PhantomData;

use super::plane::Group;

/// Whose rows a statement touches, and so what the transaction binds as `$1`.
pub trait Scope: Send + Sync + 'static {
    /// The name in the registry.
    const NAME: &'static str;
    /// What `$1` is bound to.
    const BINDS: Binds;
}

/// What the transaction itself binds as `$1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binds {
    /// The tenant of the permit.
    Tenant,
    /// The person of the permit.
    Person,
    /// Nothing: the statement calls a door, or belongs to a login whose policy is its own.
    Nothing,
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident $text:literal $binds:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl Scope for $name {
            const NAME: &'static str = $text;
            const BINDS: Binds = Binds::$binds;
        }
    )+};
}

scopes! {
    /// `$1` is the tenant.
    AsTenant "tenant" Tenant,
    /// `$1` is the person.
    AsPerson "person" Person,
    /// One call of a function in `doors`.
    AsDoor "door" Nothing,
    /// The job queue, by its own login.
    AsQueue "queue" Nothing,
    /// The operator's list, by its own login.
    AsOperator "operator" Nothing,
}

/// A statement of scope `S`, for the planes of group `G`.
#[derive(Debug)]
pub struct Sql<S, G> {
    text: &'static str,
    of: PhantomData<fn() -> (S, G)>,
}

impl<S: Scope, G: Group> Sql<S, G> {
    /// Used by the [`sql!`](crate::sql) macro, which registers what it makes.
    #[doc(hidden)]
    pub const fn registered(text: &'static str) -> Self {
        Self { text, of: PhantomData }
    }

    /// The statement.
    pub const fn text(&self) -> &'static str {
        self.text
    }
}

/// A statement in the registry, with its kinds erased.
#[derive(Debug)]
pub struct Registered {
    /// The constant's name.
    pub name: &'static str,
    /// The file it stands in.
    pub file: &'static str,
    /// The scope's name: `tenant`, `person`, `door`, `queue` or `operator`.
    pub scope: &'static str,
    /// Schema and login of each plane that it may run in.
    pub planes: &'static [(&'static str, &'static str)],
    /// The statement.
    pub text: &'static str,
}

inventory::collect!(Registered);

/// Every statement that the linked crates register.
pub fn registered() -> impl Iterator<Item = &'static Registered> {
    inventory::iter::<Registered>.into_iter()
}

/// Declares statements and registers them: `sql! { AsTenant Modes NAME = "select …"; }`.
#[macro_export]
macro_rules! sql {
    ($($(#[$doc:meta])* $scope:ident $group:ident $name:ident = $text:expr;)+) => {$(
        $(#[$doc])*
        static $name: $crate::db::Sql<$crate::db::$scope, $crate::db::$group> = $crate::db::Sql::registered($text);
        $crate::db::inventory::submit! {
            $crate::db::Registered {
                name: stringify!($name),
                file: file!(),
                scope: <$crate::db::$scope as $crate::db::Scope>::NAME,
                planes: <$crate::db::$group as $crate::db::Group>::PLANES,
                text: $text,
            }
        }
    )+};
}
