//! The rules, held to their sources and to brute force.

mod canonical;
mod csv;
mod framing;
mod keys;
mod limits;
mod masking;
mod networks;
mod password_hashes;
mod people;
mod places;
mod proofs;
mod seals;
mod tokens;
