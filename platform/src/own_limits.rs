//! Limits that one workspace has otherwise than its plan, as its row keeps them [RL-4].

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tenantry_core::window::Limit;

/// A tier's name, and its limit.
type Own = (Box<str>, Limit);

/// By the name of the tier. Most workspaces have none, and that takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnLimits(Option<Arc<[Own]>>);

impl OwnLimits {
    /// From the column. What is no limit there is none: the plan's holds.
    pub fn from_stored(stored: &Value) -> Self {
        let number = |value: &Value, key| value.get(key)?.as_u64().and_then(|number| u32::try_from(number).ok());
        let limit = |(tier, value): (&String, &Value)| {
            let (max, window_s) = (number(value, "limit")?, number(value, "window_s")?);
            Some((tier.as_str().into(), Limit { max, window_ms: window_s.saturating_mul(1_000) }))
        };
        stored.as_object().into_iter().flatten().filter_map(limit).collect()
    }

    /// For the column.
    pub fn to_stored(&self) -> Value {
        let stored = self
            .iter()
            .map(|(tier, limit)| (tier.to_owned(), json!({ "limit": limit.max, "window_s": limit.window_ms / 1_000 })));
        Value::Object(stored.collect::<Map<_, _>>())
    }

    /// The tier's limit, where the workspace has one of its own.
    pub fn find(&self, tier: &str) -> Option<Limit> {
        self.iter().find(|(name, _)| *name == tier).map(|(_, limit)| limit)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Limit)> {
        self.0.iter().flat_map(|limits| limits.iter()).map(|(tier, limit)| (&**tier, *limit))
    }

    /// With another limit of a tier, or without one of its own.
    #[must_use]
    pub fn with(&self, tier: &str, limit: Option<Limit>) -> Self {
        let others = self.iter().filter(|(name, _)| *name != tier).map(|(name, limit)| (name.into(), limit));
        others.chain(limit.map(|limit| (tier.into(), limit))).collect()
    }
}

impl FromIterator<Own> for OwnLimits {
    fn from_iter<I: IntoIterator<Item = Own>>(limits: I) -> Self {
        let mut limits: Vec<_> = limits.into_iter().collect();
        limits.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self((!limits.is_empty()).then(|| limits.into()))
    }
}
