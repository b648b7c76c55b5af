//! The rows that a table should have beside the first: what is rare is what opens.

use std::collections::BTreeSet;

use super::covering::ASKER;
use super::harvest;
use super::identity::{Pair, Side, base};
use super::plan::{Overrides, Plan};
use super::values::Value;
use crate::catalog::{Column, Relation};

/// Rows of one table and tenant, beyond the first two: what is not among the first is rarely what leaks.
const VARIANTS: usize = 56;

impl<'w> Plan<'w> {
    /// The rows that a tenant should have beside the first: each literal and each truth that is spoken of, the
    /// opposite of the first, and one with nothing but what must be.
    pub(super) fn variants(&self, relation: &'w Relation, pair: &Pair, side: Side) -> Vec<Overrides> {
        let truths: Vec<&Column> =
            relation.columns.iter().filter(|column| self.facts.base(&column.type_name) == "boolean").collect();
        let opposite: Overrides =
            truths.iter().map(|column| (column.name.clone(), Value::Text("false".to_owned()))).collect();
        let mut found = vec![opposite];
        found.extend(self.combined(relation, &pair.a.tenant));
        for text in self.texts(relation) {
            self.add_spoken_of(relation, text, &mut found);
            self.add_owned(relation, text, pair, side, &mut found);
            self.add_whole(relation, text, pair, side, &mut found);
        }
        found.push(self.bare(relation));
        found.push(truths.iter().map(|column| (column.name.clone(), Value::Text("true".to_owned()))).collect());
        found.push(self.twin(relation));
        let mut seen = BTreeSet::new();
        found.retain(|row| seen.insert(format!("{row:?}")));
        found.truncate(VARIANTS);
        found
    }

    /// Rows of what is asked of several columns at once; those that decide whose a row is are not among them.
    pub(super) fn cover(&self, relation: &'w Relation) -> Vec<Overrides> {
        let tenant = self.world.settings.tenant_column(&relation.name);
        let keyed = |column: &Column| {
            let of_keys = self.keys(relation).iter().any(|key| key.columns.contains(&column.name));
            of_keys || self.foreign_keys(relation.oid).iter().any(|key| key.columns.contains(&column.name))
        };
        let free = |column: &&Column| {
            column.generated.is_empty() && column.name != tenant && !keyed(column) && !self.is_person(relation, column)
        };
        let columns: Vec<&Column> = relation.columns.iter().filter(free).collect();
        let checks = self.world.constraints_of(relation.oid).iter().filter(|check| check.kind == "c");
        let checks: Vec<&str> = checks.map(|check| check.definition.as_str()).collect();
        let tenant_type = self.facts.base(&self.world.settings.tenant_type);
        super::covering::rows(&columns, self.texts(relation), &checks, tenant_type, self.facts)
    }

    /// The rows in which what is asked of several columns meets, for whoever asks.
    pub(super) fn combined(&self, relation: &Relation, asker: &str) -> Vec<Overrides> {
        let own = |value: &Value| match value {
            Value::Text(text) if text == ASKER => Value::Text(asker.to_owned()),
            other => other.clone(),
        };
        let rows = self.covering.get(&relation.oid).into_iter().flatten();
        rows.map(|row| row.iter().map(|(name, value)| (name.clone(), own(value))).collect()).collect()
    }

    /// Nothing but what must be.
    pub(super) fn bare(&self, relation: &'w Relation) -> Overrides {
        let tenant = self.world.settings.tenant_column(&relation.name);
        let least = |column: &Column| {
            let begins = column.default.as_deref().is_some_and(|text| text.starts_with('\''));
            match (column.is_not_null, begins) {
                (false, _) => Some(Value::Null),
                (true, true) => Some(Value::Default),
                (true, false) => None,
            }
        };
        let free = relation.columns.iter().filter(|column| column.generated.is_empty() && column.name != tenant);
        free.filter_map(|column| Some((column.name.clone(), least(column)?))).collect()
    }

    /// The same texts in a row of every tenant, for what joins by them.
    pub(super) fn twin(&self, relation: &'w Relation) -> Overrides {
        let keys = self.keys(relation);
        let checked: BTreeSet<i16> = self
            .world
            .catalog
            .constraints_of(relation.oid)
            .filter(|it| it.kind == "c" || it.kind == "f")
            .flat_map(|it| it.columns.iter().copied())
            .collect();
        let free = |column: &&Column| {
            column.type_name == "text"
                && column.generated.is_empty()
                && !checked.contains(&column.number)
                && !keys.iter().any(|key| key.columns.contains(&column.name))
                && column.name != self.world.settings.tenant_column(&relation.name)
        };
        relation
            .columns
            .iter()
            .filter(free)
            .map(|column| (column.name.clone(), Value::Text("canary_a_twin".to_owned())))
            .collect()
    }

    /// Rows of B that say by another column than the tenant's that they are A's: by a person, a role, a document.
    fn add_owned(&self, relation: &'w Relation, text: &str, pair: &Pair, side: Side, found: &mut Vec<Overrides>) {
        if side == Side::A {
            return;
        }
        let tenant = self.world.settings.tenant_column(&relation.name);
        let asks_role =
            ["current_user", "session_user", "CURRENT_USER", "SESSION_USER"].iter().any(|word| text.contains(word));
        let free = |column: &&Column| {
            !self.is_person(relation, column)
                && column.name != tenant
                && column.generated.is_empty()
                && harvest::mentions(text, &column.name)
                && !self.foreign_keys(relation.oid).iter().any(|key| key.columns.contains(&column.name))
                && !self.keys(relation).iter().any(|key| key.columns.contains(&column.name))
        };
        for column in relation.columns.iter().filter(free) {
            let plain = base(self.facts.base(&column.type_name));
            let mut values = Vec::new();
            if plain == base(self.facts.base(&self.world.settings.tenant_type)) {
                values.push(pair.a.tenant.clone());
            }
            if plain == base(self.facts.base(&self.user_type)) {
                values.push(pair.a.user.clone());
            }
            if asks_role && matches!(plain, "text" | "name" | "character varying") {
                values.extend(self.world.settings.app_roles.iter().cloned());
            }
            if matches!(plain, "json" | "jsonb") {
                for value in [&pair.b.tenant, &pair.a.tenant] {
                    let object: serde_json::Map<_, _> =
                        harvest::values(text).into_iter().map(|key| (key, value.clone().into())).collect();
                    values.push(serde_json::Value::Object(object).to_string());
                }
            }
            found.extend(values.into_iter().map(|value| Overrides::from([(column.name.clone(), Value::Text(value))])));
        }
    }

    /// Rows that are all that a condition names at once; of B's, some whose other texts hold A's name.
    fn add_whole(&self, relation: &'w Relation, text: &str, pair: &Pair, side: Side, found: &mut Vec<Overrides>) {
        let Some(tenant) = self.tenant_column(relation) else { return };
        let refers = |name: &String| self.foreign_keys(relation.oid).iter().any(|key| key.columns.contains(name));
        let spoken: Vec<&Column> = relation
            .columns
            .iter()
            .filter(|column| column.generated.is_empty() && column.name != tenant.name && !refers(&column.name))
            .filter(|column| matches!(base(self.facts.base(&column.type_name)), "text" | "character varying"))
            .filter(|column| harvest::mentions(text, &column.name))
            .collect();
        let value = |column: &&Column| harvest::compared(text, &column.name).into_iter().next();
        let named = spoken.iter().filter_map(|column| Some((column.name.clone(), Value::Text(value(column)?))));
        let whole: Overrides = named.collect();
        if whole.len() > 1 {
            found.push(whole.clone());
        }
        if side == Side::A {
            return;
        }
        let a = &pair.a.tenant;
        for column in spoken.iter().filter(|column| !whole.contains_key(&column.name)).take(2) {
            for name in [format!("{a}/canary_b_own"), format!("shared/{a}/canary_b_own")] {
                let mut row = whole.clone();
                row.insert(column.name.clone(), Value::Text(name));
                found.push(row);
            }
        }
    }

    fn add_spoken_of(&self, relation: &Relation, text: &str, found: &mut Vec<Overrides>) {
        let columns = relation.columns.iter().filter(|column| harvest::mentions(text, &column.name));
        for column in columns.filter(|column| column.generated.is_empty()) {
            let base_type = self.facts.base(&column.type_name);
            let labels = self.facts.of_type(base_type).map(|fact| &fact.labels).filter(|labels| !labels.is_empty());
            let textual =
                matches!(base(base_type), "text" | "character varying" | "character" | "public.citext" | "citext");
            let tenant = self.tenant_column(relation).is_some_and(|tenant| tenant.name == column.name);
            let numeric = matches!(base(base_type), "smallint" | "integer" | "bigint" | "numeric" | "double precision");
            let keyed = || self.keys(relation).iter().any(|key| key.columns.contains(&column.name));
            if numeric && !tenant && !keyed() && !harvest::mentions(&column.name, "id") && !column.name.ends_with("_id")
            {
                let near = |number: i64| [number.saturating_add(1), number, number.saturating_sub(1)];
                let around = harvest::numbers(text).into_iter().take(3).flat_map(near).map(|number| number.to_string());
                found.extend(around.map(|value| Overrides::from([(column.name.clone(), Value::Text(value))])));
            }
            if base_type == "date" || base_type.starts_with("timestamp") {
                // Long over, and not for long.
                let sides = ["2000-01-01", "2040-01-01"].map(|day| Value::Text(day.to_owned()));
                found.extend(sides.into_iter().map(|day| Overrides::from([(column.name.clone(), day)])));
            }
            if tenant || !(textual || labels.is_some()) {
                continue;
            }
            let fits = |value: &String| labels.is_none_or(|labels| labels.contains(value));
            let values = harvest::values(text).into_iter().filter(fits).take(6);
            found.extend(values.map(|value| Overrides::from([(column.name.clone(), Value::Text(value))])));
        }
    }
}
