//! What is asked of the log: words of a query string, and what they mean.
//!
//! The page, the API and the exports take the same words. One that means nothing is refused by name: a filter that was
//! left out by mistake would show rows that nobody asked for.

use std::net::IpAddr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use tenantry_platform::problem::Problem;

/// An e-mail address has 254 characters at most (RFC 5321), a key's name 100.
const ACTOR_MOST: usize = 254;
/// The longest action of ours has about 30.
const WORD_MOST: usize = 64;
/// A route's pattern is the longest id of an entity.
const ENTITY_MOST: usize = 512;
/// Ours have 36 characters; a trusted proxy may send others.
const REQUEST_MOST: usize = 200;

/// Which rows are wanted. All that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From here on.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// Exactly this actor: the id of a person or key, a member's e-mail address, a key's name, a job's name.
    pub actor: Option<String>,
    /// Exactly this action.
    pub action: Option<String>,
    /// Exactly this kind of thing.
    pub entity_type: Option<String>,
    /// Exactly this thing.
    pub entity_id: Option<String>,
    /// From this address.
    pub ip: Option<IpAddr>,
    /// In this request.
    pub request_id: Option<String>,
}

/// The words as they were written. An empty one is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// An instant or a day, from which on.
    pub since: &'a str,
    /// An instant or a day, until which.
    pub until: &'a str,
    /// Who.
    pub actor: &'a str,
    /// What.
    pub action: &'a str,
    /// To what kind of thing.
    pub entity_type: &'a str,
    /// To which thing.
    pub entity_id: &'a str,
    /// From where.
    pub ip: &'a str,
    /// In which request.
    pub request_id: &'a str,
}

/// What is wrong with one of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// `since` is no time.
    Since,
    /// `until` is no time.
    Until,
    /// `until` is not after `since`.
    Order,
    /// Too long for any actor.
    Actor,
    /// Not of the form of an action.
    Action,
    /// Not of the form of a kind.
    EntityType,
    /// Too long for any thing.
    EntityId,
    /// No address.
    Ip,
    /// Too long for a request's id.
    RequestId,
}

impl Wrong {
    /// The parameter.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Since => "since",
            Self::Until | Self::Order => "until",
            Self::Actor => "actor",
            Self::Action => "action",
            Self::EntityType => "entity_type",
            Self::EntityId => "entity_id",
            Self::Ip => "ip",
            Self::RequestId => "request_id",
        }
    }

    /// The sentence, in the catalogue of words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Since | Self::Until => "audit.bad_time",
            Self::Order => "audit.bad_order",
            Self::Actor => "audit.bad_actor",
            Self::Action => "audit.bad_action",
            Self::EntityType => "audit.bad_entity_type",
            Self::EntityId => "audit.bad_entity_id",
            Self::Ip => "audit.bad_ip",
            Self::RequestId => "audit.bad_request",
        }
    }

    /// The sentence, for programs.
    const fn sentence(self) -> &'static str {
        match self {
            Self::Since | Self::Until => "Write a time as 2026-03-12T10:00:00Z, or a day as 2026-03-12.",
            Self::Order => "Write a time after that of since.",
            Self::Actor => "Write an id, a member's e-mail address or a key's name, 254 characters at most.",
            Self::Action => "Write an action as api_key.created.",
            Self::EntityType => "Write a kind as api_key.",
            Self::EntityId => "Write an id or a route's pattern, 512 characters at most.",
            Self::Ip => "Write one address, such as 203.0.113.7 or 2001:db8::7.",
            Self::RequestId => "Write the value of x-request-id, 200 characters at most.",
        }
    }
}

/// All that is wrong, for programs.
pub(super) fn problem(wrong: &[Wrong]) -> Problem {
    let mut faults = wrong.iter().map(|wrong| Problem::invalid(wrong.field(), wrong.sentence()));
    let first = faults.next().unwrap_or_else(|| Problem::invalid("since", Wrong::Since.sentence()));
    faults.fold(first, |mut all, fault| {
        all.fields.extend(fault.fields);
        all
    })
}

impl Asked<'_> {
    /// What the words mean.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn read(&self) -> Result<Filter, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let since = read(self.since, Wrong::Since, &mut wrong, |text| instant(text, 0));
        let until = read(self.until, Wrong::Until, &mut wrong, |text| instant(text, 1));
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            wrong.push(Wrong::Order);
        }
        let filter = Filter {
            since,
            until,
            actor: read(self.actor, Wrong::Actor, &mut wrong, |text| short(text, ACTOR_MOST)),
            action: read(self.action, Wrong::Action, &mut wrong, action),
            entity_type: read(self.entity_type, Wrong::EntityType, &mut wrong, |text| {
                word(text).then(|| text.to_owned())
            }),
            entity_id: read(self.entity_id, Wrong::EntityId, &mut wrong, |text| short(text, ENTITY_MOST)),
            ip: read(self.ip, Wrong::Ip, &mut wrong, |text| text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())),
            request_id: read(self.request_id, Wrong::RequestId, &mut wrong, |text| short(text, REQUEST_MOST)),
        };
        if wrong.is_empty() { Ok(filter) } else { Err(wrong) }
    }
}

fn read<T>(text: &str, fault: Wrong, wrong: &mut Vec<Wrong>, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let value = parse(text);
    if value.is_none() {
        wrong.push(fault);
    }
    value
}

/// RFC 3339; without an offset, UTC; a day is its first instant, or that of a day `later`.
pub(super) fn instant(text: &str, later: i64) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil = match text.parse::<Date>() {
        Ok(day) if text.len() == "2026-03-12".len() => {
            day.checked_add(later.days()).ok()?.to_datetime(jiff::civil::Time::midnight())
        }
        _ => text.parse::<DateTime>().ok()?,
    };
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn short(text: &str, most: usize) -> Option<String> {
    (text.len() <= most && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// `resource.verb`.
fn action(text: &str) -> Option<String> {
    let is_action = text.len() <= WORD_MOST && text.split('.').count() >= 2 && text.split('.').all(word);
    is_action.then(|| text.to_owned())
}

fn word(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=WORD_MOST).contains(&text.len()) && text.bytes().all(is_letter)
}

/// The query of one of the log's routes: the filter's words, and its own.
macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
        #[serde(default, deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// Rows from here on: RFC 3339, or a day (UTC).
            #[param(value_type = Option<String>)]
            pub since: String,
            /// Rows before this: RFC 3339; a day counts with its whole length (UTC).
            #[param(value_type = Option<String>)]
            pub until: String,
            /// Exactly this actor: the id of a person or key, a member's e-mail address, a key's name, a job's name.
            #[param(value_type = Option<String>)]
            pub actor: String,
            /// Exactly this action, such as `api_key.created`.
            #[param(value_type = Option<String>)]
            pub action: String,
            /// Exactly this kind of thing, such as `api_key`.
            #[param(value_type = Option<String>)]
            pub entity_type: String,
            /// Exactly this thing: its id, or a route's pattern.
            #[param(value_type = Option<String>)]
            pub entity_id: String,
            /// Exactly this address, v4 or v6. Rows of erased people are not found by it.
            #[param(value_type = Option<String>)]
            pub ip: String,
            /// The `x-request-id` of one request.
            #[param(value_type = Option<String>)]
            pub request_id: String,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// The filter's words.
            pub fn asked(&self) -> $crate::audit::filter::Asked<'_> {
                $crate::audit::filter::Asked {
                    since: &self.since,
                    until: &self.until,
                    actor: &self.actor,
                    action: &self.action,
                    entity_type: &self.entity_type,
                    entity_id: &self.entity_id,
                    ip: &self.ip,
                    request_id: &self.request_id,
                }
            }
        }
    )+};
}
pub(super) use queries;
