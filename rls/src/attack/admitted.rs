//! Tenants that the checks of their columns let in: where a tenant is a code of three letters, `acme7` is none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::facts::Facts;
use super::identity::{Names, base, tenants};
use super::{harvest, pattern};
use crate::connect::connect;
use crate::name::{ident, literal};
use crate::verify::World;

/// Names that are tried where the usual ones are refused.
const NAMES: &[&str] = &[
    "acm",
    "bet",
    "acme",
    "beta",
    "ac",
    "be",
    "a",
    "b",
    "ACM",
    "BET",
    "ACME",
    "BETA",
    "AC",
    "BE",
    "A",
    "B",
    "a1",
    "b2",
    "t1",
    "t2",
    "A1",
    "B2",
    "acme-1",
    "beta-2",
    "acme_1",
    "beta_2",
    "acme.example.com",
    "beta.example.com",
    "acme_tenant_1",
    "beta_tenant_2",
];
/// What a longer name ends with.
const LONGER: [&str; 3] = ["-eu", "x", "2"];
/// Numbers, the same.
const NUMBERS: &[&str] =
    &["1", "12", "2", "3", "7", "11", "101", "102", "1001", "1002", "10001", "10002", "100001", "100002"];

/// What is waited for an answer: a check's code may catch its own time-out, and go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connection that is asked on, until it does not answer in time.
struct Asked {
    client: Client,
    is_lost: bool,
}

/// What a column of tenants must fulfil, as an expression over a value.
type Rules = BTreeSet<(String, String, String)>;

/// Pairs by the type under the tenants' columns, where checks refuse any of the usual ones.
///
/// They are asked on a connection of their own: a check may call code that never comes back.
pub(super) async fn admitted(facts: &Facts, url: &str, world: &World<'_>) -> HashMap<String, Vec<Names>> {
    let mut rules: BTreeMap<String, Rules> = BTreeMap::new();
    for relation in world.exposed().filter(|relation| relation.is_table()) {
        let Some(column) = relation.column(world.settings.tenant_column(&relation.name)) else { continue };
        let plain = base(facts.base(&column.type_name)).to_owned();
        let own = world
            .constraints_of(relation.oid)
            .iter()
            .filter(|check| check.kind == "c" && check.columns == [column.number]);
        let own = own.filter_map(|check| Some((column.name.clone(), plain.clone(), expression(&check.definition)?)));
        let of_domain = facts.checks(&column.type_name);
        let of_domain = of_domain
            .into_iter()
            .filter_map(|check| Some((VALUE.to_owned(), plain.clone(), expression(check)?.replace("VALUE", VALUE))));
        rules.entry(plain.clone()).or_default().extend(own.chain(of_domain));
    }
    rules.retain(|_, rules| !rules.is_empty());
    let mut found = HashMap::new();
    if rules.is_empty() {
        return found;
    }
    // Without it, the usual names are tried as they are.
    let Ok(client) = connect(url).await else { return found };
    let mut asked = Asked { client, is_lost: false };
    for (plain, rules) in rules {
        let pairs = pairs(&mut asked, &plain, &rules).await;
        if !pairs.is_empty() {
            found.insert(plain, pairs);
        }
    }
    found
}

/// What stands for a domain's value.
const VALUE: &str = "tenantry_value";

fn expression(definition: &str) -> Option<String> {
    let mut inner = definition.strip_prefix("CHECK ")?;
    while let Some(rest) = [" NOT VALID", " NO INHERIT", " NOT ENFORCED"].iter().find_map(|end| inner.strip_suffix(end))
    {
        inner = rest;
    }
    Some(inner.to_owned())
}

async fn pairs(asked: &mut Asked, plain: &str, rules: &Rules) -> Vec<Names> {
    let usual = tenants(plain);
    let (mut kept, mut known) = (Vec::new(), BTreeMap::new());
    for (a, b, confusion) in usual {
        if is_let_in(asked, &a, rules, &mut known).await && is_let_in(asked, &b, rules, &mut known).await {
            kept.push((a, b, confusion));
        }
    }
    if kept.first().is_some_and(|(.., confusion)| confusion.is_empty()) {
        return kept;
    }
    let mut plainest = Vec::new();
    for name in others(plain, rules) {
        if plainest.len() < 2 && is_let_in(asked, &name, rules, &mut known).await {
            plainest.push(name);
        }
    }
    // One that the other begins with, where that is let in: it is mistaken for it most easily.
    for longer in
        plainest.first().into_iter().flat_map(|name| LONGER.map(|end| format!("{name}{end}"))).collect::<Vec<_>>()
    {
        if plainest.len() == 2 && is_let_in(asked, &longer, rules, &mut known).await {
            plainest.insert(1, longer);
        }
    }
    let mut plainest = plainest.into_iter();
    let first = plainest.next().zip(plainest.next()).map(|(a, b)| (a, b, ""));
    first.into_iter().chain(kept).collect()
}

/// Names in the shapes that the checks describe.
fn others(plain: &str, rules: &Rules) -> Vec<String> {
    let plain_ones = if matches!(plain, "smallint" | "integer" | "bigint" | "numeric") { NUMBERS } else { NAMES };
    let texts = || rules.iter().map(|(_, _, rule)| rule.as_str());
    let shaped =
        texts().flat_map(harvest::patterns).flat_map(|shape| [1, 30].map(|serial| pattern::sample(&shape, serial)));
    let sized = texts().flat_map(harvest::lengths).flat_map(|size| ["a", "b"].map(|letter| letter.repeat(size)));
    let listed = texts().flat_map(harvest::values);
    let near = texts()
        .flat_map(harvest::numbers)
        .flat_map(|number| [number, number.saturating_add(1), number.saturating_sub(1)]);
    let all = shaped.flatten().chain(sized).chain(listed).chain(plain_ones.iter().map(|name| (*name).to_owned()));
    let mut seen = BTreeSet::new();
    let all: Vec<String> =
        if plain_ones == NUMBERS { all.chain(near.map(|number| number.to_string())).collect() } else { all.collect() };
    all.into_iter().filter(|name| seen.insert(name.clone())).take(60).collect()
}

async fn is_let_in(asked: &mut Asked, name: &str, rules: &Rules, known: &mut BTreeMap<String, bool>) -> bool {
    if let Some(known) = known.get(name) {
        return *known;
    }
    let rules = rules.iter().map(|(column, plain, rule)| {
        format!("select {rule} as is_fulfilled from (select {}::{plain} as {}) asked", literal(name), ident(column))
    });
    let sql = format!(
        "begin read only; set local statement_timeout = '2s'; \
         select pg_catalog.bool_and(coalesce(is_fulfilled, true)) from ({}) all_of_them",
        rules.collect::<Vec<_>>().join(" union all ")
    );
    if asked.is_lost {
        return false;
    }
    // What a check refuses by an error is refused.
    let Ok(answer) = tokio::time::timeout(PATIENCE, asked.client.simple_query(&sql)).await else {
        asked.is_lost = true;
        let token = asked.client.cancel_token();
        let _ = tokio::time::timeout(PATIENCE, token.cancel_query(tokio_postgres::NoTls)).await;
        return false;
    };
    // A check that spends its whole time on one name would spend it on every other.
    asked.is_lost = answer.as_ref().is_err_and(|error| error.code() == Some(&SqlState::QUERY_CANCELED));
    let answer = answer.unwrap_or_default();
    let _ = tokio::time::timeout(PATIENCE, asked.client.simple_query("rollback")).await;
    let is_let_in =
        answer.iter().any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")));
    known.insert(name.to_owned(), is_let_in);
    is_let_in
}
