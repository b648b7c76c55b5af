//! Planes: a schema with its login. A mode is a plane that an API key or a console path names.

/// A schema, and the login that sees it.
pub trait Plane: Send + Sync + 'static {
    /// The schema's name.
    const SCHEMA: &'static str;
    /// The login that serves it.
    const LOGIN: &'static str;
}

/// A plane that holds an app's data: live or test (AC-7).
pub trait Mode: Plane + In<Modes> + In<Served> + In<Everywhere> {
    /// The word that keys, hosts and console paths use.
    const MODE: tenantry_core::mode::Mode;
}

/// A group of planes that know a statement. `M: In<G>` means: a handle of `M` may run it.
pub trait In<G>: Plane {}

macro_rules! planes {
    ($($(#[$doc:meta])* $name:ident $schema:literal $login:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl Plane for $name {
            const SCHEMA: &'static str = $schema;
            const LOGIN: &'static str = $login;
        }
    )+};
}

planes! {
    /// People, sessions, tenants, memberships.
    Control "control" "tenantry_control",
    /// Live data.
    Live "live" "tenantry_live",
    /// Test data.
    Test "test" "tenantry_test",
    /// The job queue.
    Jobs "control" "tenantry_jobs",
    /// The list of tenants, for platform staff.
    Operator "control" "tenantry_operator",
}

impl Mode for Live {
    const MODE: tenantry_core::mode::Mode = tenantry_core::mode::Mode::Live;
}
impl Mode for Test {
    const MODE: tenantry_core::mode::Mode = tenantry_core::mode::Mode::Test;
}

macro_rules! groups {
    ($($(#[$doc:meta])* $group:ident: $($plane:ident),+;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $group {}
        $(impl In<$group> for $plane {})+
        impl Group for $group {
            const PLANES: &'static [(&'static str, &'static str)] = &[$(($plane::SCHEMA, $plane::LOGIN)),+];
        }
    )+};
}

/// The planes of a group, for the tests that prepare every statement where it may run.
pub trait Group {
    /// Schema and login of each.
    const PLANES: &'static [(&'static str, &'static str)];
}

groups! {
    /// Tables that both modes have.
    Modes: Live, Test;
    /// Tables of the control schema.
    OnlyControl: Control;
    /// Tables that both modes and the control schema have, for the logins that serve requests.
    Served: Control, Live, Test;
    /// Tables and doors that each serving plane has: audit, events, subject keys.
    Everywhere: Control, Live, Test, Operator;
    /// The job queue.
    JobsOnly: Jobs;
    /// The operator's list.
    OnlyOperator: Operator;
}
