//! Grants that no policy holds back.

use super::World;
use crate::finding::Finding;

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let _ = (world, findings);
}
