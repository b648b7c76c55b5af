//! Policies: what each lets each app role do, judged by what its condition implies.
//!
//! Per table, role and command all permissive policies are OR-ed and all restrictive ones AND-ed, so each permissive
//! condition is judged together with all restrictive ones. `UPDATE` and `DELETE` are judged without the policies for
//! `SELECT`, which a statement without `WHERE` and `RETURNING` does not meet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::sources::{self, Trusted};
use super::{Guise, World};
use crate::catalog::{Policy, Relation};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::ident;
use crate::policy::{Goal, Prover, Reason, Verdict, tenant_equality};
use crate::remedy::{Remedy, Step};

/// Commands with the letter that policies have for them, the privilege that they need, and a word.
pub(super) const COMMANDS: &[(&str, &str, &str)] =
    &[("r", "SELECT", "read"), ("a", "INSERT", "insert"), ("w", "UPDATE", "update"), ("d", "DELETE", "delete")];

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let prover = Prover::new(world);
    let mut trusted = Trusted::default();
    for relation in judged_tables(world) {
        let mut table = Table { world, prover: &prover, relation, hits: BTreeMap::new(), is_written_openly: false };
        for guise in world.guises() {
            table.judge_for(guise, &mut trusted);
        }
        trusted.note_uses(&prover, world, relation);
        findings.extend(table.findings());
    }
    sources::judge(world, &prover, &trusted, findings);
}

/// Exposed tables with row level security, and the stored files of Supabase.
fn judged_tables<'a>(world: &World<'a>) -> Vec<&'a Relation> {
    let settings = world.settings;
    let has_policies = |relation: &&&Relation| relation.is_table() && relation.has_rls;
    let exposed: Vec<&Relation> = world.exposed().collect();
    let mut tables: Vec<&Relation> = exposed.iter().filter(has_policies).copied().collect();
    tables.retain(|relation| !settings.is_global(&relation.name));
    let files = world.catalog.relations.iter().filter(|relation| world.holds_files(relation) && relation.has_rls);
    tables.extend(files.filter(|relation| !settings.schemas.contains(&relation.name.schema)));
    tables
}

/// The condition of a policy for new rows.
pub(super) fn check_of(policy: &Policy) -> Option<&str> {
    policy.check.as_deref().or(policy.using.as_deref())
}

/// The policies that hold a role for a command: permissive ones, and restrictive ones.
pub(super) fn held<'a>(
    world: &World<'a>,
    relation: &Relation,
    guise: &Guise<'_>,
    command: &str,
) -> (Vec<&'a Policy>, Vec<&'a Policy>) {
    let mine = |policy: &Policy| policy.roles.iter().any(|role| *role == 0 || guise.inherited.contains(role));
    let policies = world.policies_of(relation.oid).iter().copied();
    let held = policies.filter(|policy: &&Policy| (policy.command == "*" || policy.command == command) && mine(policy));
    held.partition(|policy: &&Policy| policy.is_permissive)
}

#[derive(Debug)]
struct Hit {
    class: Class,
    severity: Severity,
    why: String,
    commands: BTreeSet<&'static str>,
    roles: BTreeSet<String>,
    in_check: bool,
}

struct Table<'t, 'a> {
    world: &'t World<'a>,
    prover: &'t Prover<'t, 'a>,
    relation: &'a Relation,
    hits: BTreeMap<(String, &'static str), Hit>,
    /// Whether a condition for new rows lets anything in but the tenant's.
    is_written_openly: bool,
}

impl<'a> Table<'_, 'a> {
    fn judge_for(&mut self, guise: &Guise<'a>, trusted: &mut Trusted) {
        let relation = self.relation;
        if guise.inherited.contains(&relation.owner) && !relation.forces_rls {
            return;
        }
        for (letter, privilege, _) in COMMANDS {
            if !self.world.may(&guise.inherited, relation, privilege) {
                continue;
            }
            let (permissive, restrictive) = held(self.world, relation, guise, letter);
            let and_using: Vec<&str> = restrictive.iter().filter_map(|policy| policy.using.as_deref()).collect();
            let and_check: Vec<&str> = restrictive.iter().filter_map(|policy| check_of(policy)).collect();
            for policy in permissive {
                if *letter != "a"
                    && let Some(using) = policy.using.as_deref()
                {
                    self.ask(policy, using, &and_using, Goal::See, letter, guise, trusted);
                }
                if (*letter == "a" || *letter == "w")
                    && let Some(check) = check_of(policy)
                    && (*letter == "a" || self.may_move(guise))
                {
                    self.ask(policy, check, &and_check, Goal::Write, letter, guise, trusted);
                }
            }
        }
    }

    /// Whether a role may write the tenant column of rows that are there.
    fn may_move(&self, guise: &Guise<'a>) -> bool {
        let relation = self.relation;
        let Some(column) = relation.column(self.world.settings.tenant_column(&relation.name)) else { return true };
        relation.grants(&guise.inherited, "UPDATE") || crate::catalog::granted(&column.acl, &guise.inherited, "UPDATE")
    }

    #[expect(clippy::too_many_arguments, reason = "each is one part of the question")]
    fn ask(
        &mut self,
        policy: &'a Policy,
        condition: &str,
        and: &[&str],
        goal: Goal,
        letter: &'static str,
        guise: &Guise<'a>,
        trusted: &mut Trusted,
    ) {
        let all: Vec<&str> = std::iter::once(condition).chain(and.iter().copied()).collect();
        let verdict = self.prover.judge(self.relation, &all, goal, guise);
        self.is_written_openly |= goal != Goal::See && !matches!(verdict, Verdict::Implied(_));
        match verdict {
            Verdict::Implied(sources) => trusted.note(sources, self.relation, policy),
            Verdict::Open(reason, why) => {
                let (class, severity) = self.class_of(policy, reason, goal);
                self.hit(policy, class, severity, why, goal, letter, guise);
            }
            Verdict::Unknown(what) => {
                let why = format!("{what} could not be judged");
                self.hit(policy, Class::Unprovable, Class::Unprovable.severity(), why, goal, letter, guise);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is one part of the answer")]
    fn hit(
        &mut self,
        policy: &Policy,
        class: Class,
        severity: Severity,
        why: String,
        goal: Goal,
        letter: &str,
        guise: &Guise<'_>,
    ) {
        let word = COMMANDS.iter().find(|(known, ..)| *known == letter).map_or("use", |(.., word)| *word);
        let in_check = goal != Goal::See;
        let hit = self.hits.entry((policy.name.clone(), class.id())).or_insert_with(|| Hit {
            class,
            severity,
            why,
            commands: BTreeSet::new(),
            roles: BTreeSet::new(),
            in_check,
        });
        hit.in_check &= in_check;
        hit.commands.insert(word);
        hit.roles.insert(guise.role.name.clone());
    }

    fn class_of(&self, policy: &Policy, reason: Reason, goal: Goal) -> (Class, Severity) {
        let class = self.class_of_reason(policy, reason, goal);
        let belongs = self.world.is_tenant_table(self.relation)
            || self.world.is_tenants_root(self.relation)
            || self.world.belongs_by_key(self.relation)
            || self.world.holds_files(self.relation);
        let is_meant = reason == Reason::BySecret;
        (class, if belongs && !is_meant { class.severity() } else { Severity::Info })
    }

    fn class_of_reason(&self, policy: &Policy, reason: Reason, goal: Goal) -> Class {
        let is_apps = |role: &u32| *role == 0 || self.world.app_roles.iter().any(|app| app.role.oid == *role);
        if !policy.roles.iter().any(is_apps) {
            return Class::PolicyNotForRole;
        }
        match reason {
            Reason::Captured => Class::PolicyCaptured,
            Reason::FailsOpen => Class::PolicyFailsOpen,
            Reason::WrongContext | Reason::BySecret => Class::PolicyWrongContext,
            Reason::NullTenant => Class::PolicyNullTenant,
            _ if self.world.holds_files(self.relation) => Class::StoragePath,
            Reason::Lossy => Class::PolicyLossy,
            _ if goal != Goal::See => Class::PolicyCheckOpen,
            Reason::Tautology => Class::PolicyTautology,
            _ => Class::PolicyOpen,
        }
    }

    /// One finding per policy and class; what a check repeats of its `using` is one hole.
    fn findings(self) -> Vec<Finding> {
        let by_name: HashMap<&str, &Policy> =
            self.world.policies_of(self.relation.oid).iter().map(|policy| (policy.name.as_str(), *policy)).collect();
        let open: BTreeSet<&str> =
            self.hits.iter().filter(|(_, hit)| !hit.in_check).map(|((name, _), _)| name.as_str()).collect();
        let mut findings = Vec::new();
        for ((name, _), hit) in &self.hits {
            let Some(policy) = by_name.get(name.as_str()) else { continue };
            let is_same = policy.check.is_none() || policy.check == policy.using;
            if hit.in_check && is_same && open.contains(name.as_str()) {
                continue;
            }
            findings.push(self.finding(policy, hit));
        }
        findings
    }

    fn finding(&self, policy: &Policy, hit: &Hit) -> Finding {
        let (table, name) = (&self.relation.name, &policy.name);
        let roles = hit.roles.iter().cloned().collect::<Vec<_>>().join(", ");
        let commands = hit.commands.iter().copied().collect::<Vec<_>>().join(", ");
        let text = if hit.class == Class::Unprovable {
            format!(
                "The policy {name} of {table}, by which {roles} may {commands} rows, has to be read by a person: {}.",
                hit.why
            )
        } else {
            format!(
                "By the policy {name} {roles} may {commands} rows of {table} that are another tenant's: {}.",
                hit.why
            )
        };
        let is_of_nobody =
            hit.class == Class::PolicyNullTenant && !self.is_left_by_tenants() && !self.changes_what_all_read(hit);
        let (severity, text) = if is_of_nobody {
            (Severity::Info, format!("{text} No app role may make such rows, nor does a key."))
        } else {
            (hit.severity, text)
        };
        let finding = Finding::verified(hit.class, table.to_string(), text).about(name).weighing(severity);
        let remedy = if hit.class == Class::Unprovable {
            Remedy::advice(
                "Write the condition so that it compares the tenant column with the context, or accept the finding with a reason.",
            )
        } else {
            self.remedy(policy)
        };
        finding.because(policy_text(self.world, self.relation, policy)).closed_by(remedy)
    }

    /// Whether a tenant's row can be left without a tenant: by who writes it, by a definer's code, or by a key that sets it
    /// to null.
    fn is_left_by_tenants(&self) -> bool {
        let Some(tenant) = self.relation.column(self.world.settings.tenant_column(&self.relation.name)) else {
            return true;
        };
        self.is_written_openly || self.world.is_left_without_a_tenant(self.relation, tenant)
    }

    /// Whether a tenant changes rows of nobody, which all tenants read: an owner put them there for everybody.
    fn changes_what_all_read(&self, hit: &Hit) -> bool {
        let of_nobody = |hit: &&Hit| hit.class == Class::PolicyNullTenant;
        let does = |hit: &Hit, words: &[&str]| words.iter().any(|word| hit.commands.contains(word));
        does(hit, &["update", "delete"]) && self.hits.values().filter(of_nobody).any(|hit| does(hit, &["read"]))
    }

    /// The same policy, and the tenant's equality besides.
    fn remedy(&self, policy: &Policy) -> Remedy {
        let Some(equality) = tenant_equality(self.world.settings, self.relation) else {
            return Remedy::advice(format!(
                "Make the policy {} compare the row's tenant with the context, through the table that says it, or drop it.",
                policy.name
            ));
        };
        let narrowed = |old: Option<&str>| match old {
            None | Some("true") => equality.clone(),
            Some(old) => format!("({old}) and {equality}"),
        };
        let using = policy.using.as_deref().map(|old| format!(" using ({})", narrowed(Some(old))));
        let needs_check = policy.check.is_some() || matches!(policy.command.as_str(), "a");
        let check = needs_check.then(|| format!(" with check ({})", narrowed(policy.check.as_deref())));
        let sql = format!(
            "alter policy {} on {}{}{}",
            ident(&policy.name),
            self.relation.name.quoted(),
            using.unwrap_or_default(),
            check.unwrap_or_default()
        );
        let advice = "Rows that were meant to be shared are not seen any more: accept the finding with a reason if that was the purpose.";
        Remedy::steps([Step::on(&self.relation.name, sql)]).with_advice(advice)
    }
}

/// The policy as its author wrote it, more or less.
pub(super) fn policy_text(world: &World<'_>, relation: &Relation, policy: &Policy) -> String {
    let command = match policy.command.as_str() {
        "r" => "select",
        "a" => "insert",
        "w" => "update",
        "d" => "delete",
        _ => "all",
    };
    let kind = if policy.is_permissive { "" } else { " as restrictive" };
    let roles: Vec<&str> = policy.roles.iter().map(|role| world.role_name(*role)).collect();
    let using = policy.using.as_deref().map(|text| format!(" using ({text})")).unwrap_or_default();
    let check = policy.check.as_deref().map(|text| format!(" with check ({text})")).unwrap_or_default();
    format!(
        "create policy {} on {}{kind} for {command} to {}{using}{check}",
        policy.name,
        relation.name,
        roles.join(", ")
    )
}
