//! What is known before anything is tried: keys, references, whose a column is, and what rows should hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::facts::Facts;
use super::harvest;
use super::identity::{Identity, base};
use super::values::Value;
use crate::catalog::{Column, Function, Policy, Relation, RelationKind};
use crate::config::Context;
use crate::name::literal;
use crate::verify::World;

/// Bodies that speak of one table: beyond these, what they say is said already.
const BODIES: usize = 40;
/// Names of columns that hold a person.
const PEOPLE: &[&str] = &[
    "user_id",
    "owner_id",
    "owner",
    "created_by",
    "author_id",
    "author",
    "user",
    "uid",
    "assignee_id",
    "profile_id",
    "uploaded_by",
    "creator_id",
    "updated_by",
    "member_id",
    "person_id",
];

/// A foreign key.
#[derive(Clone, Debug)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) target: u32,
    pub(super) targets: Vec<String>,
}

/// A unique key, or one that excludes.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    /// Its columns; those in expressions too.
    pub(super) columns: Vec<String>,
    /// Columns by which a row is in it or not, besides whose it is: of a partial one.
    pub(super) beside: Vec<String>,
    pub(super) is_primary: bool,
    pub(super) is_exclusion: bool,
    /// Whether one of its parts is an expression, or only some rows are in it.
    pub(super) is_plain: bool,
}

/// What a row holds that is not chosen by type.
pub(super) type Overrides = BTreeMap<String, Value>;

/// What is known before anything is tried.
#[derive(Debug)]
pub(super) struct Plan<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) facts: &'w Facts,
    numbers: HashMap<u32, usize>,
    keys: HashMap<u32, Vec<ForeignKey>>,
    unique: HashMap<u32, Vec<Key>>,
    spoken: HashMap<u32, Vec<String>>,
    pub(super) covering: HashMap<u32, Vec<Overrides>>,
    looked_up: HashMap<u32, Vec<&'w Relation>>,
    asked: HashMap<(u32, String), String>,
    pub(super) user_type: String,
    people: BTreeSet<(u32, String)>,
}

impl<'w> Plan<'w> {
    pub(super) fn new(world: &'w World<'w>, facts: &'w Facts) -> Self {
        let catalog = world.catalog;
        let numbers = catalog.relations.iter().enumerate().map(|(at, relation)| (relation.oid, at + 1)).collect();
        let mut plan = Self {
            world,
            facts,
            numbers,
            keys: foreign_keys(world),
            unique: HashMap::new(),
            spoken: HashMap::new(),
            covering: HashMap::new(),
            looked_up: HashMap::new(),
            asked: HashMap::new(),
            user_type: "uuid".to_owned(),
            people: BTreeSet::new(),
        };
        plan.find_people();
        let tables: Vec<&'w Relation> =
            catalog.relations.iter().filter(|table| table.is_table() && table.extension.is_none()).collect();
        let mut by_name: HashMap<&str, Vec<&'w Relation>> = HashMap::new();
        tables.iter().for_each(|table| by_name.entry(&table.name.name).or_default().push(table));
        let mut functions: HashMap<&str, Vec<&'w Function>> = HashMap::new();
        let own = catalog.functions.iter().filter(|function| function.extension.is_none());
        own.for_each(|function| functions.entry(&function.name.name).or_default().push(function));
        let bodies = plan.bodies();
        plan.unique = plan.find_all_keys();
        plan.spoken = tables.iter().map(|table| (table.oid, plan.find_texts(table, &bodies))).collect();
        plan.covering = tables.iter().map(|table| (table.oid, plan.cover(table))).collect();
        for table in tables {
            let text = plan.policy_text(table, &functions);
            let looked_up = find_looked_up(table, &text, &by_name);
            for other in &looked_up {
                plan.note_asked(other, &text);
            }
            plan.looked_up.insert(table.oid, looked_up);
        }
        plan
    }

    /// What policies ask of a table that they look up: `role = 'admin'`.
    fn note_asked(&mut self, table: &'w Relation, text: &str) {
        for column in &table.columns {
            if let Some(value) = harvest::compared(text, &column.name).into_iter().next() {
                self.asked.entry((table.oid, column.name.clone())).or_insert(value);
            }
        }
    }

    /// The value that lets somebody do most, where policies look a table up.
    pub(super) fn asked(&self, relation: &Relation, column: &Column) -> Option<Value> {
        self.asked.get(&(relation.oid, column.name.clone())).map(|value| Value::Text(value.clone()))
    }

    fn find_people(&mut self) {
        let world = self.world;
        let membership = world.settings.context.membership();
        let table = membership.and_then(|membership| world.relation_meant(&membership.table));
        self.people.extend(membership.zip(table).map(|(membership, table)| (table.oid, membership.user.clone())));
        for relation in world.exposed() {
            let column = world.settings.of_table(&relation.name).and_then(|table| table.user_column.clone());
            self.people.extend(column.map(|column| (relation.oid, column)));
        }
        let asked = self.asked_people();
        self.people.extend(asked);
        let known = self
            .people
            .iter()
            .find_map(|(table, column)| world.relation(*table)?.column(column).map(|column| column.type_name.clone()));
        self.user_type = known.or_else(|| self.usual_user_type()).unwrap_or_else(|| "uuid".to_owned());
    }

    /// Columns that policies compare with whoever asks.
    fn asked_people(&self) -> Vec<(u32, String)> {
        let world = self.world;
        let marks: Vec<String> = match &world.settings.context {
            Context::Guc { vars, .. } => {
                let people = vars.iter().filter(|(_, value)| value.contains("$user") && !value.contains("$tenant"));
                people.map(|(name, _)| literal(name)).collect()
            }
            Context::JwtClaims { .. } => vec!["auth.uid()".to_owned(), "'sub'".to_owned()],
            Context::Role { .. } => Vec::new(),
        };
        let mut found = Vec::new();
        for relation in world.exposed().filter(|relation| relation.is_table()) {
            let tenant = world.settings.tenant_column(&relation.name);
            for column in relation.columns.iter().filter(|column| column.name != tenant) {
                let speaks = |policy: &&Policy, text: &str| {
                    policy.relation == relation.oid || harvest::mentions(text, &relation.name.name)
                };
                let mut texts = world.catalog.policies.iter().flat_map(|policy| {
                    policy.using.iter().chain(&policy.check).filter(move |text| speaks(&policy, text))
                });
                if texts.any(|text| harvest::is_asked_of(text, &column.name, &marks)) {
                    found.push((relation.oid, column.name.clone()));
                }
            }
        }
        found
    }

    /// Tenants that a table's policies name.
    pub(super) fn named_tenants(&self, relation: &'w Relation) -> BTreeSet<String> {
        let Some(tenant) = self.tenant_column(relation) else { return BTreeSet::new() };
        if matches!(self.world.settings.context, Context::Role { .. }) {
            return BTreeSet::new();
        }
        let policies = self.world.policies_of(relation.oid).iter();
        let texts = policies.flat_map(|policy| policy.using.iter().chain(&policy.check));
        texts.flat_map(|text| harvest::compared(text, &tenant.name)).take(4).collect()
    }

    fn usual_user_type(&self) -> Option<String> {
        let named = |relation: &'w Relation| relation.columns.iter().find(|column| column.name == "user_id");
        self.world.exposed().find_map(named).map(|column| column.type_name.clone())
    }

    /// A small number of a table's own, which its canaries carry.
    pub(super) fn number(&self, table: u32) -> usize {
        self.numbers.get(&table).copied().unwrap_or_default()
    }

    /// The relation whose canaries carry this number.
    pub(super) fn numbered(&self, number: usize) -> Option<&'w Relation> {
        self.world.catalog.relations.get(number.checked_sub(1)?)
    }

    pub(super) fn foreign_keys(&self, table: u32) -> &[ForeignKey] {
        self.keys.get(&table).map_or(&[], Vec::as_slice)
    }

    /// The column that says whose a row is, where there is one.
    pub(super) fn tenant_column(&self, relation: &'w Relation) -> Option<&'w Column> {
        if self.world.settings.is_global(&relation.name) {
            return None;
        }
        relation.column(self.world.settings.tenant_column(&relation.name))
    }

    /// What a column holds for being somebody's: the tenant, or the person.
    pub(super) fn owner_value(&self, relation: &'w Relation, column: &Column, identity: &Identity) -> Option<String> {
        let membership = self.world.settings.context.membership();
        let of_membership =
            membership.filter(|known| self.world.relation_meant(&known.table).map(|it| it.oid) == Some(relation.oid));
        if of_membership.is_some_and(|known| known.tenant == column.name) {
            return Some(identity.tenant.clone());
        }
        if self.is_person(relation, column) {
            return Some(identity.user.clone());
        }
        (column.name == self.world.settings.tenant_column(&relation.name)).then(|| identity.tenant.clone())
    }

    /// What makes a row of a tenant's table somebody's; in the table that says who belongs where, that is its meaning.
    pub(super) fn by(&self, relation: &'w Relation, identity: &Identity) -> Option<Overrides> {
        self.tenant_column(relation)?;
        let membership = self.world.settings.context.membership();
        if membership.is_some_and(|known| relation.name.is_meant_by(&known.table)) {
            return None;
        }
        let people = relation.columns.iter().filter(|column| column.generated.is_empty());
        let people = people.filter(|column| self.is_person(relation, column));
        let row: Overrides = people.map(|column| (column.name.clone(), Value::Text(identity.user.clone()))).collect();
        (!row.is_empty()).then_some(row)
    }

    /// Whether a file's tenant is made of its name.
    pub(super) fn is_made_of_name(&self, relation: &'w Relation) -> bool {
        let is_made = |tenant: &Column| !tenant.generated.is_empty();
        self.world.holds_files(relation) && self.tenant_column(relation).is_some_and(is_made)
    }

    /// Whether a column holds people.
    pub(super) fn is_person(&self, relation: &Relation, column: &Column) -> bool {
        self.people.contains(&(relation.oid, column.name.clone()))
            || (PEOPLE.contains(&column.name.to_ascii_lowercase().as_str())
                && base(self.facts.base(&column.type_name)) == base(self.facts.base(&self.user_type)))
    }

    /// The unique and excluding keys of a table.
    pub(super) fn keys(&self, relation: &Relation) -> &[Key] {
        self.unique.get(&relation.oid).map_or(&[], Vec::as_slice)
    }

    /// Whether a trigger of it waits for the end of a transaction.
    pub(super) fn waits_for_the_end(&self, relation: &Relation) -> bool {
        let mut triggers = self.world.catalog.triggers.iter().filter(|trigger| trigger.relation == relation.oid);
        triggers.any(|trigger| trigger.is_enabled && trigger.definition.contains("INITIALLY DEFERRED"))
    }

    /// Whether each row that is referred to has one row alone that refers.
    pub(super) fn is_one_to_one(&self, relation: &Relation, key: &ForeignKey) -> bool {
        let tenant = self.world.settings.tenant_column(&relation.name);
        let refers = |name: &String| key.columns.contains(name) && name != tenant;
        let is_within = |name: &String| name == tenant || key.columns.contains(name);
        self.keys(relation)
            .iter()
            .any(|unique| unique.is_plain && unique.columns.iter().all(is_within) && unique.columns.iter().any(refers))
    }

    fn find_all_keys(&self) -> HashMap<u32, Vec<Key>> {
        let catalog = self.world.catalog;
        let constraints = catalog.constraints.iter().filter(|constraint| constraint.kind == "p");
        let primary: BTreeSet<u32> = constraints.map(|constraint| constraint.index).collect();
        let mut found: HashMap<u32, Vec<Key>> = HashMap::new();
        for index in catalog.indexes.iter().filter(|index| (index.is_unique || index.is_exclusion) && index.is_valid) {
            let Some(relation) = self.world.relation(index.relation) else { continue };
            let plain = index.columns.iter().filter_map(|number| relation.column_at(*number));
            let mut columns: Vec<String> = plain.map(|column| column.name.clone()).collect();
            let expressions = index.keys.iter().zip(&index.columns).filter(|(_, number)| **number == 0);
            let inside = |text: &String| {
                let inside = relation.columns.iter().filter(|column| harvest::mentions(text, &column.name));
                inside.map(|column| column.name.clone()).collect::<Vec<_>>()
            };
            columns.extend(expressions.flat_map(|(text, _)| inside(text)));
            let mut beside = index.predicate.iter().flat_map(inside).collect::<Vec<_>>();
            let tenant = self.world.settings.tenant_column(&relation.name);
            beside.retain(|name| name != tenant && !columns.contains(name));
            found.entry(relation.oid).or_default().push(Key {
                name: index.name.clone(),
                columns,
                beside,
                is_primary: primary.contains(&index.oid),
                is_exclusion: index.is_exclusion,
                is_plain: !index.columns.contains(&0) && index.predicate.is_none(),
            });
        }
        found
    }

    /// What speaks of a table: its policies, the functions and views in which its name stands.
    pub(super) fn texts(&self, relation: &Relation) -> &[String] {
        self.spoken.get(&relation.oid).map_or(&[], Vec::as_slice)
    }

    /// Bodies of functions and definitions of views, by the words in them.
    fn bodies(&self) -> HashMap<&'w str, Vec<&'w String>> {
        let catalog = self.world.catalog;
        let functions = catalog.functions.iter().filter(|function| function.extension.is_none());
        let functions = functions.flat_map(|function| std::iter::once(&function.source).chain(&function.sql_body));
        let views = catalog
            .relations
            .iter()
            .filter(|view| view.extension.is_none())
            .filter_map(|view| view.definition.as_ref());
        let mut found: HashMap<&'w str, Vec<&'w String>> = HashMap::new();
        for text in functions.chain(views) {
            for word in harvest::words(text) {
                found.entry(word).or_default().push(text);
            }
        }
        found
    }

    fn find_texts(&self, relation: &Relation, bodies: &HashMap<&str, Vec<&String>>) -> Vec<String> {
        let policies =
            self.world.policies_of(relation.oid).iter().flat_map(|policy| policy.using.iter().chain(&policy.check));
        let about = bodies.get(relation.name.name.as_str()).into_iter().flatten().take(BODIES);
        // What is generated is what its columns make it.
        let generated = relation.columns.iter().filter(|column| !column.generated.is_empty());
        let made = generated.filter_map(|column| column.default.as_ref());
        policies.chain(about.copied()).chain(made).cloned().collect()
    }

    /// The tables that a table's policies look up, and what the functions that they call do.
    pub(super) fn looked_up(&self, relation: &'w Relation) -> &[&'w Relation] {
        self.looked_up.get(&relation.oid).map_or(&[], Vec::as_slice)
    }

    /// A table's policies, and the bodies of the functions that they call.
    fn policy_text(&self, relation: &Relation, functions: &HashMap<&str, Vec<&'w Function>>) -> String {
        let policies = self.world.policies_of(relation.oid).iter();
        let mut text: String = policies
            .flat_map(|policy| policy.using.iter().chain(&policy.check))
            .fold(String::new(), |all, one| all + one + "\n");
        for _ in 0..3 {
            let called = harvest::words(&text).into_iter().flat_map(|word| functions.get(word).into_iter().flatten());
            let bodies = called.map(|function| function.body().to_owned());
            let bodies: Vec<String> = bodies.filter(|body| !text.contains(body.as_str())).collect();
            bodies.iter().for_each(|body| text.push_str(body));
        }
        text
    }

    /// What a column would refer to, were there a key: `project_id`, where there is a table of projects.
    pub(super) fn link(&self, relation: &'w Relation, column: &Column) -> Option<(&'w Relation, String)> {
        self.world.linked_by_name(relation, column).map(|table| (table, "id".to_owned()))
    }

    /// The table and all that its rows refer to, for the smallest script.
    pub(super) fn closure(&self, tables: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut open: Vec<u32> = tables.into_iter().collect();
        let mut found: BTreeSet<u32> = open.iter().copied().collect();
        while let Some(table) = open.pop() {
            let targets = self.foreign_keys(table).iter().map(|key| key.target);
            open.extend(targets.filter(|target| found.insert(*target)));
        }
        found
    }

    /// Whether a table's rows can be traced to a tenant: by a column of their own, a person, or what they refer to.
    pub(super) fn is_of_tenants(&self, relation: &'w Relation) -> bool {
        let owned = |table: &'w Relation| {
            !self.world.settings.is_global(&table.name)
                && (self.tenant_column(table).is_some()
                    || table.columns.iter().any(|column| self.people.contains(&(table.oid, column.name.clone()))))
        };
        let by_person = relation.has_rls && relation.columns.iter().any(|column| self.is_person(relation, column));
        let reaches = |table: &Relation| {
            self.closure([table.oid]).into_iter().filter_map(|table| self.world.relation(table)).any(owned)
        };
        // By the names of its columns; where nothing guards a table, by ids alone, which are of no other.
        let linked = |column: &Column| {
            let is_told = relation.has_rls || column.plain_type() == "uuid";
            is_told && self.link(relation, column).is_some_and(|(table, _)| reaches(table))
        };
        !self.world.settings.is_global(&relation.name)
            && (by_person || reaches(relation) || relation.columns.iter().any(linked))
    }

    /// The table at the top of a partition or an inheriting table.
    pub(super) fn root(&self, relation: &'w Relation) -> &'w Relation {
        let mut top = relation;
        for _ in 0..16 {
            match top.parents.first().and_then(|parent| self.world.relation(*parent)) {
                Some(parent) if parent.kind != RelationKind::Foreign => top = parent,
                _ => break,
            }
        }
        top
    }
}

/// The tables that a text speaks of, the policies' own aside.
fn find_looked_up<'w>(relation: &Relation, text: &str, tables: &HashMap<&str, Vec<&'w Relation>>) -> Vec<&'w Relation> {
    let named = harvest::words(text).into_iter().flat_map(|word| tables.get(word).into_iter().flatten());
    named.copied().filter(|table| table.oid != relation.oid).collect()
}

fn foreign_keys(world: &World<'_>) -> HashMap<u32, Vec<ForeignKey>> {
    let mut found: HashMap<u32, Vec<ForeignKey>> = HashMap::new();
    for constraint in world.catalog.constraints.iter().filter(|constraint| constraint.kind == "f") {
        let Some((relation, target)) =
            world.relation(constraint.relation).zip(constraint.references.and_then(|oid| world.relation(oid)))
        else {
            continue;
        };
        let names = |relation: &Relation, numbers: &[i16]| -> Vec<String> {
            numbers.iter().filter_map(|number| relation.column_at(*number)).map(|column| column.name.clone()).collect()
        };
        let columns = names(relation, &constraint.columns);
        let targets = names(target, &constraint.referenced_columns);
        // A partitioned target is referred to once more by each partition: those are the same key.
        let known = found.entry(relation.oid).or_default();
        if columns.len() == targets.len() && !target.is_partition {
            known.push(ForeignKey { name: constraint.name.clone(), columns, target: target.oid, targets });
        }
    }
    found
}
