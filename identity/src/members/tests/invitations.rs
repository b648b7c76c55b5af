//! Stories of invitations: who may invite whom, and who may accept.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{AuditId, LinkId};
use tenantry_core::mode::Mode;
use tenantry_core::permission::{Permission, PermissionSet};
use tenantry_core::slug::Slug;
use tenantry_identity::members::{self, Granter, INVITATIONS_OPEN_MOST};
use tenantry_identity::tenants::{self, Reason};
use tenantry_platform::db::{Control, Live};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ManageMembers, Origin};
use tenantry_platform::record::{self, Revealed};

use super::{Team, code};
use crate::house::{Answer, Browser, CENTRAL, House, PASSWORD, fields};

const GRACE: &str = "grace@elsewhere.example";

fn token_of(link: &str) -> String {
    link.split_once("token=").expect("a token").1.to_owned()
}

pub(super) async fn accept(browser: &mut Browser<'_>, link: &str, more: &[(&str, &str)]) -> Answer {
    let token = token_of(link);
    let form: Vec<(&str, &str)> = [("token", token.as_str())].into_iter().chain(more.iter().copied()).collect();
    browser.post(&format!("{CENTRAL}/-/invitation"), &form).await
}

pub(super) const NEW: &[(&str, &str)] = &[("name", "Grace Example"), ("password", PASSWORD)];

#[tokio::test]
async fn whoever_has_no_account_makes_one_by_the_link_and_is_signed_in() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (link, mut browser) = (team.link(GRACE, "MEMBER").await, house.browser());
    let page = browser.get(&link).await;
    assert!(page.status == StatusCode::OK && page.body.contains("type=\"password\"") && page.body.contains(GRACE));
    assert_eq!(accept(&mut browser, &link, NEW).await.location(), "/-/console/acme");
    assert!(browser.is_signed_in(CENTRAL).await);
    assert_eq!(house.one::<i64>("select count(*) from control.tenants").await, 1, "no workspace of their own");
    assert_eq!(house.browser().sign_in(GRACE, PASSWORD).await.location(), "/-/console/acme");
    let actions = house.actions().await;
    for action in ["member.invited", "person.verified", "session.created"] {
        assert!(actions.contains_key(action), "{action}: {actions:?}");
    }
    assert_eq!(actions["member.joined"], 2, "Ada and Grace");
}

#[tokio::test]
async fn whoever_has_an_account_signs_in_comes_back_and_joins() {
    let house = House::new().await;
    let (team, globex) = (Team::new(&house).await, house.account("globex").await);
    let (link, mut browser) = (team.link(&globex.person.email, "ADMIN").await, house.browser());
    let page = browser.get(&link).await;
    assert!(!page.body.contains("type=\"password\"") && page.body.contains("/-/sign-in?return_to="));
    let back = format!("/-/invitation?token={}", token_of(&link));
    let form = [("email", globex.person.email.as_str()), ("password", PASSWORD), ("return_to", &back)];
    assert_eq!(browser.post(&format!("{CENTRAL}/-/sign-in"), &form).await.location(), back);
    assert!(browser.get(&link).await.body.contains("action=\"/-/invitation\""));
    assert_eq!(accept(&mut browser, &link, &[]).await.location(), "/-/console/acme");
    assert_eq!(team.role(&globex.person).await, Some(("ADMIN".to_owned(), false)));
    assert!(browser.hand_off("http://acme.localhost:8600").await.status == StatusCode::SEE_OTHER);
    assert!(browser.hand_off("http://globex.localhost:8600").await.status == StatusCode::SEE_OTHER);
    assert!(browser.get(&link).await.body.contains("invitation_gone"));
}

/// No session loads more: whoever joined one more could not enter it.
#[tokio::test]
async fn nobody_joins_more_workspaces_than_a_session_holds() {
    let house = House::new().await;
    let (team, globex) = (Team::new(&house).await, house.account("globex").await);
    let more = format!(
        "with made as (
             insert into control.tenants (tenant_id, slug, name, status, status_at, plan, created_at)
             select gen_random_uuid(), 'more' || n, 'More ' || n, 'active', now(), 'free', now()
             from generate_series(1, 199) n returning tenant_id)
         insert into control.memberships (tenant_id, person_id, role, owner, created_at)
         select made.tenant_id, p.person_id, 'MEMBER', false, now()
         from made cross join control.persons p where p.email = '{}'",
        globex.person.email
    );
    house.db.administrator().await.batch_execute(&more).await.expect("200 workspaces");
    let link = team.link(&globex.person.email, "MEMBER").await;
    let mut browser = house.browser();
    browser.sign_in(&globex.person.email, PASSWORD).await;
    assert!(accept(&mut browser, &link, &[]).await.body.contains("too_many_workspaces"));
    assert_eq!(team.role(&globex.person).await, None);

    house
        .db
        .administrator()
        .await
        .batch_execute(
            "delete from control.memberships where tenant_id in (
        select tenant_id from control.tenants where slug = 'more7')",
        )
        .await
        .expect("one less");
    assert_eq!(accept(&mut browser, &link, &[]).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn a_new_account_for_a_known_address_is_not_made() {
    let house = House::new().await;
    let (team, globex) = (Team::new(&house).await, house.account("globex").await);
    let link = team.link(&globex.person.email, "MEMBER").await;
    let answer = accept(&mut house.browser(), &link, &[("name", "Eve"), ("password", "another fine password")]).await;
    assert!(answer.location().starts_with("/-/invitation?token="), "the page says to sign in");
    assert_eq!(team.role(&globex.person).await, None);
}

#[tokio::test]
async fn looking_at_an_invitation_changes_nothing() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let link = team.link(GRACE, "MEMBER").await;
    for _ in 0..3 {
        assert_eq!(house.browser().get(&link).await.status, StatusCode::OK);
    }
    assert_eq!(accept(&mut house.browser(), &link, NEW).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn an_invitation_works_once_also_when_two_accept_at_the_same_time() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let link = team.link(GRACE, "MEMBER").await;
    let (mut left, mut right) = (house.browser(), house.browser());
    let (left, right) = tokio::join!(accept(&mut left, &link, NEW), accept(&mut right, &link, NEW));
    let mut statuses = [left.status, right.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::NOT_FOUND]);
    assert_eq!(accept(&mut house.browser(), &link, NEW).await.code(), "invitation_gone");
    assert_eq!(house.one::<i64>("select count(*) from control.persons").await, 2);
}

#[tokio::test]
async fn a_stolen_link_is_worth_nothing_with_another_account() {
    let house = House::new().await;
    let (team, eve) = (Team::new(&house).await, house.account("eve").await.person);
    let (link, mut browser) = (team.link(GRACE, "MEMBER").await, house.browser());
    browser.sign_in(&eve.email, PASSWORD).await;
    let page = browser.get(&link).await;
    assert!(page.body.contains(&eve.email) && page.body.contains("action=\"/-/sign-out\""));
    assert_eq!(accept(&mut browser, &link, NEW).await.code(), "other_address");
    assert_eq!(team.role(&eve).await, None);
    assert_eq!(
        accept(&mut house.browser(), &link, NEW).await.location(),
        "/-/console/acme",
        "it still waits for Grace"
    );
}

#[tokio::test]
async fn an_address_that_was_never_proven_does_not_match() {
    let house = House::new().await;
    let (team, globex) = (Team::new(&house).await, house.account("globex").await);
    let (link, mut browser) = (team.link(&globex.person.email, "MEMBER").await, house.browser());
    browser.sign_in(&globex.person.email, PASSWORD).await;
    let unprove = "update control.persons set verified_at = null where email_lower like '%globex%'";
    house.db.administrator().await.batch_execute(unprove).await.expect("unproven");
    assert_eq!(accept(&mut browser, &link, &[]).await.code(), "other_address");
}

/// Whoever signs up with a stranger's address first gets nothing of what is sent to it.
#[tokio::test]
async fn a_sign_up_that_waits_for_the_same_address_gains_nothing_by_the_invitation() {
    let house = House::new().await;
    let (team, mut eve) = (Team::new(&house).await, house.browser());
    let mut form = fields("evil");
    form[1].1 = GRACE.to_owned();
    eve.post(&format!("{CENTRAL}/-/sign-up"), &form).await;
    let waiting = house.mails().await.remove(0);
    let link = team.link(GRACE, "MEMBER").await;
    assert_eq!(accept(&mut house.browser(), &link, NEW).await.location(), "/-/console/acme");
    let start = waiting.text.find("token=").expect("a token") + "token=".len();
    let token = waiting.text[start..].split_whitespace().next().expect("a token");
    let verified = eve.post(&format!("{CENTRAL}/-/verify"), &[("token", token)]).await;
    assert_eq!(verified.code(), "address_in_use");
}

#[tokio::test]
async fn a_token_under_another_tenants_name_opens_nothing() {
    let house = House::new().await;
    let (team, globex) = (Team::new(&house).await, house.account("globex").await);
    let link = team.link(GRACE, "MEMBER").await;
    let mut bytes = URL_SAFE_NO_PAD.decode(token_of(&link)).expect("base64url");
    bytes[..16].copy_from_slice(globex.tenant.id.uuid().as_bytes());
    let (base, _) = link.split_once("token=").expect("a token");
    for token in [URL_SAFE_NO_PAD.encode(bytes), "x".to_owned(), "A".repeat(64), "%00".to_owned()] {
        let answer = house.browser().get(&format!("{base}token={token}")).await;
        assert!(matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST), "{}", answer.body);
    }
}

#[tokio::test]
async fn revoked_replaced_and_late_invitations_are_gone() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let replaced = team.link(GRACE, "MEMBER").await;
    let newer = team.link(GRACE, "MEMBER").await;
    assert_eq!(house.browser().get(&replaced).await.code(), "invitation_gone");
    house.advance(168 * 3_600);
    assert_eq!(accept(&mut house.browser(), &newer, NEW).await.code(), "invitation_gone");
    let (again, ada) = (team.link(GRACE, "MEMBER").await, team.ada());
    let open = team.invite(&ada, "other@elsewhere.example", "MEMBER").await.expect("another one");
    assert_eq!(house.browser().get(&again).await.status, StatusCode::OK);
    let found =
        house.one::<uuid::Uuid>("select id from control.invitations where email = 'grace@elsewhere.example'").await;
    let mut tx = team.begin(&ada);
    members::revoke_invitation(&mut tx, &house.identity, &Granter::Person(ada.id), LinkId::from_uuid(found))
        .await
        .expect("revoked");
    tx.commit().await.expect("committed");
    assert_eq!(accept(&mut house.browser(), &again, NEW).await.code(), "invitation_gone");
    assert_ne!(open.id.uuid(), found);
}

/// [AC-12]
#[tokio::test]
async fn invitations_of_a_suspended_workspace_wait() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (link, slug) = (team.link(GRACE, "MEMBER").await, Slug::parse("acme").expect("a slug"));
    tenants::cli::suspend(&house.db.ground, &slug, &Reason::parse("unpaid").expect("a reason")).await.expect("done");
    assert_eq!(house.browser().get(&link).await.code(), "tenant_suspended");
    assert_eq!(accept(&mut house.browser(), &link, NEW).await.code(), "tenant_suspended");
    tenants::cli::reactivate(&house.db.ground, &slug).await.expect("done");
    assert_eq!(accept(&mut house.browser(), &link, NEW).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn nobody_invites_above_their_own_role() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (bob, max) = (team.member("bob", "ADMIN").await, team.member("max", "MEMBER").await);
    assert_eq!(code(team.invite(&bob, GRACE, "OWNER").await), "above_ceiling");
    assert_eq!(code(team.invite(&max, GRACE, "MEMBER").await), "missing_permission");
    team.invite(&bob, GRACE, "ADMIN").await.expect("their own role");
    team.invite(&team.ada(), GRACE, "OWNER").await.expect("an owner makes another");
    assert_eq!(code(team.invite(&bob, GRACE, "MEMBER").await), "above_ceiling", "nor lowers what an owner gave");
}

#[tokio::test]
async fn a_key_invites_as_far_as_its_scopes_and_never_an_owner() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let scopes = async |words: &[&str]| {
        let set: PermissionSet = words.iter().map(|word| word.parse().expect("a word")).collect();
        Granter::Key(house.key_with::<Live>(&team.of, words).await.0.id, Arc::new(set))
    };
    let few = scopes(&["members:manage", "members:read"]).await;
    let all = crate::calls::all(&house.identity);
    let all = scopes(&all.iter().map(Permission::as_str).collect::<Vec<_>>()).await;
    assert_eq!(code(team.invite_as(&team.ada(), &few, GRACE, "ADMIN").await), "above_ceiling");
    assert_eq!(code(team.invite_as(&team.ada(), &all, GRACE, "OWNER").await), "above_ceiling");
    team.invite_as(&team.ada(), &few, GRACE, "MEMBER").await.expect("within its scopes");
    let made = team.invite_as(&team.ada(), &all, GRACE, "ADMIN").await.expect("within its scopes");
    assert_eq!((made.invited_by, made.invited_by_key), (None, all.key()));
}

#[tokio::test]
async fn one_invitation_an_address_is_open_also_when_two_invite_at_the_same_time() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, bob) = (team.ada(), team.member("bob", "ADMIN").await);
    let (left, right) =
        tokio::join!(team.invite(&ada, GRACE, "MEMBER"), team.invite(&bob, "Grace@Elsewhere.Example", "MEMBER"));
    assert_eq!(left.expect("invited").id, right.expect("renewed").id);
    assert_eq!(house.one::<i64>("select count(*) from control.invitations").await, 1);
}

#[tokio::test]
async fn a_member_is_not_invited_and_whoever_became_one_meanwhile_is_told() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (globex, bob) = (house.account("globex").await.person, team.member("bob", "MEMBER").await);
    assert_eq!(code(team.invite(&team.ada(), &bob.email, "ADMIN").await), "already_member");
    let (link, mut browser) = (team.link(&globex.email, "ADMIN").await, house.browser());
    let (email, place) = (EmailAddress::parse(&globex.email).expect("an address"), (&team.of.tenant, Mode::Live));
    house.identity.stand_in(place, &email, "MEMBER", Origin::default()).await.expect("in");
    browser.sign_in(&globex.email, PASSWORD).await;
    assert!(browser.get(&link).await.body.contains("href=\"/-/console/acme\""));
    assert_eq!(accept(&mut browser, &link, &[]).await.code(), "already_member");
    assert_eq!(team.role(&globex).await, Some(("MEMBER".to_owned(), false)));
}

#[tokio::test]
async fn whoever_is_removed_leaves_no_invitation_behind() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let bob = team.member("bob", "ADMIN").await;
    team.invite(&bob, GRACE, "ADMIN").await.expect("invited");
    team.remove(&team.ada(), &bob).await.expect("removed");
    assert_eq!(house.one::<i64>("select count(*) from control.invitations where revoked_at is null").await, 0);
}

#[tokio::test]
async fn a_workspace_has_so_many_open_invitations_and_no_more() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let fill = format!(
        "insert into control.invitations (tenant_id, id, digest, email, email_lower, role, created_at, sent_at, expires_at)
         select '{}', gen_random_uuid(), sha256(n::text::bytea), n || '@x.example', n || '@x.example', 'MEMBER', now(), now(), '2100-01-01'
         from generate_series(1, {INVITATIONS_OPEN_MOST}) n",
        team.of.tenant.id
    );
    house.db.administrator().await.batch_execute(&fill).await.expect("filled");
    assert_eq!(code(team.invite(&team.ada(), GRACE, "MEMBER").await), "too_many_invitations");
    team.invite(&team.ada(), "7@x.example", "MEMBER").await.expect("one that counts already is sent again");
}

/// Withdrawn and sent again, to no end: nobody's mailbox is filled in our name [RL-4].
#[tokio::test]
async fn an_address_gets_five_invitations_an_hour_from_a_workspace_and_no_more() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let ada = team.ada();
    for number in 0..5 {
        let open = team.invite(&ada, GRACE, "MEMBER").await.expect("invited");
        if number % 2 == 0 {
            let mut tx = team.begin(&ada);
            let granter = Granter::Person(ada.id);
            members::revoke_invitation(&mut tx, &house.identity, &granter, open.id).await.expect("revoked");
            tx.commit().await.expect("committed");
        }
    }
    let refused = team.invite(&ada, "Grace@Elsewhere.example", "MEMBER").await.expect_err("the sixth");
    assert_eq!((refused.status().as_u16(), refused.code.as_ref()), (429, "too_many_mails"));
    assert_eq!(house.mails().await.len(), 5);
    assert_eq!(house.one::<i64>("select count(*) from control.invitations where revoked_at is null").await, 0);
    team.invite(&ada, "other@elsewhere.example", "MEMBER").await.expect("another address");
    let other = Team { house: &house, of: house.account("globex").await };
    other.invite(&other.ada(), GRACE, "MEMBER").await.expect("another workspace");
    house.advance(3_600);
    team.invite(&ada, GRACE, "MEMBER").await.expect("an hour later");
}

#[tokio::test]
async fn a_form_says_what_is_wrong_and_costs_no_invitation() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let link = team.link(GRACE, "MEMBER").await;
    let answer = accept(&mut house.browser(), &link, &[("name", " "), ("password", "short")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("id=\"name-error\"") && answer.body.contains("id=\"password-error\""));
    assert!(!answer.body.contains("short\""), "a password is never shown again");
    assert_eq!(accept(&mut house.browser(), &link, NEW).await.location(), "/-/console/acme");
}

/// Where nobody signs up by themselves, people come by invitation.
#[tokio::test]
async fn where_sign_up_is_closed_an_invitation_still_makes_an_account() {
    let house = House::with("[sign_up]\nopen = false\n").await;
    let team = Team::new(&house).await;
    let link = team.link(GRACE, "MEMBER").await;
    assert_eq!(accept(&mut house.browser(), &link, NEW).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn invitations_that_ended_long_ago_are_swept_and_open_ones_stay() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    team.invite(&team.ada(), GRACE, "MEMBER").await.expect("invited");
    house.advance((168 + 30 * 24) * 3_600 + 1);
    team.invite(&team.ada(), "new@elsewhere.example", "MEMBER").await.expect("invited");
    assert_eq!(members::sweep(&house.db.ground).await.expect("swept"), 1);
}

/// [AC-16] The log alone answers who was invited, also after the invitation is gone, and forgets it with that person.
#[tokio::test]
async fn the_log_says_whom_an_invitation_was_for_until_that_address_is_erased() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let ada = team.ada();
    let made = team.invite(&ada, GRACE, "MEMBER").await.expect("invited");
    team.invite(&ada, GRACE, "ADMIN").await.expect("again");
    let mut tx = team.begin(&ada);
    members::revoke_invitation(&mut tx, &house.identity, &Granter::Person(ada.id), made.id).await.expect("revoked");
    tx.commit().await.expect("committed");
    let acts = |state: &str| {
        ["invitation.revoked", "member.invited", "member.invited"].map(|act| format!("{act} {state}")).to_vec()
    };
    assert_eq!(whom(&house, &team, &house.db.ground).await, acts(GRACE));
    let erase = "delete from control.subject_keys where subject_id = (select about_id from control.audit where about_id is not null limit 1)";
    house.db.administrator().await.batch_execute(erase).await.expect("erased");
    assert_eq!(whom(&house, &team, &elsewhere(&house.db.ground)).await, acts("erased"));
}

/// Each act on an invitation with whom it was about, as another reader of the log opens it.
async fn whom(house: &House, team: &Team<'_>, ground: &Ground) -> Vec<String> {
    let sql = "select id, action, about_id, about from control.audit where entity_type = 'invitation' order by action";
    let mut tx = house.permit::<ManageMembers, Control>(&team.of).begin(ground);
    let mut found = Vec::new();
    for row in house.db.administrator().await.query(sql, &[]).await.expect("rows") {
        let (id, action): (uuid::Uuid, String) = (row.get(0), row.get(1));
        let revealed = record::reveal(&mut tx, ground, row.get(2), AuditId::from_uuid(id), row.get(3)).await;
        found.push(match revealed.expect("it opens, or is erased") {
            Revealed::Known(known) => format!("{action} {}", known.fields["invited_email"].0),
            Revealed::Erased | Revealed::ErasedBefore => format!("{action} erased"),
        });
    }
    found
}

/// Another process, which has no key open.
fn elsewhere(ground: &Ground) -> Ground {
    Ground::new(ground.db.clone(), ground.clock.clone(), ground.entropy.clone(), ground.sealer.clone())
}

/// [RL-4]
#[tokio::test]
async fn nobody_joins_beyond_the_seats_of_the_plan_and_the_invitation_waits_for_room() {
    let house = House::with("[plans.small]\nseats = 1\n").await;
    let team = Team::new(&house).await;
    let (link, mut browser) = (team.link(GRACE, "MEMBER").await, house.browser());
    let plan = async |name: &str| {
        let sql = format!("update control.tenants set plan = '{name}'");
        house.db.administrator().await.batch_execute(&sql).await.expect("another plan");
    };
    plan("small").await;
    let refused = accept(&mut browser, &link, NEW).await;
    assert!(refused.status == StatusCode::CONFLICT && refused.body.contains("All 1 seats"), "{}", refused.body);
    plan("free").await;
    assert_eq!(accept(&mut browser, &link, NEW).await.location(), "/-/console/acme");
}
