//! The server: releases with known holes.

use tenantry_core::rls_advisory::rls_advisory;

use super::World;
use crate::class::Class;
use crate::finding::Finding;
use crate::remedy::Remedy;

/// Adds what is known of the running release.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let server = &world.catalog.server;
    let Some(advisory) = rls_advisory(server.version_num) else { return };
    let explanation = format!(
        "PostgreSQL {} has holes in row level security that {} closes: {}. Policies that are right leak all the same.",
        advisory.running,
        advisory.fixed_in,
        advisory.cves.join(", ")
    );
    let advice = format!(
        "Install PostgreSQL {} or a later minor of the same major, and restart the server. No dump is needed, and no \
         statement can take its place.",
        advisory.fixed_in
    );
    findings.push(
        Finding::verified(Class::ServerMinor, &server.database, explanation)
            .because(format!("server_version_num = {}", server.version_num))
            .closed_by(Remedy::advice(advice)),
    );
}
