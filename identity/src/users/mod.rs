//! New people: sign up, prove the address, and the workspace exists.
//!
//! What must always hold (ID-3, ID-4):
//!
//! - Nobody is anybody before they opened the mailed link and confirmed: until then there is a reserved slug and
//!   a sealed link, and no row of a person, so an unproven sign-up stands in nobody's way.
//! - A link has 256 bits, is kept as its digest, works once, and ends. Looking at it changes nothing.
//! - The password of a sign-up counts only in the browser that signed up. Elsewhere a new one has to be chosen:
//!   who signs up with a stranger's address never shares an account with its owner.
//! - A known address gets the same answer for the same work; its owner gets a mail that says so.
//! - Whoever a workspace was made for by a command is let in by a link that was mailed to them, and not before.
//! - Person, workspace, membership, audit rows, events and the first session commit together.

mod browser;
mod draft;
mod enrol;
mod founding;
pub mod http;
pub mod import;
mod link;
pub mod page;
mod sign_up;
mod stand_in;
mod standing;
mod store;
mod verify;

pub use draft::{Account, Draft};
pub(crate) use draft::{accept as checked_password, name as checked_name};
pub use enrol::Enrolled;
pub(crate) use enrol::NewPerson;
pub use founding::{Founded, Founding, Wanted};
pub use standing::{deactivate, named, reactivate};
pub use verify::Shown;

pub(crate) use link::Token;
