//! The pages of somebody new: sign up, look into the mail, open the link.

use askama::Template;
use tenantry_platform::page::{Chrome, Field};

/// Name, address, password, workspace. Posts to `/-/sign-up`.
#[derive(Debug, Template)]
#[template(path = "users/sign_up.html")]
pub struct SignUp {
    pub chrome: Chrome,
    pub form: SignUpForm,
    /// What follows the slug in the workspace's address: `.example.com`.
    pub host_suffix: String,
    pub password_min: usize,
}

impl SignUp {
    pub const TITLE: &'static str = "sign_up.title";
}

/// A password is never filled in again, so it has an error and no value.
#[derive(Clone, Debug, Default)]
pub struct SignUpForm {
    pub name: Field,
    pub email: Field,
    pub password_error: String,
    pub workspace: Field,
    pub slug: Field,
}

/// The same answer for an address that is known and one that is not. [ID-4]
#[derive(Debug, Template)]
#[template(path = "users/check_mail.html")]
pub struct CheckMail {
    pub chrome: Chrome,
    pub email: String,
    /// Hours until the link in the mail is dead.
    pub hours: usize,
    /// The mailbox of `tenantry dev`; empty in `serve`.
    pub mailbox_href: String,
}

impl CheckMail {
    pub const TITLE: &'static str = "check_mail.title";
}

/// What a mailed link opens. Opening it changes nothing; the form does. [ID-3]
#[derive(Debug, Template)]
#[template(path = "users/verify.html")]
pub struct Verify {
    pub chrome: Chrome,
    pub token: String,
    pub email: String,
    pub workspace: String,
    /// The link was opened in another browser than the one that signed up: only a new password proves the owner.
    pub asks_password: bool,
    pub password_error: String,
    pub password_min: usize,
}

impl Verify {
    pub const TITLE: &'static str = "verify.page";
}
