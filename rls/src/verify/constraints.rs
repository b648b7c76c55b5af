//! Constraints over all tenants: each answers a question about rows that no policy shows.

use std::collections::{HashMap, HashSet};

use pg_query::NodeEnum;

use super::exclusions::exclusions;
use super::{AppRole, World, names};
use crate::catalog::{Column, Constraint, Index, Relation};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::{Name, ident};
use crate::parser;
use crate::remedy::{Remedy, Step};

/// PostgreSQL cuts longer names.
const NAME_BYTES: usize = 63;

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let catalog = world.catalog;
    let indexes = grouped(catalog.indexes.iter().map(|index| (index.relation, index)));
    let constraints = grouped(catalog.constraints.iter().map(|constraint| (constraint.relation, constraint)));
    for table in world.exposed().filter(|relation| world.is_of_tenants(relation)) {
        let (indexes, constraints) = (of(&indexes, table.oid), of(&constraints, table.oid));
        let it = Table { world, table, indexes, constraints };
        findings.extend(it.constraints.iter().filter_map(|constraint| it.foreign_key(constraint)));
        if let Some(tenant) = it.tenant() {
            findings.extend(it.indexes.iter().filter_map(|index| it.unique(index, tenant)));
            findings.extend(it.constraints.iter().filter_map(|constraint| it.exclusion(constraint, tenant)));
        }
    }
}

fn grouped<'a, T>(pairs: impl Iterator<Item = (u32, &'a T)>) -> HashMap<u32, Vec<&'a T>> {
    let mut groups: HashMap<u32, Vec<&T>> = HashMap::new();
    for (relation, it) in pairs {
        groups.entry(relation).or_default().push(it);
    }
    groups
}

fn of<'g, 'a, T>(groups: &'g HashMap<u32, Vec<&'a T>>, relation: u32) -> &'g [&'a T] {
    groups.get(&relation).map_or(&[], Vec::as_slice)
}

/// A table of tenants, with what constrains it.
struct Table<'w, 'a> {
    world: &'w World<'a>,
    table: &'a Relation,
    indexes: &'w [&'a Index],
    constraints: &'w [&'a Constraint],
}

impl<'w, 'a> Table<'w, 'a> {
    fn tenant(&self) -> Option<&'a Column> {
        self.table.column(self.world.settings.tenant_column(&self.table.name))
    }

    fn column_names(&self, numbers: &[i16]) -> Vec<&'a str> {
        numbers.iter().filter_map(|number| Some(self.table.column_at(*number)?.name.as_str())).collect()
    }

    /// The app's roles that may put values into one of these columns.
    fn writers(&self, columns: &[i16]) -> Vec<&'w AppRole<'a>> {
        let able = |app: &&AppRole<'_>| {
            let of_column = |column: &Column| columns.is_empty() || columns.contains(&column.number);
            self.world.has_usage(&self.table.name.schema, &app.reachable)
                && ["INSERT", "UPDATE"].into_iter().any(|privilege| {
                    self.table.grants(&app.reachable, privilege)
                        || self
                            .table
                            .columns
                            .iter()
                            .filter(|column| of_column(column))
                            .any(|column| crate::catalog::granted(&column.acl, &app.reachable, privilege))
                })
        };
        self.world.app_roles.iter().filter(able).collect()
    }

    // Foreign keys.

    fn foreign_key(&self, key: &Constraint) -> Option<Finding> {
        if key.kind != "f" || (key.is_inherited && self.table.is_partition) {
            return None;
        }
        let parent = self.world.relation(key.references?)?;
        if let Some(finding) = self.shared_parent(key, parent) {
            return Some(finding);
        }
        let parent_tenant = parent.column(self.world.settings.tenant_column(&parent.name))?.number;
        if !self.world.is_tenant_table(parent) || self.names_the_tenant(key, parent_tenant) {
            return None;
        }
        let writers = self.writers(&key.columns);
        if writers.is_empty() || self.policies_look_up(key, parent) {
            return None;
        }
        let (severity, worse) = consequence(key, parent, self.table);
        let columns = self.column_names(&key.columns).join(", ");
        let explanation = format!(
            "{} may point {}({columns}) at rows of {} that belong to other tenants: PostgreSQL checks the key past all \
             policies, and whether it refuses tells which exist.{worse}",
            names(&writers),
            self.table.name,
            parent.name
        );
        Some(
            Finding::verified(Class::ForeignKeyOracle, self.table.name.to_string(), explanation)
                .about(&key.name)
                .weighing(severity)
                .because(format!("constraint {}: {}", ident(&key.name), key.definition))
                .closed_by(self.composite(key, parent, parent_tenant)),
        )
    }

    /// A table of everybody that an app role may delete from, where that deletes or changes rows of tenants.
    fn shared_parent(&self, key: &Constraint, parent: &'a Relation) -> Option<Finding> {
        if !self.world.settings.is_global(&parent.name) || parent.has_rls {
            return None;
        }
        let may = |app: &AppRole<'_>, privilege: &str| {
            let of_key = |number: &i16| {
                let column = parent.column_at(*number);
                column.is_some_and(|column| crate::catalog::granted(&column.acl, &app.reachable, privilege))
            };
            self.world.has_usage(&parent.name.schema, &app.reachable)
                && (parent.grants(&app.reachable, privilege)
                    || (privilege == "UPDATE" && key.referenced_columns.iter().any(of_key)))
        };
        let deeds = [
            ("DELETE", key.on_delete.as_str(), if key.on_delete == "c" { "deletes" } else { "changes" }),
            ("UPDATE", key.on_update.as_str(), "changes"),
        ];
        let reaching = deeds.into_iter().filter(|(_, action, _)| matches!(*action, "c" | "n" | "d"));
        let (privilege, deed, who) = reaching
            .map(|(privilege, _, deed)| {
                let who: Vec<&AppRole<'_>> = self.world.app_roles.iter().filter(|app| may(app, privilege)).collect();
                (privilege, deed, who)
            })
            .find(|(.., who)| !who.is_empty())?;
        let explanation = format!(
            "{} is everybody's, and {} may {privilege} it: that {deed} rows of {} of every tenant, past all policies.",
            parent.name,
            names(&who),
            self.table.name
        );
        let advice = format!(
            "Take {privilege} on {} from the app, or let the key refuse (on delete restrict, on update restrict).",
            parent.name
        );
        Some(
            Finding::verified(Class::ForeignKeyOracle, self.table.name.to_string(), explanation)
                .about(&key.name)
                .weighing(Severity::High)
                .because(format!("constraint {}: {}", ident(&key.name), key.definition))
                .closed_by(Remedy::advice(advice)),
        )
    }

    /// Whether the tenant of this table is compared with that of the other.
    fn names_the_tenant(&self, key: &Constraint, parent_tenant: i16) -> bool {
        let Some(tenant) = self.tenant() else { return false };
        key.columns.iter().zip(&key.referenced_columns).any(|pair| pair == (&tenant.number, &parent_tenant))
    }

    /// Whether what may be written is looked up in the other table first, under its policies: then a row that is not the
    /// tenant's and one that does not exist are refused alike.
    fn policies_look_up(&self, key: &Constraint, parent: &Relation) -> bool {
        let columns = self.column_names(&key.columns);
        let written = |text: &str| {
            let tokens = tokens(text);
            columns.iter().all(|column| tokens.contains(*column)) && tokens.contains(parent.name.name.as_str())
        };
        let writing = |command: &str| matches!(command, "*" | "a" | "w");
        let policies = self.world.policies_of(self.table.oid);
        let mut judged = policies.iter().filter(|policy| writing(&policy.command)).map(|policy| {
            let text = policy.check.as_deref().or(policy.using.as_deref());
            (policy.is_permissive, text.is_some_and(written))
        });
        let all: Vec<(bool, bool)> = judged.by_ref().collect();
        let mut permissive = all.iter().filter(|(is_permissive, _)| *is_permissive).peekable();
        all.iter().any(|(is_permissive, looks)| !is_permissive && *looks)
            || (permissive.peek().is_some() && permissive.all(|(_, looks)| *looks))
    }

    /// Unique on the other side, then a key with the tenant, then the old one goes.
    fn composite(&self, key: &Constraint, parent: &Relation, parent_tenant: i16) -> Remedy {
        let Some(tenant) = self.tenant() else {
            return Remedy::advice(format!(
                "Give {} the column {} of its own, fill it, and reference {} by it as well; or let its policies look the \
                 other row up (exists (select … from {} …)) before it is written.",
                self.table.name, self.world.settings.tenant_column, parent.name, parent.name
            ));
        };
        let quoted = |relation: &Relation, numbers: &[i16]| -> Option<String> {
            let columns: Option<Vec<String>> =
                numbers.iter().map(|number| Some(ident(&relation.column_at(*number)?.name))).collect();
            columns.map(|columns| columns.join(", "))
        };
        let (with, to) = with_tenant(key, tenant.number, parent_tenant);
        let (Some(from_columns), Some(to_columns), Some(own)) =
            (quoted(self.table, &with), quoted(parent, &to), quoted(self.table, &key.columns))
        else {
            return Remedy::advice("Reference the tenant as well, in the same key.");
        };
        let table = &self.table.name;
        let index = shortened(&format!(
            "{}_{}_tenant_key",
            parent.name.name,
            names_at(parent, &key.referenced_columns).join("_")
        ));
        let name = shortened(&format!("{}_tenant", key.name));
        let mut steps = Vec::new();
        if !has_unique(self.world, parent, &to) {
            let place = Name::new(&parent.name.schema, &index).quoted();
            steps.push(Step::alone(
                &parent.name,
                format!(
                    "create unique index concurrently {} on {} ({to_columns})",
                    ident(&index),
                    parent.name.quoted()
                ),
                format!("drop index concurrently if exists {place}"),
            ));
        }
        let action = actions(key, &own);
        // What a run made that stopped at the validation stays, and is validated by the next one.
        let is_there = self.constraints.iter().any(|it| it.name == name && it.kind == "f");
        if !is_there {
            steps.push(Step::on(
                table,
                format!(
                    "alter table {} add constraint {} foreign key ({from_columns}) references {} ({to_columns}){action} not valid",
                    table.quoted(),
                    ident(&name),
                    parent.name.quoted()
                ),
            ));
        }
        steps.push(Step::on(table, format!("alter table {} validate constraint {}", table.quoted(), ident(&name))));
        steps.push(Step::on(table, format!("alter table {} drop constraint {}", table.quoted(), ident(&key.name))));
        Remedy::steps(steps).with_advice(format!(
            "Validate as a superuser or with BYPASSRLS: under FORCE the owner has no rows to check. It fails when rows of one \
             tenant point at rows of another already: correct those first, found by select c.* from {table} c join {} p on {} where c.{} is distinct from p.{}.",
            parent.name,
            matches_of(self.table, parent, key),
            ident(&tenant.name),
            parent.column_at(parent_tenant).map(|column| ident(&column.name)).unwrap_or_default()
        ))
    }

    // Unique keys.

    fn unique(&self, index: &Index, tenant: &Column) -> Option<Finding> {
        if !index.is_unique || index.is_exclusion || self.is_with_the_tenant(index, tenant) {
            return None;
        }
        if self.table.is_partition && self.parent_has_the_same(index) {
            return None;
        }
        let columns: Vec<i16> = index.columns.iter().copied().filter(|number| *number != 0).collect();
        let writers = self.writers(&columns);
        if writers.is_empty() {
            return None;
        }
        let keys = index.keys.join(", ");
        let constraint =
            self.constraints.iter().find(|it| it.index == index.oid && matches!(it.kind.as_str(), "p" | "u"));
        let what = if constraint.is_some_and(|it| it.kind == "p") { "primary key" } else { "unique key" };
        let harmless = self.why_it_tells_nothing(index, tenant);
        let explanation = match harmless {
            Some(why) => format!("The {what} ({keys}) of {} is over all tenants; {why}.", self.table.name),
            None => format!(
                "The {what} ({keys}) of {} is over all tenants: {} is told by a duplicate that another tenant has the \
                 value, and ON CONFLICT meets the other tenant's row.",
                self.table.name,
                names(&writers)
            ),
        };
        let severity = if harmless.is_some() { Severity::Info } else { Severity::Medium };
        Some(
            Finding::verified(Class::UniqueOracle, self.table.name.to_string(), explanation)
                .about(&index.name)
                .weighing(severity)
                .because(&index.definition)
                .closed_by(self.unique_with_tenant(index, constraint.copied(), tenant)),
        )
    }

    fn is_with_the_tenant(&self, index: &Index, tenant: &Column) -> bool {
        let mentions = |key: &String| tokens(key).contains(tenant.name.as_str());
        index.columns.contains(&tenant.number)
            || index.columns.iter().zip(&index.keys).any(|(column, key)| *column == 0 && mentions(key))
    }

    fn parent_has_the_same(&self, index: &Index) -> bool {
        let indexes = &self.world.catalog.indexes;
        self.table.parents.iter().any(|parent| {
            indexes.iter().any(|other| other.relation == *parent && other.is_unique && other.keys == index.keys)
        })
    }

    /// What makes a key that has no tenant say nothing: values that nobody can guess, or that say nothing.
    fn why_it_tells_nothing(&self, index: &Index, tenant: &Column) -> Option<&'static str> {
        if index.columns.iter().all(|number| *number != 0) && self.is_root(tenant) {
            return Some("it is the table of the tenants themselves, whose names are shared by design");
        }
        let columns: Vec<&Column> = index.columns.iter().filter_map(|number| self.table.column_at(*number)).collect();
        let predicate_of_one = index.columns.len() == columns.len();
        if columns.iter().any(|column| is_unguessable(column)) {
            return Some("its values cannot be guessed");
        }
        if predicate_of_one && columns.len() == 1 && is_surrogate(columns[0]) {
            return Some("its values are made by the database, and tell only that rows exist");
        }
        None
    }

    /// Whether each row is a tenant.
    fn is_root(&self, tenant: &Column) -> bool {
        let alone = |columns: &[i16]| columns.len() == 1 && columns[0] == tenant.number;
        self.constraints.iter().any(|it| it.kind == "p" && alone(&it.columns))
    }

    fn unique_with_tenant(&self, index: &Index, constraint: Option<&Constraint>, tenant: &Column) -> Remedy {
        let is_referenced = constraint.is_some_and(|it| self.is_referenced(it));
        if is_referenced || constraint.is_some_and(|it| it.kind == "p") {
            return Remedy::advice(format!(
                "Make {} a part of the key ({}, {}), and of the foreign keys that refer to it; or give the table a uuid \
                 as its key, and the natural key a unique index that begins with the tenant.",
                ident(&tenant.name),
                tenant.name,
                index.keys.join(", ")
            ));
        }
        let table = &self.table.name;
        let name = shortened(&format!("{}_tenant", index.name));
        let Some(sql) = with_first_key(&index.definition, &name, &tenant.name) else {
            return Remedy::advice(format!(
                "Make a unique index that begins with {}, then drop this one.",
                tenant.name
            ));
        };
        let drop = match constraint {
            Some(it) => format!("alter table {} drop constraint {}", table.quoted(), ident(&it.name)),
            None => format!("drop index {}", Name::new(&table.schema, &index.name).quoted()),
        };
        let undo = format!("drop index concurrently if exists {}", Name::new(&table.schema, &name).quoted());
        Remedy::steps([Step::alone(table, sql, undo), Step::on(table, drop)]).with_advice(
            "An insert with ON CONFLICT on the old columns has to name the tenant as well from then on, and what looks a \
             row up by this value alone (signing in by email) may find one a tenant.",
        )
    }

    fn is_referenced(&self, key: &Constraint) -> bool {
        let mut columns = key.columns.clone();
        columns.sort_unstable();
        self.world.catalog.constraints.iter().any(|other| {
            let mut referenced = other.referenced_columns.clone();
            referenced.sort_unstable();
            other.kind == "f" && other.references == Some(self.table.oid) && referenced == columns
        })
    }

    // Exclusion.

    fn exclusion(&self, constraint: &Constraint, tenant: &Column) -> Option<Finding> {
        if constraint.kind != "x" || (constraint.is_inherited && self.table.is_partition) {
            return None;
        }
        let elements = exclusions(&constraint.definition);
        // The range of nothing overlaps every other.
        let is_whole = tenant.is_not_null || !constraint.definition.contains("range(");
        let of_tenant = |(key, operator): &(String, String)| is_whole && operator == "=" && key == &tenant.name;
        let writers = self.writers(&[]);
        if writers.is_empty() || elements.as_ref().is_some_and(|elements| elements.iter().any(of_tenant)) {
            return None;
        }
        let explanation = format!(
            "The exclusion constraint {} of {} is over all tenants: {} is told by a conflict what another tenant has, and \
             can keep others from having it.",
            constraint.name,
            self.table.name,
            names(&writers)
        );
        let advice = format!(
            "Add the constraint anew with {} with = as its first element (for gist, of a scalar type, that needs the \
             extension btree_gist), then drop the old one. PostgreSQL cannot add an exclusion constraint without \
             locking the table while it is built.",
            ident(&tenant.name)
        );
        Some(
            Finding::verified(Class::ExclusionOracle, self.table.name.to_string(), explanation)
                .about(&constraint.name)
                .because(format!("constraint {}: {}", ident(&constraint.name), constraint.definition))
                .closed_by(Remedy::advice(advice)),
        )
    }
}

/// What a foreign key without the tenant leads to beyond telling.
fn consequence(key: &Constraint, parent: &Relation, table: &Relation) -> (Severity, String) {
    let verb = match (key.on_delete.as_str(), key.on_update.as_str()) {
        ("c", _) => "delete",
        ("n" | "d", _) | (_, "c" | "n" | "d") => "change",
        _ => return (Severity::Medium, String::new()),
    };
    let worse = format!(
        " And where rows point across tenants, one tenant's change to {} will {verb} another's rows of {}, past all policies.",
        parent.name, table.name
    );
    (Severity::High, worse)
}

/// The columns of the key and those that it refers to, the tenants first, each once.
fn with_tenant(key: &Constraint, tenant: i16, parent_tenant: i16) -> (Vec<i16>, Vec<i16>) {
    let pairs = key.columns.iter().copied().zip(key.referenced_columns.iter().copied());
    let others = pairs.filter(|(own, other)| *own != tenant && *other != parent_tenant);
    std::iter::once((tenant, parent_tenant)).chain(others).unzip()
}

fn has_unique(world: &World<'_>, table: &Relation, columns: &[i16]) -> bool {
    let wanted: HashSet<i16> = columns.iter().copied().collect();
    world.catalog.indexes_of(table.oid).any(|index| {
        let has: HashSet<i16> = index.columns.iter().copied().collect();
        index.is_unique && index.is_valid && index.predicate.is_none() && has == wanted
    })
}

/// The same actions; `set null` of the old columns alone, so that the tenant stays.
fn actions(key: &Constraint, own: &str) -> String {
    let action = |code: &str, own: &str| match code {
        "r" => "restrict".to_owned(),
        "c" => "cascade".to_owned(),
        "n" => format!("set null{own}"),
        "d" => format!("set default{own}"),
        _ => "no action".to_owned(),
    };
    let mut written = String::new();
    if key.on_delete != "a" {
        written += &format!(" on delete {}", action(&key.on_delete, &format!(" ({own})")));
    }
    if key.on_update != "a" && matches!(key.on_update.as_str(), "c" | "r") {
        written += &format!(" on update {}", action(&key.on_update, ""));
    }
    written + deferral(&key.definition)
}

/// When it is checked, as PostgreSQL prints it behind the actions.
fn deferral(definition: &str) -> &'static str {
    let written = definition.strip_suffix(" NOT VALID").unwrap_or(definition);
    if written.ends_with(" DEFERRABLE INITIALLY DEFERRED") {
        " deferrable initially deferred"
    } else if written.ends_with(" DEFERRABLE") {
        " deferrable"
    } else {
        ""
    }
}

fn names_at(relation: &Relation, numbers: &[i16]) -> Vec<String> {
    numbers.iter().filter_map(|number| Some(relation.column_at(*number)?.name.clone())).collect()
}

fn matches_of(table: &Relation, parent: &Relation, key: &Constraint) -> String {
    let pairs = key.columns.iter().zip(&key.referenced_columns).filter_map(|(from, to)| {
        Some(format!("c.{} = p.{}", ident(&table.column_at(*from)?.name), ident(&parent.column_at(*to)?.name)))
    });
    pairs.collect::<Vec<_>>().join(" and ")
}

/// Whether nobody can try its values out: uuids, and what stands for a secret.
fn is_unguessable(column: &Column) -> bool {
    const SECRETS: &[&str] = &["token", "secret", "hash", "digest", "fingerprint", "nonce", "signature", "checksum"];
    let name = column.name.to_ascii_lowercase();
    matches!(column.type_name.as_str(), "uuid" | "bytea") || SECRETS.iter().any(|word| name.contains(word))
}

/// Whether its values are made, not chosen: identity, a sequence, chance; or it is called as such a key is.
fn is_surrogate(column: &Column) -> bool {
    const NAMES: &[&str] = &["id", "uid", "uuid", "guid", "cuid", "ulid", "pk", "oid"];
    let made = |text: &str| {
        text.contains("nextval(") || text.contains("random") || text.contains("uuid") || text.contains("ulid")
    };
    !column.identity.is_empty()
        || column.default.as_deref().is_some_and(made)
        || NAMES.contains(&column.name.to_ascii_lowercase().as_str())
}

/// The words of an expression, without quotes.
fn tokens(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '_' || c.is_alphanumeric()) {
        rest = &rest[at..];
        let (word, after) = if rest.starts_with('"') { quoted_word(rest) } else { plain_word(rest) };
        found.insert(word);
        rest = after;
    }
    found
}

fn quoted_word(text: &str) -> (String, &str) {
    let (mut word, mut chars) = (String::new(), text.char_indices().skip(1).peekable());
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            word.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            word.push('"');
            chars.next();
        } else {
            return (word, &text[at + 1..]);
        }
    }
    (word, "")
}

fn plain_word(text: &str) -> (String, &str) {
    let end = text.find(|c: char| c != '_' && c != '$' && !c.is_alphanumeric()).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// A name that PostgreSQL will not cut, and so not take for another's.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_BYTES {
        return name.to_owned();
    }
    let sum = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut end = NAME_BYTES - 17;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{sum:016x}", &name[..end])
}

/// The same index under another name, built concurrently, with the tenant before its other keys.
fn with_first_key(definition: &str, name: &str, tenant: &str) -> Option<String> {
    let mut tree = parser::sql(definition)?;
    let node = tree.stmts.first_mut()?.stmt.as_mut()?.node.as_mut()?;
    let NodeEnum::IndexStmt(index) = node else { return None };
    let mut first = index.index_params.first()?.clone();
    let Some(NodeEnum::IndexElem(element)) = first.node.as_mut() else { return None };
    **element =
        pg_query::protobuf::IndexElem { name: tenant.to_owned(), ordering: 1, nulls_ordering: 1, ..Default::default() };
    index.index_params.insert(0, first);
    index.concurrent = true;
    name.clone_into(&mut index.idxname);
    parser::written(tree)
}

#[cfg(test)]
mod tests {
    use super::{shortened, tokens, with_first_key};

    #[test]
    fn an_index_is_made_again_with_the_tenant_first() {
        let definition =
            "CREATE UNIQUE INDEX users_email ON public.users USING btree (lower(email)) WHERE (gone IS NULL)";
        let again = with_first_key(definition, "users_email_tenant", "tenant id").unwrap();
        assert!(again.starts_with("CREATE UNIQUE INDEX CONCURRENTLY users_email_tenant"), "{again}");
        assert!(again.contains("(\"tenant id\", lower(email))") && again.contains("WHERE"), "{again}");
    }

    #[test]
    fn words_are_whole_and_names_are_short() {
        assert!(tokens("lower((\"tenant \"\"id\"::text || email))").contains("tenant \"id"));
        assert!(!tokens("tenant_id_old").contains("tenant_id"));
        assert!(shortened(&"ü".repeat(80)).len() <= 63);
    }
}
