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
    /// What happened, in a sentence.
    pub meaning: &'static str,
}

/// The activity of every class for what none of the others names.
const OTHER: u32 = 99;

macro_rules! actions {
    ($($word:literal $class:ident $activity:literal $weight:ident $meaning:literal;)+) => {
        /// All of them, in alphabetical order.
        pub const ACTIONS: &[Action] = &[$(Action {
            word: $word, class: Class::$class, activity: $activity, weight: Weight::$weight,
            meaning: $meaning,
        }),+];
    };
}

// Activities: AccountChange 1 create, 2 enable, 3 password change, 4 password reset, 5 disable, 6 delete, 9 lock.
// Authentication 1 logon, 2 logoff. EntityManagement 1 create, 2 read, 3 update, 4 delete,
// 9 disable, 12 suspend, 13 resume.
// ApiActivity is what the request's method says. All: 99 other.
actions! {
    "access.refused" ApiActivity 99 Refused "A route refused a known caller: too small a role or scope";
    "api_key.address_refused" ApiActivity 99 Refused "A key was refused: it does not work from that address";
    "api_key.created" EntityManagement 1 Notable "A key was made";
    "api_key.deleted" EntityManagement 4 Notable "A key was deleted";
    "api_key.expiring" EntityManagement 99 Notable "People were told that a key ends soon";
    "api_key.revoked" EntityManagement 9 Notable "A key was revoked";
    "api_key.rotated" EntityManagement 3 Notable "A key was followed by another";
    "api_key.updated" EntityManagement 3 Notable "A key's name or networks were changed";
    "app.request_allowed" ApiActivity 99 Done "A caller passed to the app";
    "audit.exported" EntityManagement 2 Notable "Rows of this log were taken away as a file";
    "audit.incomplete" ApiActivity 99 Alarming "So many different things happened that some rows are missing; `metadata.missing` counts them";
    "invitation.revoked" EntityManagement 4 Done "An invitation was taken back";
    "limit.exceeded" ApiActivity 99 Refused "A caller was over a limit";
    "member.invited" EntityManagement 1 Notable "Somebody was invited";
    "member.joined" EntityManagement 1 Notable "Somebody became a member";
    "member.left" EntityManagement 4 Notable "A member left";
    "member.removed" EntityManagement 4 Notable "A member was removed";
    "member.role_changed" EntityManagement 3 Notable "A member has another role";
    "offender.blocked" EntityManagement 9 Notable "A key or a person is refused for a while: too much of theirs was refused before";
    "offender.lifted" EntityManagement 13 Notable "A block was ended before its time";
    "ownership.transferred" EntityManagement 3 Notable "The workspace has another owner";
    "person.created" AccountChange 1 Done "A person was made with a workspace that they own, by a command";
    "person.imported" AccountChange 1 Done "A person was taken over from another product";
    "person.verified" AccountChange 2 Done "A person proved an e-mail address";
    "posture.tried" EntityManagement 2 Done "A control tried a claim on a canary's log";
    "role.created" EntityManagement 1 Notable "A role of the workspace's own was made";
    "role.deleted" EntityManagement 4 Notable "A role of the workspace's own was deleted";
    "role.updated" EntityManagement 3 Notable "A role of the workspace's own permits something else";
    "session.created" Authentication 1 Done "Somebody signed in";
    "session.ended" Authentication 2 Done "Somebody signed out";
    "session.refused" Authentication 1 Refused "An attempt to sign in as this person was refused";
    "session.reuse_detected" Authentication 2 Alarming "A refresh token was used twice: the session tree was ended";
    "tenant.created" EntityManagement 1 Done "The workspace was made";
    "tenant.limits_changed" EntityManagement 3 Notable "The workspace has other limits of its own";
    "tenant.plan_changed" EntityManagement 3 Notable "The workspace has another plan";
    "tenant.reactivated" EntityManagement 13 Notable "The workspace is served again";
    "tenant.suspended" EntityManagement 12 Notable "The workspace is not served";
    "tenant.updated" EntityManagement 3 Notable "The workspace has another name or settings";
    "user.deactivated" AccountChange 5 Notable "A person is no longer let in, anywhere";
    "user.deleted" AccountChange 6 Notable "A person's account is gone";
    "user.email_change_asked" AccountChange 99 Done "A person asked for another e-mail address";
    "user.email_changed" AccountChange 99 Notable "A person has another e-mail address";
    "user.password_changed" AccountChange 3 Notable "A person changed the password";
    "user.password_reset_asked" AccountChange 4 Done "A link to reset the password was asked for";
    "user.reactivated" AccountChange 2 Notable "A person who was deactivated is let in again";
}

/// The action of a word. A row of a newer version may have another: it is told as it is, and as nothing special.
pub fn action(word: &str) -> Action {
    let known = ACTIONS.binary_search_by(|action| action.word.cmp(word)).ok().map(|at| ACTIONS[at]);
    known.unwrap_or(Action {
        word: "",
        class: Class::EntityManagement,
        activity: OTHER,
        weight: Weight::Done,
        meaning: "",
    })
}
