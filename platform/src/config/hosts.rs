//! `[app]`, `[brand]` and `[hosts]`: what it is called, and under which addresses it is found.

use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;

use super::document::{Choice, Section};
use super::parse;

/// `[app]`.
#[derive(Clone, Debug)]
pub struct App {
    /// What people call the product: in titles and mails.
    pub name: String,
}

/// `[brand]`: how pages look.
#[derive(Clone, Debug)]
pub struct Brand {
    /// Shown beside the logo; the app's name unless set.
    pub name: String,
    /// A path on the same host or an `https:` address; none: the name's first letter stands in.
    pub logo: Option<String>,
    /// The accent colour, `#rrggbb`.
    pub accent: String,
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
    central_label: String,
    api_label: String,
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

impl Brand {
    pub(super) fn read(section: &Section<'_, '_>, app: &App) -> Self {
        Self {
            name: section.maybe("name", parse::name).unwrap_or_else(|| app.name.clone()),
            logo: section.maybe("logo", parse::logo),
            accent: section.text("accent", "#2456d6", parse::colour),
        }
    }
}

impl Hosts {
    pub(super) fn read(section: &Section<'_, '_>, given: Option<&str>) -> Self {
        let hosts = Self {
            base: section.required("base", "\"example.com\"", given, parse::host).unwrap_or_default(),
            central_label: section.text("central", "app", parse::label),
            api_label: section.text("api", "api", parse::label),
            scheme: section.choice("scheme", Scheme::Https),
            port: section.number("port", 443_u16, 1..=u16::MAX),
        };
        hosts.check(section);
        hosts
    }

    fn check(&self, section: &Section<'_, '_>) {
        if self.scheme == Scheme::Http && !self.is_local() {
            let what = format!("scheme = \"http\" with base = {:?} would send session cookies in the clear", self.base);
            section.reading.fault(&section.span_of("scheme"), what, "Write \"https\"; only localhost may do without.");
        }
        if self.central_label == self.api_label {
            let what = format!("central and api are both {:?}", self.api_label);
            section.reading.fault(&section.span_of("api"), what, "Give the console and the API a label each.");
        }
    }

    /// What `tenantry dev` answers to, whatever the file says for production.
    pub(super) fn local(&self, port: u16) -> Self {
        Self { base: "localhost".to_owned(), scheme: Scheme::Http, port, ..self.clone() }
    }

    fn is_local(&self) -> bool {
        self.base.is_empty() || self.base == "localhost" || self.base.ends_with(".localhost")
    }

    /// The console's host: it never proxies the app.
    pub fn central(&self) -> String {
        format!("{}.{}", self.central_label, self.base)
    }

    /// The API's host: there the tenant comes from the credential.
    pub fn api(&self) -> String {
        format!("{}.{}", self.api_label, self.base)
    }

    /// A tenant's own host; its test sessions live on another.
    pub fn tenant(&self, slug: &Slug, mode: Mode) -> String {
        match mode {
            Mode::Live => format!("{slug}.{}", self.base),
            Mode::Test => format!("{slug}--test.{}", self.base),
        }
    }

    /// `https://host`, with the port where browsers need it and no slash at the end.
    pub fn origin(&self, host: &str) -> String {
        match (self.scheme, self.port) {
            (Scheme::Https, 443) | (Scheme::Http, 80) => format!("{}://{host}", self.scheme.word()),
            (_, port) => format!("{}://{host}:{port}", self.scheme.word()),
        }
    }
}
