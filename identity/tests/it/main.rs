//! The tests of WHO, room by room.

#![cfg(test)] // tells clippy that the set-up beside the tests is test code too

mod calls;
mod house;

#[path = "../../src/account/tests/mod.rs"]
mod account;
#[path = "../../src/apikeys/tests/mod.rs"]
mod apikeys;
#[path = "../../src/authn/tests.rs"]
mod authn;
#[path = "../../src/users/founding/tests.rs"]
mod founding;
#[path = "../../src/users/import/tests.rs"]
mod import;
#[path = "../../src/members/tests/mod.rs"]
mod members;
#[path = "../../src/roles/tests.rs"]
mod roles;
#[path = "../../src/sessions/tests/mod.rs"]
mod sessions;
#[path = "../../src/tenants/tests.rs"]
mod tenants;
#[path = "../../src/users/tests.rs"]
mod users;
