//! Roles: those that no policy holds, that own what they use, that read everything.

use super::World;
use crate::finding::Finding;

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let _ = (world, findings);
}
