//! Labels: words of a closed list, and names that a configuration fixes.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;

/// Something that is shown as one or more lines of a metric.
pub trait Series {
    /// What Prometheus takes it for.
    const KIND: MetricType;

    /// Whether nothing has happened: such lines are left out where names stand above them.
    fn is_still(&self) -> bool {
        false
    }

    /// Writes its lines.
    ///
    /// # Errors
    /// What the writer says.
    fn write(&self, labels: &mut Labels, to: &mut MetricEncoder<'_>) -> fmt::Result;
}

/// A metric whole, with its head.
pub(super) fn write<S: Series>(series: &S, name: &str, help: &str, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut lines = to.encode_descriptor(name, help, None, S::KIND)?;
    series.write(&mut Labels::default(), &mut lines)
}

/// The labels of a line.
#[derive(Debug, Default)]
pub struct Labels {
    pairs: Vec<(&'static str, String)>,
    /// Whether what did not happen is left out.
    is_brief: bool,
}

impl Labels {
    /// Writes a line with them.
    pub(super) fn on(
        &self,
        to: &mut MetricEncoder<'_>,
        line: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        line(to.encode_family(&self.pairs)?)
    }

    fn with(&mut self, label: (&'static str, &str), write: impl FnOnce(&mut Self) -> fmt::Result) -> fmt::Result {
        self.pairs.push((label.0, label.1.to_owned()));
        let written = write(self);
        self.pairs.pop();
        written
    }
}

/// A word of a closed list, and the label that it stands under.
pub trait Word: Copy + fmt::Debug + Send + Sync + 'static {
    /// The label.
    const LABEL: &'static str;
    /// The list, in the order of the enumeration.
    const ALL: &'static [Self];

    /// As it is shown.
    fn as_str(self) -> &'static str;

    /// Its place in the list.
    fn place(self) -> usize;
}

/// One of each for every word.
#[derive(Debug)]
pub struct By<W, S> {
    places: Box<[S]>,
    of: PhantomData<W>,
}

impl<W: Word, S: Default> Default for By<W, S> {
    fn default() -> Self {
        Self { places: W::ALL.iter().map(|_| S::default()).collect(), of: PhantomData }
    }
}

impl<W: Word, S> By<W, S> {
    /// That of a word.
    pub fn of(&self, word: W) -> &S {
        &self.places[word.place()]
    }
}

impl<W: Word, S: Series> Series for By<W, S> {
    const KIND: MetricType = S::KIND;

    fn is_still(&self) -> bool {
        self.places.iter().all(S::is_still)
    }

    fn write(&self, labels: &mut Labels, to: &mut MetricEncoder<'_>) -> fmt::Result {
        for (word, series) in W::ALL.iter().zip(&self.places) {
            if !(labels.is_brief && series.is_still()) {
                labels.with((W::LABEL, word.as_str()), |labels| series.write(labels, to))?;
            }
        }
        Ok(())
    }
}

/// A label whose values are names of the configuration.
pub trait Label: Send + Sync + 'static {
    /// The label.
    const LABEL: &'static str;
    /// Whether there are so many that those of which nothing happened are left out.
    const IS_LONG: bool;
}

/// One of each for every name that was asked for: names of the configuration, never of a request.
pub struct Named<L, S> {
    places: RwLock<BTreeMap<Box<str>, Arc<S>>>,
    of: PhantomData<fn() -> L>,
}

impl<L, S> Default for Named<L, S> {
    fn default() -> Self {
        Self { places: RwLock::default(), of: PhantomData }
    }
}

impl<L: Label, S> fmt::Debug for Named<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Named({} by {})", self.places.read().len(), L::LABEL)
    }
}

impl<L, S: Default> Named<L, S> {
    /// That of a name. To be asked for when things are made, and kept: it takes a lock.
    pub fn of(&self, name: &str) -> Arc<S> {
        if let Some(known) = self.places.read().get(name) {
            return Arc::clone(known);
        }
        Arc::clone(self.places.write().entry(name.into()).or_default())
    }
}

impl<L: Label, S: Series> Series for Named<L, S> {
    const KIND: MetricType = S::KIND;

    fn is_still(&self) -> bool {
        self.places.read().values().all(|series| series.is_still())
    }

    fn write(&self, labels: &mut Labels, to: &mut MetricEncoder<'_>) -> fmt::Result {
        labels.is_brief = L::IS_LONG;
        for (name, series) in self.places.read().iter().filter(|(_, series)| !L::IS_LONG || !series.is_still()) {
            labels.with((L::LABEL, name), |labels| series.write(labels, to))?;
        }
        Ok(())
    }
}
