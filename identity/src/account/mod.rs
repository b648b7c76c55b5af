//! One's own account: a forgotten password, another password, another address, sessions, and the end of it all.
//!
//! What must always hold (ID-4, ID-10):
//!
//! - Whoever asks for a new password learns nothing of the address: the answer is given before anything is looked
//!   up. A change of address answers the same, after the same statements, where the address belongs to somebody.
//! - A link has 256 bits, is kept as its digest, is of one kind, works once, and ends. Looking at it changes
//!   nothing. It is void once the account's address is another one.
//! - A new password ends every other session and every link that could change the account, and the address is told.
//! - A change needs the present password, however fresh the session is, and is looked at again under the person's
//!   lock: of two changes at once, the second one begins with a password that is no longer the present one.
//! - The old address can undo a change of address for days. Undoing signs everybody out and takes the password
//!   away: whoever changed the address knew it.
//! - Nobody leaves a workspace without an owner; the database says so.

mod console;
mod delete;
mod device;
mod email;
pub mod http;
mod link;
pub mod page;
mod password;
mod place;
mod reset;
mod store;
mod strength;

pub use console::{
    change_email, change_password, delete, delete_form, email_form, overview, password_form, revoke, revoke_others,
    sessions,
};
pub(crate) use delete::LAST_OWNER;
pub use device::device;
pub use link::LinkKind;
pub use place::{Place, Reach};
pub use strength::strength;
