//! What is refused, and what to do instead. One sentence each, so that pages and programs say the same.

use tenantry_platform::problem::{Kind, Problem};

/// [AC-3]
pub(super) fn owner_protected() -> Problem {
    let sentence =
        "An owner can be neither demoted nor removed. They can hand the workspace over, or leave it to another owner.";
    Problem::new(Kind::Forbidden, sentence).code("owner_protected")
}

pub(super) fn own_role() -> Problem {
    Problem::new(Kind::Forbidden, "Nobody changes their own role. Ask somebody else who manages the members.")
        .code("own_role")
}

pub(super) fn not_oneself() -> Problem {
    Problem::new(Kind::Forbidden, "Nobody removes themselves. Leave the workspace instead.").code("not_oneself")
}

pub(super) fn owner_only() -> Problem {
    Problem::new(Kind::Forbidden, "Only an owner hands the workspace over.").code("owner_only")
}

/// The database's refusal.
pub(super) fn last_owner() -> Problem {
    let sentence = "A workspace keeps at least one owner. Hand it over to somebody else first.";
    Problem::new(Kind::Conflict, sentence).code("last_owner")
}

/// The database's refusal.
pub(crate) fn too_many_workspaces() -> Problem {
    let sentence =
        "This account is in 200 workspaces, and no session holds more. Leave one first, or join with another account.";
    Problem::new(Kind::Conflict, sentence).code("too_many_workspaces")
}

pub(super) fn already_member() -> Problem {
    let sentence = "This person is a member of the workspace already.";
    Problem::new(Kind::Conflict, sentence).code("already_member")
}

/// Revoked, used, over, or never made: whoever holds the link learns no more.
pub(super) fn gone() -> Problem {
    let sentence = "This invitation was used, withdrawn or replaced already, or its time is over. Ask whoever invited you to send another.";
    Problem::new(Kind::NotFound, sentence).code("invitation_gone")
}

pub(super) fn already_owner() -> Problem {
    Problem::new(Kind::Conflict, "This person is an owner of the workspace already.").code("already_owner")
}

/// The database's refusal to count somebody who cannot sign in.
pub(super) fn not_active() -> Problem {
    let sentence = "This person's account is not active, so the workspace would be nobody's. Choose somebody else.";
    Problem::new(Kind::Conflict, sentence).code("not_active")
}
