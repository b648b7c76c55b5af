//! `[limits]`: how much of what, per whom [RL-1, RL-2].

use std::time::Duration;

use tenantry_core::window::Limit;

use super::document::{At, Span};
use super::fault::did_you_mean;
use super::section::{Choice, Section};

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// An IPv4 address, or a /64 of IPv6.
    Ip,
    Key,
    User,
    Tenant,
    /// Everybody on one route of the app.
    Route,
}

impl Choice for Per {
    const WORDS: &'static [(&'static str, Self)] =
        &[("ip", Self::Ip), ("key", Self::Key), ("user", Self::User), ("tenant", Self::Tenant), ("route", Self::Route)];
}

impl Per {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// One limit: so many in any window of so many seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    pub name: Box<str>,
    pub limit: u32,
    pub window_s: u32,
    pub per: Per,
    /// Whether each route that names it counts for itself.
    pub is_each_route: bool,
    /// Whether it only says what it would refuse.
    pub is_shadow: bool,
}

impl Tier {
    /// As windows count it.
    pub const fn window(&self) -> Limit {
        Limit { max: self.limit, window_ms: self.window_s.saturating_mul(1_000) }
    }
}

/// A tier of [`Limits`], by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierId(u16);

impl TierId {
    /// Its place among the tiers, as [`Limits::iter`] gives them.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

macro_rules! built_in {
    ($($(#[$doc:meta])* $id:ident $at:literal = $name:literal $limit:literal / $window:literal $per:ident;)+) => {
        impl TierId {
            $($(#[$doc])* pub const $id: Self = Self($at);)+
        }
        const BUILT_IN: &[(TierId, &str, u32, u32, Per)] = &[$((TierId::$id, $name, $limit, $window, Per::$per)),+];
    };
}

built_in! {
    /// API routes, a key.
    API_KEY 0 = "api_key" 60 / 60 Key;
    /// API routes, an address.
    API_IP 1 = "api_ip" 120 / 60 Ip;
    /// Pages: two hundred people behind one address open three each.
    PAGE_IP 2 = "page_ip" 600 / 60 Ip;
    /// Assets: two hundred people behind one address load a page of sixty, and a quarter more.
    ASSET_IP 3 = "asset_ip" 15_000 / 60 Ip;
    /// Routes behind the cron secret.
    CRON_IP 4 = "cron_ip" 30 / 60 Ip;
    /// Attempts to sign in.
    SIGN_IN_IP 5 = "sign_in_ip" 10 / 900 Ip;
    /// New workspaces.
    SIGN_UP_IP 6 = "sign_up_ip" 5 / 3600 Ip;
    /// Opened links of mails.
    VERIFICATION_IP 7 = "verification_ip" 20 / 3600 Ip;
    /// Reports of violated policies.
    CSP_REPORT_IP 8 = "csp_report_ip" 60 / 60 Ip;
    /// Credentials that were refused.
    CREDENTIAL_FAILURE_IP 9 = "credential_failure_ip" 30 / 300 Ip;
    /// Invitations, a person: each is a mail to a stranger.
    INVITE_USER 10 = "invite_user" 30 / 3600 User;
    /// Invitations, a tenant: what all its people and keys send together.
    INVITE_TENANT 11 = "invite_tenant" 200 / 86_400 Tenant;
    /// Exports of an audit log: each reads all of it.
    EXPORT_TENANT 12 = "export_tenant" 20 / 3600 Tenant;
    /// Forgotten passwords. How many mails one address gets is counted apart.
    RESET_IP 13 = "reset_ip" 5 / 3600 Ip;
    /// Estimates of a password while somebody types: about two a second, debounced.
    PASSWORD_STRENGTH_IP 14 = "password_strength_ip" 120 / 60 Ip;
    /// Passwords that somebody signed in gives once more, to change their account.
    REAUTHENTICATION_USER 15 = "reauthentication_user" 10 / 900 User;
    /// Where a key stands, asked for: it spends nothing of what it asks about.
    LIMITS_IP 16 = "limits_ip" 120 / 60 Ip;
    /// Forms of the app that strangers send: contact, feature requests. Each form counts for itself. For routes to
    /// name, as those below.
    PUBLIC_FORM_IP 17 = "public_form_ip" 5 / 3600 Ip;
    /// Webhooks of a provider: its addresses are few, its bursts are large.
    WEBHOOK_IP 18 = "webhook_ip" 600 / 60 Ip;
    /// All webhooks of one provider.
    WEBHOOK_ROUTE 19 = "webhook_route" 3000 / 60 Route;
    /// Uploads, a key.
    UPLOAD_KEY 20 = "upload_key" 60 / 3600 Key;
    /// Uploads, a person.
    UPLOAD_USER 21 = "upload_user" 60 / 3600 User;
    /// Uploads, a tenant.
    UPLOAD_TENANT 22 = "upload_tenant" 600 / 3600 Tenant;
    /// Calls of a model, a key.
    AI_KEY 23 = "ai_key" 20 / 60 Key;
    /// Calls of a model, a person.
    AI_USER 24 = "ai_user" 20 / 60 User;
    /// Calls of a model, a tenant: what they cost is one bill.
    AI_TENANT 25 = "ai_tenant" 200 / 60 Tenant;
    /// PINs, an address: four digits are guessed in ten thousand attempts.
    PIN_IP 26 = "pin_ip" 10 / 900 Ip;
    /// PINs, a person.
    PIN_USER 27 = "pin_user" 5 / 900 User;
}

/// Each id is its place: two that were given one number would count for one another.
const _: () = {
    let mut at = 0;
    while at < BUILT_IN.len() {
        assert!(BUILT_IN[at].0.0 as usize == at, "a built-in tier has another number than its place");
        at += 1;
    }
};

/// Beyond it nothing is limited.
pub(super) const LIMIT_MAX: u32 = 1_000_000_000;
/// A day: a window burnt to its end takes up to two to clear.
pub(super) const WINDOW_S_MAX: u32 = 86_400;
/// More tiers than this cannot be reasoned about.
const TIERS_MAX: usize = 200;

/// Every tier, the built-in ones first.
#[derive(Clone, Debug)]
pub struct Limits {
    tiers: Vec<Tier>,
    /// Where the tiers after the built-in ones stand in the file.
    added_at: Vec<Span>,
    /// How a store that several nodes share is used, where there is one.
    pub redis: RedisUse,
}

/// `[limits.redis]`. The store's URL is a secret: `TENANTRY_REDIS_URL`.
#[derive(Clone, Debug)]
pub struct RedisUse {
    /// Whether the file asks for one.
    pub is_wanted: bool,
    /// What all keys begin with.
    pub prefix: Box<str>,
    /// How long a decision waits for the store.
    pub deadline: Duration,
    /// Nodes that share it at least.
    pub nodes: u32,
}

impl RedisUse {
    fn read(section: &Section<'_, '_>) -> Self {
        Self {
            is_wanted: section.is_written(),
            prefix: section.text("prefix", "tenantry", prefix),
            deadline: Duration::from_millis(section.number("deadline_ms", 4_u16, 1..=1_000).into()),
            nodes: section.number("nodes", 1_u32, 1..=1_000),
        }
    }
}

/// A brace would end the hash tag of the keys.
fn prefix(text: &str) -> Result<Box<str>, &'static str> {
    let is_word = (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
    if is_word { Ok(text.into()) } else { Err("write 1 to 40 lower-case letters, digits, - and _") }
}

impl TierId {
    /// Its place in [`Limits::iter`].
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl Limits {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let mut limits = Self {
            tiers: BUILT_IN.iter().map(built_in).collect(),
            added_at: Vec::new(),
            redis: section.section("redis", RedisUse::read),
        };
        section.section("tiers", |section| {
            for tier in section.named(|name, section| limits.read_tier(name, section)) {
                limits.put(section, tier);
            }
        });
        limits
    }

    /// A tier of the file; for a built-in one, what is not written stays as it is.
    fn read_tier(&self, name: &At<&str>, section: &Section<'_, '_>) -> At<Tier> {
        let known = self.find(name.value).map(|id| self.tier(id));
        let limit = section.maybe_number("limit", 1..=LIMIT_MAX);
        let window_s = section.maybe_number("window_s", 1..=WINDOW_S_MAX);
        let per = section.maybe_choice("per");
        for (key, is_given) in [("limit", limit.is_some()), ("window_s", window_s.is_some()), ("per", per.is_some())] {
            if known.is_none() && !is_given && !section.has(key) {
                section.reading.missing(
                    &name.span,
                    format!("tier {:?} has no {key}", name.value),
                    "A tier says limit = 10, window_s = 60 and per = \"ip\", \"key\", \"user\", \"tenant\" or \"route\".",
                );
            }
        }
        Self::refuse_name(name, section);
        let value = Tier {
            name: name.value.into(),
            limit: limit.or_else(|| known.map(|tier| tier.limit)).unwrap_or(1),
            window_s: window_s.or_else(|| known.map(|tier| tier.window_s)).unwrap_or(1),
            per: per.or_else(|| known.map(|tier| tier.per)).unwrap_or(Per::Ip),
            is_each_route: section.flag("each_route", known.is_some_and(|tier| tier.is_each_route)),
            is_shadow: section.flag("shadow", false),
        };
        if let Some(known) = known.filter(|known| known.per != value.per) {
            section.reading.fault(
                &section.span_of("per"),
                format!("{} counts per {}", known.name, known.per.word()),
                "Leave per out, or make a tier of another name.",
            );
        }
        At { value, span: name.span.clone() }
    }

    /// The name stands in the `RateLimit-Policy` header.
    fn refuse_name(name: &At<&str>, section: &Section<'_, '_>) {
        let is_name = (1..=40).contains(&name.value.len())
            && name.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !is_name {
            section.reading.fault(
                &name.span,
                format!("{:?} cannot name a tier", name.value),
                "Use lower-case letters, digits and _, at most 40.",
            );
        }
    }

    fn put(&mut self, section: &Section<'_, '_>, tier: At<Tier>) {
        match self.find(&tier.value.name) {
            Some(id) => self.tiers[id.index()] = tier.value,
            None if self.tiers.len() < TIERS_MAX => {
                self.tiers.push(tier.value);
                self.added_at.push(tier.span);
            }
            None => {
                section.reading.fault(&tier.span, format!("more than {TIERS_MAX} tiers"), "Share tiers between routes.")
            }
        }
    }

    /// Every tier, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Tier> {
        self.tiers.iter()
    }

    /// The id of every tier.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = TierId> + use<> {
        // Invariant: there are no more tiers than an id can number.
        (0..u16::try_from(self.tiers.len()).unwrap_or(u16::MAX)).map(TierId)
    }

    /// The tier of an id.
    pub fn tier(&self, id: TierId) -> &Tier {
        &self.tiers[id.index()]
    }

    /// The tier of a name.
    pub fn find(&self, name: &str) -> Option<TierId> {
        let at = self.tiers.iter().position(|tier| &*tier.name == name)?;
        u16::try_from(at).ok().map(TierId)
    }

    /// Tiers that the file added, with their places.
    pub(super) fn added(&self) -> impl Iterator<Item = (TierId, &Span)> {
        self.tiers.iter().skip(BUILT_IN.len()).filter_map(|tier| self.find(&tier.name)).zip(&self.added_at)
    }

    /// The tier of a name, or a fault that names the nearest.
    pub(super) fn resolve(&self, section: &Section<'_, '_>, name: &At<&str>) -> Option<TierId> {
        let found = self.find(name.value);
        if found.is_none() {
            let mean = did_you_mean(name.value, self.tiers.iter().map(|tier| &*tier.name));
            let fix = format!("{mean}Or declare [limits.tiers.{}].", name.value);
            section.reading.fault(&name.span, format!("tier {:?} is not known", name.value), fix);
        }
        found
    }
}

fn built_in((id, name, limit, window_s, per): &(TierId, &str, u32, u32, Per)) -> Tier {
    // Each form has a limit of its own (RL-2).
    let is_each_route = *id == TierId::PUBLIC_FORM_IP;
    Tier { name: (*name).into(), limit: *limit, window_s: *window_s, per: *per, is_each_route, is_shadow: false }
}
