//! The criteria of SOC 2 that a system can be evidence for: logical access, operations, change.
//!
//! The numbers are those of the AICPA's Trust Services Criteria (2017, revised 2022); the words are ours.

/// A criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// `CC6.1`.
    pub id: &'static str,
    /// What it asks, in our own words: a word of the catalogue.
    pub word: &'static str,
}

macro_rules! criteria {
    ($($id:literal $word:literal),+ $(,)?) => {
        /// CC6, CC7 and CC8, in order.
        pub const CRITERIA: &[Criterion] = &[$(Criterion { id: $id, word: $word }),+];
    };
}

criteria! {
    "CC6.1" "criterion.cc6_1", "CC6.2" "criterion.cc6_2", "CC6.3" "criterion.cc6_3", "CC6.4" "criterion.cc6_4",
    "CC6.5" "criterion.cc6_5", "CC6.6" "criterion.cc6_6", "CC6.7" "criterion.cc6_7", "CC6.8" "criterion.cc6_8",
    "CC7.1" "criterion.cc7_1", "CC7.2" "criterion.cc7_2", "CC7.3" "criterion.cc7_3", "CC7.4" "criterion.cc7_4",
    "CC7.5" "criterion.cc7_5", "CC8.1" "criterion.cc8_1",
}
