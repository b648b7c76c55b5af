//! Statements: `&'static str`s that say whose rows they touch, registered so that one test judges them all.

use std::marker::PhantomData;

use tokio_postgres::Row;

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
    is_taking: bool,
    of: PhantomData<fn() -> (S, G)>,
}

impl<S: Scope, G: Group> Sql<S, G> {
    /// Used by the [`sql!`](crate::sql) macro, which registers what it makes.
    #[doc(hidden)]
    pub const fn registered(text: &'static str) -> Self {
        Self { text, is_taking: false, of: PhantomData }
    }

    /// The same statement as one that takes something away that caches believe: its transaction commits only through
    /// the fence (KEY-3, ID-11, AC-12).
    #[must_use]
    pub const fn taking(mut self) -> Self {
        self.is_taking = true;
        self
    }

    /// Whether it takes something away that caches believe.
    pub const fn is_taking(&self) -> bool {
        self.is_taking
    }

    /// Whether it took something away, by what it answered: with `returning` and no row it changed nothing.
    pub(super) fn has_taken(&self, rows: &[Row]) -> bool {
        self.is_taking && has_done(self.text, rows)
    }

    /// The statement.
    pub const fn text(&self) -> &'static str {
        self.text
    }
}

/// Whether a statement changed something: with `returning` it answers what.
pub(super) fn has_done(text: &str, rows: &[Row]) -> bool {
    !rows.is_empty() || !text.contains("returning")
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
    /// Whether it takes something away that caches believe.
    pub is_taking: bool,
}

inventory::collect!(Registered);

/// Every statement that the linked crates register.
pub fn registered() -> impl Iterator<Item = &'static Registered> {
    inventory::iter::<Registered>.into_iter()
}

/// Declares statements and registers them: `sql! { AsTenant Modes NAME = "select …"; }`. One that takes something away
/// that caches believe says so: `NAME taking = "update …"`.
#[macro_export]
macro_rules! sql {
    ($($(#[$doc:meta])* $scope:ident $group:ident $name:ident $($taking:ident)? = $text:expr;)+) => {$(
        $(#[$doc])*
        static $name: $crate::db::Sql<$crate::db::$scope, $crate::db::$group> =
            $crate::db::Sql::registered($text)$(.$taking())?;
        $crate::db::inventory::submit! {
            $crate::db::Registered {
                name: stringify!($name),
                file: file!(),
                scope: <$crate::db::$scope as $crate::db::Scope>::NAME,
                planes: <$crate::db::$group as $crate::db::Group>::PLANES,
                text: $text,
                is_taking: !concat!($(stringify!($taking))?).is_empty(),
            }
        }
    )+};
}
