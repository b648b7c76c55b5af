//! `[app]`, `[brand]` and `[hosts]`: what it is called, and under which addresses it is found.

use tenantry_core::host::HostNames;
use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;

use super::parse;
use super::section::{Choice, Section};
use crate::page::{Accent, Brand};

/// `[app]`.
#[derive(Clone, Debug)]
pub struct App {
    /// What people call the product: in titles and mails.
    pub name: String,
}

/// `http` only for `localhost`: `__Host-` cookies need TLS everywhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Choice for Scheme {
    const WORDS: &'static [(&'static str, Self)] = &[("https", Self::Https), ("http", Self::Http)];
}

/// `[hosts]`: links are made from these, never from a request's `Host`.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// The domain under which every tenant has its name.
    pub base: String,
    /// The console's label and the API's.
    labels: (String, String),
    /// The same, ready to tell whose host a name is.
    pub names: HostNames,
    pub scheme: Scheme,
    /// The port that browsers see.
    pub port: u16,
}

impl App {
    pub(super) fn read(section: &Section<'_, '_>, given: Option<&str>) -> Self {
        let name = section.required("name", "\"Acme Billing\"", given, parse::name);
        Self { name: name.unwrap_or_default() }
    }
}

/// `[brand]`: how pages look. The name is the app's unless set.
pub(super) fn read_brand(section: &Section<'_, '_>, app: &App) -> Brand {
    Brand {
        name: section.maybe("name", parse::name).unwrap_or_else(|| app.name.clone()),
        logo: section.maybe("logo", parse::logo).unwrap_or_default(),
        accent: Some(section.text("accent", "#2456d6", str::parse::<Accent>)),
    }
}

impl Hosts {
    pub(super) fn read(section: &Section<'_, '_>, given: Option<&str>) -> Self {
        let base =
            section.required("base", "\"example.com\"", given, parse::host).unwrap_or_else(|| "localhost".to_owned());
        let labels = (section.text("central", "app", parse::label), section.text("api", "api", parse::label));
        let scheme = section.choice("scheme", Scheme::Https);
        let port = section.number("port", 443_u16, 1..=u16::MAX);
        let names = HostNames::new(&base, &labels.0, &labels.1).unwrap_or_else(|why| {
            section.reading.fault(
                &section.span_of("api"),
                why.to_string(),
                "Give the console and the API a label each.",
            );
            local_names("app", "api")
        });
        let hosts = Self { base, labels, names, scheme, port };
        hosts.refuse_clear_text(section);
        hosts
    }

    fn refuse_clear_text(&self, section: &Section<'_, '_>) {
        let is_local = self.base == "localhost" || self.base.ends_with(".localhost");
        if self.scheme == Scheme::Http && !is_local {
            let what = format!("scheme = \"http\" with base = {:?} would send session cookies in the clear", self.base);
            section.reading.fault(&section.span_of("scheme"), what, "Write \"https\"; only localhost may do without.");
        }
    }

    /// What `tenantry dev` answers to, whatever the file says for production.
    pub(super) fn local(&self, port: u16) -> Self {
        let names = local_names(&self.labels.0, &self.labels.1);
        Self { base: "localhost".to_owned(), labels: self.labels.clone(), names, scheme: Scheme::Http, port }
    }

    /// The console's host: it never proxies the app.
    pub fn central(&self) -> String {
        self.names.central()
    }

    /// The API's host: there the tenant comes from the credential.
    pub fn api(&self) -> String {
        self.names.api()
    }

    /// A tenant's own host; its test sessions live on another.
    pub fn tenant(&self, slug: &Slug, mode: Mode) -> String {
        self.names.tenant(slug.as_str(), mode)
    }

    /// `https://host`, with the port where browsers need it and no slash at the end.
    pub fn origin(&self, host: &str) -> String {
        match (self.scheme, self.port) {
            (Scheme::Https, 443) | (Scheme::Http, 80) => format!("{}://{host}", self.scheme.word()),
            (_, port) => format!("{}://{host}:{port}", self.scheme.word()),
        }
    }
}

/// The names under `localhost`. Invariant: the labels were found well formed and different before.
fn local_names(central: &str, api: &str) -> HostNames {
    HostNames::new("localhost", central, api).unwrap_or_else(|why| unreachable!("{why}"))
}
