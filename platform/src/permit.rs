//! Proofs. A [`Permit`] says that somebody may do `P` in plane `M`; only a permit opens a transaction.
//!
//! What must always hold (AC-1, AC-3, AC-6):
//!
//! - [`Principal::vouch`] is called where a guard has verified a credential, and nowhere else. A test holds
//!   the list of its callers.
//! - A permit for a person's own act comes from that person's principal; a permit for the system's own work
//!   ([`Permit::system`]) exists only for the few [`SystemPermission`]s.
//! - A principal of one tenant and mode cannot give a permit of another.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::permission::{PermissionSet, RoleName};

use crate::db::{
    Args, Context, Control, DbFault, Group, HasStore, In, Mode, Operator, Plane, Row, Scope, Sql, TenantTx,
};
use crate::ground::Ground;
use crate::own_limits::OwnLimits;
use crate::problem::{Kind, Problem};

/// Which door somebody came in by: staff and customers share nothing (ID-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Realm {
    /// The tenant's own people.
    Staff,
    /// The tenant's customers.
    Customer,
}

impl Realm {
    /// The word in tables and claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Customer => "customer",
        }
    }
}

/// What the guard verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A session cookie.
    Session(SessionId),
    /// A first-party token that this session was exchanged for (KEY-6).
    Token(SessionId),
    /// An API key.
    Key(KeyId),
    /// A management key: the platform's own, of no tenant.
    Management(KeyId),
    /// A cron secret, by its route.
    Cron(String),
    /// Nothing was asked for.
    Anonymous,
}

impl Credential {
    /// The actor's kind in the audit log (AUD-2).
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Session(_) => "session",
            Self::Token(_) => "token",
            Self::Key(_) => "api_key",
            Self::Management(_) => "management_key",
            Self::Cron(_) => "cron",
            Self::Anonymous => "anonymous",
        }
    }
}

/// A person, as far as pages, claims and audit rows name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRef {
    /// Who.
    pub id: PersonId,
    /// As they wrote it.
    pub email: String,
    /// As they wrote it.
    pub name: String,
    /// Platform staff (AC-4).
    pub operator: bool,
}

/// Whether a tenant's people, customers and machines are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// Everything works.
    Active,
    /// Everything works; the app may limit what it offers.
    PastDue,
    /// Stopped before any data access (AC-12).
    Suspended,
    /// Leaving: export still works.
    Offboarding,
    /// Gone.
    Deactivated,
}

impl TenantStatus {
    /// The word in tables and claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Suspended => "suspended",
            Self::Offboarding => "offboarding",
            Self::Deactivated => "deactivated",
        }
    }

    /// Reads the word of the database. An unknown one counts as deactivated: closed, never open.
    pub fn from_stored(text: &str) -> Self {
        [Self::Active, Self::PastDue, Self::Suspended, Self::Offboarding]
            .into_iter()
            .find(|status| status.as_str() == text)
            .unwrap_or(Self::Deactivated)
    }

    /// Whether requests are served at all.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Active | Self::PastDue)
    }
}

/// A tenant, as far as requests, claims and pages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRef {
    /// Which.
    pub id: TenantId,
    /// Its name in hosts.
    pub slug: String,
    /// Its name on pages.
    pub name: String,
    /// Its plan.
    pub plan: String,
    /// Limits that it has otherwise than its plan.
    pub limits: OwnLimits,
    /// Whether it is served.
    pub status: TenantStatus,
}

/// Who a guard authenticated, where, and what they may do there.
#[derive(Clone, Debug)]
pub struct Principal {
    parts: Parts,
}

/// What a guard knows after it verified a credential.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Which door.
    pub realm: Realm,
    /// What was verified.
    pub credential: Credential,
    /// The tenant that the credential acts in; none on the central host's own pages.
    pub tenant: Option<TenantRef>,
    /// The mode that the credential acts in; none for the control plane's own pages.
    pub mode: Option<ModeWord>,
    /// The person behind it. A key has none: it outlives whoever made it.
    pub person: Option<PersonRef>,
    /// Role names in that tenant.
    pub roles: Vec<RoleName>,
    /// What it may do in that tenant: Tenantry's words and the app's.
    pub permissions: Arc<PermissionSet>,
    /// When the person last proved who they are.
    pub auth_time: Option<Timestamp>,
    /// How (RFC 8176).
    pub amr: Vec<String>,
}

impl Principal {
    /// States that a guard verified these parts. Callers are listed in a test.
    pub fn vouch(parts: Parts) -> Self {
        Self { parts }
    }

    /// What was vouched for.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Who it is, for the audit log.
    pub fn actor(&self) -> Actor {
        let (id, subject) = match (&self.parts.credential, &self.parts.person) {
            (_, Some(person)) => (person.id.to_string(), person.id.uuid()),
            (Credential::Key(key) | Credential::Management(key), None) => (key.to_string(), key.uuid()),
            (Credential::Cron(name), None) => (name.clone(), uuid::Uuid::nil()),
            (Credential::Session(session) | Credential::Token(session), None) => (session.to_string(), session.uuid()),
            (Credential::Anonymous, None) => ("anonymous".to_owned(), uuid::Uuid::nil()),
        };
        Actor {
            system: matches!(self.parts.credential, Credential::Cron(_)),
            kind: self.parts.credential.kind(),
            id,
            subject,
            name: self.parts.person.as_ref().map(|person| person.name.clone()),
            email: self.parts.person.as_ref().map(|person| person.email.clone()),
        }
    }

    /// A permit to do `P` in the mode that this principal acts in.
    ///
    /// # Errors
    /// 403 that names the missing permission; 404 where the plane is not this principal's (another tenant's
    /// thing does not exist).
    pub fn permit<P: Permission, M: Mode>(&self, origin: &Origin) -> Result<Permit<P, M>, Problem> {
        if self.parts.mode != Some(M::MODE) {
            return Err(Problem::not_found());
        }
        self.holds::<P>()?;
        Ok(Permit::new(self.context()?, self.actor(), origin.clone()))
    }

    /// A permit to do `P` with the tenant's own records: members, settings, its audit log of the control plane.
    ///
    /// # Errors
    /// As [`Principal::permit`]; 403 `live_only` where a test key would change something.
    pub fn control_permit<P: Permission>(&self, origin: &Origin) -> Result<Permit<P, Control>, Problem> {
        self.holds::<P>()?;
        if P::WORD.ends_with(CHANGING) {
            self.live_only()?;
        }
        Ok(Permit::new(self.context()?, self.actor(), origin.clone()))
    }

    /// A permit for one's own account.
    ///
    /// # Errors
    /// 401 where there is no person behind the credential.
    pub fn own_permit(&self, origin: &Origin) -> Result<Permit<OwnAccount, Control>, Problem> {
        let person = self.parts.person.as_ref().ok_or_else(Problem::unauthorized)?;
        let tenant = self.parts.tenant.as_ref().map(|tenant| tenant.id);
        Ok(Permit::new(Context { tenant, person: Some(person.id) }, self.actor(), origin.clone()))
    }

    /// A permit of platform staff, for one tenant or for the list (AC-4).
    ///
    /// # Errors
    /// 404: the operator's pages do not exist for anybody else.
    pub fn operator_permit(
        &self,
        tenant: Option<TenantId>,
        origin: &Origin,
    ) -> Result<Permit<Operate, Operator>, Problem> {
        let operator = self.parts.person.as_ref().is_some_and(|person| person.operator);
        let session = matches!(self.parts.credential, Credential::Session(_));
        if !(operator && session && self.parts.realm == Realm::Staff) {
            return Err(Problem::not_found());
        }
        let mut actor = self.actor();
        actor.kind = "operator";
        Ok(Permit::new(Context { tenant, person: None }, actor, origin.clone()))
    }

    /// A permit to read a list of the whole platform, with a management key alone.
    ///
    /// # Errors
    /// 404 for any other credential, 403 that names the missing scope.
    pub fn management_permit<P: ManagementPermission>(&self, origin: &Origin) -> Result<Permit<P, Control>, Problem> {
        if !matches!(self.parts.credential, Credential::Management(_)) {
            return Err(Problem::not_found());
        }
        self.holds::<P>()?;
        Ok(Permit::new(Context::default(), self.actor(), origin.clone()))
    }

    /// Refuses a test key: people, roles and the workspace itself are the same in both modes, and what is made for trying
    /// out changes none of them (AC-14). A person does, in either mode.
    ///
    /// # Errors
    /// 403 `live_only`.
    pub fn live_only(&self) -> Result<(), Problem> {
        let is_test_key =
            matches!(self.parts.credential, Credential::Key(_)) && self.parts.mode == Some(ModeWord::Test);
        if is_test_key { Err(live_only()) } else { Ok(()) }
    }

    fn context(&self) -> Result<Context, Problem> {
        let tenant = self.parts.tenant.as_ref().ok_or_else(Problem::not_found)?;
        Ok(Context { tenant: Some(tenant.id), person: self.parts.person.as_ref().map(|person| person.id) })
    }

    fn holds<P: Permission>(&self) -> Result<(), Problem> {
        let held = self.parts.permissions.iter().any(|permission| permission.as_str() == P::WORD);
        if held { Ok(()) } else { Err(Problem::missing_permission(P::WORD)) }
    }
}

/// Who did something, as the audit log keeps it (AUD-2).
#[derive(Clone, Debug)]
pub struct Actor {
    /// `SYSTEM` rather than `USER`.
    pub system: bool,
    /// `session`, `api_key`, `operator`, `job`, …
    pub kind: &'static str,
    /// The person's or the key's id, or the job's name.
    pub id: String,
    /// Whose key encrypts the personal fields of the row.
    pub subject: uuid::Uuid,
    /// The person's name, personal.
    pub name: Option<String>,
    /// The person's address, personal.
    pub email: Option<String>,
}

impl Actor {
    /// Tenantry itself.
    pub fn system(kind: &'static str, id: impl Into<String>) -> Self {
        Self { system: true, kind, id: id.into(), subject: uuid::Uuid::nil(), name: None, email: None }
    }

    /// A person who is proving who they are: before there is a principal.
    pub fn person(person: &PersonRef) -> Self {
        Self {
            system: false,
            kind: "session",
            id: person.id.to_string(),
            subject: person.id.uuid(),
            name: Some(person.name.clone()),
            email: Some(person.email.clone()),
        }
    }
}

/// Where a request came from, as the audit log keeps it.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// `x-request-id`.
    pub request_id: Option<String>,
    /// The client's address, personal.
    pub ip: Option<IpAddr>,
    /// The client's own words about itself, cut, personal.
    pub user_agent: Option<String>,
}

/// How the words end whose holders change something; the others let them look.
const CHANGING: &str = ":manage";

fn live_only() -> Problem {
    let sentence = "The workspace, its people and their roles are the same in live and test mode, and a test key changes none of them. Use a live key.";
    Problem::new(Kind::Forbidden, sentence).code("live_only")
}

/// A word of Tenantry's own permissions, as a type.
pub trait Permission: Send + Sync + 'static {
    /// `resource:action`.
    const WORD: &'static str;
}

/// What only Tenantry itself does: no role holds it.
pub trait SystemPermission: Permission {}

/// What only a management key may: no role and no tenant's key holds it.
pub trait ManagementPermission: Permission {}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident $word:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl Permission for $name {
            const WORD: &'static str = $word;
        }
    )+};
}

permissions! {
    /// See the API keys.
    ReadKeys "keys:read";
    /// Create and revoke API keys.
    ManageKeys "keys:manage";
    /// See who is a member.
    ReadMembers "members:read";
    /// Invite, change and remove members.
    ManageMembers "members:manage";
    /// Write the tenant's own roles.
    ManageRoles "roles:manage";
    /// See the audit log.
    ReadAudit "audit:read";
    /// Take the audit log away as a file.
    ExportAudit "audit:export";
    /// Change the workspace's name and settings.
    ManageTenant "tenant:manage";
    /// One's own account: sessions, password, workspaces.
    OwnAccount "account:own";
    /// Platform staff.
    Operate "platform:operate";
    /// List everybody who has an account, with their e-mail addresses.
    ListUsers "users:list";
    /// List who belongs to which workspace.
    ListMembers "members:list";
    /// List all workspaces.
    ListTenants "tenants:list";
    /// Sign-up, sign-in, hand-off, refresh: before there is a principal.
    Authenticate "system:authenticate";
    /// Resolving hosts and credentials.
    Resolve "system:resolve";
    /// Running the queue and the schedule.
    RunJobs "system:jobs";
    /// Writing what the gateway saw into tenants' audit logs.
    Observe "system:observe";
    /// Acts of whoever has the machine: the command line.
    Administer "system:administer";
    /// Checking our own claims with a canary tenant.
    Attest "system:attest";
}

impl ManagementPermission for ListUsers {}
impl ManagementPermission for ListMembers {}
impl ManagementPermission for ListTenants {}
impl SystemPermission for Authenticate {}
impl SystemPermission for Resolve {}
impl SystemPermission for RunJobs {}
impl SystemPermission for Observe {}
impl SystemPermission for Administer {}
impl SystemPermission for Attest {}

/// The proof that somebody may do `P` in plane `M`, for one tenant or one person, and who and where they are.
#[derive(Debug)]
pub struct Permit<P, M> {
    context: Context,
    acting: Acting,
    of: PhantomData<fn() -> (P, M)>,
}

/// Who acts, and where from: travels with the transaction into the audit row.
#[derive(Clone, Debug)]
pub struct Acting {
    /// Who.
    pub actor: Actor,
    /// Where from.
    pub origin: Origin,
}

impl<P: Permission, M: Plane> Permit<P, M> {
    fn new(context: Context, actor: Actor, origin: Origin) -> Self {
        Self { context, acting: Acting { actor, origin }, of: PhantomData }
    }

    /// The tenant, where the permit is for one.
    pub fn tenant(&self) -> Option<TenantId> {
        self.context.tenant
    }

    /// The person, where the permit is for one.
    pub fn person(&self) -> Option<PersonId> {
        self.context.person
    }

    pub(crate) const fn context(&self) -> Context {
        self.context
    }

    /// Who acts, and where from.
    pub const fn acting(&self) -> &Acting {
        &self.acting
    }

    /// Opens a transaction. Nothing is sent before its first statement.
    pub fn begin(&self, ground: &Ground) -> TenantTx<M>
    where
        crate::db::Database: HasStore<M>,
    {
        TenantTx::new(ground.db.store(), self.context, self.acting.clone())
    }

    /// One reading statement, in one flush.
    pub async fn read<S: Scope, G: Group>(
        &self,
        ground: &Ground,
        sql: &'static Sql<S, G>,
        args: Args<'_>,
    ) -> Result<Vec<Row>, DbFault>
    where
        M: In<G>,
        crate::db::Database: HasStore<M>,
    {
        TenantTx::read(ground.db.store(), self.context, self.acting.clone(), sql, args).await
    }
}

impl<P: SystemPermission, M: Plane> Permit<P, M> {
    /// Tenantry's own work, for a tenant, a person, both or neither.
    pub fn system(context: Context, actor: Actor, origin: Origin) -> Self {
        Self::new(context, actor, origin)
    }
}

impl<M: Plane> Permit<Observe, M> {
    /// Rows of many tenants in one commit.
    pub fn batch(&self, ground: &Ground) -> crate::db::TenantBatch<M>
    where
        crate::db::Database: HasStore<M>,
    {
        crate::db::TenantBatch::new(ground.db.store())
    }
}

/// Permits for tests, of any kind.
#[cfg(feature = "kit")]
impl<P: Permission, M: Plane> Permit<P, M> {
    /// A permit that no guard gave.
    pub fn minted(context: Context, actor: Actor) -> Self {
        Self::new(context, actor, Origin::default())
    }
}
