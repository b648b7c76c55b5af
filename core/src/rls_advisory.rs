//! Which PostgreSQL minors let one tenant's rows be seen or changed by another in spite of row level security.
//!
//! A schema whose every unique key starts with the tenant is immune to the two newest (their arbiter can only
//! hit the tenant's own row); we refuse to rely on that alone.

use std::fmt;

/// A hole in row level security that the running server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// The running version, as people write it: "15.18".
    pub running: String,
    /// The first version of the same major without any of them: "15.20".
    pub fixed_in: String,
    /// The holes, newest first.
    pub cves: Vec<&'static str>,
}

/// A hole, and the first fixed minor of each major that had it.
struct Hole {
    cve: &'static str,
    fixed: &'static [(u32, u32)],
}

/// From PostgreSQL's security page; newest first. Majors before 15 are refused anyway.
const HOLES: &[Hole] = &[
    // INSERT .. ON CONFLICT DO UPDATE .. WHERE reads the hidden row before the policy is checked.
    Hole { cve: "CVE-2026-120154", fixed: &[(18, 7), (17, 12), (16, 16), (15, 20)] },
    // ON CONFLICT writes past the policy.
    Hole { cve: "CVE-2026-16237", fixed: &[(18, 7), (17, 12), (16, 16), (15, 20)] },
    // Statistics seen through views and partitions.
    Hole { cve: "CVE-2025-8713", fixed: &[(17, 6), (16, 10), (15, 14)] },
    // Plans kept over a change of role, in sub-queries.
    Hole { cve: "CVE-2024-10976", fixed: &[(17, 1), (16, 5), (15, 9)] },
    // SET ROLE resets to the wrong role.
    Hole { cve: "CVE-2024-10978", fixed: &[(17, 1), (16, 5), (15, 9)] },
    // pg_stats_ext shows values of other owners' rows.
    Hole { cve: "CVE-2024-4317", fixed: &[(16, 3), (15, 7)] },
    // MERGE skips policies.
    Hole { cve: "CVE-2023-39418", fixed: &[(15, 4)] },
    // Policies kept after inlining and SET ROLE.
    Hole { cve: "CVE-2023-2455", fixed: &[(15, 3)] },
];

/// What is known against the version `version_num` (as `server_version_num` gives it: 150020 is 15.20).
pub fn rls_advisory(version_num: u32) -> Option<Advisory> {
    let (major, minor) = (version_num / 10_000, version_num % 10_000);
    let open: Vec<(&'static str, u32)> = HOLES
        .iter()
        .filter_map(|hole| Some((hole.cve, first_fixed(hole, major)?)))
        .filter(|(_, fixed)| minor < *fixed)
        .collect();
    let fixed = open.iter().map(|(_, fixed)| *fixed).max()?;
    Some(Advisory {
        running: format!("{major}.{minor}"),
        fixed_in: format!("{major}.{fixed}"),
        cves: open.into_iter().map(|(cve, _)| cve).collect(),
    })
}

fn first_fixed(hole: &Hole, major: u32) -> Option<u32> {
    hole.fixed.iter().find(|(of, _)| *of == major).map(|(_, minor)| *minor)
}

impl fmt::Display for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PostgreSQL {} has holes in row level security ({}): upgrade to {} or newer",
            self.running,
            self.cves.join(", "),
            self.fixed_in
        )
    }
}
