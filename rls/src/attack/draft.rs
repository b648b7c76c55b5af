//! A row that is not yet taken: what each column may hold, and what is tried next.

use std::collections::BTreeMap;

use super::values::Value;
use crate::catalog::{Column, Relation};
use crate::name::ident;

/// A row that is not yet taken.
pub(super) struct Draft<'w> {
    pub(super) relation: &'w Relation,
    pub(super) cells: Vec<DraftCell<'w>>,
}

pub(super) struct DraftCell<'w> {
    pub(super) column: &'w Column,
    pub(super) choices: Vec<Value>,
    pub(super) at: usize,
    pub(super) is_fixed: bool,
}
impl Draft<'_> {
    pub(super) fn statement(&self) -> String {
        let given: Vec<&DraftCell<'_>> =
            self.cells.iter().filter(|cell| cell.choices[cell.at] != Value::Default).collect();
        if given.is_empty() {
            return format!("insert into {} default values", self.relation.name.quoted());
        }
        let columns: Vec<String> = given.iter().map(|cell| ident(&cell.column.name)).collect();
        let values: Vec<String> = given.iter().map(|cell| cell.choices[cell.at].sql()).collect();
        let overriding =
            if given.iter().any(|cell| !cell.column.identity.is_empty()) { " overriding system value" } else { "" };
        format!(
            "insert into {} ({}){overriding} values ({})",
            self.relation.name.quoted(),
            columns.join(", "),
            values.join(", ")
        )
    }

    pub(super) fn given(&self) -> Vec<(String, String)> {
        let cells = self.cells.iter().filter(|cell| cell.choices[cell.at] != Value::Default);
        cells.map(|cell| (cell.column.name.clone(), cell.choices[cell.at].sql())).collect()
    }

    pub(super) fn planned(&self) -> BTreeMap<String, Option<String>> {
        let value = |cell: &DraftCell<'_>| match &cell.choices[cell.at] {
            Value::Text(text) => Some(text.clone()),
            Value::Null | Value::Default => None,
        };
        self.cells.iter().map(|cell| (cell.column.name.clone(), value(cell))).collect()
    }

    pub(super) fn of_type(&self, data_type: Option<&str>) -> Vec<String> {
        let Some(name) = data_type else { return Vec::new() };
        let fits = |type_name: &str| type_name == name || type_name.ends_with(&format!(".{name}"));
        self.cells.iter().filter(|cell| fits(&cell.column.type_name)).map(|cell| cell.column.name.clone()).collect()
    }

    pub(super) fn advance(&mut self, column: &str) -> bool {
        self.cells.iter_mut().find(|cell| cell.column.name == column).is_some_and(DraftCell::next)
    }

    /// The next value of what has a type that we know little of.
    pub(super) fn advance_rare(&mut self) -> bool {
        let plain = ["text", "character varying", "uuid", "integer", "bigint", "smallint", "boolean", "jsonb", "json"];
        let rare = |cell: &&mut DraftCell<'_>| {
            !plain.contains(&super::identity::base(&cell.column.type_name)) && !cell.is_fixed
        };
        let moved = self.cells.iter_mut().filter(rare).map(DraftCell::next);
        moved.filter(|moved| *moved).count() > 0
    }

    pub(super) fn shorten(&mut self) -> bool {
        let mut changed = false;
        for cell in self.cells.iter_mut().filter(|cell| !cell.is_fixed) {
            if let Value::Text(text) = &mut cell.choices[cell.at] {
                let count = text.chars().count();
                if count > 1 {
                    let kept = if count > 16 { 16 } else { count / 2 };
                    *text = text.chars().skip(count - kept).collect();
                    changed = true;
                }
            }
        }
        changed
    }

    /// Leaves out what may be left out. Keys stay, so that no sequence is moved.
    pub(super) fn drop_optional(&mut self) -> bool {
        let mut changed = false;
        for cell in self.cells.iter_mut().filter(|cell| !cell.is_fixed) {
            let optional = cell.choices.iter().position(|choice| matches!(choice, Value::Default | Value::Null));
            let moves = cell.column.default.as_deref().is_some_and(|text| text.contains("nextval("));
            if let Some(at) = optional.filter(|at| *at != cell.at && !moves) {
                cell.at = at;
                changed = true;
            }
        }
        changed
    }
}

impl DraftCell<'_> {
    pub(super) fn next(&mut self) -> bool {
        let more = !self.is_fixed && self.at + 1 < self.choices.len();
        self.at += usize::from(more);
        more
    }
}
