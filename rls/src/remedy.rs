//! What closes a finding: statements in order, each with how it has to run.

use crate::name::Name;

/// How a statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// With the others of its table, in one transaction.
    Together,
    /// By itself, outside a transaction, since PostgreSQL wants it so (`create index concurrently`).
    Alone,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The table whose transaction it belongs to; none for what belongs to the database or a role.
    pub table: Option<Name>,
    /// The statement, without a semicolon.
    pub sql: String,
    /// How it runs.
    pub runs: Runs,
    /// What cleans up when it fails half done (an invalid index). None when a rollback does.
    pub undo: Option<String>,
}

impl Step {
    /// A statement in its table's transaction.
    pub fn on(table: &Name, sql: impl Into<String>) -> Self {
        Self { table: Some(table.clone()), sql: sql.into(), runs: Runs::Together, undo: None }
    }

    /// A statement about no table.
    pub fn of_database(sql: impl Into<String>) -> Self {
        Self { table: None, sql: sql.into(), runs: Runs::Together, undo: None }
    }

    /// A statement by itself, with what cleans up after it.
    pub fn alone(table: &Name, sql: impl Into<String>, undo: impl Into<String>) -> Self {
        Self { table: Some(table.clone()), sql: sql.into(), runs: Runs::Alone, undo: Some(undo.into()) }
    }
}

/// What closes a finding. Never loses data; where no statement is safe without a decision, there is advice alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// The statements, in order.
    pub steps: Vec<Step>,
    /// What a person has to know or decide first, in a sentence. May be empty.
    pub advice: String,
}

impl Remedy {
    /// Statements alone.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), advice: String::new() }
    }

    /// A decision that no statement can take.
    pub fn advice(advice: impl Into<String>) -> Self {
        Self { steps: Vec::new(), advice: advice.into() }
    }

    /// The same with a sentence for whoever runs it.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// The statements as one text, each with its semicolon.
    pub fn sql(&self) -> String {
        self.steps.iter().map(|step| format!("{};", step.sql)).collect::<Vec<_>>().join("\n")
    }

    /// The statements, or else the advice.
    pub fn fix(&self) -> String {
        if self.steps.is_empty() { self.advice.clone() } else { self.sql() }
    }
}
