//! What runs beside a statement: rules and triggers.

use super::dice::Dice;
use super::feature::Made;
use super::scene::{Scene, Speaks};
use super::table::Table;

/// A rule writes as the table's owner: by a number that tenants share, or by the tenant as well.
pub(super) fn rule(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let items = table.beside("item");
    let (name, item) = (&table.name, &items.name);
    let is_held = !leaks && scene.speaks != Speaks::Role && dice.percent(30);
    let below = if is_held {
        items.sound_with(dice, scene, "number int, ")
    } else {
        items.unforced_with(dice, scene, "number int, ")
    };
    let narrows = if leaks || is_held { "" } else { "tenant_id = old.tenant_id and " };
    let action = match dice.below(2) {
        0 => format!("on delete to {name} do also delete from {item} where {narrows}number = old.number"),
        _ => format!(
            "on update to {name} do also update {item} set title = new.title where {narrows}number = old.number"
        ),
    };
    let above = table.sound_with(dice, scene, "number int, ");
    Made::of(name, format!("{below}{above}create rule follow as {action};\n"))
}

/// A trigger that looks for others like the new row, and writes down what it found.
pub(super) fn looks(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, ctx) = (&table.name, scene.nullable());
    let (definer, narrows) = match (leaks, dice.below(3)) {
        (true, _) => (" security definer set search_path = ''", String::new()),
        (false, 0) => ("", String::new()),
        (false, 1) => (" security definer set search_path = ''", "c.tenant_id = new.tenant_id and ".to_owned()),
        (false, _) => (" security definer set search_path = ''", format!("c.tenant_id = {ctx} and ")),
    };
    let function = format!("{name}_look()");
    let ddl = format!(
        "{}create function {function} returns trigger language plpgsql{definer} as $$\nbegin\n  \
         select c.title into new.twin from {name} c where {narrows}c.status = new.status limit 1;\n  return new;\n\
         end $$;\ncreate trigger look before insert on {name} for each row execute function {function};\n",
        table.unforced_with(dice, scene, "twin text, ")
    );
    Made::of(function, ddl).or_at(&[name])
}

/// A trigger that books what was written elsewhere, on whose row ever.
pub(super) fn books(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (balances, name) = (table.beside("balance"), &table.name);
    let narrows = if leaks { "" } else { "tenant_id = new.tenant_id and " };
    let function = format!("{name}_book()");
    let ddl = format!(
        "{}{}create function {function} returns trigger language plpgsql security definer set search_path = '' as $$\n\
         begin\n  update {} set amount = amount + new.amount where {narrows}title = new.title;\n  return null;\n\
         end $$;\ncreate trigger book after insert on {name} for each row execute function {function};\n",
        balances.unforced(dice, scene),
        table.sound(dice, scene),
        balances.name
    );
    Made::of(function, ddl).or_at(&[name])
}

/// A trigger that tells listeners: that something happened, or what.
pub(super) fn tells(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (name, function) = (&table.name, format!("{}_tell()", table.name));
    let tell = if leaks {
        dice.of(&[
            "perform pg_notify('feed', new.title)",
            "perform pg_notify('feed', row_to_json(new)::text)",
            "execute format('notify feed, %L', new.title)",
            "perform pg_notify('feed', new.tenant_id::text || ':' || new.title)",
        ])
    } else {
        dice.of(&["perform pg_notify('feed', '')", "perform pg_notify('feed', 'wake up')", "notify feed"])
    };
    let ddl = format!(
        "{}create function {function} returns trigger language plpgsql as $$ begin {tell}; return null; end $$;\n\
         create trigger tell after insert or update on {name} for each row execute function {function};\n",
        table.sound(dice, scene)
    );
    Made::of(function, ddl).or_at(&[name])
}
