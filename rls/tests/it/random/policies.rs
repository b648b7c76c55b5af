//! Policies and tables: what holds rows back, and what does not.

use super::dice::Dice;
use super::feature::Made;
use super::grammar::{self, tree};
use super::scene::Scene;
use super::table::{Table, by_administrator};

pub(super) fn policy_tree(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    table.with_policy(scene, &tree(dice, scene, leaks).sql)
}

/// One for each command, of which one may be open.
pub(super) fn two_policies(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let open = dice.of(&["select", "delete"]);
    let mut ddl = format!("{}{}", table.create(scene, ""), table.guard(scene));
    for command in ["select", "delete"] {
        let using = tree(dice, scene, leaks && command == open).sql;
        ddl.push_str(&format!(
            "create policy {command}_{} on {} for {command} using ({using});\n",
            table.number, table.name
        ));
    }
    let check = grammar::sound(dice, scene).sql;
    ddl.push_str(&format!("create policy w{} on {} for insert with check ({check});\n", table.number, table.name));
    Made::of(table.name.clone(), ddl)
}

pub(super) fn fails_open(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let using = if leaks { grammar::failing_open(dice, scene) } else { grammar::failing_closed(dice, scene) };
    table.with_policy(scene, &using)
}

pub(super) fn lossy(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let using = if leaks { grammar::lossy(dice, scene) } else { grammar::exact(dice, scene) };
    table.with_policy(scene, &using)
}

/// The same condition; what leaks is that the column may be null.
pub(super) fn null_tenant(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let ctx = scene.nullable();
    let using = match dice.below(2) {
        0 => format!("tenant_id is null or tenant_id = {ctx}"),
        _ => format!("coalesce(tenant_id, {ctx}) = {ctx}"),
    };
    let (null, key) = if leaks { ("", "primary key (id)") } else { ("not null", "primary key (tenant_id, id)") };
    let create = table.create_keyed(scene, null, key);
    Made::of(table.name.clone(), format!("{create}{}{}", table.guard(scene), table.policy(&using)))
}

pub(super) fn check_open(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (using, check) = (grammar::sound(dice, scene).sql, tree(dice, scene, leaks).sql);
    let name = &table.name;
    let policy = format!("create policy c{} on {name} using ({using}) with check ({check});\n", table.number);
    Made::of(name.clone(), format!("{}{}{policy}", table.create(scene, ""), table.guard(scene)))
}

pub(super) fn not_for_role(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let to = if leaks { "public" } else { "@other@" };
    let weak = tree(dice, scene, true).sql;
    let policy = format!("create policy r{} on {} for select to {to} using ({weak});\n", table.number, table.name);
    Made::of(table.name.clone(), format!("{}{policy}", table.sound(dice, scene)))
}

/// An open permissive policy, which a restrictive one may close.
pub(super) fn restrictive(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (mut ddl, name) = (format!("{}{}", table.create(scene, ""), table.guard(scene)), table.name.clone());
    ddl.push_str(&table.policy("true"));
    let condition = tree(dice, scene, leaks).sql;
    ddl.push_str(&format!("create policy only{} on {name} as restrictive using ({condition});\n", table.number));
    Made::of(name, ddl)
}

pub(super) fn disabled(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    if !leaks {
        return Made::of(table.name.clone(), table.sound(dice, scene));
    }
    let policy = if dice.percent(50) { table.policy(&grammar::sound(dice, scene).sql) } else { String::new() };
    Made::of(table.name.clone(), format!("{}{}{policy}", table.create(scene, ""), table.grant(scene)))
}

/// A table without a tenant of its own, below one that has.
pub(super) fn child(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, number) = (format!("{}_line", table.name), table.number);
    let parent = format!(
        "{}{}{}",
        table.create_keyed(scene, "not null", "primary key (id)"),
        table.guard(scene),
        table.policy(&grammar::sound(dice, scene).sql)
    );
    let policy = format!(
        "alter table {name} enable row level security;\nalter table {name} force row level security;\n\
         create policy line{number} on {name} using (exists (select from {} p where p.id = {name}.parent));\n",
        table.name
    );
    let line = format!(
        "create table {name} (id uuid primary key default gen_random_uuid(), parent uuid not null references {}, sku text);\n\
         grant select, insert, update, delete on {name} to {};\n",
        table.name,
        scene.app()
    );
    let policy = if leaks { String::new() } else { policy };
    Made::of(name, format!("{parent}{line}{policy}"))
}

pub(super) fn partition(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, part) = (&table.name, format!("{}_part", table.name));
    let create = format!(
        "create table {name} (tenant_id {} not null, region text not null, title text) partition by list (region);\n\
         create table {part} partition of {name} default;\n",
        scene.type_name()
    );
    let grant = match (leaks, dice.percent(50)) {
        (true, true) => format!("grant select on {part} to {};\n", scene.app()),
        (true, false) => format!("grant select, insert, update, delete on {part} to public;\n"),
        (false, true) => {
            format!("grant select on {part} to {};\nalter table {part} enable row level security;\n", scene.app())
        }
        (false, false) => String::new(),
    };
    let policy = table.policy(&grammar::sound(dice, scene).sql);
    Made::of(part, format!("{create}{}{policy}{grant}", table.guard(scene)))
}

/// Rows without a tenant, shown to everybody in ways that do not say so at once.
pub(super) fn nullable(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let ctx = scene.nullable();
    let using = match (leaks, dice.percent(50)) {
        (true, true) => format!("tenant_id = any (array[{ctx}, null]) or tenant_id is null"),
        (true, false) => format!("coalesce(tenant_id = {ctx}, tenant_id is null)"),
        (false, _) => grammar::sound(dice, scene).sql,
    };
    let create = table.create_keyed(scene, "", "primary key (id)");
    Made::of(&table.name, format!("{create}{}{}", table.guard(scene), table.policy(&using)))
}

/// Who does not say the tenant writes into one and the same.
pub(super) fn default(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let name = &table.name;
    let (default, check) = if leaks {
        (scene.fixed().to_owned(), tree(dice, scene, true).sql)
    } else {
        (scene.nullable(), grammar::sound(dice, scene).sql)
    };
    let using = grammar::sound(dice, scene).sql;
    let ddl = format!(
        "{}{}alter table {name} alter tenant_id set default {default};\n\
         create policy r on {name} for select using ({using});\n\
         create policy w on {name} for insert with check ({check});\n",
        table.create(scene, ""),
        table.guard(scene)
    );
    Made::of(name, ddl)
}

/// The app owns its tables, as one does that runs its own migrations; or somebody else does.
pub(super) fn not_forced(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let ddl = table.unforced(dice, scene);
    owned_by(scene, table, &ddl, leaks)
}

/// FORCE holds the owner until the owner takes it off.
pub(super) fn owned(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let ddl = table.sound(dice, scene);
    owned_by(scene, table, &ddl, leaks)
}

fn owned_by(scene: &Scene, table: &Table, ddl: &str, leaks: bool) -> Made {
    let owner = if leaks { scene.one_app() } else { "@other@" };
    let owned = by_administrator(&format!("alter table {} owner to {owner};\n", table.name));
    Made::of(&table.name, format!("{ddl}{owned}")).or_at(&[owner])
}
