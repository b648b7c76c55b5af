//! In the place of the shared store where this binary was built without one: there never is any.

use std::sync::Arc;

use tenantry_core::random::Entropy;
use tenantry_platform::config::Limits;
use tokio::sync::watch;

use super::charge::Charge;
use super::decision::Verdict;
use super::memory::Memory;
use super::store::{StoreFault, StoreState, StoreTally, StoreTerms};

#[derive(Debug)]
pub(super) enum Shared {}

impl Shared {
    pub(super) fn new(_: StoreTerms, _: &Limits, _: &Entropy) -> Result<Arc<Self>, StoreFault> {
        Err(StoreFault::NotBuilt)
    }

    pub(super) fn tally(&self) -> StoreTally {
        match *self {}
    }

    pub(super) fn state(&self) -> watch::Receiver<StoreState> {
        match *self {}
    }

    pub(super) fn nodes(&self) -> u32 {
        match *self {}
    }

    pub(super) async fn decide(&self, _: &Memory, _: u64, _: &[Charge], _: bool) -> Verdict {
        match *self {}
    }

    pub(super) async fn stand(&self, _: &Memory, _: u64, _: &[Charge], _: bool) -> Verdict {
        match *self {}
    }

    pub(super) async fn keep(&self, _: watch::Receiver<bool>) {
        match *self {}
    }
}
