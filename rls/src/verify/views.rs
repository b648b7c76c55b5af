//! Views, materialised views and foreign tables in front of tenants' tables.

use super::World;
use crate::finding::Finding;

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let _ = (world, findings);
}
