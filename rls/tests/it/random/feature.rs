//! What a random schema is made of: one object each, with a hole or as its near twin without.

use super::dice::Dice;
use super::grammar::{self, tree};
use super::scene::{Scene, Speaks};

/// One object, and whether it leaks.
pub(super) struct Feature {
    pub(super) class: &'static str,
    pub(super) object: String,
    pub(super) leaks: bool,
    pub(super) ddl: String,
}

/// What is drawn from: a class, and what makes its object.
type Maker = fn(&mut Dice, &Scene, &Table, bool) -> (String, String);

const MAKERS: &[(&str, Maker)] = &[
    ("policy-open", policy_tree),
    ("policy-open", policy_tree),
    ("policy-open", two_policies),
    ("policy-fails-open", fails_open),
    ("policy-lossy-compare", lossy),
    ("policy-null-tenant", null_tenant),
    ("policy-check-open", check_open),
    ("policy-not-for-role", not_for_role),
    ("policy-tautology", restrictive),
    ("rls-disabled", disabled),
    ("rls-disabled", child),
    ("partition-exposed", partition),
    ("view-definer", view),
    ("matview-exposed", matview),
    ("function-definer", function),
    ("function-dynamic-sql", dynamic),
    ("unique-oracle", unique),
    ("foreign-key-oracle", foreign_key),
    ("grant-truncate", truncate),
    ("grant-ignores-rls", trigger_grant),
    ("sequence-oracle", sequence),
    ("error-oracle", error),
];

/// Draws one.
pub(super) fn draw(dice: &mut Dice, scene: &Scene, number: usize, leaks: bool) -> Feature {
    loop {
        let (class, make) = dice.of(MAKERS);
        // A session always has a role; and inside a definer's function that role is the owner.
        if scene.speaks == Speaks::Role && matches!(class, "policy-fails-open" | "function-definer" | "error-oracle") {
            continue;
        }
        let table = Table { name: format!("{}.t{number}", scene.schema), number };
        let (object, ddl) = make(dice, scene, &table, leaks);
        return Feature { class, object, leaks, ddl };
    }
}

/// The table of a feature.
pub(super) struct Table {
    name: String,
    number: usize,
}

impl Table {
    fn create(&self, scene: &Scene, more: &str) -> String {
        self.create_keyed(scene, "not null", &format!("{more}primary key (tenant_id, id)"))
    }

    fn create_keyed(&self, scene: &Scene, null: &str, rest: &str) -> String {
        format!(
            "create table {} (tenant_id {} {null}, id uuid not null default gen_random_uuid(), title text,\n  \
             status text default 'published', amount int default 1, is_public boolean default true,\n  \
             made_at timestamptz default now(), is_hidden boolean default false, stock int default 1,\n  \
             stage text default 'new', {rest});\n",
            self.name,
            scene.type_name()
        )
    }

    /// Row security for it, and what the app may do.
    fn guard(&self, scene: &Scene) -> String {
        let Self { name, .. } = self;
        format!(
            "alter table {name} enable row level security;\nalter table {name} force row level security;\n{}",
            self.grant(scene)
        )
    }

    fn grant(&self, scene: &Scene) -> String {
        format!("grant select, insert, update, delete on {} to {};\n", self.name, scene.app())
    }

    fn policy(&self, using: &str) -> String {
        format!("create policy p{} on {} using ({using});\n", self.number, self.name)
    }

    /// Whole, and as it should be.
    fn sound(&self, dice: &mut Dice, scene: &Scene) -> String {
        let policy = self.policy(&grammar::sound(dice, scene).sql);
        format!("{}{}{policy}", self.create(scene, ""), self.guard(scene))
    }

    /// The same, whose owner is not held.
    fn unforced(&self, dice: &mut Dice, scene: &Scene) -> String {
        format!("{}alter table {} no force row level security;\n", self.sound(dice, scene), self.name)
    }

    fn with_policy(&self, scene: &Scene, using: &str) -> (String, String) {
        let ddl = format!("{}{}{}", self.create(scene, ""), self.guard(scene), self.policy(using));
        (self.name.clone(), ddl)
    }
}

fn policy_tree(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    table.with_policy(scene, &tree(dice, scene, leaks).sql)
}

/// One for each command, of which one may be open.
fn two_policies(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
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
    (table.name.clone(), ddl)
}

fn fails_open(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let using = if leaks { grammar::failing_open(dice, scene) } else { grammar::failing_closed(dice, scene) };
    table.with_policy(scene, &using)
}

fn lossy(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let using = if leaks { grammar::lossy(dice, scene) } else { grammar::exact(dice, scene) };
    table.with_policy(scene, &using)
}

/// The same condition; what leaks is that the column may be null.
fn null_tenant(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let ctx = scene.nullable();
    let using = match dice.below(2) {
        0 => format!("tenant_id is null or tenant_id = {ctx}"),
        _ => format!("coalesce(tenant_id, {ctx}) = {ctx}"),
    };
    let (null, key) = if leaks { ("", "primary key (id)") } else { ("not null", "primary key (tenant_id, id)") };
    let create = table.create_keyed(scene, null, key);
    (table.name.clone(), format!("{create}{}{}", table.guard(scene), table.policy(&using)))
}

fn check_open(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let (using, check) = (grammar::sound(dice, scene).sql, tree(dice, scene, leaks).sql);
    let name = &table.name;
    let policy = format!("create policy c{} on {name} using ({using}) with check ({check});\n", table.number);
    (name.clone(), format!("{}{}{policy}", table.create(scene, ""), table.guard(scene)))
}

fn not_for_role(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let to = if leaks { "public" } else { "@other@" };
    let weak = tree(dice, scene, true).sql;
    let policy = format!("create policy r{} on {} for select to {to} using ({weak});\n", table.number, table.name);
    (table.name.clone(), format!("{}{policy}", table.sound(dice, scene)))
}

/// An open permissive policy, which a restrictive one may close.
fn restrictive(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let (mut ddl, name) = (format!("{}{}", table.create(scene, ""), table.guard(scene)), table.name.clone());
    ddl.push_str(&table.policy("true"));
    let condition = tree(dice, scene, leaks).sql;
    ddl.push_str(&format!("create policy only{} on {name} as restrictive using ({condition});\n", table.number));
    (name, ddl)
}

fn disabled(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    if !leaks {
        return (table.name.clone(), table.sound(dice, scene));
    }
    let policy = if dice.percent(50) { table.policy(&grammar::sound(dice, scene).sql) } else { String::new() };
    (table.name.clone(), format!("{}{}{policy}", table.create(scene, ""), table.grant(scene)))
}

/// A table without a tenant of its own, below one that has.
fn child(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
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
    (name, format!("{parent}{line}{policy}"))
}

fn partition(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
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
    (part, format!("{create}{}{policy}{grant}", table.guard(scene)))
}

fn view(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let (name, view) = (&table.name, format!("{}_view", table.name));
    let (options, filter) = match (leaks, dice.below(3)) {
        (true, 0) => ("", "title is not null".to_owned()),
        (true, _) => (" with (security_barrier)", tree(dice, scene, true).sql),
        (false, 0) => (" with (security_invoker)", "title is not null".to_owned()),
        (false, _) => (" with (security_barrier)", tree(dice, scene, false).sql),
    };
    let create = format!("create view {view}{options} as select title from {name} where {filter};\n");
    let grant = format!("grant select on {view} to {};\n", scene.app());
    (view, format!("{}{create}{grant}", table.unforced(dice, scene)))
}

fn matview(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let view = format!("{}_copy", table.name);
    let create = format!("create materialized view {view} as select tenant_id, title from {};\n", table.name);
    let grant = if leaks { format!("grant select on {view} to {};\n", scene.app()) } else { String::new() };
    (view, format!("{}{create}{grant}", table.unforced(dice, scene)))
}

fn function(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
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
    (format!("{function}()"), format!("{}{create}", table.unforced(dice, scene)))
}

fn dynamic(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
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
    (format!("{function}(text)"), format!("{}{create}", table.unforced(dice, scene)))
}

fn unique(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let key = match (leaks, dice.percent(50)) {
        (true, true) => "email text unique, ",
        (true, false) => "code text, unique nulls not distinct (code), ",
        (false, true) => "email text, unique (tenant_id, email), ",
        (false, false) => "code text, unique (code, tenant_id), ",
    };
    let policy = table.policy(&grammar::sound(dice, scene).sql);
    (table.name.clone(), format!("{}{}{policy}", table.create(scene, key), table.guard(scene)))
}

fn foreign_key(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let parent = Table { name: format!("{}_parent", table.name), number: table.number };
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
    (table.name.clone(), format!("{above}{below}"))
}

fn truncate(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let to = if leaks { dice.of(&["public", scene.app()]) } else { "@other@" };
    (table.name.clone(), format!("{}grant truncate on {} to {to};\n", table.sound(dice, scene), table.name))
}

fn trigger_grant(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let to = if leaks { dice.of(&["public", scene.app()]) } else { "@other@" };
    (table.name.clone(), format!("{}grant trigger on {} to {to};\n", table.sound(dice, scene), table.name))
}

fn sequence(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let sequence = format!("{}_numbers", table.name);
    let may = if leaks { dice.of(&["select", "usage, select", "all"]) } else { "usage" };
    let ddl = format!(
        "{}create sequence {sequence};\nalter table {} add number bigint default nextval('{sequence}');\n\
         grant {may} on sequence {sequence} to {};\n",
        table.sound(dice, scene),
        table.name,
        scene.app()
    );
    (sequence, ddl)
}

/// A function that looks for a title and says what it found; the twin looks among the tenant's.
fn error(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> (String, String) {
    let (name, function) = (&table.name, format!("{}_claim", table.name));
    let filter = tree(dice, scene, leaks).sql;
    let create = format!(
        "create function {function}() returns void language plpgsql stable security definer set search_path = '' as $$\n\
         declare found text;\nbegin\n  for found in select title from {name} where {filter} loop\n    \
         raise notice 'there is % already', found;\n  end loop;\nend $$;\n"
    );
    (format!("{function}()"), format!("{}{create}", table.unforced(dice, scene)))
}
