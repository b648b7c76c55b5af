//! The script that shows a finding to whoever runs it with psql.

use super::arena::Arena;
use super::identity::{Guise, Side, context, setting};
use super::seed::Seeded;
use crate::report::printable;

/// Rows, context, statement, what is seen; rolled back.
pub(super) fn script(
    arena: &Arena<'_, '_>,
    rows: &[&Seeded],
    admin: &[String],
    guise: &Guise,
    lines: &[String],
    seen: &str,
) -> String {
    let mut text = vec!["-- As an administrator, with psql. Nothing stays.".to_owned(), "begin;".to_owned()];
    for side in [Side::B, Side::A] {
        let rows: Vec<&&Seeded> = rows.iter().filter(|row| row.side == side).collect();
        if rows.is_empty() {
            continue;
        }
        text.push(format!("-- Rows of tenant {}:", if side == Side::A { "A" } else { "B" }));
        if !arena.seeder.is_silent {
            let settings = context(arena.plan.world.settings, "", arena.pair().of(side));
            text.extend(settings.iter().map(|(name, value)| format!("{};", setting(name, value))));
        }
        text.extend(rows.iter().map(|row| format!("{};", row.statement)));
    }
    text.extend(admin.iter().map(|line| format!("{line};")));
    text.push("-- As the app, for tenant A:".to_owned());
    text.extend(
        guise
            .statements()
            .iter()
            .filter(|line| !line.contains("'search_path'") || arena.plan.world.settings.schemas != ["public"])
            .map(|line| format!("{line};")),
    );
    text.extend(lines.iter().map(|line| format!("{line};")));
    // A lone return would end the comment for psql, and what follows would be a command of whoever wrote the text.
    text.extend(seen.lines().map(|line| format!("-- {}", printable(line))));
    text.push("rollback;".to_owned());
    text.join("\n")
}
