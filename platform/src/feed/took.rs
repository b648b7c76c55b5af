//! How long revocations of this process took, from the commit until every node had heard of them or had lost its lease.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

/// The last ones that are remembered.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Times(Mutex<VecDeque<Duration>>);

/// Of the revocations that are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// How many they are.
    pub count: usize,
    /// Half of them took no longer.
    pub median: Duration,
    /// Ninety-nine of a hundred took no longer.
    pub p99: Duration,
    /// None took longer.
    pub longest: Duration,
}

impl Times {
    pub(super) fn note(&self, took: Duration) {
        let mut times = self.0.lock();
        if times.len() >= REMEMBERED {
            times.pop_front();
        }
        times.push_back(took);
    }

    pub(super) fn took(&self) -> Option<Took> {
        let mut times: Vec<Duration> = self.0.lock().iter().copied().collect();
        times.sort_unstable();
        let at = |hundredths: usize| times.get((times.len() * hundredths).div_ceil(100).checked_sub(1)?).copied();
        Some(Took { count: times.len(), median: at(50)?, p99: at(99)?, longest: at(100)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_last_ones_the_median_and_the_longest_are_told() {
        let times = Times::default();
        assert_eq!(times.took(), None);
        (1..=200).for_each(|ms| times.note(Duration::from_millis(ms)));
        let [median, p99, longest] = [100, 198, 200].map(Duration::from_millis);
        assert_eq!(times.took(), Some(Took { count: 200, median, p99, longest }));
    }
}
