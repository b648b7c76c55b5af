//! A place in a list, as clients carry it: opaque to them, checked when it comes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenantry_platform::problem::Problem;
use uuid::Uuid;

/// The layout of the bytes.
const VERSION: u8 = 1;
/// Version, kind, number, two ids.
const BYTES: usize = 1 + 1 + 8 + 16 + 16;

/// Which list: a cursor of one is none of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All users.
    Users = 1,
    /// All memberships.
    Memberships = 2,
    /// All workspaces.
    Tenants = 3,
    /// The members of one workspace.
    Members = 4,
}

/// Behind which change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) kind: Kind,
    pub(super) xid: u64,
    pub(super) tenant: Uuid,
    pub(super) person: Uuid,
}

impl Cursor {
    /// Before the first change.
    pub const fn start(kind: Kind) -> Self {
        Self { kind, xid: 0, tenant: Uuid::nil(), person: Uuid::nil() }
    }

    /// Reads what [`Cursor::write`] wrote.
    ///
    /// # Errors
    /// 422 for anything else.
    pub fn read(kind: Kind, text: &str) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == BYTES);
        let bytes = bytes.filter(|bytes| bytes[..2] == [VERSION, kind as u8]).ok_or_else(unknown)?;
        let (number, ids) = bytes[2..].split_at(8);
        let (tenant, person) = ids.split_at(16);
        Ok(Self {
            kind,
            xid: u64::from_be_bytes(number.try_into().map_err(Problem::internal)?),
            tenant: Uuid::from_slice(tenant).map_err(Problem::internal)?,
            person: Uuid::from_slice(person).map_err(Problem::internal)?,
        })
    }

    /// As clients get it.
    pub fn write(&self) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend([VERSION, self.kind as u8]);
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.tenant.as_bytes());
        bytes.extend(self.person.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The server has not come so far: this place is of a database that is no longer this one.
    pub(super) const fn is_beyond(&self, horizon: u64) -> bool {
        self.xid > horizon
    }

    /// Behind all that is decided.
    pub(super) const fn at_horizon(&self, horizon: u64) -> Self {
        Self { kind: self.kind, xid: horizon, tenant: Uuid::nil(), person: Uuid::nil() }
    }
}

pub(super) fn unknown() -> Problem {
    Problem::invalid(
        "cursor",
        "This is no cursor of this list, or the service was restored since. Begin anew, without a cursor.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_by_its_own_list_alone() {
        let cursor = Cursor { kind: Kind::Users, xid: u64::MAX - 1, tenant: Uuid::nil(), person: Uuid::from_u128(7) };
        assert_eq!(Cursor::read(Kind::Users, &cursor.write()).ok(), Some(cursor));
        assert!(Cursor::read(Kind::Members, &cursor.write()).is_err());
        let long = "A".repeat(4_000);
        for odd in ["", "AQE", "not base64!", &cursor.write()[1..], &long] {
            assert!(Cursor::read(Kind::Users, odd).is_err(), "{odd}");
        }
    }
}
