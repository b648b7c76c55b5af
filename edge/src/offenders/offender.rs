//! Who is refused again and again, and for what.

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;

use ipnet::IpNet;
use siphasher::sip128::{Hasher128, SipHasher13};
use tenantry_core::address;
use tenantry_core::ids::{KeyId, PersonId, TenantId};
use tenantry_platform::log::cut;

/// The bytes that stand for an account.
pub(super) const ACCOUNT_BYTES: usize = 16;

/// What is refused, and how much it weighs. A later guard adds a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Over a limit.
    Limit,
    /// A credential that was refused: unknown, revoked, over, or from an address that it does not name.
    Credential,
    /// A key that could never have been one: made up, cut or mistyped.
    Checksum,
    /// A wrong password.
    SignIn,
    /// Reports of violated policies over their limit.
    Reports,
}

impl Offence {
    /// Every one, in the order of the counters.
    pub const ALL: [Self; 5] = [Self::Limit, Self::Credential, Self::Checksum, Self::SignIn, Self::Reports];

    /// The word in tables, events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Credential => "credential",
            Self::Checksum => "checksum",
            Self::SignIn => "sign_in",
            Self::Reports => "reports",
        }
    }

    /// Points. A program that keeps to `Retry-After` never gathers any; a scanner of keys does within seconds.
    pub(super) const fn points(self) -> u32 {
        match self {
            Self::Limit | Self::Reports => 1,
            Self::Credential | Self::SignIn => 3,
            Self::Checksum => 5,
        }
    }
}

/// Who pays. What is blocked is what was abused, and nothing beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offender {
    /// Everybody at an address who shows no good credential: an IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
    /// The same, as browsers that report violated policies.
    Reporter(IpAddr),
    /// Sign-ins from an address to one account, which may not exist.
    Account { account: [u8; ACCOUNT_BYTES], from: IpAddr },
    /// A key.
    Key { tenant: TenantId, key: KeyId },
    /// A person, in one workspace.
    Person { tenant: TenantId, person: PersonId },
    /// A workspace: it is counted for whoever is told of it, and never blocked. Whoever is let in by it could
    /// otherwise shut out all others; an operator suspends a workspace.
    Tenant(TenantId),
}

impl Offender {
    /// The word in tables, events and metrics.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Address(_) => "everything",
            Self::Reporter(_) => "reports",
            Self::Account { .. } => "sign_in",
            Self::Key { .. } => "key",
            Self::Person { .. } => "person",
            Self::Tenant(_) => "tenant",
        }
    }

    /// Where it comes from, where that is what is counted.
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(ip) | Self::Reporter(ip) | Self::Account { from: ip, .. } => Some(ip),
            Self::Key { .. } | Self::Person { .. } | Self::Tenant(_) => None,
        }
    }

    /// Whose own it is.
    pub const fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Key { tenant, .. } | Self::Person { tenant, .. } | Self::Tenant(tenant) => Some(tenant),
            Self::Address(_) | Self::Reporter(_) | Self::Account { .. } => None,
        }
    }

    /// As the log may say it.
    pub(super) const fn said(self) -> Said {
        Said(self)
    }

    pub(super) const fn is_blockable(self) -> bool {
        !matches!(self, Self::Tenant(_))
    }

    /// The network that stands in the table.
    pub(super) fn network(self) -> Option<IpNet> {
        self.address().map(address::subject)
    }

    /// The account, and nothing where it is about all of them.
    pub(super) fn account(&self) -> &[u8] {
        match self {
            Self::Account { account, .. } => account,
            _ => &[],
        }
    }
}

/// An offender in the log: by ids, and of an address what the access log has of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said(Offender);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Offender::Address(ip) | Offender::Reporter(ip) | Offender::Account { from: ip, .. } => cut(ip).fmt(f),
            Offender::Key { tenant, key } => write!(f, "key {key} of {tenant}"),
            Offender::Person { tenant, person } => write!(f, "person {person} of {tenant}"),
            Offender::Tenant(tenant) => write!(f, "workspace {tenant}"),
        }
    }
}

/// An offender's name in memory: a keyed hash, which says nothing of who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name(pub(super) u128);

impl Name {
    /// The same offender as somebody blocked them by hand, which is another matter.
    pub(super) const fn by_hand(self) -> Self {
        Self(!self.0)
    }

    pub(super) fn of(key: &[u8; 16], offender: Offender) -> Self {
        let mut hasher = SipHasher13::new_with_key(key);
        hasher.write(offender.kind().as_bytes());
        let tenant = offender.tenant().map(|tenant| tenant.uuid().into_bytes());
        tenant.iter().for_each(|tenant| hasher.write(tenant));
        match offender {
            Offender::Address(ip) | Offender::Reporter(ip) => write_address(&mut hasher, ip),
            Offender::Account { account, from } => {
                hasher.write(&account);
                write_address(&mut hasher, from);
            }
            Offender::Key { key, .. } => hasher.write(key.uuid().as_bytes()),
            Offender::Person { person, .. } => hasher.write(person.uuid().as_bytes()),
            Offender::Tenant(_) => {}
        }
        Self(hasher.finish128().as_u128())
    }
}

fn write_address(hasher: &mut SipHasher13, ip: IpAddr) {
    match address::subject(ip) {
        IpNet::V4(net) => hasher.write(&net.addr().octets()),
        IpNet::V6(net) => hasher.write(&net.addr().octets()),
    }
}
