//! Whoever is refused again and again: warned, slowed, refused, and blocked for growing times [RL-4, RL-7].
//!
//! Guards note what they refuse, the life of a request asks where somebody stands. Both are answered from memory. Blocks
//! are rows, which every node enforces within a second and lets go of at once when they are lifted.
//!
//! What must always hold:
//!
//! - What is blocked is what was abused: a key, a person in one workspace, sign-ins to one account from one address, an
//!   address for whoever shows no good credential there. Nobody pays for somebody else, so whoever is let in by a workspace
//!   blocks none of the others, and whoever guesses a password locks nobody out of their account.
//! - An address is the socket's, or what a trusted proxy says. What is configured, and proxies, are never blocked.
//! - Memory is bounded, whoever comes: of more offenders than there is room for those with the fewest points give way.
//! - While nobody has points, asking is one load. An answer that is held back holds no thread.
//! - A block ends by itself, wherever the database is, and by hand on every node when the call returns.
//! - What was told is not told again for a while: no flood of refusals becomes one of mails.

mod acts;
mod alerts;
mod blocks;
mod counters;
mod events;
mod ledger;
mod memory;
mod offender;
mod run;
mod store;

pub use acts::{
    BLOCKS_A_PAGE, Listed, Own, Search, Why, block, key_names, lift, lift_own, list, member_names, own,
    parse_blockable, parse_network,
};
pub use alerts::PAGE;
pub use counters::Counters;
pub use ledger::{Ledger, Standing};
pub use offender::{Offence, Offender};
pub use run::sweep;
