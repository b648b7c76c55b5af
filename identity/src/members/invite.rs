//! Inviting somebody, sending it again, and taking it back (AC-3, AC-16, RL-4).

use serde_json::{Value, json};
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{LinkId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::mail::{self, InvitationLetter};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::invitations::{self, Invitation, Letter};
use super::role::{Granter, grantable};
use super::token::Token;
use super::{refusal, seats, store};
use crate::Identity;
use crate::events;
use crate::roles::RoleBook;

/// Invitations that can be accepted at a time: each is a mail to a stranger, and a stolen session sends no more.
pub const INVITATIONS_OPEN_MOST: i64 = 200;
/// Members and open invitations together: beyond it people are managed by a directory, not by hand.
pub const MEMBERS_MOST: i64 = 5_000;
/// Under what name a row keeps whom it is about: the log answers who was invited, and forgets it with that person.
const INVITED: &str = "invited_email";
const HOUR_S: u64 = 3_600;
/// Mails to one address, sent again and again, are counted under this word.
const BUDGET: &str = "invitation";

/// Whom to invite, as what.
#[derive(Clone, Debug, Default)]
pub struct Invite {
    /// Where the link goes, and whose proven address accepts it.
    pub email: String,
    /// A role's name.
    pub role: String,
}

/// Invites an address. One that has an open invitation gets it anew: the older link opens nothing then. The mail goes
/// out after the commit; the caller rings the queue.
///
/// # Errors
/// 422 for what is no address or no role; 403 for a role above the granter's; 409 for a member, and where the
/// workspace has as many people or open invitations as it can; 429 where it wrote to the address too often.
pub async fn invite(
    tx: &mut TenantTx<Control>,
    identity: &Identity,
    granter: &Granter,
    draft: &Invite,
) -> Result<Invitation, Problem> {
    let email = EmailAddress::parse(&draft.email)
        .map_err(|_| Problem::invalid("email", "Write an e-mail address, such as name@example.com."))?;
    let roles = &identity.options.roles;
    let authority = granter.authority(tx, (&identity.ground, roles)).await?;
    let book = RoleBook::load(tx, roles).await?;
    grantable(tx, &book, &authority, &draft.role).await?;
    if store::is_member(tx, &email).await? {
        return Err(refusal::already_member());
    }
    // Counted before it is looked for: of two that invite one address, the second one renews what the first one made.
    let open = invitations::count(tx, identity.ground.now()).await?;
    let present = invitations::hold_of(tx, &email).await?;
    if let Some(present) = &present {
        authority.check_present(&book, &present.role)?;
    }
    check_room(tx, identity, present.as_ref(), open).await?;
    let id =
        present.as_ref().map_or_else(|| LinkId::new(&identity.ground.clock, &identity.ground.entropy), |open| open.id);
    write(tx, identity, granter, (id, &email, &draft.role), present).await
}

/// Sends an open invitation again, with a new link and a new time. The older link opens nothing then.
///
/// # Errors
/// 404 when it is not open; 403 for a role above the granter's; 422 when nobody knows the role any more; 429 where the
/// workspace wrote to the address too often.
pub async fn resend(
    tx: &mut TenantTx<Control>,
    identity: &Identity,
    granter: &Granter,
    id: LinkId,
) -> Result<Invitation, Problem> {
    let roles = &identity.options.roles;
    let authority = granter.authority(tx, (&identity.ground, roles)).await?;
    let open = invitations::count(tx, identity.ground.now()).await?;
    let present = invitations::hold(tx, id).await?.ok_or_else(Problem::not_found)?;
    let book = RoleBook::load(tx, roles).await?;
    grantable(tx, &book, &authority, &present.role).await?;
    check_room(tx, identity, Some(&present), open).await?;
    let email = EmailAddress::parse(&present.email).map_err(Problem::internal)?;
    let role = present.role.clone();
    write(tx, identity, granter, (id, &email, &role), Some(present)).await
}

/// Takes an open invitation back.
///
/// # Errors
/// 404 when it is not open; 403 for a role above the granter's.
pub async fn revoke_invitation(
    tx: &mut TenantTx<Control>,
    identity: &Identity,
    granter: &Granter,
    id: LinkId,
) -> Result<Invitation, Problem> {
    let (ground, roles) = (&identity.ground, &identity.options.roles);
    let authority = granter.authority(tx, (&identity.ground, roles)).await?;
    let book = RoleBook::load(tx, roles).await?;
    let present = invitations::hold(tx, id).await?.ok_or_else(Problem::not_found)?;
    authority.check_present(&book, &present.role)?;
    invitations::revoke(tx, id, ground.now()).await?;
    let act = Act::new("invitation.revoked", "invitation", id).changed("role", present.role.as_str(), Value::Null);
    let act = act.about(INVITED, EmailAddress::parse(&present.email).map_err(Problem::internal)?);
    record::append(tx, ground, act).await?;
    let event = json!({ "invitation_id": id, "role": present.role });
    record::emit(tx, ground, &events::INVITATION_REVOKED, event).await?;
    Ok(present)
}

/// Who renews one that counts already needs no more room.
async fn check_room(
    tx: &mut TenantTx<Control>,
    identity: &Identity,
    present: Option<&Invitation>,
    open: i64,
) -> Result<(), Problem> {
    let now = identity.ground.now();
    if present.is_some_and(|present| present.expires_at > now) {
        return Ok(());
    }
    if open >= INVITATIONS_OPEN_MOST {
        let text = format!(
            "At most {INVITATIONS_OPEN_MOST} invitations are open at a time. Revoke one, or wait until some are accepted."
        );
        return Err(Problem::new(Kind::Conflict, text).code("too_many_invitations"));
    }
    seats::check(tx, &identity.options.plans, open).await?;
    if open + store::count(tx).await? >= MEMBERS_MOST {
        let text =
            format!("A workspace has at most {MEMBERS_MOST} members and open invitations. Remove somebody first.");
        return Err(Problem::new(Kind::Conflict, text).code("too_many_members"));
    }
    Ok(())
}

async fn write(
    tx: &mut TenantTx<Control>,
    identity: &Identity,
    granter: &Granter,
    (id, email, role): (LinkId, &EmailAddress, &str),
    present: Option<Invitation>,
) -> Result<Invitation, Problem> {
    let (ground, now) = (&identity.ground, identity.ground.now());
    let token = Token::fresh(tenant_of(tx)?, &ground.entropy);
    let until = now.checked_add(identity.options.invitations.lifetime).unwrap_or(now);
    let letter = Letter { id, digest: token.digest(), email, role, granter, now, until };
    let written = match &present {
        Some(_) => invitations::renew(tx, &letter).await?,
        None => invitations::insert(tx, &letter).await?.ok_or_else(|| {
            Problem::new(Kind::Conflict, "Somebody invited this address at the same moment. Load the list again.")
        })?,
    };
    note(tx, identity, (&written, email), present.as_ref()).await?;
    mail(tx, identity, &token, email).await?;
    Ok(written)
}

async fn note(
    tx: &mut TenantTx<Control>,
    identity: &Identity,
    (written, email): (&Invitation, &EmailAddress),
    before: Option<&Invitation>,
) -> Result<(), DbFault> {
    let ground = &identity.ground;
    let act = Act::new("member.invited", "invitation", written.id)
        .with(json!({ "again": before.is_some() }))
        .about(INVITED, email.clone())
        .changed("role", before.map(|before| before.role.clone()), written.role.as_str())
        .changed("expires_at", before.map(|before| before.expires_at.to_string()), written.expires_at.to_string());
    record::append(tx, ground, act).await?;
    let event = json!({ "invitation_id": written.id, "role": written.role, "again": before.is_some() });
    record::emit(tx, ground, &events::MEMBER_INVITED, event).await.map(drop)
}

async fn mail(
    tx: &mut TenantTx<Control>,
    identity: &Identity,
    token: &Token,
    to: &EmailAddress,
) -> Result<(), Problem> {
    if !identity.may_mail_from(tx, (BUDGET, Some(token.tenant)), to).await? {
        return Err(too_many_mails());
    }
    let options = &identity.options;
    let tenant =
        identity.tenants.by_id(token.tenant).await.map_err(Problem::unavailable)?.ok_or_else(Problem::not_found)?;
    let slug = Slug::from_stored(&tenant.slug).map_err(Problem::internal)?;
    let letter = InvitationLetter {
        brand: &options.brand.name,
        // The address and not the name: nobody writes words of their own into a stranger's mailbox in our name.
        workspace: &options.hosts.tenant(&slug, Mode::Live),
        link: &format!("{}/-/invitation?token={}", options.central_origin(), token.as_str()),
        hours: options.invitations.lifetime.as_secs() / HOUR_S,
    };
    mail::enqueue(tx, &identity.ground, letter.mail(to.clone())).await?;
    Ok(())
}

fn too_many_mails() -> Problem {
    let sentence = "This address got five invitations from the workspace within an hour. Nothing was changed. Wait an hour, or tell whoever it is another way.";
    Problem::new(Kind::TooMany, sentence).code("too_many_mails").retry_after(HOUR_S)
}

fn tenant_of(tx: &TenantTx<Control>) -> Result<TenantId, Problem> {
    tx.context().tenant.ok_or_else(|| Problem::internal("an invitation needs a permit that names the tenant"))
}
