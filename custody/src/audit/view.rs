//! The log as a page: what the query says, and rows as people read them.

use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use serde_json::Value;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::AuditId;
use tenantry_platform::db::{Control, Database, DbFault, HasStore, Mode};
use tenantry_platform::http::Caller;
use tenantry_platform::page::chart::{self, Chart, Point};
use tenantry_platform::page::{Choice, Chrome, Field, console, render};
use tenantry_platform::permit::ReadAudit;
use tenantry_platform::problem::Problem;
use url::form_urlencoded;
use uuid::Uuid;

use super::diff::{changes, text};
use super::entry::{Entry, Personal};
use super::export::Format;
use super::filter::{Asked, Wrong, instant};
use super::http::PageQuery;
use super::list::{Found, Readers, USUAL, first_id};
use super::names::Names;
use super::page::{AuditFilter, AuditRow, Fact, List};
use super::store;
use crate::Custody;

/// Rows among which the choice of actions is found, and over which the chart counts: read on every page view.
const RECENT_MOST: i64 = 2_000;
/// Days in the chart.
const DAYS: i64 = 30;

/// The words of a query that are not empty, under their names.
fn pairs<'a>(asked: &Asked<'a>) -> Vec<(&'static str, &'a str)> {
    let all = [
        ("since", asked.since),
        ("until", asked.until),
        ("actor", asked.actor),
        ("action", asked.action),
        ("entity_type", asked.entity_type),
        ("entity_id", asked.entity_id),
        ("ip", asked.ip),
        ("request_id", asked.request_id),
    ];
    all.into_iter().map(|(name, value)| (name, value.trim())).filter(|(_, value)| !value.is_empty()).collect()
}

/// `path` with the same filter, and one more word where it is given.
fn href(path: &str, asked: &Asked<'_>, more: Option<(&str, &str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs(asked)).extend_pairs(more);
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Reads and draws the page.
pub(super) async fn draw<M: Mode>(
    custody: &Custody,
    caller: &Caller,
    readers: Readers<ReadAudit, M>,
    query: PageQuery,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let tenant = caller.tenant.as_ref().ok_or_else(Problem::not_found)?;
    let path = format!("/-/console/{}/{}/audit", tenant.slug, M::MODE);
    let chrome = console(&custody.visit(caller), caller, List::TITLE, "audit");
    let (asked, after) = (query.asked(), query.after.map(AuditId::from_uuid));
    let (found, wrong) = match asked.read() {
        Ok(filter) => (super::list(&custody.ground, &readers, &filter, after, USUAL).await?, Vec::new()),
        // Rows that nobody asked for would be taken for those that were.
        Err(wrong) => (Found { entries: Vec::new(), next: None }, wrong),
    };
    let names = Names::of(&custody.ground, &readers, &found.entries).await?;
    let export = |format: Format| href(&format!("{path}/export"), &asked, Some(("format", format.word())));
    let page = List {
        filter: filter_fields(&chrome, &asked, &wrong, actions(custody, &readers).await?),
        rows: found.entries.iter().map(|entry| row(&chrome, &names, entry)).collect(),
        volume: volume(custody, &readers, &chrome).await?,
        is_refused: !wrong.is_empty(),
        jsonl_href: export(Format::Jsonl),
        csv_href: export(Format::Csv),
        ocsf_href: export(Format::Ocsf),
        clear_href: if pairs(&asked).is_empty() { String::new() } else { path.clone() },
        first_href: if after.is_some() { href(&path, &asked, None) } else { String::new() },
        next_href: found.next.map(|next| href(&path, &asked, Some(("after", &next.to_string())))).unwrap_or_default(),
        action: path,
        chrome,
    };
    Ok(render(&page))
}

/// The actions of late, in alphabetical order.
async fn actions<M: Mode>(custody: &Custody, readers: &Readers<ReadAudit, M>) -> Result<Vec<String>, DbFault>
where
    Database: HasStore<M>,
{
    let (mode, control) = futures_util::try_join!(
        store::actions(&custody.ground, &readers.mode, RECENT_MOST),
        store::actions::<ReadAudit, Control>(&custody.ground, &readers.control, RECENT_MOST)
    )?;
    let mut words: Vec<String> = mode.into_iter().chain(control).collect();
    words.sort_unstable();
    words.dedup();
    Ok(words)
}

/// Acts a day, over the newest rows; nothing while there is one day alone.
async fn volume<M: Mode>(
    custody: &Custody,
    readers: &Readers<ReadAudit, M>,
    chrome: &Chrome,
) -> Result<Option<Chart>, DbFault>
where
    Database: HasStore<M>,
{
    let today = custody.ground.now().to_zoned(TimeZone::UTC).date();
    let first = today.saturating_sub(SignedDuration::from_hours(24 * (DAYS - 1)));
    let from = AuditId::from_uuid(midnight(first).map_or(Uuid::nil(), first_id));
    let (mode, control) = futures_util::try_join!(
        store::days(&custody.ground, &readers.mode, from, RECENT_MOST),
        store::days::<ReadAudit, Control>(&custody.ground, &readers.control, from, RECENT_MOST)
    )?;
    let counted: Vec<(String, i64)> = mode.into_iter().chain(control).collect();
    let points: Vec<Point> =
        first.series(1.day()).take_while(|day| *day <= today).map(|day| point(&day.to_string(), &counted)).collect();
    let busy = points.iter().filter(|point| point.value > 0).count();
    Ok((busy > 1).then(|| chart::bars(&points, chrome.t("audit.volume"))))
}

fn point(day: &str, counted: &[(String, i64)]) -> Point {
    let sum: i64 = counted.iter().filter(|(of, _)| of == day).map(|(_, count)| count).sum();
    Point { label: day.to_owned(), value: u64::try_from(sum).unwrap_or(0) }
}

fn filter_fields(chrome: &Chrome, asked: &Asked<'_>, wrong: &[Wrong], actions: Vec<String>) -> AuditFilter {
    let field = |name: &str, text: &str| match wrong.iter().find(|wrong| wrong.field() == name) {
        Some(wrong) => Field::refused(text, chrome.t(wrong.word())),
        None => Field::filled(text),
    };
    AuditFilter {
        since: field("since", &time(asked.since, 0)),
        until: field("until", &time(asked.until, 1)),
        actor: field("actor", asked.actor),
        actions: choices(chrome, asked.action.trim(), actions),
        action_error: field("action", asked.action).error,
        entity_type: field("entity_type", asked.entity_type),
        entity_id: field("entity_id", asked.entity_id),
        ip: field("ip", asked.ip),
        request_id: field("request_id", asked.request_id),
    }
}

fn choices(chrome: &Chrome, asked: &str, actions: Vec<String>) -> Vec<Choice> {
    let any = Choice { label: chrome.t("audit.any").to_owned(), selected: asked.is_empty(), ..Choice::default() };
    let unknown = Some(asked.to_owned()).filter(|asked| !asked.is_empty() && !actions.contains(asked));
    let choice =
        |word: String| Choice { selected: word == asked, label: word.clone(), value: word, hint: String::new() };
    std::iter::once(any).chain(unknown.into_iter().chain(actions).map(choice)).collect()
}

/// As the browser's own field for a time takes it, in UTC; of what means no time, nothing: it would show nothing else.
fn time(text: &str, later: i64) -> String {
    instant(text.trim(), later).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string()).unwrap_or_default()
}

fn row(chrome: &Chrome, names: &Names, entry: &Entry) -> AuditRow {
    let (actor, actor_note) = actor(chrome, names, entry);
    AuditRow {
        id: entry.id.to_string(),
        at: entry.at,
        by_user: entry.actor_type == "USER",
        actor,
        actor_note,
        actor_id: entry.actor_id.clone(),
        action: entry.action.clone(),
        entity: entity(names, entry),
        entity_id: entry.entity_id.clone(),
        ip: entry.personal_field("ip").unwrap_or_default().to_owned(),
        user_agent: entry.personal_field("user_agent").unwrap_or_default().to_owned(),
        request_id: entry.request_id.clone().unwrap_or_default(),
        changes: changes(&entry.changes),
        metadata: facts(&entry.metadata),
    }
}

/// A name with its address; a key's name with its kind; for what has no name its kind with its id.
fn actor(chrome: &Chrome, names: &Names, entry: &Entry) -> (String, String) {
    let had_name = entry.digests.contains_key("actor_name");
    match (&entry.personal, entry.personal_field("actor_name")) {
        (_, Some(name)) => (name.to_owned(), entry.personal_field("actor_email").unwrap_or_default().to_owned()),
        (Personal::Erased, None) if had_name => (chrome.t("audit.erased").to_owned(), entry.actor_id.clone()),
        (Personal::Damaged, None) if had_name => (chrome.t("audit.damaged").to_owned(), entry.actor_id.clone()),
        _ => match names.find(&entry.actor_id) {
            Some((name, "")) => (name.to_owned(), entry.actor_kind.clone()),
            Some((name, address)) => (name.to_owned(), address.to_owned()),
            None if entry.actor_id == entry.actor_kind => (entry.actor_kind.clone(), String::new()),
            None => (entry.actor_kind.clone(), entry.actor_id.clone()),
        },
    }
}

/// The kind with the address that it is about, with the name that it has now, or with an id that people can read.
fn entity(names: &Names, entry: &Entry) -> String {
    let kind = &entry.entity_type;
    if let Some(address) = entry.personal_field("invited_email") {
        return format!("{kind} {address}");
    }
    match names.find(&entry.entity_id) {
        Some((name, _)) => format!("{kind} {name}"),
        None if Uuid::try_parse(&entry.entity_id).is_ok() || entry.entity_id.is_empty() => kind.clone(),
        None => format!("{kind} {}", entry.entity_id),
    }
}

fn facts(metadata: &Value) -> Vec<Fact> {
    let fact = |(name, value): (&String, &Value)| Fact { name: name.clone(), value: text(value) };
    metadata.as_object().map(|fields| fields.iter().map(fact).collect()).unwrap_or_default()
}

fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
