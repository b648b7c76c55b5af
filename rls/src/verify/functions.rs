//! Functions that answer past the policies.

use super::World;
use crate::finding::Finding;

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let _ = (world, findings);
}
