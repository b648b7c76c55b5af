//! A number that many threads add to, and its picture for a scrape.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::label::{Labels, Series};

/// Upper bounds in microseconds: from what a decision takes to the longest that a browser waits.
const BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// With one more for what took longer.
const BUCKETS: usize = BOUNDS_US.len() + 1;
const US_PER_S: f64 = 1e6;

/// Only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Is as far as what somebody else counts.
    pub fn follow(&self, total: u64) {
        self.0.store(total, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Series for Counter {
    const KIND: MetricType = MetricType::Counter;

    fn is_still(&self) -> bool {
        self.total() == 0
    }

    fn write(&self, labels: &mut Labels, to: &mut MetricEncoder<'_>) -> fmt::Result {
        labels.on(to, |mut to| to.encode_counter::<NoLabelSet, _, u64>(&self.total(), None))
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Is this now.
    pub fn set(&self, value: impl TryInto<i64>) {
        self.0.store(value.try_into().unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// So many more, or fewer.
    pub fn change(&self, by: i64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// What it is.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Series for Gauge {
    const KIND: MetricType = MetricType::Gauge;

    fn write(&self, labels: &mut Labels, to: &mut MetricEncoder<'_>) -> fmt::Result {
        labels.on(to, |mut to| to.encode_gauge(&self.value()))
    }
}

/// A stretch of time that goes up and down, shown in seconds.
#[derive(Debug, Default)]
pub struct Moment(AtomicU64);

impl Moment {
    /// Is this now.
    pub fn set(&self, value: Duration) {
        self.0.store(micros(value), Ordering::Relaxed);
    }
}

impl Series for Moment {
    const KIND: MetricType = MetricType::Gauge;

    fn write(&self, labels: &mut Labels, to: &mut MetricEncoder<'_>) -> fmt::Result {
        let seconds = self.0.load(Ordering::Relaxed) as f64 / US_PER_S;
        labels.on(to, |mut to| to.encode_gauge(&seconds))
    }
}

/// How often something took how long: an addition to one bucket and one to the sum.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Histogram {
    /// It took so long once more.
    pub fn observe(&self, took: Duration) {
        let us = micros(took);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How often so far.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
}

impl Series for Histogram {
    const KIND: MetricType = MetricType::Histogram;

    fn is_still(&self) -> bool {
        self.count() == 0
    }

    fn write(&self, labels: &mut Labels, to: &mut MetricEncoder<'_>) -> fmt::Result {
        let bounds = BOUNDS_US.iter().map(|bound| *bound as f64 / US_PER_S).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        // Of the same reading: a count beside it could be one ahead.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / US_PER_S;
        labels.on(to, |mut to| to.encode_histogram::<NoLabelSet>(sum, count, &buckets, None))
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
