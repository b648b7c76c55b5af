//! One report of a violated policy, in either of the two shapes that browsers send.

use serde::Deserialize;
use url::Url;

/// A batch of reports larger than this is not read. Browsers send a few hundred bytes a report.
pub const REPORT_BYTES_MAX: usize = 32 * 1024;
/// Reports read of one batch.
const BATCH_MAX: usize = 20;
/// Longest directive, origin or path that is kept; the rest is cut.
const TEXT_BYTES_MAX: usize = 200;

/// The directive of what stands for all that have no place of their own: no word of a report.
pub(super) const REST: &str = "*";

/// What was stopped where, without anything that could name a person: no query, no fragment, no user name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// The directive that stopped it.
    pub directive: String,
    /// The origin of what was stopped, or a word such as `inline` or `eval`.
    pub blocked: String,
    /// The path of the page.
    pub path: String,
    /// Whether it was stopped, or only reported.
    pub is_enforced: bool,
}

/// The bytes are no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    #[error("send application/csp-report or application/reports+json")]
    Type,
    #[error("this is not the JSON of a violation report")]
    Shape,
    #[error("a batch of reports has at most {REPORT_BYTES_MAX} bytes")]
    TooLarge,
}

/// The older shape (`report-uri`).
#[derive(Deserialize)]
struct Old {
    #[serde(rename = "csp-report")]
    report: OldBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct OldBody {
    document_uri: Option<String>,
    effective_directive: Option<String>,
    violated_directive: Option<String>,
    blocked_uri: Option<String>,
    disposition: Option<String>,
}

/// The newer shape (`report-to`), of which a batch may carry other types as well.
#[derive(Deserialize)]
struct New {
    r#type: String,
    url: Option<String>,
    body: Option<NewBody>,
}

#[derive(Deserialize)]
struct NewBody {
    #[serde(rename = "documentURL")]
    document_url: Option<String>,
    #[serde(rename = "effectiveDirective")]
    effective_directive: Option<String>,
    #[serde(rename = "blockedURL")]
    blocked_url: Option<String>,
    disposition: Option<String>,
}

/// Reads a body. Reports of other types than violations are left out.
///
/// # Errors
/// The type, the size or the JSON is not a report's.
pub fn parse(content_type: &str, body: &[u8]) -> Result<Vec<Report>, NotAReport> {
    if body.len() > REPORT_BYTES_MAX {
        return Err(NotAReport::TooLarge);
    }
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/csp-report" => {
            let old: Old = serde_json::from_slice(body).map_err(|_| NotAReport::Shape)?;
            Ok(vec![old.report.into()])
        }
        "application/reports+json" => {
            let batch: Vec<New> = serde_json::from_slice(body).map_err(|_| NotAReport::Shape)?;
            Ok(batch
                .into_iter()
                .filter(|new| new.r#type == "csp-violation")
                .take(BATCH_MAX)
                .filter_map(New::read)
                .collect())
        }
        _ => Err(NotAReport::Type),
    }
}

impl From<OldBody> for Report {
    fn from(old: OldBody) -> Self {
        let directive = old.effective_directive.or(old.violated_directive).unwrap_or_default();
        Self::new(&directive, old.blocked_uri.as_deref(), old.document_uri.as_deref(), old.disposition.as_deref())
    }
}

impl New {
    fn read(self) -> Option<Report> {
        let body = self.body?;
        let directive = body.effective_directive.unwrap_or_default();
        let document = body.document_url.or(self.url);
        Some(Report::new(&directive, body.blocked_url.as_deref(), document.as_deref(), body.disposition.as_deref()))
    }
}

impl Report {
    /// What stands for all that have no place of their own.
    pub(super) fn rest() -> Self {
        Self { directive: REST.to_owned(), blocked: String::new(), path: String::new(), is_enforced: false }
    }

    fn new(directive: &str, blocked: Option<&str>, document: Option<&str>, disposition: Option<&str>) -> Self {
        Self {
            // Old browsers name the directive with its sources.
            directive: word(directive.split(' ').next().unwrap_or_default()),
            blocked: cut(&blocked.map_or_else(|| "unknown".to_owned(), origin)),
            path: cut(&document.map_or_else(|| "unknown".to_owned(), path)),
            is_enforced: disposition != Some("report"),
        }
    }
}

/// `https://host` of a URL; a word such as `inline` stays, and so does a bare scheme such as `data`.
fn origin(blocked: &str) -> String {
    match Url::parse(blocked) {
        Ok(url) if url.has_host() => url.origin().ascii_serialization(),
        Ok(url) => url.scheme().to_owned(),
        Err(_) if blocked.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') => blocked.to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

/// A directive's name as the standard writes them, so that nobody calls one otherwise.
fn word(directive: &str) -> String {
    let is_word = !directive.is_empty() && directive.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if is_word { cut(directive) } else { "unknown".to_owned() }
}

fn path(document: &str) -> String {
    Url::parse(document).map_or_else(|_| "unknown".to_owned(), |url| url.path().to_owned())
}

/// Printable and short.
fn cut(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= TEXT_BYTES_MAX).then_some(c)
        })
        .collect()
}
