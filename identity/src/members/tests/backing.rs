//! Stories of links that outlive the power of whoever sent them (AC-3, KEY-3).

use http::StatusCode;
use tenantry_core::ids::KeyId;
use tenantry_identity::apikeys::{self, Draft, Key};
use tenantry_identity::members::Granter;
use tenantry_identity::tenants::Reason;
use tenantry_identity::users;
use tenantry_platform::db::Live;
use tenantry_platform::permit::{Acting, Actor, ManageKeys, Origin, PersonRef};

use super::invitations::{NEW, accept};
use super::{Team, code};
use crate::calls::all;
use crate::house::House;

const GRACE: &str = "grace@elsewhere.example";

/// What becomes of the last link, which is looked at before: `None`, it is accepted.
async fn refusal(house: &House, link: &str) -> Option<String> {
    let answer = accept(&mut house.browser(), link, NEW).await;
    (answer.status != StatusCode::SEE_OTHER).then(|| answer.code())
}

impl Team<'_> {
    async fn link_by(&self, granter: &Granter, role: &str) -> String {
        self.invite_as(&self.ada(), granter, GRACE, role).await.expect("an invitation");
        let text = self.house.mails().await.pop().expect("a mail").text;
        text[text.find("http://").expect("a link")..].split_whitespace().next().expect("a link").to_owned()
    }

    async fn link_of(&self, who: &PersonRef, role: &str) -> String {
        self.link_by(&Granter::Person(who.id), role).await
    }

    /// Nobody else owns what is theirs.
    async fn forget_workspace(&self, slug: &str) {
        let sql = format!("delete from control.tenants where slug = '{slug}'");
        self.house.db.administrator().await.batch_execute(&sql).await.expect("gone");
    }
}

fn key_of(key: &Key, house: &House) -> Granter {
    Granter::Key(key.id, std::sync::Arc::new(all(&house.identity)))
}

async fn revoke(house: &House, team: &Team<'_>, id: KeyId) {
    let mut tx = house.permit::<ManageKeys, Live>(&team.of).begin(&house.db.ground);
    apikeys::revoke(&mut tx, &house.db.ground, id).await.expect("revoked");
    tx.commit_and_fence(&house.db.ground).await.expect("committed");
}

#[tokio::test]
async fn a_link_of_whoever_was_demoted_gives_what_they_still_may_and_no_more() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let bob = team.member("bob", "ADMIN").await;
    let link = team.link_of(&bob, "ADMIN").await;
    team.change(&team.ada(), &bob, "MEMBER").await.expect("demoted");
    assert_eq!(refusal(&house, &link).await.as_deref(), Some("invitation_gone"));
    team.change(&team.ada(), &bob, "ADMIN").await.expect("promoted again");
    assert_eq!(refusal(&house, &link).await, None, "it was not used up");
}

/// The link to an owner's role is the way back that a former owner would like best.
#[tokio::test]
async fn whoever_handed_the_workspace_over_makes_no_owner_by_an_older_link() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, max) = (team.ada(), team.member("max", "MEMBER").await);
    let owner = team.link_of(&ada, "OWNER").await;
    team.transfer(&ada, &max).await.expect("handed over");
    assert_eq!(refusal(&house, &owner).await.as_deref(), Some("invitation_gone"));
    assert_eq!(team.owners().await, 1);
    team.transfer(&max, &ada).await.expect("handed back");
    assert_eq!(refusal(&house, &owner).await, None);
    assert_eq!(team.owners().await, 2);
}

#[tokio::test]
async fn a_link_of_whoever_left_or_was_removed_or_deleted_opens_nothing() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    for (slug, end) in [("bob", "leaves"), ("eve", "is removed"), ("zoe", "is deleted")] {
        let who = team.member(slug, "ADMIN").await;
        let link = team.link_of(&who, "MEMBER").await;
        team.forget_workspace(slug).await;
        match end {
            "leaves" => team.leave(&who).await.expect("gone"),
            "is removed" => team.remove(&team.ada(), &who).await.map(drop).expect("gone"),
            _ => {
                let sql = format!("delete from control.persons where person_id = '{}'", who.id);
                house.db.administrator().await.batch_execute(&sql).await.expect("gone");
            }
        }
        assert_eq!(refusal(&house, &link).await.as_deref(), Some("invitation_gone"), "whoever sent it {end}");
    }
}

#[tokio::test]
async fn a_link_of_whoever_is_shut_out_waits_for_them_to_come_back() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let bob = team.member("bob", "ADMIN").await;
    let link = team.link_of(&bob, "MEMBER").await;
    team.forget_workspace("bob").await;
    let by = || Acting { actor: Actor::system("cli", "people"), origin: Origin::default() };
    let reason = Reason::parse("lost laptop").expect("a reason");
    users::deactivate(&house.db.ground, by(), bob.id, &reason).await.expect("shut out");
    assert_eq!(refusal(&house, &link).await.as_deref(), Some("invitation_gone"));
    users::reactivate(&house.db.ground, by(), bob.id).await.expect("let in");
    assert_eq!(refusal(&house, &link).await, None);
}

#[tokio::test]
async fn a_link_of_a_key_that_was_revoked_or_ended_opens_nothing() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (key, _) = house.key_with::<Live>(&team.of, &["members:manage", "members:read"]).await;
    let link = team.link_by(&key_of(&key, &house), "MEMBER").await;
    revoke(&house, &team, key.id).await;
    assert_eq!(refusal(&house, &link).await.as_deref(), Some("invitation_gone"));
    let end = house.db.ground.now().checked_add(std::time::Duration::from_secs(60)).expect("in range");
    let scopes = vec!["members:manage".to_owned(), "members:read".to_owned()];
    let draft = Draft { name: "Short".to_owned(), scopes, expires_at: Some(end), ..Draft::default() };
    let (short, _) = house.key_from::<Live>(&team.of, &draft).await;
    let link = team.link_by(&key_of(&short, &house), "MEMBER").await;
    house.advance(60);
    assert_eq!(refusal(&house, &link).await.as_deref(), Some("invitation_gone"));
}

/// A role of the workspace's own that came to permit more than the key does.
#[tokio::test]
async fn a_link_of_a_key_gives_what_the_key_holds() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let administrator = house.db.administrator().await;
    let role = "insert into control.roles (tenant_id, id, name, description, permissions, created_at, updated_at)
                select tenant_id, gen_random_uuid(), 'Desk', '', array['members:read'], now(), now() from control.tenants";
    administrator.batch_execute(role).await.expect("a role");
    let (key, _) = house.key_with::<Live>(&team.of, &["members:manage", "members:read"]).await;
    let link = team.link_by(&key_of(&key, &house), "Desk").await;
    let more = "update control.roles set permissions = array['members:read', 'keys:manage']";
    administrator.batch_execute(more).await.expect("more");
    assert_eq!(refusal(&house, &link).await.as_deref(), Some("invitation_gone"));
    administrator.batch_execute("update control.roles set permissions = array['members:read']").await.expect("less");
    assert_eq!(refusal(&house, &link).await, None);
}

/// Of two at the same moment, whoever sends is demoted before or after somebody joins: never both.
#[tokio::test]
async fn a_link_is_accepted_before_its_sender_is_removed_or_not_at_all() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let bob = team.member("bob", "ADMIN").await;
    let link = team.link_of(&bob, "MEMBER").await;
    let ada = team.ada();
    let (refused, removed) = tokio::join!(refusal(&house, &link), team.remove(&ada, &bob));
    removed.expect("nobody waits for ever");
    assert!(matches!(refused.as_deref(), None | Some("invitation_gone")), "{refused:?}");
    assert_eq!(code(team.remove(&ada, &bob).await), "not_found");
}
