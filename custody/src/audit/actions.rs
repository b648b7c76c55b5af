//! Every action that a row can have, and what a SIEM takes it for (OCSF 1.3.0).
//!
//! A test walks the sources of all rooms: an action that is missing here, or stands here and is never written, fails it.

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 3001: something happened to an account.
    AccountChange,
    /// 3002: somebody came or left.
    Authentication,
    /// 3004: a thing was made, changed or taken away.
    EntityManagement,
    /// 6003: what the gateway saw.
    ApiActivity,
}

impl Class {
    /// `class_uid`.
    pub const fn uid(self) -> u32 {
        match self {
            Self::AccountChange => 3001,
            Self::Authentication => 3002,
            Self::EntityManagement => 3004,
            Self::ApiActivity => 6003,
        }
    }
}

/// How it ended, and how much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It was done, and takes something away or gives power.
    Notable,
    /// Somebody should look at it.
    Alarming,
}

impl Weight {
    /// `severity_id`: 1 informational, 2 low, 3 medium, 4 high.
    pub const fn severity(self) -> u32 {
        match self {
            Self::Done => 1,
            Self::Refused | Self::Notable => 2,
            Self::Alarming => 4,
        }
    }

    /// `status_id`: 1 success, 2 failure.
    pub const fn status(self) -> u32 {
        match self {
            Self::Done | Self::Notable => 1,
            Self::Refused | Self::Alarming => 2,
        }
    }
}

/// An action's place in OCSF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// `resource.verb`, as rows have it.
    pub word: &'static str,
    /// Which class.
    pub class: Class,
    /// Which of the class's activities.
    pub activity: u32,
    /// How much it matters.
    pub weight: Weight,
}

/// The activity of every class for what none of the others names.
const OTHER: u32 = 99;

macro_rules! actions {
    ($($word:literal $class:ident $activity:literal $weight:ident;)+) => {
        /// All of them, in alphabetical order.
        pub const ACTIONS: &[Action] = &[$(Action {
            word: $word, class: Class::$class, activity: $activity, weight: Weight::$weight,
        }),+];
    };
}

// Activities: AccountChange 1 create, 2 enable, 3 password change, 4 password reset, 5 disable, 6 delete, 9 lock.
// Authentication 1 logon, 2 logoff. EntityManagement 1 create, 2 read, 3 update, 4 delete, 12 suspend, 13 resume.
// ApiActivity is what the request's method says. All: 99 other.
actions! {
    "access.refused" ApiActivity 99 Refused;
    "api_key.created" EntityManagement 1 Notable;
    "api_key.revoked" EntityManagement 4 Notable;
    "app.request_allowed" ApiActivity 99 Done;
    "audit.exported" EntityManagement 2 Notable;
    "audit.incomplete" ApiActivity 99 Alarming;
    "limit.exceeded" ApiActivity 99 Refused;
    "member.added" EntityManagement 1 Notable;
    "person.verified" AccountChange 2 Done;
    "posture.tried" EntityManagement 2 Done;
    "session.created" Authentication 1 Done;
    "session.ended" Authentication 2 Done;
    "session.refused" Authentication 1 Refused;
    "session.reuse_detected" Authentication 2 Alarming;
    "tenant.created" EntityManagement 1 Done;
    "tenant.reactivated" EntityManagement 13 Notable;
    "tenant.suspended" EntityManagement 12 Notable;
}

/// The action of a word. A row of a newer version may have another: it is told as it is, and as nothing special.
pub fn action(word: &str) -> Action {
    let known = ACTIONS.binary_search_by(|action| action.word.cmp(word)).ok().map(|at| ACTIONS[at]);
    known.unwrap_or(Action { word: "", class: Class::EntityManagement, activity: OTHER, weight: Weight::Done })
}
