//! A tenant's name in a host: `acme` in `acme.example.com` (AC-10, AC-11).
//!
//! A DNS label without surprises. A double dash is kept for ourselves (`acme--test` is a tenant's
//! test host) and keeps punycode out. Words that a visitor would take for the operator's own hosts
//! are refused when a tenant is made.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Shortest slug: shorter ones are worth keeping for the operator.
pub const SLUG_MIN: usize = 3;
/// Longest slug: leaves room for `--test` and a prefix within the 63 bytes of a DNS label.
pub const SLUG_MAX: usize = 40;

/// A tenant's label, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Arc<str>);

/// Why a text cannot be a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlugFault {
    /// Too short or too long.
    #[error("use 3 to 40 characters")]
    Length,
    /// A character outside `a-z`, `0-9` and `-`.
    #[error("use lower-case letters, digits and dashes only")]
    Character,
    /// A dash at an edge, or two together.
    #[error("a dash must stand alone between letters or digits")]
    Dash,
    /// A word that belongs to the operator.
    #[error("this name is reserved; choose another")]
    Reserved,
}

impl Slug {
    /// Reads a slug that someone wants to have.
    ///
    /// # Errors
    /// [`SlugFault`], a sentence for the form.
    pub fn parse(text: &str) -> Result<Self, SlugFault> {
        if is_reserved(text) { Err(SlugFault::Reserved) } else { Self::from_stored(text) }
    }

    /// Reads a slug that a tenant already has: the form is checked, the reserved words are not,
    /// so that a longer list never locks out a tenant of yesterday.
    ///
    /// # Errors
    /// [`SlugFault`], never [`SlugFault::Reserved`].
    pub fn from_stored(text: &str) -> Result<Self, SlugFault> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// The slug as it stands in a host.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a label is kept for the operator.
pub fn is_reserved(label: &str) -> bool {
    RESERVED.binary_search(&label).is_ok()
}

fn check(text: &str) -> Result<(), SlugFault> {
    if !(SLUG_MIN..=SLUG_MAX).contains(&text.len()) {
        return Err(SlugFault::Length);
    }
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err(SlugFault::Character);
    }
    if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
        return Err(SlugFault::Dash);
    }
    Ok(())
}

impl TryFrom<String> for Slug {
    type Error = SlugFault;

    fn try_from(text: String) -> Result<Self, SlugFault> {
        Self::from_stored(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.as_str().to_owned()
    }
}

impl AsRef<str> for Slug {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// In alphabetical order, proved below. Shorter words need no entry.
const RESERVED: &[&str] = &[
    "about", "abuse", "access", "account", "accounts", "acme-challenge", "activate", "activation", "admin",
    "administration", "administrator", "admins", "agent", "agents", "alert", "alerts", "alpha", "analytics",
    "anonymous", "api", "api-docs", "apis", "app", "apps", "archive", "asset", "assets", "assistant", "auth",
    "authenticate", "authentication", "authorize", "autoconfig", "autodiscover", "backend", "backup", "backups",
    "badge", "banking", "batch", "beta", "billing", "blog", "blogs", "board", "bot", "bots", "broadcasthost",
    "bucket", "bug", "bugs", "build", "builds", "cache", "calendar", "callback", "canary", "careers", "cart", "cdn",
    "cdn1", "cdn2", "central", "certificate", "certificates", "certs", "chat", "checkout", "ci-cd", "client",
    "clients", "cloud", "cluster", "code", "com", "community", "compliance", "config", "connect", "console",
    "contact", "contact-us", "content", "control", "controls", "cookie", "cookies", "copyright", "core", "corp",
    "cpanel", "cron", "css", "customer", "customers", "dash", "dashboard", "data", "database", "dav", "debug",
    "default", "demo", "deploy", "deployment", "desktop", "dev", "devel", "developer", "developers", "development",
    "devops", "dkim", "dmarc", "dns", "dns0", "dns1", "dns2", "dns3", "doc", "docs", "domain", "domains", "download",
    "downloads", "dpa", "edge", "edit", "editor", "email", "emails", "embed", "employee", "employees", "endpoint",
    "enterprise", "error", "errors", "event", "events", "example", "exchange", "export", "external", "faq", "fax",
    "feed", "feedback", "feeds", "file", "files", "finance", "firewall", "forgot", "forgot-password", "forms",
    "forum", "forums", "free", "frontend", "ftp", "ftps", "gateway", "gdpr", "git", "github", "gitlab", "global",
    "grafana", "graph", "graphql", "guest", "guests", "guide", "handoff", "health", "healthz", "help", "helpdesk",
    "home", "host", "hosting", "hostmaster", "hosts", "hr-portal", "html", "http", "httpd", "https", "identity",
    "image", "images", "imap", "imap4", "img", "img1", "img2", "import", "imprint", "inbound", "inbox", "incident",
    "incidents", "info", "internal", "intranet", "invite", "invites", "invoice", "invoices", "iot", "ipfs", "ipv4",
    "ipv6", "irc", "isatap", "issue", "issues", "javascript", "jenkins", "jira", "job", "jobs", "join", "js-cdn",
    "json", "jwks", "keys", "kibana", "kubernetes", "lab", "labs", "ldap", "legal", "license", "licenses", "link",
    "links", "list", "lists", "live", "load", "loadbalancer", "local", "localdomain", "localhost", "log", "login",
    "logon", "logout", "logs", "mail", "mail0", "mail1", "mail2", "mail3", "mail4", "mailbox", "mailer",
    "mailer-daemon", "mailman", "mails", "main", "maintenance", "manage", "management", "manager", "map", "maps",
    "marketing", "master", "media", "member", "members", "message", "messages", "metrics", "mirror", "mobile",
    "monitor", "monitoring", "mta-sts", "mx0", "mx1", "mx2", "mx3", "my-account", "mysql", "nagios", "name",
    "nameserver", "net", "network", "new", "news", "newsletter", "no-reply", "nobody", "noc", "nodes", "noreply",
    "notification", "notifications", "notify", "ns0", "ns1", "ns2", "ns3", "ns4", "null", "oauth", "oauth2", "office",
    "offline", "oidc", "old", "onboarding", "online", "openid", "operator", "operators", "order", "orders", "org",
    "organization", "origin", "outbound", "owa", "owner", "owners", "panel", "partner", "partners", "pass",
    "password", "passwords", "pay", "payment", "payments", "pgp", "phishing", "php", "phpmyadmin", "ping", "platform",
    "plugin", "plugins", "policy", "pop", "pop3", "popular", "portal", "post", "postgres", "postgresql", "postmaster",
    "preprod", "press", "preview", "pricing", "privacy", "private", "prod", "production", "profile", "profiles",
    "project", "projects", "prometheus", "proxy", "public", "push", "query", "queue", "queues", "radius", "random",
    "readyz", "realtime", "recover", "recovery", "redirect", "redis", "register", "registration", "relay", "release",
    "releases", "remote", "report", "reports", "request", "reset", "reset-password", "resolver", "rest", "robots",
    "root", "router", "rpc", "rsa", "rss", "saas", "sales", "saml", "sandbox", "scim", "scripts", "sdk", "search",
    "secret", "secrets", "secure", "security", "security-txt", "sentry", "server", "servers", "service", "services",
    "session", "sessions", "setting", "settings", "setup", "sftp", "shop", "sign-in", "sign-out", "sign-up", "signin",
    "signing", "signout", "signup", "site", "sitemap", "sites", "smtp", "smtp1", "smtps", "snmp", "soap", "soc2",
    "socket", "spam", "spf", "sql", "src", "ssh", "ssl", "ssladmin", "ssladministrator", "sslwebmaster", "sso",
    "staff", "stage", "staging", "start", "stat", "static", "statistics", "stats", "status", "storage", "store",
    "storefront", "stores", "sts", "style", "styles", "subdomain", "subscribe", "subscription", "superadmin",
    "superuser", "support", "survey", "svn", "swagger", "sys", "sysadmin", "system", "systems", "team", "teams",
    "telnet", "temp", "tenant", "tenantry", "tenants", "terms", "test", "testing", "tests", "theme", "themes",
    "ticket", "tickets", "time", "tls", "token", "tokens", "tools", "trace", "tracking", "transfer", "translate",
    "trust", "tunnel", "tutorial", "undefined", "unsubscribe", "update", "updates", "upgrade", "upload", "uploads",
    "upstream", "usage", "usenet", "user", "users", "uucp", "vault", "verification", "verify", "version", "video",
    "videos", "virtual", "vpn", "vpn1", "vpn2", "wallet", "watch", "web", "web1", "web2", "webadmin", "webapp",
    "webauthn", "webdav", "webhook", "webhooks", "webmail", "webmaster", "webmasters", "website", "websocket",
    "welcome", "well-known", "whois", "widget", "widgets", "wiki", "wildcard", "window", "windows", "work",
    "workspace", "workspaces", "wpad", "www", "www1", "www2", "www3", "www4", "wwws", "xml", "xmpp", "yaml",
    "your-account", "zendesk", "zone",
];

const _: () = assert!(is_sorted(RESERVED), "the reserved words must be in order: they are searched by halves");

const fn is_sorted(words: &[&str]) -> bool {
    let mut at = 1;
    while at < words.len() {
        if !is_before(words[at - 1].as_bytes(), words[at].as_bytes()) {
            return false;
        }
        at += 1;
    }
    true
}

const fn is_before(left: &[u8], right: &[u8]) -> bool {
    let mut at = 0;
    while at < left.len() && at < right.len() {
        if left[at] != right[at] {
            return left[at] < right[at];
        }
        at += 1;
    }
    left.len() < right.len()
}
