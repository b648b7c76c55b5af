//! Which of the things that a view, a rule or a function touches are a hole.

use super::World;
use super::reads::{Found, Library, Touch, Verb};
use crate::catalog::{Relation, RelationKind};

/// A relation of tenants that is touched past its policies.
pub(super) struct Leak<'a> {
    pub relation: &'a Relation,
    pub verb: Verb,
    pub is_by_secret: bool,
    /// Why policies do not hold it, in words.
    pub why: String,
}

impl<'w, 'a> Library<'w, 'a> {
    /// What is not held, of what is read or written as another than whoever asks.
    pub(super) fn leaks(&self, found: &Found) -> Vec<Leak<'a>> {
        let mut leaks: Vec<Leak<'a>> = Vec::new();
        for touch in found.touches.iter().filter(|touch| !touch.is_held) {
            let Some(leak) = self.leak(touch) else { continue };
            let known = |known: &Leak<'_>| known.relation.oid == leak.relation.oid && known.verb == leak.verb;
            match leaks.iter_mut().find(|one| known(one)) {
                Some(known) => known.is_by_secret &= leak.is_by_secret,
                None => leaks.push(leak),
            }
        }
        leaks
    }

    fn leak(&self, touch: &Touch) -> Option<Leak<'a>> {
        let world = self.world;
        let relation = world.relation(touch.relation).filter(|relation| self.is_of_tenants(relation))?;
        let why = self.why_not_held(touch.reader?, relation, touch.verb)?;
        Some(Leak { relation, verb: touch.verb, is_by_secret: touch.is_by_secret, why })
    }

    /// Why the policies of a relation do not hold a reader; none where they do, or where the app is no worse off without.
    pub(super) fn why_not_held(&self, reader: u32, relation: &Relation, verb: Verb) -> Option<String> {
        let world = self.world;
        let name = world.role_name(reader);
        if !world.who_reaches(reader).is_empty() {
            return None;
        }
        if !relation.is_table() {
            let what = if relation.kind == RelationKind::Foreign { "a foreign table" } else { "a materialised view" };
            return Some(format!("{what} has no policies"));
        }
        if !relation.has_rls {
            // Told of the table itself, where the app gets at it.
            let told = !world.who_may(relation, "SELECT").is_empty();
            return if told { None } else { Some("it has no row level security".to_owned()) };
        }
        if world.is_above_rls(reader) {
            return Some(format!("{name} is held by no policy"));
        }
        if world.passes_policies(reader, relation) {
            return Some(format!("{name} owns {} and its policies are not forced", relation.name));
        }
        if self.policies_hold(reader, relation, verb) {
            None
        } else {
            Some(format!("the policies for {name} are open"))
        }
    }

    /// Tables that everybody reads, and that a row of a trigger or rule is written to.
    pub(super) fn carried(&self, found: &Found) -> Vec<&'a Relation> {
        let mut open: Vec<&Relation> = Vec::new();
        for touch in found.touches.iter().filter(|touch| touch.carries_row && writes(touch.verb)) {
            let Some(relation) = self.world.relation(touch.relation) else { continue };
            let is_open = relation.is_table()
                && !relation.has_rls
                && !self.world.has_tenant(relation)
                && !self.world.who_may(relation, "SELECT").is_empty();
            if is_open && !open.iter().any(|known| known.oid == relation.oid) {
                open.push(relation);
            }
        }
        open
    }
}

const fn writes(verb: Verb) -> bool {
    matches!(verb, Verb::Insert | Verb::Update)
}

/// What leaks, in a sentence: `reads app.notes and updates app.orders, …`.
pub(super) fn told(leaks: &[Leak<'_>]) -> String {
    const SHOWN: usize = 5;
    let mut parts: Vec<String> = leaks
        .iter()
        .take(SHOWN)
        .map(|leak| format!("{} {} ({})", leak.verb.done(), leak.relation.name, leak.why))
        .collect();
    if leaks.len() > SHOWN {
        parts.push(format!("{} more", leaks.len() - SHOWN));
    }
    parts.join(", ")
}

/// The beginning of a text, for a proof.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 1_500;
    let text = text.trim();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// What `rls.toml` calls the comparison that would hold a statement.
pub(super) fn comparison(world: &World<'_>) -> String {
    format!("{} = (the tenant of the context)", world.settings.tenant_column)
}
