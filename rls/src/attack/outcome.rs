//! What a statement came to.

use tokio_postgres::SimpleQueryMessage;

/// Rows beyond this are not kept: a leak shows in the first ones.
const ROWS: usize = 2_000;

/// Rows in order, how many were touched, what was refused and what was said beside it.
type Seen<'a> = (Vec<Vec<Option<String>>>, u64, Option<(String, String, String)>, &'a [String]);

/// What a statement came to: rows, or a refusal, and what was said beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
    pub(super) affected: u64,
    pub(super) refusal: Option<Refusal>,
    pub(super) notices: Vec<String>,
}

/// What PostgreSQL said instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) detail: String,
    pub(super) place: String,
    pub(super) constraint: Option<String>,
    pub(super) column: Option<String>,
    pub(super) data_type: Option<String>,
}

impl Outcome {
    /// Puts an answer of the simple protocol together.
    pub(super) fn of(answer: Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>, notices: Vec<String>) -> Self {
        let mut outcome = Self { notices, ..Self::default() };
        match answer {
            Ok(messages) => messages.into_iter().for_each(|message| outcome.take(message)),
            Err(error) => outcome.refusal = Some(Refusal::of(&error)),
        }
        outcome
    }

    fn take(&mut self, message: SimpleQueryMessage) {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                self.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) if self.rows.len() < ROWS => {
                self.rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
            SimpleQueryMessage::CommandComplete(count) => self.affected = count,
            _ => {}
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.refusal.is_none()
    }

    /// The SQLSTATE of a refusal; empty where it was done.
    pub(super) fn code(&self) -> &str {
        self.refusal.as_ref().map_or("", |refusal| &refusal.code)
    }

    /// The first value of the first row.
    pub(super) fn value(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }

    /// The values of a column.
    pub(super) fn column(&self, name: &str) -> Vec<Option<&str>> {
        let at = self.columns.iter().position(|column| column == name);
        at.map(|at| self.rows.iter().map(|row| row[at].as_deref()).collect()).unwrap_or_default()
    }

    /// Every text in it: values, notices, the parts of a refusal.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let said = self.refusal.iter().flat_map(|refusal| [&*refusal.message, &*refusal.detail, &*refusal.place]);
        let rows = self.rows.iter().flatten().filter_map(|value| value.as_deref());
        rows.chain(self.notices.iter().map(String::as_str)).chain(said)
    }

    /// What tells one outcome from another to whoever asks: not where in a function it happened.
    pub(super) fn seen(&self) -> Seen<'_> {
        let mut rows = self.rows.clone();
        rows.sort();
        let said = self.refusal.as_ref().map(|said| (said.code.clone(), said.message.clone(), said.detail.clone()));
        (rows, self.affected, said, &self.notices)
    }

    /// In a line, for a report.
    pub(super) fn told(&self) -> String {
        match &self.refusal {
            Some(refusal) => refusal.told(),
            None => format!("{} rows", if self.rows.is_empty() { self.affected } else { self.rows.len() as u64 }),
        }
    }
}

impl Refusal {
    fn of(error: &tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return Self { code: "08000".to_owned(), message: error.to_string(), ..Self::default() };
        };
        Self {
            code: db.code().code().to_owned(),
            message: db.message().to_owned(),
            detail: [db.detail(), db.hint()].into_iter().flatten().collect::<Vec<_>>().join(" "),
            place: db.where_().unwrap_or_default().to_owned(),
            constraint: db.constraint().map(str::to_owned),
            column: db.column().map(str::to_owned),
            data_type: db.datatype().map(str::to_owned),
        }
    }

    pub(super) fn told(&self) -> String {
        let detail = if self.detail.is_empty() { String::new() } else { format!(" ({})", self.detail) };
        format!("{} [{}]{detail}", self.message, self.code)
    }
}
