//! Reading: a span of time in equal steps, the ones without anything among them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tenantry_core::ids::KeyId;
use uuid::Uuid;

use super::{Kind, store};
use crate::db::{Database, DbFault, HasStore, In, Operator, Plane, Served};
use crate::ground::Ground;
use crate::permit::{Operate, Permission, Permit};

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;

/// How far back a chart looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    #[default]
    Day,
    /// 7 days, in steps of six hours.
    Week,
}

/// How finely a row of the table counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    Minute,
    Hour,
}

impl Grain {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }
}

impl Span {
    /// Every span, the shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// The word in an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// The span of a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.as_str() == word)
    }

    /// Length of a step in seconds, and how many there are.
    pub const fn steps(self) -> (i64, usize) {
        match self {
            Self::Hour => (MINUTE_S, 60),
            Self::Day => (HOUR_S, 24),
            Self::Week => (6 * HOUR_S, 28),
        }
    }

    const fn grain(self) -> Grain {
        match self {
            Self::Hour => Grain::Minute,
            Self::Day | Self::Week => Grain::Hour,
        }
    }

    /// Where the first step of this span begins, and that of the span before it. The last step is under way.
    fn starts(self, now: Timestamp) -> (i64, i64) {
        let (step, many) = self.steps();
        let length = step * i64::try_from(many).unwrap_or_default();
        let start = now.as_second().div_euclid(step) * step + step - length;
        (start, start - length)
    }
}

/// What was counted over a span, and over the one before it.
#[derive(Clone, Debug)]
pub struct Series {
    span: Span,
    start: i64,
    counted: BTreeMap<(usize, i64), u64>,
}

impl Series {
    fn new(span: Span, start: i64, rows: Vec<(Kind, Timestamp, u64)>) -> Self {
        let mut counted = BTreeMap::new();
        for (kind, at, count) in rows {
            *counted.entry((kind as usize, at.as_second())).or_default() += count;
        }
        Self { span, start, counted }
    }

    /// Each step's begin and count, oldest first, for these kinds together. Steps without anything count zero.
    pub fn of(&self, kinds: &[Kind]) -> Vec<(Timestamp, u64)> {
        let (step, many) = self.span.steps();
        let at = |number: usize| self.start + step * i64::try_from(number).unwrap_or_default();
        let count = |at: i64| kinds.iter().map(|kind| self.between(*kind, at, at + step)).sum();
        (0..many).map(at).map(|at| (Timestamp::from_second(at).unwrap_or_default(), count(at))).collect()
    }

    /// The sum over the span.
    pub fn total(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().map(|kind| self.between(*kind, self.start, i64::MAX)).sum()
    }

    /// The sum over the span before.
    pub fn total_before(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().map(|kind| self.between(*kind, i64::MIN, self.start)).sum()
    }

    fn between(&self, kind: Kind, from: i64, until: i64) -> u64 {
        self.counted.range((kind as usize, from)..(kind as usize, until)).map(|(_, count)| count).sum()
    }
}

/// What a tenant used over a span, or one of its keys. The permit says whose, and in which book.
///
/// # Errors
/// What the database says.
pub async fn read<P: Permission, M: Plane + In<Served>>(
    permit: &Permit<P, M>,
    ground: &Ground,
    key: Option<KeyId>,
    span: Span,
) -> Result<Series, DbFault>
where
    Database: HasStore<M>,
{
    let (start, before) = span.starts(ground.now());
    let from = Timestamp::from_second(before).unwrap_or_default();
    let subject = key.map_or(Uuid::nil(), KeyId::uuid);
    let rows = store::read(permit, ground, subject, span.grain(), from).await?;
    Ok(Series::new(span, start, rows))
}

/// What the tenant of the permit used in all its books together, for platform staff.
///
/// # Errors
/// What the database says.
pub async fn read_all(permit: &Permit<Operate, Operator>, ground: &Ground, span: Span) -> Result<Series, DbFault> {
    let (start, before) = span.starts(ground.now());
    let from = Timestamp::from_second(before).unwrap_or_default();
    Ok(Series::new(span, start, store::read_all(permit, ground, span.grain(), from).await?))
}

/// One kind alone: each step's begin and count, oldest first, with zeros where nothing was counted.
///
/// # Errors
/// What the database says.
pub async fn series<P: Permission, M: Plane + In<Served>>(
    permit: &Permit<P, M>,
    ground: &Ground,
    key: Option<KeyId>,
    kind: Kind,
    span: Span,
) -> Result<Vec<(Timestamp, u64)>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(read(permit, ground, key, span).await?.of(&[kind]))
}
