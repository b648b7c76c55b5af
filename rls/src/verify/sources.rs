//! What policies trust: tables that say who belongs where, and functions that say who asks.

use super::World;
use crate::finding::Finding;

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let _ = (world, findings);
}
