//! `--seed FILE`: the workspaces that a team's tests begin with, in place of the demo's.

use std::collections::HashSet;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::slug::Slug;
use tenantry_identity::Options;
use tenantry_identity::apikeys::{self, Ceiling, Draft as KeyDraft, NewKey};
use tenantry_identity::users::page::SignUpForm;
use tenantry_identity::users::{Account as Checked, Draft};
use tenantry_platform::db::{self, Database, HasStore};
use tenantry_platform::permit::{ManageKeys, Origin, Permit, Principal};
use tenantry_platform::problem::Problem;

use super::place::Account;
use crate::Fault;
use crate::serve::Server;

/// As the file writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    workspaces: Vec<Workspace>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Workspace {
    slug: String,
    name: String,
    owner: Owner,
    #[serde(default)]
    members: Vec<Member>,
    #[serde(default)]
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    email: String,
    name: String,
    /// Drawn and told, unless said.
    #[serde(default)]
    password: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    email: String,
    role: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    #[serde(default = "test")]
    mode: Mode,
    scopes: Vec<String>,
}

/// A key for live data is asked for by name.
const fn test() -> Mode {
    Mode::Test
}

/// What was made of a workspace, for test programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seeded {
    /// Its label.
    pub slug: String,
    /// Where its live data is.
    pub live: String,
    /// Where its test data is.
    pub test: String,
    /// Who owns it.
    pub owner: Account,
    /// Who else belongs to it.
    pub members: Vec<SeededMember>,
    /// Its keys, by name.
    pub keys: std::collections::BTreeMap<String, String>,
}

/// A member, signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeededMember {
    /// The address.
    pub email: String,
    /// The role.
    pub role: String,
    /// A session on the live host, as a `Cookie` header carries it.
    pub cookie: String,
}

/// A file without fault.
#[derive(Debug)]
pub(super) struct Plan(Vec<Workspace>);

impl Plan {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is not of this form: the first place where it is not.
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
        let written: Written = toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        if written.workspaces.is_empty() {
            return Err(format!("{name} seeds nothing: write at least one [[workspaces]]").into());
        }
        Ok(Self(written.workspaces))
    }

    /// Makes everything, once all of it was found possible.
    ///
    /// # Errors
    /// Every fault of the file's content, each with its place.
    pub(super) async fn make(self, server: &Server) -> Result<Vec<Seeded>, Fault> {
        let mut owners = self.check(&server.app.identity.options, &server.app.ground.entropy)?.into_iter();
        let mut made = Vec::with_capacity(self.0.len());
        for workspace in self.0 {
            let owner = owners.next().ok_or("each workspace has its owner")?;
            made.push(workspace.make(server, owner).await?);
        }
        Ok(made)
    }

    /// The owners' accounts with their passwords, where nothing in the file is wrong.
    fn check(&self, options: &Options, entropy: &Entropy) -> Result<Vec<(Checked, String)>, Fault> {
        let (mut faults, mut owners, mut slugs, mut emails) = (Vec::new(), Vec::new(), HashSet::new(), HashSet::new());
        for (at, workspace) in self.0.iter().enumerate() {
            let place = format!("workspaces[{at}]");
            if !slugs.insert(&workspace.slug) {
                faults.push(format!("{place}.slug: {:?} is there twice; give each its own", workspace.slug));
            }
            if !emails.insert(workspace.owner.email.to_lowercase()) {
                faults.push(format!("{place}.owner: one person owns one workspace here; make them a member of others"));
            }
            let password = workspace.owner.password.clone().unwrap_or_else(|| format!("seed-{}", random(entropy)));
            match workspace.draft(&password).check(options) {
                Ok(account) => owners.push((account, password)),
                Err(form) => faults.extend(refused(&form).map(|fault| format!("{place}.{fault}"))),
            }
            workspace.check(options, &place, &mut faults);
        }
        if faults.is_empty() { Ok(owners) } else { Err(faults.join("\n").into()) }
    }
}

/// What a sign-up would be refused with, by the names of this file.
fn refused(form: &SignUpForm) -> impl Iterator<Item = String> {
    let fields = [
        ("owner.name", &form.name.error),
        ("owner.email", &form.email.error),
        ("owner.password", &form.password_error),
        ("name", &form.workspace.error),
        ("slug", &form.slug.error),
    ];
    fields.into_iter().filter(|(_, error)| !error.is_empty()).map(|(name, error)| format!("{name}: {error}"))
}

fn random(entropy: &Entropy) -> String {
    tenantry_platform::record::hex(&entropy.bytes::<12>())
}

impl Workspace {
    fn draft(&self, password: &str) -> Draft {
        Draft {
            name: self.owner.name.clone(),
            email: self.owner.email.clone(),
            password: SecretString::from(password.to_owned()),
            workspace: self.name.clone(),
            slug: self.slug.clone(),
        }
    }

    fn check(&self, options: &Options, place: &str, faults: &mut Vec<String>) {
        for (at, member) in self.members.iter().enumerate() {
            if let Err(fault) = EmailAddress::parse(&member.email) {
                faults.push(format!("{place}.members[{at}].email: {fault}"));
            }
            if options.roles.find(&member.role).is_none() {
                faults.push(format!("{place}.members[{at}].role: {:?} is no role of the configuration", member.role));
            }
        }
        let mut names = HashSet::new();
        for (at, key) in self.keys.iter().enumerate() {
            if !names.insert(&key.name) {
                faults.push(format!("{place}.keys[{at}].name: {:?} is there twice; give each its own", key.name));
            }
            let unknown = key.scopes.iter().filter(|scope| !options.permissions.contains(scope));
            faults
                .extend(unknown.map(|scope| {
                    format!("{place}.keys[{at}].scopes: {scope:?} is no permission of the configuration")
                }));
        }
    }

    async fn make(self, server: &Server, (account, password): (Checked, String)) -> Result<Seeded, Fault> {
        let (identity, hosts) = (&server.app.identity, &server.app.config.hosts);
        let enrolled = identity.create_account(account, Origin::default()).await?;
        let mut members = Vec::with_capacity(self.members.len());
        for member in self.members {
            let email = EmailAddress::parse(&member.email).map_err(|fault| fault.to_string())?;
            let place = (&enrolled.tenant, Mode::Live);
            let cookies = identity.stand_in(place, &email, &member.role, Origin::default()).await?;
            let pairs: Vec<&str> =
                cookies.iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
            members.push(SeededMember { email: member.email, role: member.role, cookie: pairs.join("; ") });
        }
        let keys = make_keys(server, &self.slug, &self.owner.email, &password, self.keys).await?;
        let slug = Slug::from_stored(&self.slug).map_err(|fault| fault.to_string())?;
        let origin = |mode| hosts.origin(&hosts.tenant(&slug, mode));
        let owner = Account { email: self.owner.email, password };
        Ok(Seeded { slug: self.slug, live: origin(Mode::Live), test: origin(Mode::Test), owner, members, keys })
    }
}

/// Made as the owner would make them.
async fn make_keys(
    server: &Server,
    slug: &str,
    owner: &str,
    password: &str,
    keys: Vec<Key>,
) -> Result<std::collections::BTreeMap<String, String>, Fault> {
    let mut made = std::collections::BTreeMap::new();
    if keys.is_empty() {
        return Ok(made);
    }
    let signed_in = server.app.identity.sign_in(owner, password, Origin::default()).await?;
    for key in keys {
        let principal = signed_in.session.principal_in(slug, key.mode).ok_or("the owner has no workspace")?;
        let plaintext = match key.mode {
            Mode::Live => make_key::<db::Live>(server, &principal, &key).await,
            Mode::Test => make_key::<db::Test>(server, &principal, &key).await,
        };
        let plaintext = plaintext.map_err(|fault| format!("the key {:?} of {slug}: {fault}", key.name))?;
        made.insert(key.name, plaintext.expose_secret().to_owned());
    }
    Ok(made)
}

async fn make_key<M: db::Mode>(server: &Server, principal: &Principal, key: &Key) -> Result<SecretString, Fault>
where
    Database: HasStore<M>,
{
    let (identity, ground) = (&server.app.identity, &server.app.ground);
    let permit: Permit<ManageKeys, M> = principal.permit(&Origin::default())?;
    let draft = KeyDraft { name: key.name.clone(), scopes: key.scopes.clone(), ..KeyDraft::default() };
    let new = NewKey::check(&draft, Ceiling::of(principal), &identity.options, ground.now())?;
    let mut tx = permit.begin(ground);
    let made = apikeys::create(&mut tx, ground, &new).await?;
    tx.commit().await.map_err(Problem::from)?;
    Ok(made.plaintext)
}
