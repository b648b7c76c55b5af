//! `/-/dev/mail`: all mail of `tenantry dev`, as a page and as JSON. It does not exist in `serve`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_platform::http::{Caller, Json, Path, Query};
use tenantry_platform::mail::{Mailbox, Received};
use tenantry_platform::page::{Field, render};
use tenantry_platform::problem::Problem;

use super::page::{Mail, MailRow, Mailbox as MailboxPage};
use crate::app::App;
use crate::routes::Mounted;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only mail to this address.
    #[serde(default)]
    to: String,
}

#[derive(Serialize)]
struct MailDocument<'a> {
    id: u64,
    to: &'a str,
    from: &'a str,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    links: &'a [String],
    at: Timestamp,
}

/// The list and one mail.
pub(crate) fn handlers() -> (MethodRouter<Mounted>, MethodRouter<Mounted>) {
    (get(list), get(one))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mails = found(mailbox(&app)?, &wanted.to);
    if wants_page(&headers) {
        let rows = mails.iter().map(|mail| MailRow {
            at: mail.at,
            to: mail.to.join(", "),
            subject: mail.subject.clone(),
            href: format!("/-/dev/mail/{}", mail.id),
        });
        let chrome = app.identity.visit(&caller).page(MailboxPage::TITLE);
        let page = MailboxPage {
            chrome,
            to: Field::filled(wanted.to),
            mails: rows.collect(),
            clear_href: "/-/dev/mail".to_owned(),
        };
        return Ok(render(&page));
    }
    let to: Vec<String> = mails.iter().map(|mail| mail.to.join(", ")).collect();
    let documents: Vec<MailDocument<'_>> = mails.iter().zip(&to).map(|(mail, to)| document(mail, to)).collect();
    Ok(Json(documents).into_response())
}

async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mail = mailbox(&app)?.find(id).ok_or_else(Problem::not_found)?;
    let to = mail.to.join(", ");
    if !wants_page(&headers) {
        return Ok(Json(document(&mail, &to)).into_response());
    }
    let page = Mail {
        chrome: app.identity.visit(&caller).page("mailbox.title").titled(mail.subject.as_str()),
        at: mail.at,
        from: mail.from.clone(),
        to,
        subject: mail.subject.clone(),
        text: mail.text.clone(),
        links: mail.links.clone(),
        back_href: "/-/dev/mail".to_owned(),
    };
    Ok(render(&page))
}

fn mailbox(app: &App) -> Result<&Mailbox, Problem> {
    app.dev.as_ref().map(|dev| &dev.mailbox).ok_or_else(Problem::not_found)
}

fn found(mailbox: &Mailbox, to: &str) -> Vec<Arc<Received>> {
    if to.is_empty() { mailbox.newest_first() } else { mailbox.to(to) }
}

fn document<'a>(mail: &'a Received, to: &'a str) -> MailDocument<'a> {
    MailDocument {
        id: mail.id,
        to,
        from: &mail.from,
        subject: &mail.subject,
        text: &mail.text,
        html: &mail.html,
        links: &mail.links,
        at: mail.at,
    }
}

/// A browser names HTML; a script that names nothing gets JSON.
fn wants_page(headers: &HeaderMap) -> bool {
    headers.get("accept").and_then(|value| value.to_str().ok()).is_some_and(|types| types.contains("text/html"))
}
