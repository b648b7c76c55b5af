//! `rls.toml`: what the database is meant to be. Written by `init`, read by every other verb.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::fault::Fault;
use crate::name::Name;

/// The setting that holds the claims of a request.
pub(crate) const CLAIMS: &str = "request.jwt.claims";

/// What `rls.toml` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The schemas that the app's roles reach.
    pub schemas: Vec<String>,
    /// The roles that the app connects as, or switches to.
    pub app_roles: Vec<String>,
    /// The column that says whose a row is, where a table has it.
    pub tenant_column: String,
    /// Its type: `uuid`, `text`, `bigint`, … What it has in most tables, where not said.
    #[serde(default)]
    pub tenant_type: String,
    /// Tables that belong to everybody: `schema.name`, or `name`.
    #[serde(default)]
    pub global_tables: BTreeSet<String>,
    /// Tables that are different: by `schema.name`, or `name`.
    #[serde(default)]
    pub tables: BTreeMap<String, TableSettings>,
    /// Findings that somebody has looked at and takes.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
    /// How the app says who asks.
    pub context: Context,
    /// What the file left open and the catalogue answered, as sentences.
    #[serde(skip)]
    pub guessed: Vec<String>,
}

/// What is different about one table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSettings {
    /// The column that says whose a row is, here.
    pub tenant_column: Option<String>,
    /// Its type, here.
    pub tenant_type: Option<String>,
    /// The column that says which person of the tenant a row belongs to, where rows are a person's.
    pub user_column: Option<String>,
    /// Not one of the tenants' tables after all.
    #[serde(default)]
    pub global: bool,
}

/// A finding that is known, and stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The finding's id, or its beginning up to a colon: `unique-oracle:public.users`.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// How a session says which tenant it is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Context {
    /// By settings: `set_config('app.tenant_id', …, true)`.
    Guc {
        /// Each setting, and what it holds: `$tenant`, `$user`, or text with either in it.
        #[serde(default)]
        vars: BTreeMap<String, String>,
        /// Where a person's tenants are, when policies look them up.
        membership: Option<Membership>,
    },
    /// By a role of each tenant.
    Role {
        /// The roles of two tenants: `A` and `B`, and `A.tenant`/`B.tenant` are read off `tenants`.
        roles: BTreeMap<String, String>,
        /// The tenant values that those roles stand for; their names, where not said.
        #[serde(default)]
        tenants: BTreeMap<String, String>,
        /// Settings beside the role.
        #[serde(default)]
        vars: BTreeMap<String, String>,
        /// Where a person's tenants are, when policies look them up.
        membership: Option<Membership>,
    },
    /// By claims, as Supabase and PostgREST do: `request.jwt.claims`, and the role of the request.
    JwtClaims {
        /// The claims: a table whose values hold `$tenant` and `$user`. `{"sub": "$user"}` where not said.
        #[serde(default)]
        claims: BTreeMap<String, toml::Value>,
        /// Settings beside the claims.
        #[serde(default)]
        vars: BTreeMap<String, String>,
        /// Where a person's tenants are, when policies look them up.
        membership: Option<Membership>,
    },
}

/// A table of who belongs to which tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// `schema.name`, or `name`.
    pub table: String,
    /// Its column of tenants.
    pub tenant: String,
    /// Its column of people.
    pub user: String,
}

impl Accepted {
    /// Whether it is the finding of this id, or the id's beginning up to a colon.
    pub fn covers(&self, id: &str) -> bool {
        id.strip_prefix(self.id.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or says what means nothing.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let text =
            std::fs::read_to_string(path).map_err(|reason| Fault::Unreadable { path: path.to_owned(), reason })?;
        let fault = |reason| Fault::Configuration { path: path.to_owned(), reason };
        let settings = Self::parse(&text).map_err(fault)?;
        match settings.unnamed() {
            Some(key) => {
                Err(fault(format!("{key} is empty: name one at least, since nothing could be found without.")))
            }
            None => Ok(settings),
        }
    }

    /// A list without which every judgement would be that all is well.
    const fn unnamed(&self) -> Option<&'static str> {
        match (self.schemas.is_empty(), self.app_roles.is_empty()) {
            (true, _) => Some("schemas"),
            (_, true) => Some("app_roles"),
            _ => None,
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut settings: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.context.gather_claims()?;
        Ok(settings)
    }

    /// What is said about one table.
    pub fn of_table(&self, name: &Name) -> Option<&TableSettings> {
        self.tables.iter().find(|(written, _)| name.is_meant_by(written)).map(|(_, settings)| settings)
    }

    /// Whether a table belongs to everybody.
    pub fn is_global(&self, name: &Name) -> bool {
        self.global_tables.iter().any(|written| name.is_meant_by(written))
            || self.of_table(name).is_some_and(|table| table.global)
    }

    /// The column that says whose a row of this table is.
    pub fn tenant_column(&self, name: &Name) -> &str {
        self.of_table(name).and_then(|table| table.tenant_column.as_deref()).unwrap_or(&self.tenant_column)
    }
}

impl Context {
    /// The settings, and what each holds; without what the kind sets by itself.
    pub const fn vars(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Guc { vars, .. } | Self::Role { vars, .. } | Self::JwtClaims { vars, .. } => vars,
        }
    }

    /// Claims may be written as the setting that holds them, too.
    fn gather_claims(&mut self) -> Result<(), String> {
        let Self::JwtClaims { claims, vars, .. } = self else { return Ok(()) };
        let Some(name) = vars.keys().find(|name| name.eq_ignore_ascii_case(CLAIMS)).cloned() else { return Ok(()) };
        let text = vars.remove(&name).unwrap_or_default();
        if !claims.is_empty() {
            return Err(format!("[context] says the claims twice: keep either claims or {name} in vars."));
        }
        *claims = serde_json::from_str(&text)
            .map_err(|reason| format!("{name} in vars of [context] has to be a JSON object of claims: {reason}"))?;
        Ok(())
    }

    pub(crate) const fn membership_mut(&mut self) -> &mut Option<Membership> {
        match self {
            Self::Guc { membership, .. } | Self::Role { membership, .. } | Self::JwtClaims { membership, .. } => {
                membership
            }
        }
    }

    /// Where a person's tenants are.
    pub const fn membership(&self) -> Option<&Membership> {
        match self {
            Self::Guc { membership, .. } | Self::Role { membership, .. } | Self::JwtClaims { membership, .. } => {
                membership.as_ref()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Settings};
    use crate::name::Name;

    const FILE: &str = r#"
        schemas = ["public"]
        app_roles = ["app"]
        tenant_column = "tenant_id"
        tenant_type = "uuid"
        global_tables = ["countries"]

        [tables."public.orgs"]
        tenant_column = "id"

        [[accepted]]
        id = "unique-oracle:public.users"
        reason = "names of people are public"

        [context]
        kind = "guc"
        vars = { "app.tenant_id" = "$tenant", "app.user_id" = "$user" }

        [context.membership]
        table = "members"
        tenant = "tenant_id"
        user = "user_id"
    "#;

    #[test]
    fn a_file_says_what_the_database_is_meant_to_be() {
        let settings = Settings::parse(FILE).unwrap();
        assert!(settings.is_global(&Name::new("public", "countries")));
        assert_eq!(settings.tenant_column(&Name::new("public", "orgs")), "id");
        assert!(matches!(&settings.context, Context::Guc { vars, .. } if vars.len() == 2));
        assert_eq!(settings.context.membership().unwrap().table, "members");
    }

    #[test]
    fn what_is_accepted_is_a_finding_and_nothing_that_begins_alike() {
        let taken = &Settings::parse(FILE).unwrap().accepted[0];
        assert!(
            taken.covers("unique-oracle:public.users") && taken.covers("unique-oracle:public.users:users_email_key")
        );
        assert!(!taken.covers("unique-oracle:public.users_old:users_old_email_key"));
    }

    #[test]
    fn claims_are_said_as_a_table_or_as_the_setting_that_holds_them_and_once() {
        let of = |context: &str| {
            let (before, _) = FILE.split_once("[context]").unwrap();
            Settings::parse(&format!("{before}[context]\nkind = \"jwt_claims\"\n{context}"))
        };
        let table = of("claims = { sub = \"$user\", app = { tenant = \"$tenant\" } }").unwrap();
        let setting =
            of(r#"vars = { "request.jwt.claims" = '{"sub": "$user", "app": {"tenant": "$tenant"}}' }"#).unwrap();
        assert_eq!(table.context, setting.context);
        for refused in [
            r#"vars = { "request.jwt.claims" = "$tenant" }"#,
            r#"claims = { a = "b" }
            vars = { "request.jwt.claims" = "{}" }"#,
        ] {
            let fault = of(refused).unwrap_err();
            assert!(fault.contains("claims"), "{fault}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_is_refused() {
        let fault = Settings::parse(&FILE.replace("global_tables", "globals")).unwrap_err();
        assert!(fault.contains("globals"), "{fault}");
    }
}
