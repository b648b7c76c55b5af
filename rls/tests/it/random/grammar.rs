//! Conditions: a tree of comparisons of which it is known whether the tenant follows from it.

use super::dice::Dice;
use super::scene::{Kind, Scene, Speaks};

/// A condition, and whether it lets another tenant's row through.
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) leaks: bool,
}

/// What says nothing about the tenant. Each speaks of a column of its own, so that a row can satisfy any of them.
const WEAK: &[&str] = &[
    "is_public",
    "status = 'published'",
    "amount > 0",
    "title is not null",
    "status in ('published', 'archived')",
    "length(title) >= 0",
    "amount between 1 and 1000000",
    "made_at <= now()",
];

/// What a CASE asks. Each is asked once in a tree, and speaks of a column that nothing else does: every branch is reached.
const ASKED: &[&str] = &["is_hidden", "stock > 100", "stage = 'done'"];

/// A random tree. Without `leaking` it is sound; with it, it is not.
pub(super) fn tree(dice: &mut Dice, scene: &Scene, leaking: bool) -> Condition {
    loop {
        let condition = branch(dice, scene, 3, &mut ASKED.to_vec());
        if condition.leaks == leaking {
            return condition;
        }
    }
}

fn branch(dice: &mut Dice, scene: &Scene, depth: usize, asked: &mut Vec<&str>) -> Condition {
    if depth == 0 || dice.percent(25) {
        return if dice.percent(65) { sound(dice, scene) } else { weak(dice) };
    }
    let (left, right) = (branch(dice, scene, depth - 1, asked), branch(dice, scene, depth - 1, asked));
    let (both, either) = (left.leaks && right.leaks, left.leaks || right.leaks);
    let (left, right) = (left.sql, right.sql);
    match (dice.below(6), asked.pop()) {
        (0, Some(asked)) => {
            Condition { sql: format!("case when {asked} then ({left}) else ({right}) end"), leaks: either }
        }
        (1 | 2, _) => Condition { sql: format!("({left} or {right})"), leaks: either },
        (3, _) => Condition { sql: format!("not (not ({left}) or not ({right}))"), leaks: both },
        _ => Condition { sql: format!("({left} and {right})"), leaks: both },
    }
}

fn weak(dice: &mut Dice) -> Condition {
    Condition { sql: dice.of(WEAK).to_owned(), leaks: true }
}

/// One of the ways to say that the row is the tenant's.
pub(super) fn sound(dice: &mut Dice, scene: &Scene) -> Condition {
    let ctx = scene.tenant(dice);
    let sql = match dice.below(8) {
        0 | 1 => format!("tenant_id = {ctx}"),
        2 => format!("{ctx} = tenant_id"),
        3 => format!("tenant_id = (select {ctx})"),
        4 => format!("tenant_id in (select {ctx})"),
        5 => format!("not (tenant_id <> {ctx})"),
        6 => format!("tenant_id = any (array[{ctx}])"),
        _ => format!("coalesce(tenant_id = {ctx}, false)"),
    };
    Condition { sql, leaks: false }
}

/// Opens when no context is set.
pub(super) fn failing_open(dice: &mut Dice, scene: &Scene) -> String {
    let ctx = scene.nullable();
    match dice.below(6) {
        0 => format!("{ctx} is null or tenant_id = {ctx}"),
        1 => format!("tenant_id = coalesce({ctx}, tenant_id)"),
        2 => format!("coalesce(tenant_id = {ctx}, true)"),
        3 => format!("(tenant_id = {ctx}) is not false"),
        4 => format!("(tenant_id <> {ctx}) is not true"),
        _ => format!("case when {ctx} is null then true else tenant_id = {ctx} end"),
    }
}

/// Its near twins, which close.
pub(super) fn failing_closed(dice: &mut Dice, scene: &Scene) -> String {
    let ctx = scene.nullable();
    match dice.below(5) {
        0 => format!("{ctx} is not null and tenant_id = {ctx}"),
        1 => format!("coalesce(tenant_id = {ctx}, false)"),
        2 => format!("(tenant_id = {ctx}) is true"),
        3 => format!("tenant_id is not distinct from {ctx}"),
        _ => format!("case when {ctx} is null then false else tenant_id = {ctx} end"),
    }
}

/// Takes two tenants for one.
pub(super) fn lossy(dice: &mut Dice, scene: &Scene) -> String {
    let ctx = scene.tenant(dice);
    let ways: &[&str] = match scene.kind {
        // The names of two roles begin alike, and neither is the beginning of the other.
        _ if scene.speaks == Speaks::Role => {
            &["left(tenant_id, 4) = left(CTX, 4)", "tenant_id::varchar(4) = CTX::varchar(4)"]
        }
        Kind::Uuid => &[
            "left(tenant_id::text, 8) = left(CTX::text, 8)",
            "split_part(tenant_id::text, '-', 1) = split_part(CTX::text, '-', 1)",
            "starts_with(tenant_id::text, substr(CTX::text, 1, 6))",
        ],
        Kind::Text => &[
            "left(tenant_id, 4) = left(CTX, 4)",
            "tenant_id like CTX || '%'",
            "starts_with(tenant_id, CTX)",
            "tenant_id::varchar(4) = CTX::varchar(4)",
            "tenant_id ~ ('^' || CTX)",
        ],
        Kind::Bigint => {
            &["tenant_id >= CTX", "left(tenant_id::text, 1) = left(CTX::text, 1)", "tenant_id::text like CTX || '%'"]
        }
    };
    dice.of(ways).replace("CTX", &ctx)
}

/// Its near twins, which tell every tenant from every other.
pub(super) fn exact(dice: &mut Dice, scene: &Scene) -> String {
    let ctx = scene.tenant(dice);
    let ways: &[&str] = match scene.kind {
        Kind::Uuid => {
            &["tenant_id::text = CTX::text", "left(tenant_id::text, 8) = left(CTX::text, 8) and tenant_id = CTX"]
        }
        Kind::Text => &[
            "tenant_id = CTX collate \"C\"",
            "starts_with(tenant_id, CTX) and tenant_id = CTX",
            "tenant_id::varchar = CTX",
        ],
        Kind::Bigint => &[
            "tenant_id::text = CTX::text",
            "tenant_id::numeric = CTX::numeric",
            "tenant_id >= CTX and tenant_id = CTX",
        ],
    };
    dice.of(ways).replace("CTX", &ctx)
}
