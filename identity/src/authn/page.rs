//! The page that takes a password. It stands on the central host alone.

use askama::Template;
use tenantry_platform::page::{Chrome, Field};

/// Posts to `/-/sign-in`.
#[derive(Debug, Template)]
#[template(path = "authn/sign_in.html")]
pub struct SignIn {
    pub chrome: Chrome,
    pub email: Field,
    /// One sentence for every reason, so that none of them tells whether the account exists; empty at first. [ID-7]
    pub refused: String,
    /// Where to go on, already checked.
    pub return_to: String,
    /// The workspace that sent the person here; empty when they came by themselves.
    pub workspace: String,
}

impl SignIn {
    pub const TITLE: &'static str = "sign_in.title";
}
