//! The log as a page: what the query says, and rows as people read them.

use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use serde::Deserialize;
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

use super::entry::{Entry, Personal};
use super::list::{Filter, Readers, USUAL, first_id};
use super::page::{AuditFilter, AuditRow, Change, Fact, List};
use super::store;
use crate::Custody;

/// Rows among which the choice of actions is found, and over which the chart counts: read on every page view.
const RECENT_MOST: i64 = 2_000;
/// Days in the chart.
const DAYS: i64 = 30;

/// What the page's query string says, as it was written. An empty field is none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    from: String,
    to: String,
    actor: String,
    action: String,
    entity: String,
    cursor: Option<Uuid>,
}

impl PageQuery {
    /// What it means. A day that is none counts as unset; the page says so beside the field.
    pub fn filter(&self) -> Filter {
        Filter {
            since: day(&self.from).and_then(midnight),
            until: day(&self.to).and_then(|day| day.checked_add(1.day()).ok()).and_then(midnight),
            actor: some(&self.actor),
            action: some(&self.action),
            entity: some(&self.entity),
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("from", &self.from),
            ("to", &self.to),
            ("actor", &self.actor),
            ("action", &self.action),
            ("entity", &self.entity),
        ];
        all.into_iter().map(|(name, value)| (name, value.trim())).filter(|(_, value)| !value.is_empty())
    }

    /// `path` with the same filter, and with a cursor where one is given.
    fn href(&self, path: &str, cursor: Option<AuditId>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs());
        if let Some(cursor) = cursor {
            query.append_pair("cursor", &cursor.to_string());
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
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
    let cursor = query.cursor.map(AuditId::from_uuid);
    let found = super::list(&custody.ground, &readers, &query.filter(), cursor, USUAL).await?;
    let page = List {
        filter: filter_fields(&chrome, &query, actions(custody, &readers).await?),
        rows: found.entries.iter().map(|entry| row(&chrome, entry)).collect(),
        volume: volume(custody, &readers, &chrome).await?,
        export_href: query.href(&format!("{path}/export"), None),
        clear_href: if query.pairs().next().is_some() { path.clone() } else { String::new() },
        first_href: if cursor.is_some() { query.href(&path, None) } else { String::new() },
        next_href: found.next.map(|next| query.href(&path, Some(next))).unwrap_or_default(),
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

fn filter_fields(chrome: &Chrome, query: &PageQuery, actions: Vec<String>) -> AuditFilter {
    let any =
        Choice { label: chrome.t("audit.any").to_owned(), selected: query.action.is_empty(), ..Choice::default() };
    let known = actions.contains(&query.action);
    let asked = Some(query.action.clone()).filter(|action| !action.is_empty() && !known);
    let choice =
        |word: String| Choice { selected: word == query.action, label: word.clone(), value: word, hint: String::new() };
    AuditFilter {
        from: day_field(chrome, &query.from),
        to: day_field(chrome, &query.to),
        actor: Field::filled(&query.actor),
        actions: std::iter::once(any).chain(asked.into_iter().chain(actions).map(choice)).collect(),
        entity: Field::filled(&query.entity),
    }
}

fn day_field(chrome: &Chrome, text: &str) -> Field {
    if text.trim().is_empty() || day(text).is_some() {
        Field::filled(text)
    } else {
        Field::refused(text, chrome.t("audit.bad_day"))
    }
}

fn row(chrome: &Chrome, entry: &Entry) -> AuditRow {
    let (actor, actor_note) = actor(chrome, entry);
    let is_id = Uuid::try_parse(&entry.entity_id).is_ok() || entry.entity_id.is_empty();
    AuditRow {
        id: entry.id.to_string(),
        at: entry.at,
        by_user: entry.actor_type == "USER",
        actor,
        actor_note,
        action: entry.action.clone(),
        entity: if is_id { entry.entity_type.clone() } else { format!("{} {}", entry.entity_type, entry.entity_id) },
        entity_id: entry.entity_id.clone(),
        ip: entry.personal_field("ip").unwrap_or_default().to_owned(),
        request_id: entry.request_id.clone().unwrap_or_default(),
        changes: changes(&entry.changes),
        metadata: facts(&entry.metadata),
    }
}

/// A name with its address; for what has no name its kind with its id.
fn actor(chrome: &Chrome, entry: &Entry) -> (String, String) {
    let had_name = entry.digests.contains_key("actor_name");
    match (&entry.personal, entry.personal_field("actor_name")) {
        (_, Some(name)) => (name.to_owned(), entry.personal_field("actor_email").unwrap_or_default().to_owned()),
        (Personal::Erased, None) if had_name => (chrome.t("audit.erased").to_owned(), entry.actor_id.clone()),
        (Personal::Damaged, None) if had_name => (chrome.t("audit.damaged").to_owned(), entry.actor_id.clone()),
        _ if entry.actor_id == entry.actor_kind => (entry.actor_kind.clone(), String::new()),
        _ => (entry.actor_kind.clone(), entry.actor_id.clone()),
    }
}

fn changes(changes: &Value) -> Vec<Change> {
    let change = |(field, pair): (&String, &Value)| Change {
        field: field.clone(),
        before: text(&pair[0]),
        after: text(&pair[1]),
    };
    changes.as_object().map(|fields| fields.iter().map(change).collect()).unwrap_or_default()
}

fn facts(metadata: &Value) -> Vec<Fact> {
    let fact = |(name, value): (&String, &Value)| Fact { name: name.clone(), value: text(value) };
    metadata.as_object().map(|fields| fields.iter().map(fact).collect()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn day(text: &str) -> Option<Date> {
    text.trim().parse().ok()
}

fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
