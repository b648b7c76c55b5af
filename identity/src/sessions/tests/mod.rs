//! Stories of sessions: their life on one host, the tree, and the way to a tenant's host.

mod handoff;
mod life;
mod rotation;

use crate::house::{Browser, CENTRAL, House, PASSWORD};

/// Ada of Acme, signed in on the central host.
async fn signed_in(house: &House) -> Browser<'_> {
    house.account("acme").await;
    sign_in(house).await
}

async fn sign_in(house: &House) -> Browser<'_> {
    let mut browser = house.browser();
    browser.sign_in("ada@acme.example", PASSWORD).await.location();
    assert!(browser.is_signed_in(CENTRAL).await);
    browser
}
