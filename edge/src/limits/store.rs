//! What is said of a store that several nodes share, also where this binary was built without one.

use std::time::Duration;

use secrecy::SecretString;

/// Where the shared store is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct StoreTerms {
    /// `redis://…`, `rediss://…` or `unix:…`, with its password.
    pub url: SecretString,
    /// What all keys begin with: installations on one store differ in it.
    pub prefix: Box<str>,
    /// How long a decision waits for the store.
    pub deadline: Duration,
    /// How many nodes there are at least.
    pub nodes: u32,
    /// What subjects are hashed with: the same on every node.
    pub key: [u8; 16],
}

/// Whether the store decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreState {
    /// Nothing is known of it yet: this node decides by itself.
    Unknown,
    /// It answers in time.
    Shared,
    /// It does not: this node decides by itself.
    Lost,
}

/// Why there can be no shared store.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// Its address means nothing.
    #[error("the URL of Redis is malformed: {0}. Write redis://host:6379/0, or rediss:// where TLS is spoken.")]
    Url(String),
    /// The feature is missing.
    #[error("this binary was built without the feature \"redis\". Build it with it, or leave [limits.redis] out.")]
    NotBuilt,
}

/// What the store was asked and how it answered, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreTally {
    /// Decisions by the store.
    pub shared: u64,
    /// Decisions without it, by this node's part of each limit.
    pub alone: u64,
    /// Refusals that were known here, without asking.
    pub refused_here: u64,
    /// Answers that came too late, or not at all.
    pub late: u64,
    /// Connections that broke, or that were not taken.
    pub broken: u64,
    /// Commands that the store refused.
    pub refused: u64,
    /// How often the store was lost.
    pub opened: u64,
}
