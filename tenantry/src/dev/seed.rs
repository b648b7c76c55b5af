//! The demo's people, workspaces and key: made once, found again at the next start.

use secrecy::{ExposeSecret as _, SecretString};
use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;
use tenantry_identity::apikeys::{self, Ceiling, Draft as KeyDraft, NewKey};
use tenantry_identity::users::Draft;
use tenantry_platform::cache::Known;
use tenantry_platform::db::Test;
use tenantry_platform::permit::{ManageKeys, Origin, Permit, Principal};
use tenantry_platform::problem::Problem;
use tokio_postgres::NoTls;

use super::place::{Account, Place, Ready, Secrets};
use super::plan::Plan;
use crate::Fault;
use crate::serve::Server;

/// A workspace of the demo, and who owns it.
pub(super) struct Cast {
    pub(super) slug: &'static str,
    workspace: &'static str,
    person: &'static str,
    email: &'static str,
}

pub(super) const FIRST: Cast =
    Cast { slug: "acme", workspace: "Acme Supplies", person: "Ada Acme", email: "owner@acme.example" };
const SECOND: Cast = Cast { slug: "globex", workspace: "Globex", person: "Gus Globex", email: "owner@globex.example" };
const STAFF: Cast = Cast {
    slug: "staffroom",
    workspace: "Platform Staff",
    person: "Olga Operator",
    email: "operator@tenantry.example",
};
/// What the demo key may do, where the configuration has the word.
const SCOPE: &str = "products:read";

/// Makes what is not there yet.
pub(super) async fn seed(
    server: &Server,
    place: &Place,
    mut secrets: Secrets,
    database_url: String,
    plan: Option<Plan>,
) -> Result<Ready, Fault> {
    if let Some(plan) = plan {
        return seed_by(plan, server, &secrets, database_url).await;
    }
    for cast in [&FIRST, &SECOND, &STAFF] {
        if !exists(server, cast).await? {
            enrol(server, cast, &secrets.password).await?;
        }
    }
    grant_operator(server, &database_url).await?;
    let api_key = match secrets.api_key.clone() {
        Some(key) => key,
        None => {
            let key = make_key(server, &secrets.password).await?;
            secrets.api_key = Some(key.expose_secret().to_owned());
            place.keep(&secrets)?;
            key.expose_secret().to_owned()
        }
    };
    Ok(ready(server, &secrets, api_key, database_url))
}

/// What a team's file says, and platform staff beside it.
async fn seed_by(plan: Plan, server: &Server, secrets: &Secrets, database_url: String) -> Result<Ready, Fault> {
    let workspaces = plan.make(server).await?;
    enrol(server, &STAFF, &secrets.password).await?;
    grant_operator(server, &database_url).await?;
    let (first, second) = (&workspaces[0], workspaces.get(1).unwrap_or(&workspaces[0]));
    let api_key = first.keys.values().next().cloned().unwrap_or_default();
    let ready = ready(server, secrets, api_key, database_url);
    Ok(Ready {
        tenant: first.live.clone(),
        other_tenant: second.live.clone(),
        owner: first.owner.clone(),
        other_owner: second.owner.clone(),
        workspaces,
        ..ready
    })
}

async fn exists(server: &Server, cast: &Cast) -> Result<bool, Fault> {
    let slug = Slug::from_stored(cast.slug).map_err(|fault| fault.to_string())?;
    let tenants = &server.app.identity.tenants;
    Ok(matches!(tenants.known(&slug), Known::Yes(_)) || tenants.find(&slug).await?.is_some())
}

async fn enrol(server: &Server, cast: &Cast, password: &str) -> Result<(), Fault> {
    let identity = &server.app.identity;
    let account = draft(cast, password)
        .check(&identity.options)
        .map_err(|form| format!("the demo's {} is refused: {form:?}", cast.slug))?;
    identity.create_account(account, Origin::default()).await?;
    Ok(())
}

fn draft(cast: &Cast, password: &str) -> Draft {
    Draft {
        name: cast.person.to_owned(),
        email: cast.email.to_owned(),
        password: SecretString::from(password.to_owned()),
        workspace: cast.workspace.to_owned(),
        slug: cast.slug.to_owned(),
    }
}

/// The flag that no serving login may write: the administrator of the private cluster does.
async fn grant_operator(server: &Server, database_url: &str) -> Result<(), Fault> {
    let (mut client, connection) = tokio_postgres::connect(database_url, NoTls).await?;
    tokio::spawn(connection);
    let email = EmailAddress::parse(STAFF.email).map_err(|fault| fault.to_string())?;
    tenantry_identity::tenants::cli::set_operator(&mut client, &server.app.ground, &email, true).await?;
    Ok(())
}

/// The demo's own scope, or else the first word of the app that its owner holds, or else a word of ours.
fn scope(server: &Server, owner: &Principal) -> Result<String, Fault> {
    let held = |word: &str| owner.parts().permissions.contains(word);
    let of_the_app = server.app.config.permissions.of_the_app().map(|(permission, _)| permission.as_str());
    let mut words = std::iter::once(SCOPE).chain(of_the_app).chain(["keys:read", "audit:read"]);
    let found = words.find(|word| server.app.config.permissions.contains(word) && held(word));
    found.map(str::to_owned).ok_or_else(|| "the owner's role holds no permission; give it at least one".into())
}

/// A key of the first workspace's test mode, made as its owner would make it.
async fn make_key(server: &Server, password: &str) -> Result<SecretString, Fault> {
    let (identity, ground) = (&server.app.identity, &server.app.ground);
    let signed_in = identity.sign_in(FIRST.email, password, Origin::default()).await?;
    let principal = signed_in.session.principal_in(FIRST.slug, Mode::Test).ok_or("the owner has no workspace")?;
    let permit: Permit<ManageKeys, Test> = principal.permit(&Origin::default())?;
    // A directory of `dev` is used for months: the key ends only where keys must.
    let policy = &identity.options.api_keys;
    let must_end = policy.require_expiry || policy.max_lifetime.is_some();
    let draft = KeyDraft {
        name: "Demo".to_owned(),
        scopes: vec![scope(server, &principal)?],
        expires_at: apikeys::usual_end(&identity.options, ground.now()).filter(|_| must_end),
        ..KeyDraft::default()
    };
    let new = NewKey::check(&draft, Ceiling::of(&principal), &identity.options, ground.now())?;
    let mut tx = permit.begin(ground);
    let made = apikeys::create(&mut tx, ground, &new).await?;
    tx.commit().await.map_err(Problem::from)?;
    Ok(made.plaintext)
}

fn ready(server: &Server, secrets: &Secrets, api_key: String, database_url: String) -> Ready {
    let hosts = &server.app.config.hosts;
    let account = |cast: &Cast| Account { email: cast.email.to_owned(), password: secrets.password.clone() };
    let tenant = |cast: &Cast| {
        Slug::from_stored(cast.slug).map(|slug| hosts.origin(&hosts.tenant(&slug, Mode::Live))).unwrap_or_default()
    };
    let console = hosts.origin(&hosts.central());
    Ready {
        tenant: tenant(&FIRST),
        other_tenant: tenant(&SECOND),
        api: hosts.origin(&hosts.api()),
        owner: account(&FIRST),
        other_owner: account(&SECOND),
        operator: account(&STAFF),
        api_key,
        mailbox: format!("{console}/-/dev/mail"),
        metrics: server.operations_address().map(|at| format!("http://{at}/metrics")).unwrap_or_default(),
        database_url,
        cron_secret: secrets.cron.clone(),
        pid: std::process::id(),
        workspaces: Vec::new(),
        console,
    }
}
