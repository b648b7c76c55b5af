//! Policies that look elsewhere for the tenant.

use super::dice::Dice;
use super::feature::Made;
use super::scene::Scene;
use super::table::Table;

/// A sub-query in which a name without its table is the inner one's, or the outer one's.
pub(super) fn captured(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (ctx, name, projects) = (scene.tenant(dice), &table.name, table.beside("project"));
    let project = &projects.name;
    let using = match (leaks, dice.percent(50)) {
        (true, true) => {
            format!("project_id in (select project_id from {project} p where p.tenant_id = {ctx})")
        }
        (true, false) => {
            format!("exists (select from {project} p where p.tenant_id = tenant_id and p.tenant_id = {ctx})")
        }
        (false, true) => {
            format!("exists (select from {project} p where p.tenant_id = {name}.tenant_id and p.tenant_id = {ctx})")
        }
        (false, false) => {
            format!("tenant_id = {ctx} and (project_id is null or project_id in (select p.id from {project} p))")
        }
    };
    let made = table.with_columns_and_policy(scene, "project_id uuid, ", &using);
    Made { ddl: format!("{}{}", projects.sound(dice, scene), made.ddl), ..made }
}

/// Whose tenant a person has is said by a profile, and the person may change it.
pub(super) fn profile(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (profiles, user) = (table.beside("profile"), scene.user());
    let profile = &profiles.name;
    let may = if leaks {
        dice.of(&["select, update", "select, update (tenant_id)", "select, insert, update"])
    } else {
        dice.of(&["select", "select, update (display_name)"])
    };
    let using = match dice.below(3) {
        0 => format!("tenant_id = (select p.tenant_id from {profile} p where p.user_id = {user})"),
        1 => format!("tenant_id in (select p.tenant_id from {profile} p where p.user_id = {user})"),
        _ => format!(
            "exists (select from {profile} p where p.tenant_id = {}.tenant_id and p.user_id = {user})",
            table.name
        ),
    };
    let ddl = format!("{}grant {may} on {profile} to {};\n", profiles_of(scene, &profiles), scene.app());
    let made = table.with_policy(scene, &using).or_at(&[profile]);
    Made { ddl: format!("{ddl}{}", made.ddl), ..made }
}

fn profiles_of(scene: &Scene, profiles: &Table) -> String {
    format!(
        "create table {} (user_id uuid primary key, tenant_id {} not null, display_name text);\n{}{}",
        profiles.name,
        scene.type_name(),
        profiles.secure(),
        profiles.policy(&format!("user_id = {}", scene.user()))
    )
}

/// A definer's function that looks where its caller says.
pub(super) fn search_path(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    home(dice, scene, table, leaks, "security definer ")
}

/// The same as the caller, for whom a temporary table comes first.
pub(super) fn shadowed(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    home(dice, scene, table, leaks, "")
}

/// A function that says the tenant of the person who asks, and a policy that believes it.
fn home(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool, definer: &str) -> Made {
    let (schema, user, profiles) = (&scene.schema, scene.user(), table.beside("profile"));
    let (profile, short) = (&profiles.name, profiles.name.replace(&format!("{schema}."), ""));
    let (path, from) = match (leaks, dice.below(3)) {
        (true, 0) => (String::new(), &short),
        (true, 1) => (format!("set search_path = {schema} "), &short),
        (true, _) => (format!("set search_path to pg_catalog, {schema} "), &short),
        (false, 0) => (format!("set search_path = {schema}, pg_temp "), &short),
        (false, _) => ("set search_path = '' ".to_owned(), profile),
    };
    let query = format!("select p.tenant_id from {from} p where p.user_id = {user}");
    let body = if dice.percent(50) {
        format!("language sql stable {definer}{path}as $$ {query} $$")
    } else {
        format!("language plpgsql stable {definer}{path}as $$ begin return ({query}); end $$")
    };
    let function = format!("{schema}.t{}_home()", table.number);
    let made = table.with_policy(scene, &format!("tenant_id = {function}"));
    let ddl = format!(
        "{}grant select on {profile} to {};\nset search_path = {schema}, public;\n\
         create function {function} returns {} {body};\nreset search_path;\n{}",
        profiles_of(scene, &profiles),
        scene.app(),
        scene.type_name(),
        made.ddl
    );
    Made::of(function, ddl).or_at(&[&table.name, profile])
}
