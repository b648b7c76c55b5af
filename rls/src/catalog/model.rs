//! What the snapshot holds.

use serde::Deserialize;

use crate::name::Name;

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The server, the database and its settings.
    pub server: Server,
    /// All roles of the cluster.
    pub roles: Vec<Role>,
    /// Who is a member of what.
    pub memberships: Vec<Membership>,
    /// Settings of roles and databases.
    pub role_settings: Vec<RoleSetting>,
    /// Schemas but PostgreSQL's own.
    pub schemas: Vec<Schema>,
    /// Tables, views, sequences and the like, in those schemas.
    pub relations: Vec<Relation>,
    /// Their policies.
    pub policies: Vec<Policy>,
    /// Their constraints.
    pub constraints: Vec<Constraint>,
    /// Their indexes.
    pub indexes: Vec<Index>,
    /// Their triggers, but those of constraints.
    pub triggers: Vec<Trigger>,
    /// Their rewrite rules, but those that make a view a view.
    pub rules: Vec<Rule>,
    /// Functions and procedures, in those schemas.
    pub functions: Vec<Function>,
    /// What relations read: views and materialised views, and what they depend on.
    pub dependencies: Vec<Dependency>,
    /// What happens to objects to come.
    pub default_privileges: Vec<DefaultPrivilege>,
    /// Publications.
    pub publications: Vec<Publication>,
    /// Extensions.
    pub extensions: Vec<Extension>,
    /// Extended statistics.
    pub statistics: Vec<Statistics>,
    /// Foreign servers, and who is mapped.
    pub foreign_servers: Vec<ForeignServer>,
    /// Event triggers.
    pub event_triggers: Vec<EventTrigger>,
    /// Operators but PostgreSQL's own.
    pub operators: Vec<Operator>,
}

/// The server, and the database that we are in.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Server {
    /// As `server_version_num` gives it: 150020 is 15.20.
    pub version_num: u32,
    /// The database.
    pub database: String,
    /// Grants on it. `CREATE`, `CONNECT`, `TEMPORARY`.
    pub acl: Vec<Grant>,
    /// Its owner.
    pub owner: u32,
    /// `lo_compat_privileges`: large objects without any right.
    pub lo_compat_privileges: bool,
    /// Large objects in it (at most 1,000 are counted).
    pub large_objects: i64,
    /// Whose they are, and who else has them.
    pub large_objects_of: Vec<LargeObjects>,
    /// `EXECUTE` on the functions that read them.
    pub reads_large_objects: Vec<Grant>,
    /// Who may read the raw statistics, which hold values; the privilege is the catalogue's name.
    pub reads_statistics: Vec<Grant>,
    /// Whether this is a standby.
    pub is_standby: bool,
    /// Collations that take different bytes for the same text.
    #[serde(default)]
    pub lossy_collations: Vec<String>,
}

/// Large objects that have the same owner and grants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LargeObjects {
    /// Their owner.
    pub owner: u32,
    /// How many.
    pub count: i64,
    /// What was granted: `SELECT`, `UPDATE`.
    pub acl: Vec<Grant>,
}

/// One grant of one privilege; grantee 0 is PUBLIC. What an owner has by ownership is in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Grant {
    /// Who has it.
    pub grantee: u32,
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `TRUNCATE`, `REFERENCES`, `TRIGGER`, `MAINTAIN`, `EXECUTE`, `USAGE`, …
    pub privilege: String,
}

/// A role.
#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    /// Its oid.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// Held by nothing.
    pub is_superuser: bool,
    /// `BYPASSRLS`.
    pub bypasses_rls: bool,
    /// May connect.
    pub can_login: bool,
    /// `CREATEROLE`.
    pub can_create_roles: bool,
    /// `REPLICATION`.
    pub can_replicate: bool,
}

/// A member of a role.
#[derive(Clone, Debug, Deserialize)]
pub struct Membership {
    /// The role that is given.
    pub role: u32,
    /// Who has it.
    pub member: u32,
    /// Its rights without asking.
    pub inherits: bool,
    /// By `SET ROLE` (always, before PostgreSQL 16).
    pub may_set: bool,
    /// May give it on.
    pub is_admin: bool,
}

/// `alter role … set`, `alter database … set`.
#[derive(Clone, Debug, Deserialize)]
pub struct RoleSetting {
    /// The role; 0 is every role.
    pub role: u32,
    /// Whether it is for this database alone.
    pub is_of_database: bool,
    /// `name=value`.
    pub settings: Vec<String>,
}

/// A schema.
#[derive(Clone, Debug, Deserialize)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: u32,
    /// `USAGE`, `CREATE`.
    pub acl: Vec<Grant>,
}

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum RelationKind {
    /// An ordinary table, also one that is a partition.
    #[serde(rename = "r")]
    Table,
    /// A partitioned table.
    #[serde(rename = "p")]
    Partitioned,
    /// A view.
    #[serde(rename = "v")]
    View,
    /// A materialised view.
    #[serde(rename = "m")]
    MaterializedView,
    /// A foreign table.
    #[serde(rename = "f")]
    Foreign,
    /// A sequence.
    #[serde(rename = "S")]
    Sequence,
}

/// A table, view, sequence or the like.
#[derive(Clone, Debug, Deserialize)]
pub struct Relation {
    /// Its oid.
    pub oid: u32,
    /// Its name.
    #[serde(flatten)]
    pub name: Name,
    /// What it is.
    pub kind: RelationKind,
    /// Its owner.
    pub owner: u32,
    /// `enable row level security`.
    pub has_rls: bool,
    /// `force row level security`.
    pub forces_rls: bool,
    /// Whether it is a partition.
    pub is_partition: bool,
    /// What it inherits from or is a partition of.
    pub parents: Vec<u32>,
    /// Grants on all of it.
    pub acl: Vec<Grant>,
    /// Its options: `security_invoker=true`.
    pub options: Vec<String>,
    /// Its columns, in order, without dropped ones.
    pub columns: Vec<Column>,
    /// The query of a view or materialised view.
    pub definition: Option<String>,
    /// The extension that it came with.
    pub extension: Option<String>,
    /// The table and column that a sequence belongs to.
    pub owned_by: Option<OwnedBy>,
    /// How many rows PostgreSQL believes it has; -1 is unknown.
    pub estimated_rows: f64,
    /// The server of a foreign table.
    pub server: Option<String>,
}

/// The column of a sequence.
#[derive(Clone, Debug, Deserialize)]
pub struct OwnedBy {
    /// Its table.
    pub relation: u32,
    /// Its number there.
    pub column: i16,
}

/// A column.
#[derive(Clone, Debug, Deserialize)]
pub struct Column {
    /// Its number.
    pub number: i16,
    /// Its name.
    pub name: String,
    /// Its type, as PostgreSQL prints it: `character varying(20)`.
    pub type_name: String,
    /// Of a domain: the type under it.
    #[serde(default)]
    pub domain_of: Option<String>,
    /// Whether it is never null.
    pub is_not_null: bool,
    /// Its default, or what generates it.
    pub default: Option<String>,
    /// `s` for stored, `v` for virtual, empty for neither.
    pub generated: String,
    /// `a` always, `d` by default, empty for none.
    pub identity: String,
    /// Grants on it alone.
    pub acl: Vec<Grant>,
    /// Whether its collation takes different bytes for different text.
    pub is_deterministic: bool,
    /// The kind of its type: `b` base, `e` enum, `d` domain, `c` composite, `r` range.
    pub type_kind: String,
}

impl Column {
    /// Whether it holds what nobody can guess: a token, or the hash of one or of a key. What rows begin with is none.
    pub fn is_secret(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let has = |words: &[&str]| name.split('_').any(|part| words.contains(&part));
        let of_key = || has(&["key", "link", "invite", "invitation", "session", "password", "code"]);
        let is_named = has(&["token", "secret"]) || has(&["hash", "digest"]) && of_key();
        let is_text = matches!(self.plain_type(), "text" | "character varying" | "uuid" | "bytea");
        let chance = ["gen_random", "uuid_generate", "random"];
        let begins = self.default.as_deref().is_none_or(|text| chance.iter().any(|word| text.contains(word)));
        is_named && is_text && begins && !has(&["is", "has", "count"])
    }

    /// What its values are: the type, or the one under a domain.
    pub fn plain_type(&self) -> &str {
        self.domain_of.as_deref().unwrap_or(&self.type_name)
    }
}

/// A policy.
#[derive(Clone, Debug, Deserialize)]
pub struct Policy {
    /// Its table.
    pub relation: u32,
    /// Its name.
    pub name: String,
    /// `*` all, `r` select, `a` insert, `w` update, `d` delete.
    pub command: String,
    /// OR-ed with the others; a restrictive one is AND-ed.
    pub is_permissive: bool,
    /// For whom; 0 is PUBLIC.
    pub roles: Vec<u32>,
    /// Which rows are seen.
    pub using: Option<String>,
    /// Which rows may be written; as `using`, where there is none.
    pub check: Option<String>,
}

/// A constraint.
#[derive(Clone, Debug, Deserialize)]
pub struct Constraint {
    /// Its table.
    pub relation: u32,
    /// Its name.
    pub name: String,
    /// `p` primary, `u` unique, `f` foreign, `x` exclusion, `c` check, `n` not null.
    pub kind: String,
    /// Its columns.
    pub columns: Vec<i16>,
    /// What a foreign key refers to.
    pub references: Option<u32>,
    /// The columns there.
    pub referenced_columns: Vec<i16>,
    /// The index that enforces it.
    pub index: u32,
    /// `pg_get_constraintdef`.
    pub definition: String,
    /// Of a foreign key: `a` no action, `r` restrict, `c` cascade, `n` set null, `d` set default.
    pub on_delete: String,
    /// The same on update.
    pub on_update: String,
    /// Whether it holds for the rows that were there before.
    pub is_validated: bool,
    /// Inherited from the parent.
    pub is_inherited: bool,
}

/// An index.
#[derive(Clone, Debug, Deserialize)]
pub struct Index {
    /// Its oid.
    pub oid: u32,
    /// Its table.
    pub relation: u32,
    /// Its name.
    pub name: String,
    /// Whether it is unique.
    pub is_unique: bool,
    /// Whether it enforces an exclusion constraint.
    pub is_exclusion: bool,
    /// Whether queries may use it.
    pub is_valid: bool,
    /// The columns of its key, in order; 0 is an expression.
    pub columns: Vec<i16>,
    /// Each column or expression of its key as text.
    pub keys: Vec<String>,
    /// Of a partial index.
    pub predicate: Option<String>,
    /// `pg_get_indexdef`.
    pub definition: String,
}

/// A trigger.
#[derive(Clone, Debug, Deserialize)]
pub struct Trigger {
    /// Its table.
    pub relation: u32,
    /// Its name.
    pub name: String,
    /// What it calls.
    pub function: u32,
    /// Not `disabled`.
    pub is_enabled: bool,
    /// `tgtype`: 1 for each row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate, 64 instead.
    pub timing: i16,
    /// `pg_get_triggerdef`.
    pub definition: String,
    /// What it calls the rows that its statement changed.
    #[serde(default)]
    pub transitions: Vec<String>,
}

/// A rewrite rule.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// Its relation.
    pub relation: u32,
    /// Its name.
    pub name: String,
    /// Not disabled.
    pub is_enabled: bool,
    /// `pg_get_ruledef`.
    pub definition: String,
}

/// A function, procedure or aggregate.
#[derive(Clone, Debug, Deserialize)]
pub struct Function {
    /// Its oid.
    pub oid: u32,
    /// Its name.
    #[serde(flatten)]
    pub name: Name,
    /// The types of its arguments, as they tell it from others of its name: `integer, text`.
    pub identity_arguments: String,
    /// The types of its input arguments.
    pub argument_types: Vec<String>,
    /// The names of its input arguments; empty where there is none.
    pub argument_names: Vec<String>,
    /// How many of the last ones may be left out.
    pub defaults: usize,
    /// What it returns, in words.
    pub returns: String,
    /// Whether it returns more than one row.
    pub returns_set: bool,
    /// Its owner.
    pub owner: u32,
    /// `security definer`.
    pub is_definer: bool,
    /// `leakproof`.
    pub is_leakproof: bool,
    /// `i` immutable, `s` stable, `v` volatile.
    pub volatility: String,
    /// `sql`, `plpgsql`, `c`, `internal`, …
    pub language: String,
    /// `f` function, `p` procedure, `a` aggregate, `w` window.
    pub kind: String,
    /// `set name = value` of its own.
    pub settings: Vec<String>,
    /// Its source, as written.
    pub source: String,
    /// The body of one with `begin atomic` or `return`, as PostgreSQL prints it.
    pub sql_body: Option<String>,
    /// The names of what it gives back in variables: `out` and `table` arguments.
    pub outputs: Vec<String>,
    /// Of an aggregate, the functions that it is made of: whoever may call it, runs them.
    pub runs: Vec<u32>,
    /// `EXECUTE`.
    pub acl: Vec<Grant>,
    /// The extension that it came with.
    pub extension: Option<String>,
}

impl Function {
    /// `schema.name(argument types)`, as reports name it.
    pub fn signature(&self) -> String {
        format!("{}({})", self.name, self.argument_types.join(", "))
    }

    /// The same, quoted for a statement.
    pub fn quoted(&self) -> String {
        format!("{}({})", self.name.quoted(), self.identity_arguments)
    }

    /// What it runs, as text.
    pub fn body(&self) -> &str {
        self.sql_body.as_deref().unwrap_or(&self.source)
    }
}

/// A view reads a relation or calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Dependency {
    /// The view.
    pub view: u32,
    /// The relation that it reads; 0 where it is a function.
    pub relation: u32,
    /// The function that it calls; 0 where it is a relation.
    pub function: u32,
}

/// `alter default privileges`.
#[derive(Clone, Debug, Deserialize)]
pub struct DefaultPrivilege {
    /// Whose objects.
    pub owner: u32,
    /// In which schema; none is all.
    pub schema: Option<String>,
    /// `r` relations, `S` sequences, `f` functions, `T` types, `n` schemas.
    pub kind: String,
    /// What is granted.
    pub acl: Vec<Grant>,
}

/// A publication.
#[derive(Clone, Debug, Deserialize)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: u32,
    /// `for all tables`.
    pub is_of_all: bool,
    /// `for tables in schema`.
    pub schemas: Vec<String>,
    /// Tables, with what chooses their rows.
    pub tables: Vec<PublishedTable>,
}

/// A table of a publication.
#[derive(Clone, Debug, Deserialize)]
pub struct PublishedTable {
    /// Which.
    pub relation: u32,
    /// The row filter.
    pub filter: Option<String>,
}

/// An extension.
#[derive(Clone, Debug, Deserialize)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Its schema.
    pub schema: String,
    /// Its version.
    pub version: String,
}

/// Extended statistics.
#[derive(Clone, Debug, Deserialize)]
pub struct Statistics {
    /// Its name.
    #[serde(flatten)]
    pub name: Name,
    /// Its table.
    pub relation: u32,
    /// Its owner.
    pub owner: u32,
    /// `pg_get_statisticsobjdef`.
    pub definition: String,
}

/// A foreign server.
#[derive(Clone, Debug, Deserialize)]
pub struct ForeignServer {
    /// Its name.
    pub name: String,
    /// Its wrapper: `postgres_fdw`.
    pub wrapper: String,
    /// `USAGE`.
    pub acl: Vec<Grant>,
    /// The roles that are mapped to a login there; 0 is PUBLIC.
    pub mapped: Vec<u32>,
}

/// An event trigger.
#[derive(Clone, Debug, Deserialize)]
pub struct EventTrigger {
    /// Its name.
    pub name: String,
    /// What it calls.
    pub function: u32,
    /// `ddl_command_end`, …
    pub event: String,
    /// Not disabled.
    pub is_enabled: bool,
}

/// Operators of one name in a schema that is not PostgreSQL's own.
#[derive(Clone, Debug, Deserialize)]
pub struct Operator {
    /// The schema.
    pub schema: String,
    /// Its sign.
    pub name: String,
    /// Whether all of them came with extensions: others mean whatever their function answers.
    pub is_of_extension: bool,
}
