//! Proving who somebody is, by password, on the central host alone.
//!
//! What must always hold (ID-1, ID-2, ID-4):
//!
//! - There is one answer for an unknown address, a wrong password and a person who may not sign in, and the same
//!   work behind it: one hash of a recipe that is stored, the same statements. What the log keeps of a failure is written after the answer.
//! - A password is in memory from the form to the hash, never in a row, a log line or a token.
//! - Whoever guessed too often at an account from one address is told so before anything is looked up, whether or not
//!   there is such an account; from elsewhere its person signs in (ID-7).
//! - Hashes are bounded: what does not fit is told to come back, and takes nothing from everybody else.

mod decoys;
mod guesses;
mod hashing;
pub mod http;
pub mod page;
mod prove;
mod sign_in;
mod store;

pub use decoys::Decoys;
pub use hashing::{Hasher, Verdict};
pub use http::SignInFailed;
pub use sign_in::{Proven, REFUSED};

pub(crate) use prove::{WRONG_PASSWORD, wrong};
pub(crate) use store::{OURSELVES, StoredPassword, drop_password, is_still, person_by_email, replace_password};
