//! The settings that a workspace changes itself: its name.

use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::TenantRef;
use tenantry_platform::problem::Problem;
use tenantry_platform::record::{self, Act};

use super::store;
use crate::events;

/// Longest name, in characters: it must fit a line.
const NAME_CHARS_MOST: usize = 100;

/// What a workspace is called, on pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceName(String);

impl WorkspaceName {
    /// A name of one line, trimmed.
    ///
    /// # Errors
    /// A message for the form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("Fill this in."),
            1..=NAME_CHARS_MOST if !text.chars().any(char::is_control) => Ok(Self(text.to_owned())),
            1..=NAME_CHARS_MOST => Err("Leave out line breaks and other characters that cannot be seen."),
            _ => Err("Use at most 100 characters."),
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A tenant with the version of its settings.
#[derive(Clone, Debug)]
pub struct Versioned {
    /// The tenant.
    pub tenant: TenantRef,
    /// Grows with each change.
    pub version: i64,
}

/// Gives the workspace another name. `expected` is the version that the caller has read; none means whatever stands
/// there. The transaction's context names the tenant; the caller fences. The same name changes nothing.
///
/// # Errors
/// 412 when somebody changed it meanwhile.
pub async fn rename(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    name: &WorkspaceName,
    expected: Option<i64>,
) -> Result<Versioned, Problem> {
    let before = store::locked(tx).await?.ok_or_else(Problem::not_found)?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Problem::changed_meanwhile());
    }
    if before.tenant.name == name.as_str() {
        return Ok(before);
    }
    let version = store::rename(tx, name.as_str()).await?;
    let tenant = TenantRef { name: name.as_str().to_owned(), ..before.tenant.clone() };
    let act = Act::new("tenant.updated", "tenant", tenant.id).changed("name", before.tenant.name, name.as_str());
    record::append(tx, ground, act).await?;
    let data = serde_json::json!({ "id": tenant.id, "slug": tenant.slug, "name": tenant.name });
    record::emit(tx, ground, &events::TENANT_UPDATED, data).await?;
    tx.announce(ground, Change { kind: ChangeKind::Tenant, subject: tenant.id.uuid() }).await?;
    Ok(Versioned { tenant, version })
}
