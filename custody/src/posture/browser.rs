//! A browser at the central host: an address of its own, and the cookies that it was given.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use url::form_urlencoded::Serializer;

use super::person::Person;
use super::probe::{Inconclusive, Probe};
use super::sites::{Answer, Sites};

/// The access token's cookie.
pub(super) const ACCESS: &str = "__Host-tenantry";
/// The refresh token's cookie.
pub(super) const REFRESH: &str = "__Host-tenantry-refresh";
/// A page of whoever is signed in.
const OWN_PAGE: &str = "/-/account";

/// Cookies and whom they are sent as.
#[derive(Debug)]
pub(super) struct Browser {
    sites: Sites,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// One that was never here, at an address of its own: it uses up nobody's limits.
    pub(super) fn new(probe: &Probe) -> Result<Self, Inconclusive> {
        let sites = probe.sites()?.seen_from_elsewhere(&probe.ground.entropy);
        if !sites.is_elsewhere() {
            return Err(Inconclusive("this machine has no second loopback address to sign in from".to_owned()));
        }
        Ok(Self { sites, cookies: BTreeMap::new() })
    }

    /// Somebody's, signed in.
    pub(super) async fn of(probe: &Probe, person: &Person) -> Result<Self, Inconclusive> {
        let mut browser = Self::new(probe)?;
        match browser.sign_in(person, &person.password).await? && browser.is_signed_in().await? {
            true => Ok(browser),
            false => Err(Inconclusive("the canary could not sign in, so nothing can be tried as them".to_owned())),
        }
    }

    /// A page.
    pub(super) async fn get(&mut self, path: &str) -> Result<Answer, Inconclusive> {
        self.send(Method::GET, path, &[(header::ACCEPT, "text/html")], Bytes::new()).await
    }

    /// A form of our own pages.
    pub(super) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Result<Answer, Inconclusive> {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let origin = self.sites.origin(&self.sites.console);
        let headers = [
            (header::ACCEPT, "text/html"),
            (header::ORIGIN, origin.as_str()),
            (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, path, &headers, body.into()).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<Answer, Inconclusive> {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = pairs.join("; ");
        let mut headers = headers.to_vec();
        if !cookies.is_empty() {
            headers.push((header::COOKIE, &cookies));
        }
        let answer = self.sites.send(&self.sites.console, method, path, &headers, body).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status.is_server_error() {
            return Err(Inconclusive(format!("{path} answered {} to the canary", answer.status.as_u16())));
        }
        self.take(&answer);
        Ok(answer)
    }

    /// A token in the place of cookies, at the API's host.
    pub(super) async fn show(&self, path: &str, token: &str) -> Result<Answer, Inconclusive> {
        let bearer = format!("Bearer {token}");
        self.sites.send(&self.sites.api, Method::GET, path, &[(header::AUTHORIZATION, &bearer)], Bytes::new()).await
    }

    /// Whether it was let in.
    pub(super) async fn sign_in(&mut self, person: &Person, password: &SecretString) -> Result<bool, Inconclusive> {
        self.sign_in_as(person.email.as_str(), password).await.map(|answer| answer.status.is_redirection())
    }

    /// What the sign-in page answers.
    pub(super) async fn sign_in_as(&mut self, email: &str, password: &SecretString) -> Result<Answer, Inconclusive> {
        self.post("/-/sign-in", &[("email", email), ("password", password.expose_secret())]).await
    }

    /// Whether a page of whoever is signed in opens.
    pub(super) async fn is_signed_in(&mut self) -> Result<bool, Inconclusive> {
        Ok(self.get(OWN_PAGE).await?.status == StatusCode::OK)
    }

    /// Takes the cookies of an answer; an empty one is taken away.
    fn take(&mut self, answer: &Answer) {
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let pair = line.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, "")) => drop(self.cookies.remove(name)),
                Some((name, value)) => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
    }

    /// A cookie that it has.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// The same browser with one cookie alone: what a thief would have.
    pub(super) fn with_only(&self, name: &str, value: &str) -> Self {
        Self { sites: self.sites.clone(), cookies: [(name.to_owned(), value.to_owned())].into() }
    }
}
