//! Keys, grants, and what reaches past the policies.

use super::dice::Dice;
use super::feature::Made;
use super::grammar;
use super::scene::Scene;
use super::table::{Table, by_administrator};

pub(super) fn unique(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let key = match (leaks, dice.percent(50)) {
        (true, true) => "email text unique, ",
        (true, false) => "code text, unique nulls not distinct (code), ",
        (false, true) => "email text, unique (tenant_id, email), ",
        (false, false) => "code text, unique (code, tenant_id), ",
    };
    let policy = table.policy(&grammar::sound(dice, scene).sql);
    Made::of(table.name.clone(), format!("{}{}{policy}", table.create(scene, key), table.guard(scene)))
}

pub(super) fn foreign_key(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let parent = table.beside("parent");
    let (key, column) = if leaks {
        ("primary key (id)", "parent uuid references P, ")
    } else {
        ("primary key (tenant_id, id)", "parent uuid, foreign key (tenant_id, parent) references P, ")
    };
    let above = format!(
        "{}{}{}",
        parent.create_keyed(scene, "not null", key),
        parent.guard(scene),
        parent.policy(&grammar::sound(dice, scene).sql)
    );
    let policy = table.policy(&grammar::sound(dice, scene).sql);
    let below = format!("{}{}{policy}", table.create(scene, &column.replace('P', &parent.name)), table.guard(scene));
    Made::of(table.name.clone(), format!("{above}{below}"))
}

pub(super) fn truncate(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let to = if leaks { dice.of(&["public", scene.app()]) } else { "@other@" };
    Made::of(table.name.clone(), format!("{}grant truncate on {} to {to};\n", table.sound(dice, scene), table.name))
}

pub(super) fn trigger_grant(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let to = if leaks { dice.of(&["public", scene.app()]) } else { "@other@" };
    Made::of(table.name.clone(), format!("{}grant trigger on {} to {to};\n", table.sound(dice, scene), table.name))
}

pub(super) fn sequence(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let sequence = format!("{}_numbers", table.name);
    let may = if leaks { dice.of(&["select", "usage, select", "all"]) } else { "usage" };
    let ddl = format!(
        "{}create sequence {sequence};\nalter table {} add number bigint default nextval('{sequence}');\n\
         grant {may} on sequence {sequence} to {};\n",
        table.sound(dice, scene),
        table.name,
        scene.app()
    );
    Made::of(sequence, ddl)
}

pub(super) fn exclusion(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let key = match (leaks, dice.below(3)) {
        (true, 0) => "during tstzrange, exclude using gist (during with &&), ",
        (true, 1) => "room text, during daterange, exclude using gist (room with =, during with &&), ",
        (true, _) => {
            "room text, during daterange, is_held boolean default true,\n  \
             exclude using gist (room with =, during with &&) where (is_held), "
        }
        (false, 0) => "during tstzrange, exclude using gist (during with &&, tenant_id with =), ",
        (false, _) => {
            "room text, during daterange, exclude using gist (tenant_id with =, room with =, during with &&), "
        }
    };
    let extension = by_administrator("create extension if not exists btree_gist;\n");
    Made::of(&table.name, format!("{extension}{}", table.sound_with(dice, scene, key)))
}

/// What is granted column by column.
pub(super) fn columns(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, app) = (&table.name, scene.app());
    let mut sound = || grammar::sound(dice, scene).sql;
    let (reads, writes, takes) = (sound(), sound(), sound());
    let (check, may) = match (leaks, dice.below(2)) {
        (true, _) => ("stage is distinct from 'locked'".to_owned(), "tenant_id, stage"),
        (false, 0) => (grammar::sound(dice, scene).sql, "tenant_id, stage"),
        (false, _) => ("stage is distinct from 'locked'".to_owned(), "stage"),
    };
    let ddl = format!(
        "{}{}grant select, insert on {name} to {app};\ngrant update ({may}) on {name} to {app};\n\
         create policy r on {name} for select using ({reads});\n\
         create policy i on {name} for insert with check ({writes});\n\
         create policy u on {name} for update using ({takes}) with check ({check});\n",
        table.create(scene, ""),
        table.secure()
    );
    Made::of(name, ddl)
}

/// What subscribers are sent: the rows of all, or of one.
pub(super) fn publication(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, stream) = (&table.name, format!("{}_stream_{}", scene.schema, table.number));
    let what = match (leaks, dice.below(3)) {
        (true, 0) => format!("for tables in schema {} with (publish = 'insert')", scene.schema),
        (true, _) => "for all tables with (publish = 'insert')".to_owned(),
        (false, 0) => format!("for table {name} with (publish = 'insert')"),
        (false, _) => format!("for table {name} where (tenant_id = {}) with (publish = 'insert')", scene.fixed()),
    };
    let create = by_administrator(&format!("create publication {stream} {what};\n"));
    let ddl = format!("{}{create}", table.sound(dice, scene));
    let undo = format!("drop publication {stream};\n");
    Made::of(stream, ddl).undone_by(undo)
}

/// Files in the database: as large objects, which belong to the login, or in the row.
pub(super) fn large_objects(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let column = match (leaks, dice.percent(50)) {
        (true, true) => "content oid, ",
        (true, false) => "content lo, ",
        (false, true) => "content bytea, ",
        (false, false) => "content bytea, kind regclass, ",
    };
    let extension = by_administrator("create extension if not exists lo;\n");
    let ddl = format!("{extension}{}", table.sound_with(dice, scene, column));
    Made::of(&table.name, ddl).or_at(&["@db@"])
}

/// What the planner remembers of all tenants' values.
pub(super) fn statistics(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let shown = format!("{}_shown", table.name);
    let (object, create) = match (leaks, dice.percent(50)) {
        (true, true) => (
            shown.clone(),
            format!(
                "create view {shown} as select s.starelid::regclass as tab, s.stavalues1::text as common from pg_statistic s"
            ),
        ),
        (true, false) => (
            format!("{shown}(regclass)"),
            format!(
                "create function {shown}(t regclass) returns setof text language sql stable security definer\n  \
             set search_path = '' as $$ select s.stavalues1::text from pg_catalog.pg_statistic s where s.starelid = t $$"
            ),
        ),
        (false, _) => {
            (shown.clone(), format!("create view {shown} as select c.relname, c.relpages from pg_catalog.pg_class c"))
        }
    };
    let grant = if object == shown { format!("grant select on {shown} to {};\n", scene.app()) } else { String::new() };
    let create = by_administrator(&format!("{create};\n{grant}"));
    Made::of(object, format!("{}{create}", table.sound(dice, scene)))
}
