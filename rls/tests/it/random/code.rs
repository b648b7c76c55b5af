//! What stands in front of tables, and code.

use super::dice::Dice;
use super::feature::Made;
use super::grammar::tree;
use super::scene::Scene;
use super::table::{Table, by_administrator};

pub(super) fn view(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, view) = (&table.name, format!("{}_view", table.name));
    let (options, filter) = match (leaks, dice.below(3)) {
        (true, 0) => ("", "title is not null".to_owned()),
        (true, _) => (" with (security_barrier)", tree(dice, scene, true).sql),
        (false, 0) => (" with (security_invoker)", "title is not null".to_owned()),
        (false, _) => (" with (security_barrier)", tree(dice, scene, false).sql),
    };
    let create = format!("create view {view}{options} as select title from {name} where {filter};\n");
    let grant = format!("grant select on {view} to {};\n", scene.app());
    Made::of(view, format!("{}{create}{grant}", table.unforced(dice, scene)))
}

pub(super) fn matview(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let view = format!("{}_copy", table.name);
    let create = format!("create materialized view {view} as select tenant_id, title from {};\n", table.name);
    let grant = if leaks { format!("grant select on {view} to {};\n", scene.app()) } else { String::new() };
    Made::of(view, format!("{}{create}{grant}", table.unforced(dice, scene)))
}

pub(super) fn function(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, function) = (&table.name, format!("{}_list", table.name));
    let (using, definer) = match (leaks, dice.percent(30)) {
        (false, true) => ("true".to_owned(), ""),
        (leaks, _) => (tree(dice, scene, leaks).sql, " security definer set search_path = ''"),
    };
    let query = format!("select title from {name} where {using}");
    let body = if dice.percent(50) {
        format!("language sql stable{definer} as $$ {query} $$")
    } else {
        format!("language plpgsql stable{definer} as $$ begin return query {query}; end $$")
    };
    let create = format!("create function {function}() returns setof text {body};\n");
    Made::of(format!("{function}()"), format!("{}{create}", table.unforced(dice, scene)))
}

pub(super) fn dynamic(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, function, ctx) = (&table.name, format!("{}_find", table.name), scene.nullable().replace('\'', "''"));
    let text = match (leaks, dice.percent(50)) {
        (true, true) => format!("'select title from {name} where tenant_id = {ctx} and title = ''' || q || ''''"),
        (true, false) => format!("format('select title from {name} where tenant_id = {ctx} and title = ''%s''', q)"),
        (false, true) => format!("format('select title from {name} where tenant_id = {ctx} and title = %L', q)"),
        (false, false) => format!("'select title from {name} where tenant_id = {ctx} and title = $1' using q"),
    };
    let create = format!(
        "create function {function}(q text) returns setof text language plpgsql stable security definer set search_path = ''\n  \
         as $f$ begin return query execute {text}; end $f$;\n"
    );
    Made::of(format!("{function}(text)"), format!("{}{create}", table.unforced(dice, scene)))
}

/// A function that looks for a title and says what it found; the twin looks among the tenant's.
pub(super) fn error(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, function) = (&table.name, format!("{}_claim", table.name));
    let filter = tree(dice, scene, leaks).sql;
    let create = format!(
        "create function {function}() returns void language plpgsql stable security definer set search_path = '' as $$\n\
         declare found text;\nbegin\n  for found in select title from {name} where {filter} loop\n    \
         raise notice 'there is % already', found;\n  end loop;\nend $$;\n"
    );
    Made::of(format!("{function}()"), format!("{}{create}", table.unforced(dice, scene)))
}

/// A view that filters, whose caller's cheap functions are asked first where nothing stands between.
pub(super) fn leaky(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (view, ctx) = (format!("{}_mine", table.name), scene.nullable());
    let options = if leaks {
        dice.of(&["", " with (security_barrier = false)"])
    } else {
        dice.of(&[" with (security_barrier)", " with (security_invoker = true)"])
    };
    let more = dice.of(&["", "title <> '' and "]);
    let ddl = format!(
        "{}create view {view}{options} as select title from {} where {more}tenant_id = {ctx};\n\
         grant select on {view} to {};\n",
        table.unforced(dice, scene),
        table.name,
        scene.app()
    );
    Made::of(view, ddl)
}

/// A file as a table, which no policy can be put on.
pub(super) fn foreign_table(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let archive = format!("{}_archive", table.name);
    let (one, two) = scene.two();
    let grant = match (leaks, dice.below(3)) {
        (true, 0) => format!("grant select on {archive} to {};\n", scene.app()),
        (true, 1) => format!("grant select (line) on {archive} to {};\n", scene.app()),
        (true, _) => format!("grant select on {archive} to public;\n"),
        (false, 0) => String::new(),
        (false, _) => format!(
            "create view {archive}_mine with (security_barrier) as\n  \
             select line from {archive} where tenant_id = {};\ngrant select on {archive}_mine to {};\n",
            scene.nullable(),
            scene.app()
        ),
    };
    let create = by_administrator(&format!(
        "create extension if not exists file_fdw;\ncreate server if not exists files foreign data wrapper file_fdw;\n\
         create foreign table {archive} (tenant_id {}, line text) server files\n  \
         options (program 'printf \"{one},first\\n{two},second\\n\"', format 'csv');\n{grant}",
        scene.type_name()
    ));
    Made::of(archive, format!("{}{create}", table.sound(dice, scene)))
}

/// A function that may be asked before the policies, and says what it was asked.
pub(super) fn leakproof(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (function, says) = (format!("{}_says", table.name), if leaks { " leakproof" } else { "" });
    let body = dice.of(&[
        "begin raise notice 'looking at %', t; return t <> ''; end",
        "begin return t::int = 1; end",
        "begin if t <> 'x' then raise notice 'no: %', t; end if; return t = 'x'; end",
    ]);
    let create = by_administrator(&format!(
        "create function {function}(t text) returns boolean language plpgsql immutable{says} cost 1 as $$ {body} $$;\n"
    ));
    Made::of(format!("{function}(text)"), format!("{}{create}", table.sound(dice, scene)))
}

/// A condition that is put together out of sight, and is right; the twin says it.
pub(super) fn unreadable(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (function, kind, ctx) = (format!("{}_ours", table.name), scene.type_name(), scene.nullable());
    let ask = if leaks {
        let hex: String = format!("select $1 = {ctx}").bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("execute convert_from(decode('{hex}', 'hex'), 'utf8')")
    } else {
        format!("execute 'select $1 = {}'", ctx.replace('\'', "''"))
    };
    let made = table.with_policy(scene, &format!("{function}(tenant_id)"));
    let ddl = format!(
        "create function {function}(t {kind}) returns boolean language plpgsql stable as $$\ndeclare is_ours boolean;\n\
         begin\n  {ask} into is_ours using t;\n  return is_ours;\nend $$;\n{}",
        made.ddl
    );
    let _ = dice;
    Made { ddl, is_of_the_catalogue: true, ..made }
}
