//! Where the tenant is read from, and how long it stays.

use super::dice::Dice;
use super::feature::Made;
use super::scene::Scene;
use super::table::Table;

/// A setting that nobody but the caller sets.
pub(super) fn wrong(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (ctx, kind) = (scene.nullable(), scene.type_name());
    let using = match (leaks, dice.below(3)) {
        (true, 0) => format!("current_setting('app.is_admin', true) = 'on' or tenant_id = {ctx}"),
        (true, 1) => format!("tenant_id = nullif(current_setting('app.workspace', true), '')::{kind}"),
        (true, _) => "tenant_id::text = current_setting('application_name')".to_owned(),
        (false, 0) => format!(
            "tenant_id = {ctx} and (current_setting('app.ward', true) is null or status = current_setting('app.ward', true))"
        ),
        (false, _) => format!("current_setting('app.is_open', true) is distinct from 'no' and tenant_id = {ctx}"),
    };
    table.with_policy(scene, &using)
}

/// A function that sets the tenant: of the transaction, or of the session.
pub(super) fn outlives(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, kind, is_local) = (format!("{}_enter", table.name), scene.type_name(), !leaks);
    let local = if leaks { "" } else { "local " };
    let set = format!("set_config('app.tenant_id', t::text, {is_local})");
    let create = match dice.below(3) {
        0 => format!("function {name}(t {kind}) returns void language sql as $$ select {set} $$"),
        1 => format!("procedure {name}(t {kind}) language plpgsql as $$ begin perform {set}; end $$"),
        _ => format!(
            "function {name}(t {kind}) returns void language plpgsql as $$\n\
             begin execute format('set {local}app.tenant_id = %L', t); end $$"
        ),
    };
    let ddl = format!("{}create {create};\n", table.sound(dice, scene));
    Made::of(format!("{name}({kind})"), ddl)
}

/// A helper that is asked once, when a statement is planned, or with every statement.
pub(super) fn frozen(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (function, kind) = (format!("{}_tenant", table.name), scene.type_name());
    let volatility = if leaks { "immutable" } else { dice.of(&["stable", "volatile", ""]) };
    let (ctx, within) = (scene.nullable(), dice.percent(30));
    let body = if dice.percent(50) {
        format!("language sql {volatility} as $$ select {ctx} $$")
    } else {
        format!("language plpgsql {volatility} as $$ begin return {ctx}; end $$")
    };
    let ours = format!(
        "create function {}_ours(t {kind}) returns boolean language plpgsql stable as $$ begin return t = {function}(); end $$;\n",
        table.name
    );
    let using = if within { format!("{}_ours(tenant_id)", table.name) } else { format!("tenant_id = {function}()") };
    let made = table.with_policy(scene, &using);
    let ddl = format!(
        "create function {function}() returns {kind} {body};\n{}{}",
        if within { ours } else { String::new() },
        made.ddl
    );
    Made::of(format!("{function}()"), ddl).or_at(&[&table.name])
}
