//! What policies trust: tables that say who belongs where, and functions that say who asks.

use std::collections::{BTreeMap, BTreeSet};

use super::policies::{check_of, held};
use super::{Guise, World, names};
use crate::catalog::{Function, Policy, Relation, granted};
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, mentions};
use crate::policy::{Goal, Prover, Source, Sources, Verdict, tenant_equality};
use crate::remedy::{Remedy, Step};

/// What the policies of all tables trust.
#[derive(Debug, Default)]
pub(super) struct Trusted {
    /// Tables with what is read of them, and the first policy that trusts them.
    tables: BTreeMap<u32, (Source, String)>,
    /// Functions, and the first policy that calls them: its name, and its table's.
    functions: BTreeMap<u32, (String, String)>,
    /// Functions that name a table without its schema.
    unqualified: BTreeMap<u32, String>,
    /// Functions whose answer a plan keeps.
    frozen: BTreeSet<u32>,
}

impl Trusted {
    /// Adds what a proof rests on.
    pub(super) fn note(&mut self, sources: Sources, relation: &Relation, policy: &Policy) {
        for (oid, source) in sources {
            let by = || format!("{} of {}", policy.name, relation.name);
            let (known, _) = self.tables.entry(oid).or_insert_with(|| (Source::default(), by()));
            known.columns.extend(source.columns);
            known.given.extend(source.given);
        }
    }

    /// Adds the functions that a table's policies call.
    pub(super) fn note_uses(&mut self, prover: &Prover<'_, '_>, world: &World<'_>, relation: &Relation) {
        for policy in world.policies_of(relation.oid) {
            for condition in [policy.using.as_deref(), policy.check.as_deref()].into_iter().flatten() {
                // What calls nothing has no parenthesis but those of PostgreSQL's own functions; parsing tells.
                let uses = prover.uses(relation, condition);
                for function in uses.functions {
                    let by = || (policy.name.clone(), relation.name.to_string());
                    self.functions.entry(function).or_insert_with(by);
                }
                self.unqualified.extend(uses.unqualified);
                self.frozen.extend(uses.frozen);
            }
        }
    }
}

/// Adds what it finds.
pub(super) fn judge<'a>(world: &World<'a>, prover: &Prover<'_, 'a>, trusted: &Trusted, findings: &mut Vec<Finding>) {
    for (oid, (source, by)) in &trusted.tables {
        let Some(relation) = world.relation(*oid).filter(|relation| relation.is_table()) else { continue };
        let open = writable(world, prover, relation, &source.columns, by);
        findings.extend(open.or_else(|| chosen(world, relation, &source.given, by)));
    }
    for (oid, (policy, table)) in &trusted.functions {
        let Some(function) = world.function(*oid).filter(|function| function.extension.is_none()) else { continue };
        let by = format!("{policy} of {table}");
        let found = replaceable(world, function, &by).into_iter();
        let kept = trusted.frozen.contains(oid).then(|| frozen(function, &format!("The policy {by} calls it")));
        for finding in found.chain(shadowed(world, function, trusted.unqualified.get(oid), &by)).chain(kept) {
            // The rows that it opens are the table's: whoever owns that looks for its name.
            findings.push(Finding { object: table.clone(), detail: policy.clone(), ..finding.clone() });
            findings.push(finding);
        }
    }
    findings.extend(frozen_elsewhere(world, prover, trusted));
}

/// What views and functions ask, where no policy does.
fn frozen_elsewhere<'a>(world: &World<'a>, prover: &Prover<'_, 'a>, trusted: &Trusted) -> Vec<Finding> {
    let is_asked_once = |function: &&Function| {
        function.volatility == "i"
            && function.extension.is_none()
            && function.argument_types.is_empty()
            && !trusted.frozen.contains(&function.oid)
            && prover.uses_of_call(function).frozen.contains(&function.oid)
    };
    let mut found = Vec::new();
    for function in world.catalog.functions.iter().filter(is_asked_once) {
        let calls = |text: &str| {
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            [format!("{}()", function.name.name), format!("{}()", ident(&function.name.name))]
                .iter()
                .any(|call| text.match_indices(call.as_str()).any(|(at, _)| !text[..at].ends_with(is_name)))
        };
        let views = world.exposed().filter(|view| view.definition.as_deref().is_some_and(calls));
        let functions = world.catalog.functions.iter().filter(|other| {
            let body = other.body();
            other.oid != function.oid && other.extension.is_none() && calls(body)
        });
        let callers = views.map(|view| view.name.to_string()).chain(functions.map(Function::signature));
        found.extend(callers.take(1).map(|caller| frozen(function, &format!("{caller} calls it"))));
    }
    found
}

/// Declared immutable, and no such thing.
fn frozen(function: &Function, used: &str) -> Finding {
    let signature = function.signature();
    let text = format!(
        "{signature} is declared IMMUTABLE and depends on who asks. {used}: its answer is computed once, when PostgreSQL plans, \
         and a prepared statement, or a PL/pgSQL function on the same connection, goes on with the tenant who came first."
    );
    let sql = format!("alter function {} stable", function.quoted());
    let finding = Finding::verified(Class::ContextOutlives, signature.clone(), text).about("immutable");
    finding.because(format!("{signature}: provolatile = i")).closed_by(Remedy::steps([Step::of_database(sql)]))
}

fn writable<'a>(
    world: &World<'a>,
    prover: &Prover<'_, 'a>,
    relation: &'a Relation,
    columns: &BTreeSet<String>,
    by: &str,
) -> Option<Finding> {
    let (mut ways, mut roles, mut proof) = (BTreeSet::new(), BTreeSet::new(), None);
    for guise in world.guises() {
        for (letter, word) in [("a", "insert"), ("w", "update")] {
            if may_write(world, relation, guise, letter, columns)
                && let Some(text) = open_for(world, prover, relation, guise, letter)
            {
                ways.insert(word);
                roles.insert(guise.role.name.clone());
                proof.get_or_insert(text);
            }
        }
    }
    let proof = proof?;
    let table = &relation.name;
    let text = format!(
        "The policy {by} trusts {table} ({}), and {} may {} its rows: whoever does becomes a member of any tenant.",
        columns.iter().cloned().collect::<Vec<_>>().join(", "),
        roles.iter().cloned().collect::<Vec<_>>().join(", "),
        ways.iter().copied().collect::<Vec<_>>().join(" and "),
    );
    let remedy = closing(world, relation, &roles, &ways, columns);
    Some(Finding::verified(Class::PolicySourceWritable, table.to_string(), text).because(proof).closed_by(remedy))
}

/// A column by which a tenant's own row names another tenant, whose rows it then sees, and which the tenant may write.
fn chosen(world: &World<'_>, relation: &Relation, given: &BTreeSet<String>, by: &str) -> Option<Finding> {
    let mut open = given.iter().filter(|name| !is_guarded(world, relation, name));
    open.find_map(|name| chosen_by(world, relation, name, by))
}

/// As it is with one of the columns.
fn chosen_by(world: &World<'_>, relation: &Relation, name: &str, by: &str) -> Option<Finding> {
    let column = relation.column(name)?;
    let (mut ways, mut roles, mut proof) = (BTreeSet::new(), BTreeSet::new(), None);
    for guise in world.guises() {
        for (letter, right, word) in [("a", "INSERT", "insert"), ("w", "UPDATE", "update")] {
            let may = world.has_usage(&relation.name.schema, &guise.inherited)
                && (relation.grants(&guise.inherited, right) || granted(&column.acl, &guise.inherited, right));
            // A tenant has its own row already.
            let is_there = letter == "a" && world.is_tenants_root(relation);
            let (permissive, restrictive) = held(world, relation, guise, letter);
            let asks = |policy: &&&Policy| check_of(policy).is_some_and(|text| compares(text, name) || text == "false");
            let open = permissive.iter().find(|policy| !asks(policy));
            if may
                && !is_there
                && !restrictive.iter().any(|policy| asks(&policy))
                && let Some(policy) = open
            {
                ways.insert(word);
                roles.insert(guise.role.name.clone());
                proof.get_or_insert_with(|| super::policies::policy_text(world, relation, policy));
            }
        }
    }
    let proof = proof?;
    let text = format!(
        "The policy {by} shows the rows of whoever {name} of {} names, and {} may {} it in a row of their own: whoever does \
         reads any tenant's rows.",
        relation.name,
        roles.iter().cloned().collect::<Vec<_>>().join(", "),
        ways.iter().copied().collect::<Vec<_>>().join(" and "),
    );
    let advice = format!(
        "Let a function of your own write {name}, which asks whether the tenant that it names agrees, and take the right to \
         write it from the app."
    );
    let table = relation.name.to_string();
    let finding = Finding::verified(Class::PolicySourceWritable, table, text).about(name.to_owned());
    Some(finding.because(proof).closed_by(Remedy::advice(advice)))
}

/// Whether a condition holds a column against something: `parent_id = …`, `parent_id IN (…)`.
fn compares(text: &str, column: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(column).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + column.len()..]);
        let is_whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        // It may stand with its table, and quoted.
        let head = before.trim_end_matches(|letter| is_part(letter) || ['.', '"', '('].contains(&letter));
        let tail = after.trim_start_matches('"');
        let is_right = head.ends_with(" = ") || head.ends_with(" IS NOT DISTINCT FROM ");
        let is_left = [" = ", " IN ", " IS NOT DISTINCT FROM "].iter().any(|word| tail.starts_with(word));
        is_whole && (is_right || is_left)
    })
}

/// Whether a trigger of the table sees to a column before it is written: by an error, or by what it writes there itself.
fn is_guarded(world: &World<'_>, relation: &Relation, column: &str) -> bool {
    let triggers = world.catalog.triggers.iter();
    let mut before = triggers.filter(|trigger| {
        trigger.relation == relation.oid && trigger.is_enabled && trigger.definition.contains(" BEFORE ")
    });
    let written = format!("new.{}", column.to_lowercase());
    before.any(|trigger| {
        let Some(function) = world.function(trigger.function) else { return false };
        let lines = function.body().lines().map(|line| line.split("--").next().unwrap_or_default());
        let code = lines.collect::<Vec<_>>().join("\n").to_lowercase().replace('"', "");
        mentions(&code, &written) && (code.contains("raise") || code.contains(":="))
    })
}

/// Whether a role may write what the policies trust: a row, or one of these columns.
fn may_write(
    world: &World<'_>,
    relation: &Relation,
    guise: &Guise<'_>,
    letter: &str,
    columns: &BTreeSet<String>,
) -> bool {
    if letter == "a" {
        return world.may(&guise.inherited, relation, "INSERT");
    }
    let by_column =
        |name: &String| relation.column(name).is_some_and(|column| granted(&column.acl, &guise.inherited, "UPDATE"));
    let granted = relation.grants(&guise.inherited, "UPDATE") || columns.iter().any(by_column);
    granted && world.has_usage(&relation.name.schema, &guise.inherited)
}

/// What lets a role write rows of any tenant there, where something does.
fn open_for<'a>(
    world: &World<'a>,
    prover: &Prover<'_, 'a>,
    relation: &'a Relation,
    guise: &Guise<'a>,
    letter: &str,
) -> Option<String> {
    if !relation.has_rls || (guise.inherited.contains(&relation.owner) && !relation.forces_rls) {
        return Some(format!("{}: no row level security holds {}", relation.name, guise.role.name));
    }
    let (permissive, restrictive) = held(world, relation, guise, letter);
    let and: Vec<&str> = restrictive.iter().filter_map(|policy| check_of(policy)).collect();
    permissive.iter().find_map(|policy| {
        let all: Vec<&str> = check_of(policy).into_iter().chain(and.iter().copied()).collect();
        let verdict = prover.judge(relation, &all, Goal::Enrol, guise);
        matches!(verdict, Verdict::Open(..)).then(|| super::policies::policy_text(world, relation, policy))
    })
}

/// Takes the right to write away; who may belong to a tenant is not for the tenant's people to say.
fn closing(
    world: &World<'_>,
    relation: &Relation,
    roles: &BTreeSet<String>,
    ways: &BTreeSet<&str>,
    columns: &BTreeSet<String>,
) -> Remedy {
    let table = relation.name.quoted();
    let advice = format!(
        "Let a function of your own, which checks the invitation, write {} ({}), or tie its policies to tenants that the caller may administer.",
        relation.name,
        columns.iter().cloned().collect::<Vec<_>>().join(", ")
    );
    if let Some(equality) = tenant_equality(world.settings, relation).filter(|_| relation.has_rls) {
        let sql =
            format!("create policy tenant_writes on {table} as restrictive using ({equality}) with check ({equality})");
        return Remedy::steps([Step::on(&relation.name, sql)]).with_advice(advice);
    }
    let verbs = ways.iter().copied().collect::<Vec<_>>().join(", ");
    let revoke = |role: &String| Step::on(&relation.name, format!("revoke {verbs} on {table} from {}", ident(role)));
    Remedy::steps(roles.iter().map(revoke)).with_advice(advice)
}

fn replaceable(world: &World<'_>, function: &Function, by: &str) -> Option<Finding> {
    let who = world.who_reaches(function.owner);
    if who.is_empty() || world.is_above_rls(function.owner) {
        return None;
    }
    let (signature, owner) = (function.signature(), world.role_name(function.owner));
    let text = format!(
        "The policy {by} calls {signature}, whose owner {owner} {} is or can become: it can replace the function by one that answers for any tenant.",
        names(&who)
    );
    let advice = format!("Give {signature} to a role that no app role is a member of: alter function … owner to …");
    let finding = Finding::verified(Class::PolicyFunctionUnsafe, signature.clone(), text);
    Some(finding.because(format!("owner of {signature}: {owner}")).closed_by(Remedy::advice(advice)))
}

/// A function that looks for a table by its bare name finds the caller's temporary one first, or one in a schema where
/// the caller may create.
fn shadowed(world: &World<'_>, function: &Function, table: Option<&String>, by: &str) -> Option<Finding> {
    let table = table?;
    let path = function.settings.iter().find_map(|setting| setting.strip_prefix("search_path="));
    let schemas: Vec<&str> =
        path.unwrap_or_default().split(',').map(|schema| schema.trim().trim_matches('"')).collect();
    let may_make_temporary =
        |roles: &std::collections::HashSet<u32>| granted(&world.catalog.server.acl, roles, "TEMPORARY");
    let who: Vec<_> = world
        .app_roles
        .iter()
        .filter(|app| {
            let temporary = !schemas.contains(&"pg_temp") && may_make_temporary(&app.reachable);
            let created = schemas.iter().any(|schema| world.may_create_in(schema, &app.reachable));
            let everywhere = path.is_none()
                && world.catalog.schemas.iter().any(|schema| granted(&schema.acl, &app.reachable, "CREATE"));
            temporary || created || everywhere
        })
        .collect();
    if who.is_empty() {
        return None;
    }
    let signature = function.signature();
    let text = format!(
        "The policy {by} calls {signature}, which reads {table} without its schema: {} can put a table of that name before it and so choose the answer.",
        names(&who)
    );
    let proof = format!("{signature}: search_path {}", path.unwrap_or("of the caller"));
    let home = ident(&function.name.schema);
    let list = path.filter(|path| !path.trim().is_empty()).map_or(home, ToOwned::to_owned);
    let sql = format!("alter function {} set search_path = {list}, pg_temp", function.quoted());
    let finding = Finding::verified(Class::PolicyFunctionUnsafe, signature, text).about("search_path");
    Some(finding.because(proof).closed_by(Remedy::steps([Step::of_database(sql)])))
}
