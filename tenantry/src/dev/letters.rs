//! `/-/dev/letters`: every letter with made-up values, in the looks that the configuration gives it. Templates are
//! read anew each time, so that a saved one shows at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use http::header;
use tenantry_platform::http::{Caller, Path};
use tenantry_platform::mail::{Looks, Mail, samples};
use tenantry_platform::page::render;
use tenantry_platform::problem::{Kind, Problem};

use super::page::{Letter, LetterRow, Letters};
use crate::app::App;

const BASE: &str = "/-/dev/letters";
/// As mail programs show a letter: with its own styles and pictures, and without a script.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; form-action 'none'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The list.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    let rows = dressed(&app)?.into_iter().map(|mail| LetterRow {
        href: format!("{BASE}/{}", name(&mail)),
        subject: mail.subject.clone(),
        name: name(&mail).to_owned(),
    });
    let chrome = app.identity.visit(&caller).page(Letters::TITLE);
    Ok(render(&Letters { chrome, letters: rows.collect() }))
}

/// One letter: its subject, its text, and where its HTML is.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let mail = find(&app, &name)?;
    let chrome = app.identity.visit(&caller).page(Letters::TITLE).titled(mail.subject.as_str());
    let html_href = format!("{BASE}/{name}/html");
    Ok(render(&Letter { chrome, name, subject: mail.subject, text: mail.text, html_href, back_href: BASE.to_owned() }))
}

/// One letter's HTML, as it is sent.
pub(crate) async fn html(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(find(&app, &name)?.html)).into_response())
}

fn find(app: &App, wanted: &str) -> Result<Mail, Problem> {
    dressed(app)?.into_iter().find(|mail| name(mail) == wanted).ok_or_else(Problem::not_found)
}

fn dressed(app: &App) -> Result<Vec<Mail>, Problem> {
    let looks = Looks::configured(&app.config.mail)
        .map_err(|fault| Problem::new(Kind::Conflict, fault.to_string()).code("template_fault"))?;
    Ok(samples().iter().map(|mail| looks.dress(mail)).collect())
}

fn name(mail: &Mail) -> &str {
    mail.sheet.as_ref().map_or("", |sheet| &sheet.letter)
}
