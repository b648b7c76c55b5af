//! One route as it was written: what is wrong with it, and what it means.

use std::sync::Arc;
use std::time::Duration;

use tenantry_core::permission::Permission;
use tenantry_core::route::{Method, Methods, Pattern};

use uuid::Uuid;

use super::{BodySchema, COST_MAX, Cors, Csp, CspDirective, Guard, Guards, Kind, Route};
use crate::config::access::{Permissions, refuse_repeats};
use crate::config::document::{At, Span};
use crate::config::limits::{Limits, Per, Tier, TierId};
use crate::config::parse;
use crate::config::section::{Choice, Section};
use crate::config::upstream::{BODY_BYTES_MAX, TIMEOUT_MS_MAX};

/// Paths that Tenantry answers itself on every host.
const RESERVED: [&str; 6] = ["/-", "/-/*", "/security", "/security/*", "/.well-known", "/.well-known/*"];
/// Names of routes among those who are counted.
const ROUTES: Uuid = Uuid::from_bytes(*b"counted-routes/1");
/// A path whose last segment ends so is a file of the page.
const ASSET_ENDINGS: [&str; 14] =
    ["css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "woff2", "webmanifest"];

/// What a route's reader needs to know of the rest of the file.
pub(in crate::config) struct Surroundings<'c> {
    pub(in crate::config) permissions: &'c Permissions,
    pub(in crate::config) limits: &'c Limits,
    pub(in crate::config) response_timeout: Duration,
    pub(in crate::config) max_body_bytes: u64,
}

impl Route {
    /// Reads one route. `None`: it has no path or no guard, and that was noted.
    pub(in crate::config) fn read(section: &Section<'_, '_>, around: &Surroundings<'_>) -> Option<At<Self>> {
        let span = if section.has("path") { section.span_of("path") } else { section.span.clone() };
        let pattern = section.required("path", "\"/api/orders\"", None, str::parse::<Pattern>);
        let name =
            pattern.as_ref().map_or_else(|| "route".to_owned(), |pattern| format!("route {:?}", pattern.as_str()));
        let reader = Reader { section, name, span: span.clone() };
        let (methods, guards) = (reader.methods(), reader.guards());
        let permission = reader.permission(guards, around.permissions);
        let public_because = reader.public_because(guards);
        let kind = section.maybe_choice("kind").or_else(|| Some(usual_kind(pattern.as_ref()?, guards?)));
        let csp = section.choice("csp", Csp::Nonce);
        let (csp_sources, cors) = (reader.csp_sources(), Cors::read(section, &reader.name, guards));
        let timeout_ms = section.maybe_number("timeout_ms", 1..=TIMEOUT_MS_MAX);
        let max_body_bytes =
            section.maybe_number("max_body_bytes", 0..=BODY_BYTES_MAX).unwrap_or(around.max_body_bytes);
        let body_schema = BodySchema::read(section, &reader.name).map(Arc::new);
        let tiers = reader.tiers(kind, guards, around.limits);
        let (cost, is_shadow) = (section.number("cost", 1, 1..=COST_MAX), section.flag("shadow", false));
        reader.refuse_cost(cost, &tiers, around.limits);
        let response_timeout = timeout_ms.map_or(around.response_timeout, |ms| Duration::from_millis(ms.into()));
        let (pattern, guards, kind, line) = (pattern?, guards?, kind?, section.reading.line(&span));
        reader.refuse_reserved(&pattern);
        let counted_as = Uuid::new_v5(&ROUTES, format!("{methods} {}", pattern.as_str()).as_bytes());
        let value = Self {
            pattern,
            methods,
            guards,
            permission,
            public_because,
            kind,
            csp,
            csp_sources,
            cors,
            response_timeout,
            max_body_bytes,
            body_schema,
            tiers,
            cost,
            is_shadow,
            counted_as,
            line,
        };
        Some(At { value, span })
    }
}

/// What programs and scripts show a credential for is the API's; `/assets/…` and files are assets; the rest are pages.
fn usual_kind(pattern: &Pattern, guards: Guards) -> Kind {
    let path = pattern.as_str();
    let is_shown = [Guard::Key, Guard::Jwt, Guard::Cron].iter().any(|guard| guards.contains(*guard));
    let is_api = path == "/api" || path.starts_with("/api/") || is_shown;
    let ending = path.rsplit_once('/').and_then(|(_, file)| file.rsplit_once('.')).map(|(_, ending)| ending);
    let is_asset = path.starts_with("/assets/")
        || path.starts_with("/static/")
        || ending.is_some_and(|ending| ASSET_ENDINGS.contains(&ending));
    match (is_api, is_asset) {
        (true, _) => Kind::Api,
        (false, true) => Kind::Asset,
        (false, false) => Kind::Page,
    }
}

/// The parts of one route.
struct Reader<'s, 'r, 't> {
    section: &'s Section<'r, 't>,
    /// `route "/api/orders"`, for messages.
    name: String,
    span: Span,
}

impl Reader<'_, '_, '_> {
    fn methods(&self) -> Methods {
        let words = self.section.words("methods", &["GET"], "\"GET\", \"POST\", …, or \"any\"");
        refuse_repeats(self.section, &words);
        if words.iter().any(|word| word.value == "any") {
            return Methods::ALL;
        }
        let methods = words.iter().filter_map(|word| self.section.choose::<Method>("methods", word));
        let methods = methods.fold(Methods::NONE, Methods::with);
        if !methods.is_empty() {
            return methods;
        }
        if self.section.is_empty_list("methods") {
            self.section.reading.fault(
                &self.section.span_of("methods"),
                format!("{} has no method", self.name),
                "Name some, or leave methods out for GET.",
            );
        }
        Methods::NONE.with(Method::Get)
    }

    fn guards(&self) -> Option<Guards> {
        let words = self.section.words("guard", &[], "\"session\", \"key\", \"jwt\", \"cron\" or \"public\"");
        refuse_repeats(self.section, &words);
        let known: Vec<Guard> = words.iter().filter_map(|word| self.section.choose("guard", word)).collect();
        if !self.section.has("guard") || self.section.is_empty_list("guard") {
            let fix = "Add guard = \"session\", \"key\", \"jwt\", \"cron\", a list of them, or \"public\" with public_because.";
            self.section.reading.missing(&self.span, format!("{} has no guard", self.name), fix);
        }
        self.refuse_company(&known);
        (known.len() == words.len() && !known.is_empty()).then(|| known.into_iter().collect())
    }

    /// Guards that stand alone.
    fn refuse_company(&self, guards: &[Guard]) {
        let (what, fix) = match guards {
            [_] | [] => return,
            _ if guards.contains(&Guard::Public) => {
                ("is public, so its other guards guard nothing", "Leave \"public\" out, or the others.")
            }
            _ if guards.contains(&Guard::Cron) => (
                "has the guard \"cron\" beside others",
                "Write a route of its own for people and keys: a scheduler has no permissions and no tenant.",
            ),
            _ => return,
        };
        self.section.reading.fault(&self.section.span_of("guard"), format!("{} {what}", self.name), fix);
    }

    fn permission(&self, guards: Option<Guards>, permissions: &Permissions) -> Option<Permission> {
        let word = self.section.word("permission", None, "one word of [permissions]")?;
        let permission = permissions.resolve(self.section, &word)?;
        if guards.is_some_and(|guards| !guards.show_permissions()) {
            let what = format!("{} asks for a permission that nobody can show there", self.name);
            self.section.reading.fault(
                &self.section.span_of("permission"),
                what,
                "Permissions belong to sessions, tokens and keys: change the guard, or leave permission out.",
            );
        }
        Some(permission)
    }

    fn public_because(&self, guards: Option<Guards>) -> Option<String> {
        let reason = self.section.maybe("public_because", parse::sentence);
        let is_public = guards.is_some_and(Guards::is_public);
        if is_public && !self.section.has("public_because") {
            self.section.reading.missing(
                &self.section.span_of("guard"),
                format!("{} is public and does not say why", self.name),
                "Add public_because = \"…\": whoever reviews the routes asks first for these.",
            );
        }
        if !is_public && guards.is_some() && self.section.has("public_because") {
            self.section.reading.fault(
                &self.section.span_of("public_because"),
                format!("{} says why it is public and is not", self.name),
                "Leave public_because out, or write guard = \"public\".",
            );
        }
        reason
    }

    fn csp_sources(&self) -> Vec<(CspDirective, Vec<String>)> {
        let lists = self.section.lists("csp_sources");
        lists
            .into_iter()
            .filter_map(|(name, sources)| Some((self.section.choose("directive", &name)?, self.sources(sources))))
            .collect()
    }

    fn sources(&self, sources: Vec<At<&str>>) -> Vec<String> {
        let source = |text: At<&str>| {
            let parsed = parse::csp_source(text.value);
            parsed
                .map_err(|why| {
                    self.section.reading.fault(
                        &text.span,
                        format!("{:?} is no source", text.value),
                        format!("Please {why}."),
                    )
                })
                .ok()
        };
        sources.into_iter().filter_map(source).collect()
    }

    fn tiers(&self, kind: Option<Kind>, guards: Option<Guards>, limits: &Limits) -> Vec<TierId> {
        let words = self.section.words("tiers", &[], "names of [limits.tiers]");
        refuse_repeats(self.section, &words);
        let named: Vec<TierId> = words.iter().filter_map(|word| self.tier(word, guards, limits)).collect();
        if !words.is_empty() {
            return named;
        }
        kind.zip(guards).map_or_else(Vec::new, |(kind, guards)| usual_tiers(kind, guards))
    }

    /// A limit per key on a route without keys would never count.
    fn tier(&self, word: &At<&str>, guards: Option<Guards>, limits: &Limits) -> Option<TierId> {
        let id = limits.resolve(self.section, word)?;
        let needed: &[Guard] = match limits.tier(id).per {
            Per::Key => &[Guard::Key],
            Per::User => &[Guard::Session, Guard::Jwt],
            Per::Ip | Per::Tenant | Per::Route => &[],
        };
        let comes = |guards: Guards| needed.is_empty() || needed.iter().any(|guard| guards.contains(*guard));
        if let Some(usual) = needed.first()
            && !guards.is_none_or(comes)
        {
            let what = format!(
                "{} has the limit {:?} per {}, and nobody comes with one",
                self.name,
                word.value,
                limits.tier(id).per.as_str()
            );
            self.section.reading.fault(
                &word.span,
                what,
                format!("Add the guard {:?}, or choose a tier per ip.", usual.word()),
            );
        }
        Some(id)
    }

    /// A request that costs more than a window holds never passes.
    fn refuse_cost(&self, cost: u32, tiers: &[TierId], limits: &Limits) {
        let never = |tier: &&Tier| tier.limit < cost && !tier.is_shadow;
        if let Some(tier) = tiers.iter().map(|id| limits.tier(*id)).find(never) {
            let what = format!("{} costs {cost} and its limit {:?} is {}", self.name, tier.name, tier.limit);
            self.section.reading.fault(
                &self.section.span_of("cost"),
                what,
                "Nobody would ever pass: lower the cost, or raise the limit.",
            );
        }
    }

    fn refuse_reserved(&self, pattern: &Pattern) {
        let is_reserved = RESERVED
            .iter()
            .filter_map(|reserved| reserved.parse::<Pattern>().ok())
            .any(|reserved| reserved.covers(pattern));
        if is_reserved {
            self.section.reading.fault(
                &self.span,
                format!("{} is never reached: Tenantry answers there", self.name),
                "/-/, /security and /.well-known/ are reserved; move the route.",
            );
        }
    }
}

/// The limits of a route that names none.
fn usual_tiers(kind: Kind, guards: Guards) -> Vec<TierId> {
    if guards.contains(Guard::Cron) {
        return vec![TierId::CRON_IP];
    }
    match kind {
        Kind::Api if guards.contains(Guard::Key) => vec![TierId::API_KEY, TierId::API_IP],
        Kind::Api => vec![TierId::API_IP],
        Kind::Page => vec![TierId::PAGE_IP],
        Kind::Asset => vec![TierId::ASSET_IP],
    }
}
