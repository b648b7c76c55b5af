//! The ground under every row: PostgreSQL behind two walls.
//!
//! What must always hold (AC-5, AC-6, AC-7, AC-8):
//!
//! - No permit, no row: only a [`Permit`](crate::permit::Permit) opens a [`TenantTx`].
//! - The first wall: a statement of a tenant's table says `tenant_id = $1`, and `$1` is bound by the
//!   transaction, never by a room. A person's table says `person_id = $1` likewise.
//! - The second wall: FORCEd row level security compares with the transaction-local context. A statement
//!   without context fails loudly.
//! - A plane is a type: a statement of the mode schemas does not compile against the control schema, and a
//!   live handle is another login than a test handle.
//! - A transaction dropped before its end takes its connection out of the pool.

mod batch;
mod fault;
mod flush;
pub mod logins;
mod migrate;
mod plane;
mod provision;
mod statement;
mod store;
mod tx;

pub use batch::{BatchItem, BatchOutcome, TenantBatch, WrittenBatch};
pub use fault::DbFault;
pub use migrate::{MigrateFault, WhileServing, migrate};
pub use plane::{
    Control, Everywhere, Group, In, Jobs, JobsOnly, Live, Mode, Modes, OnlyControl, OnlyOperator, Operator, Plane,
    Served, Test,
};
pub use provision::{ProvisionFault, provision, provision_clone};
pub use statement::{AsDoor, AsOperator, AsPerson, AsQueue, AsTenant, Binds, Registered, Scope, Sql, registered};
pub use store::{Database, HasStore, PoolOptions, Store, StoreFault, Urls};
pub use tx::{Args, Context, Step, TenantTx};

#[doc(hidden)]
pub use inventory;
pub use tokio_postgres::Row;
#[doc(hidden)]
pub use tokio_postgres::types::ToSql;
