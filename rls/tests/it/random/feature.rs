//! What a random schema is made of: one object each, with a hole or as its near twin without.

use super::dice::Dice;
use super::scene::{Scene, Speaks};
use super::table::Table;
use super::{around, code, context, policies, sources, triggers, wide};

/// One object, and whether it leaks.
pub(super) struct Feature {
    pub(super) class: &'static str,
    pub(super) leaks: bool,
    pub(super) made: Made,
}

/// How an object is made.
#[derive(Default)]
pub(super) struct Made {
    /// What a finding may name: one of them at least where it leaks, none where it does not.
    pub(super) objects: Vec<String>,
    pub(super) ddl: String,
    /// What takes away what does not go with the schema.
    pub(super) undo: String,
    /// A hole of the whole database: what else is named is part of it.
    pub(super) is_everywhere: bool,
    /// Nothing that a session could try.
    pub(super) is_of_the_catalogue: bool,
    /// Schemas beside the scene's own.
    pub(super) schemas: Vec<&'static str>,
    /// A release to be taken for the server's.
    pub(super) version: Option<u32>,
}

impl Made {
    pub(super) fn of(object: impl Into<String>, ddl: impl Into<String>) -> Self {
        Self { objects: vec![object.into()], ddl: ddl.into(), ..Self::default() }
    }

    /// Where the same hole may be told as well.
    pub(super) fn or_at(mut self, objects: &[&str]) -> Self {
        self.objects.extend(objects.iter().map(|object| (*object).to_owned()));
        self
    }

    pub(super) fn undone_by(self, undo: impl Into<String>) -> Self {
        Self { undo: undo.into(), ..self }
    }

    pub(super) fn everywhere(self) -> Self {
        Self { is_everywhere: true, ..self }
    }
}

/// What makes an object of a class.
pub(super) type Maker = fn(&mut Dice, &Scene, &Table, bool) -> Made;

/// What is drawn from: a class, and what makes its object.
const MAKERS: &[(&str, Maker)] = &[
    ("policy-open", policies::policy_tree),
    ("policy-open", policies::policy_tree),
    ("policy-open", policies::two_policies),
    ("policy-fails-open", policies::fails_open),
    ("policy-lossy-compare", policies::lossy),
    ("policy-null-tenant", policies::null_tenant),
    ("tenant-nullable", policies::nullable),
    ("tenant-default", policies::default),
    ("policy-check-open", policies::check_open),
    ("policy-not-for-role", policies::not_for_role),
    ("policy-tautology", policies::restrictive),
    ("rls-disabled", policies::disabled),
    ("rls-disabled", policies::child),
    ("partition-exposed", policies::partition),
    ("rls-not-forced", policies::not_forced),
    ("role-owns-table", policies::owned),
    ("policy-captured-column", sources::captured),
    ("policy-source-writable", sources::profile),
    ("policy-wrong-context", context::wrong),
    ("context-outlives", context::outlives),
    ("context-outlives", context::frozen),
    ("view-definer", code::view),
    ("view-leaky", code::leaky),
    ("matview-exposed", code::matview),
    ("foreign-table-exposed", code::foreign_table),
    ("function-definer", code::function),
    ("function-dynamic-sql", code::dynamic),
    ("function-search-path", sources::search_path),
    ("temp-shadowing", sources::shadowed),
    ("function-leakproof", code::leakproof),
    ("error-oracle", code::error),
    ("unprovable", code::unreadable),
    ("rule-bypass", triggers::rule),
    ("trigger-leaks", triggers::looks),
    ("trigger-leaks", triggers::books),
    ("notify-leaks", triggers::tells),
    ("unique-oracle", around::unique),
    ("foreign-key-oracle", around::foreign_key),
    ("exclusion-oracle", around::exclusion),
    ("sequence-oracle", around::sequence),
    ("grant-truncate", around::truncate),
    ("grant-ignores-rls", around::trigger_grant),
    ("grant-column", around::columns),
    ("publication-all", around::publication),
    ("large-objects", around::large_objects),
    ("statistics-exposed", around::statistics),
];

/// What changes the whole schema, or more: such a one is alone in its schema.
const ALONE: &[(&str, Maker)] = &[
    ("role-bypasses", wide::bypasses),
    ("role-reads-all", wide::reads_all),
    ("context-outlives", wide::context_of_role),
    ("policy-function-unsafe", wide::replaceable),
    ("storage-path-policy", wide::files),
    ("statistics-exposed", wide::statistics),
    ("default-privileges", wide::default_privileges),
    ("schema-create", wide::schema_create),
    ("extension-dangerous", wide::extension),
    ("server-minor", wide::server),
];

/// Draws one of those that stand beside others.
pub(super) fn draw(dice: &mut Dice, scene: &Scene, number: usize, leaks: bool) -> Feature {
    draw_of(MAKERS, dice, scene, number, leaks)
}

/// Draws one that stands alone.
pub(super) fn draw_alone(dice: &mut Dice, scene: &Scene, leaks: bool) -> Feature {
    draw_of(ALONE, dice, scene, 0, leaks)
}

fn draw_of(makers: &[(&'static str, Maker)], dice: &mut Dice, scene: &Scene, number: usize, leaks: bool) -> Feature {
    loop {
        let (class, make) = dice.of(makers);
        if means_nothing(class, scene.speaks) {
            continue;
        }
        let table = Table::new(scene, number);
        return Feature { class, leaks, made: make(dice, scene, &table, leaks) };
    }
}

/// Where the role is the context, a session always has one, and inside a definer's function it is the owner's.
fn means_nothing(class: &str, speaks: Speaks) -> bool {
    let (by_role, by_setting) = (speaks == Speaks::Role, speaks == Speaks::Guc);
    match class {
        "policy-fails-open" | "function-definer" | "error-oracle" | "trigger-leaks" => by_role,
        "policy-source-writable" | "function-search-path" | "temp-shadowing" => by_role,
        "policy-wrong-context" | "unprovable" => by_role,
        "context-outlives" => !by_setting,
        _ => false,
    }
}
