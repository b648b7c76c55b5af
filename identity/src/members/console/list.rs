//! Who belongs, and who is invited.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::PersonId;
use tenantry_platform::http::{Caller, ControlPermit, Query};
use tenantry_platform::page::{Chrome, FlashKind, render};
use tenantry_platform::permit::ReadMembers;
use tenantry_platform::problem::Problem;
use uuid::Uuid;

use super::super::invite::INVITATIONS_OPEN_MOST;
use super::super::page::{InvitationRow, List, MemberRow};
use super::super::role::Authority;
use super::super::{Invitation, MEMBERS_A_PAGE, Member, list_invitations};
use super::{authority, base, book, frame, is_owner};
use crate::roles::RoleBook;
use crate::{Identity, members};

/// `?after=…`, and what was just done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    after: Option<Uuid>,
    #[serde(default)]
    done: String,
}

/// `GET …/members`
pub async fn list(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let members = members::list(&permit, &identity.ground, query.after).await?;
    let most = usize::try_from(INVITATIONS_OPEN_MOST).unwrap_or(usize::MAX);
    let invitations = list_invitations(&permit, &identity.ground, None, most).await?;
    let here = base(&caller)?;
    let chrome = flashed(frame(&identity, &caller, List::TITLE), &query.done);
    let book = book(&permit, &identity).await?;
    let drawing = Drawing::new((&identity, &book), &caller, &here, &members);
    let next_href = members.last().filter(|_| members.len() == MEMBERS_A_PAGE);
    Ok(render(&List {
        next_href: next_href.map(|last| format!("{here}?after={}", last.id)).unwrap_or_default(),
        first_href: query.after.map(|_| here.clone()).unwrap_or_default(),
        invite_href: drawing.authority.as_ref().map(|_| format!("{here}/invite")).unwrap_or_default(),
        leave_href: format!("{here}/leave"),
        invitations: invitations.into_iter().map(|open| drawing.invitation(&chrome, open)).collect(),
        members: members.iter().map(|member| drawing.member(member)).collect(),
        chrome,
    }))
}

fn flashed(chrome: Chrome, done: &str) -> Chrome {
    let said = match done {
        "invited" => chrome.t("members.invited_done"),
        "revoked" => chrome.t("members.invitation_revoked_done"),
        "role" => chrome.t("members.role_done"),
        "removed" => chrome.t("members.removed_done"),
        "transferred" => chrome.t("members.transferred_done"),
        _ => return chrome,
    };
    chrome.with_flash(FlashKind::Success, said)
}

/// What every row of the page needs.
struct Drawing<'a> {
    book: &'a RoleBook<'a>,
    here: &'a str,
    now: Timestamp,
    you: Option<PersonId>,
    is_owner: bool,
    authority: Option<Authority>,
    names: HashMap<PersonId, String>,
}

impl<'a> Drawing<'a> {
    fn new(
        (identity, book): (&Identity, &'a RoleBook<'a>),
        caller: &Caller,
        here: &'a str,
        members: &[Member],
    ) -> Self {
        let person = caller.principal.as_deref().and_then(|principal| principal.parts().person.as_ref());
        Self {
            book,
            here,
            now: identity.ground.now(),
            you: person.map(|person| person.id),
            is_owner: is_owner(identity, caller),
            authority: authority(book, caller),
            names: members.iter().map(|member| (member.id, member.name.clone())).collect(),
        }
    }

    fn member(&self, member: &Member) -> MemberRow {
        let (is_you, below) = (self.you == Some(member.id), self.is_below(&member.role));
        let href = |may: bool, act: &str| {
            if may { format!("{}/{}/{act}", self.here, member.id) } else { String::new() }
        };
        let may_change = below && !member.is_owner && !is_you;
        MemberRow {
            name: member.name.clone(),
            email: member.email.clone(),
            role: member.role.clone(),
            is_owner: member.is_owner,
            is_you,
            since: member.since,
            role_href: href(may_change, "role"),
            remove_href: href(may_change, "remove"),
            transfer_href: href(self.is_owner && !is_you && !member.is_owner, "transfer"),
        }
    }

    fn invitation(&self, chrome: &Chrome, open: Invitation) -> InvitationRow {
        let action = |act: &str| {
            let may = self.is_below(&open.role);
            if may { format!("{}/invitations/{}/{act}", self.here, open.id) } else { String::new() }
        };
        let by = match open.invited_by {
            None => chrome.t("members.by_key").to_owned(),
            Some(person) => {
                self.names.get(&person).cloned().unwrap_or_else(|| chrome.t("members.by_former").to_owned())
            }
        };
        InvitationRow {
            invited_by: by,
            sent_at: open.sent_at,
            expires_at: open.expires_at,
            state: open.state(self.now),
            resend_action: action("resend"),
            revoke_action: action("revoke"),
            email: open.email,
            role: open.role,
        }
    }

    fn is_below(&self, role: &str) -> bool {
        let known = self.book.named(role);
        self.authority.as_ref().is_some_and(|own| known.is_none_or(|role| own.check(&role).is_ok()))
    }
}
