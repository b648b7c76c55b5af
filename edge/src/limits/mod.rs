//! How much of what, per whom: every limit of the gateway and of its own forms [RL-1, RL-2, RL-3].
//!
//! What must always hold:
//! - All windows of a request are decided together: all are charged, or none.
//! - A refused request costs nothing, and is told exactly when it would pass.
//! - What stands in shadow refuses nobody; all else counts as if it were not there.
//! - No subject is kept in the clear: a counter's name is a keyed hash.
//! - Memory is bounded. Where it is full, the counter that spent least gives way.

mod charge;
mod decision;
mod headers;
mod limiter;
mod memory;
mod notes;
#[cfg(feature = "redis")]
mod shared;
#[cfg(not(feature = "redis"))]
#[path = "unshared.rs"]
mod shared;
mod store;

pub use charge::{Charge, Charges, Subject, Tariff, Whom};
pub use decision::{Basis, Line, Verdict};
pub use headers::{announce, too_many};
pub use limiter::{Asked, Limiter};
pub use store::{StoreFault, StoreState, StoreTally, StoreTerms};
