//! Functions and procedures that A may call: with B's ids, with what breaks out of quotes, with what is nobody's.

use crate::attack::arena::Arena;
use crate::attack::both::{Answer, Question, ask, ask_without_b};
use crate::attack::harvest;
use crate::attack::identity::Side;
use crate::attack::judge::Found;
use crate::attack::outcome::Outcome;
use crate::attack::probes::arguments::{BREAKERS, CURSOR, calls, mentioned, of_given, of_rows_of};
use crate::attack::probes::triggers::referring;
use crate::attack::probes::write::insert_of;
use crate::catalog::{Function, Policy, granted};
use crate::class::Class;
use crate::config::Context;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Languages whose functions are not called: a fault in them is a fault of the server.
const NOT_CALLED: &[&str] = &["c", "internal"];
/// What ends or stalls backends, ours or others'.
const HARMFUL: &[&str] = &[
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_sleep",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "dblink",
    "pg_advisory_lock",
    "lo_import",
    "lo_export",
    "copy ",
    "pg_switch_wal",
    "pg_create_restore_point",
    "pg_file_write",
    "http_",
    "net.http",
];

/// Tables, references and rows by which a function is led to what is B's.
const LINKS: usize = 4;
/// More rows say nothing more.
const ROWS: usize = 200;

/// The functions that A may call.
pub(in crate::attack) fn callable<'w>(arena: &Arena<'w, '_>) -> Vec<&'w Function> {
    let world = arena.plan.world;
    let may = |function: &&Function| {
        function.extension.is_none()
            && (matches!(function.kind.as_str(), "f" | "p") || made_of(arena, function).is_some())
            && (!NOT_CALLED.contains(&function.language.as_str()) || function.kind == "a")
            && !matches!(function.returns.as_str(), "trigger" | "event_trigger")
            && world.has_usage(&function.name.schema, &arena.actor.inherited)
            && granted(&function.acl, &arena.actor.inherited, "EXECUTE")
    };
    world.catalog.functions.iter().filter(may).collect()
}

/// The function of somebody's own that an aggregate runs.
pub(in crate::attack) fn made_of<'w>(arena: &Arena<'w, '_>, aggregate: &Function) -> Option<&'w Function> {
    let mut runs = aggregate.runs.iter().filter_map(|oid| arena.plan.world.function(*oid));
    runs.find(|function| function.is_definer && function.extension.is_none())
}

/// `schema.name(argument types)`.
pub(in crate::attack) fn signature(function: &Function) -> String {
    format!("{}({})", function.name, function.argument_types.join(", "))
}

/// Calls every one of them. How many there were.
pub(in crate::attack) async fn code<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) -> usize {
    let functions = callable(arena);
    let mut called = Vec::new();
    for function in functions.iter().copied() {
        let source = function.source.to_ascii_lowercase();
        if let Some(word) = HARMFUL.iter().find(|word| source.contains(*word)) {
            found.note(format!("{} was not called, since {} stands in it.", signature(function), word.trim()));
            continue;
        }
        called.push(function);
    }
    let mut questions = Vec::new();
    for function in &called {
        let body = made_of(arena, function).unwrap_or(function);
        let look = writes(body).then(|| arena.digests(&mentioned(arena, body)));
        for arguments in calls(arena, function) {
            let mut question = asked(arena, function, &arguments);
            question.look.clone_from(&look);
            questions.push((*function, question));
        }
        questions.extend(through_links(arena, function).await.into_iter().map(|question| (*function, question)));
    }
    judge_all(arena, &questions, found).await;
    breaks_out(arena, &called, found).await;
    functions.len()
}

/// Calls about rows of A's, one of which refers to what is B's, where no key keeps it from that.
async fn through_links<'w>(arena: &mut Arena<'w, '_>, function: &'w Function) -> Vec<Question> {
    let mut found = Vec::new();
    if !function.is_definer || function.kind != "f" || function.argument_types.is_empty() {
        return found;
    }
    let world = arena.plan.world;
    let read = mentioned(arena, function);
    for table in read.iter().copied().filter(|table| world.may(&arena.actor.inherited, table, "INSERT")).take(LINKS) {
        for value in referring(arena, table).into_iter().take(LINKS) {
            let Some(link) = insert_of(arena, table, Side::A, std::slice::from_ref(&value)).await else { continue };
            let given = arena.seeder.spares(table.oid, Side::A).unwrap_or_default();
            let own = of_given(arena, function, table, &given).into_iter();
            for arguments in own.chain(of_rows_of(arena, function, &read, Side::A).into_iter().take(LINKS)) {
                let mut question = asked(arena, function, &arguments);
                question.own.insert(0, link.clone());
                found.push(question);
            }
        }
    }
    found
}

pub(in crate::attack) fn call(function: &Function, arguments: &[String]) -> String {
    let invoked = invoked(function, arguments);
    match (function.kind.as_str(), function.returns.as_str()) {
        ("p", _) => format!("call {invoked}"),
        ("a", _) => format!("select {invoked}"),
        (_, "record" | "void" | "SETOF record") => format!("select {invoked}"),
        _ => format!("select * from {invoked} limit {ROWS}"),
    }
}

/// The function's name and its arguments, as they stand in an expression.
fn invoked(function: &Function, arguments: &[String]) -> String {
    // An array for a variadic argument is one only where that is said.
    let is_variadic = function.identity_arguments.contains("VARIADIC ");
    let list = match arguments.split_last().filter(|_| is_variadic) {
        Some((last, first)) => first.iter().cloned().chain([format!("variadic {last}")]).collect::<Vec<_>>().join(", "),
        None => arguments.join(", "),
    };
    format!("{}({list})", function.name.quoted())
}

/// The call; of a function that opens a cursor, what the cursor gives.
fn asked(arena: &Arena<'_, '_>, function: &Function, arguments: &[String]) -> Question {
    if function.argument_types.iter().any(|type_name| type_name == "refcursor") {
        let mut question = Question::new(&arena.guise, format!("fetch {ROWS} from {}", ident(CURSOR)));
        question.own.push(call(function, arguments));
        return question;
    }
    if function.returns == "refcursor" {
        // Whatever it is called.
        let opened = invoked(function, arguments);
        let sql = format!("select pg_catalog.cursor_to_xml({opened}, {ROWS}, true, false, '')");
        return Question::new(&arena.guise, sql);
    }
    Question::new(&arena.guise, call(function, arguments))
}

/// Whether a function could change rows.
fn writes(function: &Function) -> bool {
    let body = function.body().to_ascii_lowercase();
    function.volatility == "v"
        && ["insert", "update", "delete", "truncate", "execute", "merge"].iter().any(|word| body.contains(word))
}

async fn judge_all<'w>(arena: &mut Arena<'w, '_>, questions: &[(&'w Function, Question)], found: &mut Found) {
    let asked: Vec<Question> = questions.iter().map(|(_, question)| question.clone()).collect();
    let with = ask(arena, &asked).await;
    let without = ask_without_b(arena, &asked).await;
    for (at, (function, question)) in questions.iter().enumerate() {
        if found.has_function(&signature(function)) {
            continue;
        }
        let before = match &question.look {
            Some(look) => arena.session.guarded(look).await,
            None => Outcome::default(),
        };
        if let Some(seen) = seen(arena, question, &with[at], &before) {
            tell(arena, function, question, &seen, found).await;
        } else if (function.is_definer || function.kind == "a") && with[at].outcome.seen() != without[at].outcome.seen()
        {
            differs(arena, function, question, &with[at], &without[at], found).await;
        }
    }
}

/// B's value in the answer, or B's rows changed.
fn seen(arena: &Arena<'_, '_>, question: &Question, answer: &Answer, before: &Outcome) -> Option<String> {
    if let Some(sight) = arena.sight(&question.said(), &answer.outcome) {
        return Some(format!("{} is tenant B's", sight.text));
    }
    let changed =
        answer.outcome.is_done() && !answer.seen.rows.is_empty() && before.is_done() && answer.seen.rows != before.rows;
    changed.then(|| "tenant B's rows are no longer what they were".to_owned())
}

/// An answer that is another one without B's rows, and the same when asked again.
async fn differs<'w>(
    arena: &mut Arena<'w, '_>,
    function: &'w Function,
    question: &Question,
    with: &Answer,
    without: &Answer,
    found: &mut Found,
) {
    let again = ask(arena, std::slice::from_ref(question)).await;
    if again[0].outcome.seen() != with.outcome.seen() {
        return;
    }
    let answer = |answer: &Answer| match answer.outcome.value() {
        Some(value) => value.to_owned(),
        None => answer.outcome.told(),
    };
    let seen = format!("the answer is {}, and {} where tenant B has no rows", answer(with), answer(without));
    tell(arena, function, question, &seen, found).await;
}

const OF_CODE: &[Class] =
    &[Class::FunctionDefiner, Class::FunctionDynamicSql, Class::FunctionSearchPath, Class::ErrorOracle];

async fn tell<'w>(
    arena: &mut Arena<'w, '_>,
    function: &'w Function,
    question: &Question,
    seen: &str,
    found: &mut Found,
) {
    let function = made_of(arena, function).unwrap_or(function);
    let tables = mentioned(arena, function);
    if !function.is_definer {
        // What a function reads as its caller is for the tables to answer for, unless it took up another role or context.
        let open = tables
            .iter()
            .any(|table| found.is_open(&table.name.to_string()) || !crate::attack::probes::read::is_held(arena, table));
        let views = reads_views(arena, function);
        if open || views {
            return;
        }
    }
    let said = question.said();
    let broke = BREAKERS.iter().any(|breaker| said.contains(literal(breaker).as_str()));
    let builds = builds_sql(function);
    let class = match () {
        () if !function.is_definer && !builds => Class::PolicyWrongContext,
        () if (builds && (broke || !function.is_definer)) || question.sql.contains("do $do$") => {
            Class::FunctionDynamicSql
        }
        () => found.hint(&signature(function), OF_CODE).unwrap_or(Class::FunctionDefiner),
    };
    let lines: Vec<String> = question.own.iter().chain([&question.sql]).cloned().collect();
    let script = arena.script(tables.iter().map(|table| table.oid), &question.guise, &lines, seen);
    let why = match class {
        Class::FunctionDynamicSql => format!("It puts an argument into a statement unquoted: {seen}."),
        _ => format!(
            "It runs as {}, and answers tenant A about another tenant: {seen}.",
            arena.plan.world.role_name(function.owner)
        ),
    };
    found.add(Finding::shown(class, signature(function), why, script));
}

fn reads_views(arena: &Arena<'_, '_>, function: &Function) -> bool {
    let views = arena.plan.world.exposed().filter(|relation| !relation.is_table());
    views.into_iter().any(|view| harvest::mentions(&function.source, &view.name.name))
}

/// Whether a body builds statements out of text.
pub(in crate::attack) fn builds_sql(function: &Function) -> bool {
    let source = function.source.to_ascii_lowercase();
    function.language == "plpgsql"
        && harvest::mentions(&source, "execute")
        && (source.contains("||") || source.contains("format(") || source.contains("concat"))
}

/// A statement that an argument breaks out of can set A's context to B's, whoever it runs as.
async fn breaks_out<'w>(arena: &mut Arena<'w, '_>, functions: &[&'w Function], found: &mut Found) {
    let Context::Guc { vars, .. } = &arena.plan.world.settings.context else { return };
    let Some((name, _)) = vars.iter().find(|(_, value)| value.contains("$tenant")) else { return };
    let set = format!("pg_catalog.set_config({}, {}, true)", literal(name), literal(&arena.pair().b.tenant));
    let look = format!("select pg_catalog.current_setting({}, true)", literal(name));
    for function in functions.iter().filter(|function| builds_sql(function)) {
        if found.has_function(&signature(function)) {
            continue;
        }
        let texts = |type_name: &String| matches!(type_name.as_str(), "text" | "character varying" | "name");
        for at in (0..function.argument_types.len()).filter(|at| texts(&function.argument_types[*at])) {
            let mut whole = calls(arena, function).into_iter();
            let Some(mut arguments) = whole.find(|call| call.len() == function.argument_types.len()) else {
                continue;
            };
            for shape in [
                format!("' || {set} || '"),
                format!("x' or {set} is null or 'x' = '"),
                format!("({set})"),
                format!("1, {set}"),
            ] {
                arguments[at] = format!("{}::{}", literal(&shape), function.argument_types[at]);
                let sql = call(function, &arguments);
                let (outcome, seen) = arena.as_a_then(&sql, &look).await;
                if outcome.is_done() && seen.value() == Some(arena.pair().b.tenant.as_str()) {
                    let seen = "the argument was run as SQL, and the session is tenant B's now";
                    let lines = [sql, look.clone()];
                    let script = arena.script([], &arena.guise.clone(), &lines, seen);
                    let why = format!("It puts an argument into a statement unquoted: {seen}.");
                    found.add(Finding::shown(Class::FunctionDynamicSql, signature(function), why, script));
                }
            }
        }
    }
}

/// Functions that policies call, by what stands in their text, and those that these call.
pub(in crate::attack) fn helpers<'w>(arena: &Arena<'w, '_>) -> Vec<&'w Function> {
    let world = arena.plan.world;
    let text = |policy: &Policy| {
        format!("{} {}", policy.using.as_deref().unwrap_or_default(), policy.check.as_deref().unwrap_or_default())
    };
    let mut texts: Vec<String> = world.catalog.policies.iter().map(text).collect();
    let mut rest: Vec<&'w Function> =
        world.catalog.functions.iter().filter(|function| function.extension.is_none()).collect();
    let mut found = Vec::new();
    while !texts.is_empty() {
        let called = |function: &&Function| {
            let call = format!("{}(", function.name.name);
            let quoted = format!("{}(", ident(&function.name.name));
            texts.iter().any(|text| {
                harvest::mentions(text, &function.name.name) && (text.contains(&call) || text.contains(&quoted))
            })
        };
        let (more, others) = rest.into_iter().partition::<Vec<_>, _>(called);
        texts = more.iter().map(|function| function.body().to_owned()).collect();
        (found, rest) = (found.into_iter().chain(more).collect(), others);
    }
    found
}

/// A function that says it tells nothing of its arguments is asked before the policies are, and is listened to.
pub(in crate::attack) async fn leakproof<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let claims: Vec<&Function> = callable(arena).into_iter().filter(|function| function.is_leakproof).collect();
    for function in claims {
        let tables: Vec<_> = arena
            .plan
            .world
            .tenant_tables()
            .filter(|table| {
                !arena.actor.columns(table, "SELECT").is_empty() && arena.seeder.first(table.oid, Side::B).is_some()
            })
            .collect();
        'tables: for table in tables {
            for column in
                table.columns.iter().filter(|column| function.argument_types.first() == Some(&column.type_name))
            {
                let rest = function
                    .argument_types
                    .iter()
                    .skip(1)
                    .map(|type_name| match type_name.as_str() {
                        "text" | "character varying" => ", 'x'".to_owned(),
                        "integer" | "bigint" => ", 1".to_owned(),
                        _ => format!(", null::{type_name}"),
                    })
                    .collect::<String>();
                let is_boolean = function.returns == "boolean";
                let condition = format!(
                    "{}(t.{}{rest}){}",
                    function.name.quoted(),
                    ident(&column.name),
                    if is_boolean { "" } else { " is not null" }
                );
                let sql = format!("select 1 from {} t where {condition}", table.name.quoted());
                let (guise, own) = (arena.guise.clone(), [super::read::NO_INDEX.to_owned()]);
                let (outcome, _) = arena.after(&[], &guise, &own, &sql, None).await;
                if let Some(sight) = arena.sight(&sql, &outcome) {
                    let seen = format!("{} is tenant B's", sight.text);
                    let [own] = own;
                    let script = arena.script([table.oid], &guise, &[own, sql], &seen);
                    let why = format!(
                        "It claims LEAKPROOF, so it sees rows of {} before the policies do, and tells of them: {seen}.",
                        table.name
                    );
                    found.add(Finding::shown(Class::FunctionLeakproof, signature(function), why, script));
                    break 'tables;
                }
            }
        }
    }
}
