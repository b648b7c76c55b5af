//! Stories of people who reach with a key what they may not do themselves (AC-3).

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tenantry_core::mode::Mode;
use tenantry_identity::users::Enrolled;
use tenantry_platform::permit::{PersonRef, Principal};

use super::Team;
use crate::calls::Told;
use crate::house::House;

/// LEAD and HELPER may do the same: rank alone tells them apart.
const RANKS: &str = r#"
[permissions]
"orders:read" = "See orders"
[roles.OWNER]
owner = true
permissions = ["keys:read", "keys:manage", "members:read", "members:manage", "roles:manage", "tenant:manage", "orders:read"]
[roles.LEAD]
permissions = ["keys:read", "keys:manage", "members:read", "members:manage"]
[roles.HELPER]
permissions = ["keys:read", "keys:manage", "members:read", "members:manage"]
[roles.MEMBER]
permissions = ["members:read"]
[members]
own_roles_ceiling = "LEAD"
"#;

const KEYS: &str = "/-/api/v1/keys";
const SCOPES: [&str; 4] = ["keys:read", "keys:manage", "members:read", "members:manage"];

impl Team<'_> {
    /// Who somebody is in the console of the workspace.
    async fn at_work(&self, who: &PersonRef) -> Arc<Principal> {
        let enrolled = Enrolled { person: who.clone(), tenant: self.of.tenant.clone() };
        self.house.person_in(&enrolled, "acme", Mode::Live).await
    }

    /// A key that somebody makes: id, and who it is.
    async fn made_by(&self, who: &Arc<Principal>) -> (String, Arc<Principal>) {
        let draft = json!({ "name": "Sync", "scopes": SCOPES });
        self.shown(self.house.ask(who, Method::POST, KEYS, draft).await).await
    }

    async fn rotated_by(&self, who: &Arc<Principal>, id: &str) -> (String, Arc<Principal>) {
        let path = format!("{KEYS}/{id}/rotate");
        self.shown(self.house.ask(who, Method::POST, &path, json!({})).await).await
    }

    async fn shown(&self, made: Told) -> (String, Arc<Principal>) {
        assert_eq!(made.status, 201, "{}", made.body);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let made = made.json();
        (text(&made["key"]["id"]), self.house.principal(&text(&made["secret"])).await)
    }

    async fn give(&self, by: &Arc<Principal>, whom: &PersonRef, role: &str) -> (u16, String) {
        let path = format!("/-/api/v1/members/{}", whom.id);
        outcome(&self.house.ask(by, Method::PATCH, &path, json!({ "role": role })).await)
    }

    async fn end(&self, by: &Arc<Principal>, whom: &PersonRef) -> (u16, String) {
        outcome(&self.house.ask(by, Method::DELETE, &format!("/-/api/v1/members/{}", whom.id), json!({})).await)
    }

    async fn ask_in(&self, by: &Arc<Principal>, role: &str) -> (u16, String) {
        let body = json!({ "email": "grace@elsewhere.example", "role": role });
        outcome(&self.house.ask(by, Method::POST, "/-/api/v1/invitations", body).await)
    }
}

fn outcome(told: &Told) -> (u16, String) {
    told.problem()
}

fn refused(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

fn done(status: u16) -> (u16, String) {
    (status, String::new())
}

#[tokio::test]
async fn a_key_reaches_no_higher_than_the_role_of_whoever_made_it() {
    let house = House::with(RANKS).await;
    let team = Team::new(&house).await;
    let (helper, lead) = (team.member("helper", "HELPER").await, team.member("lead", "LEAD").await);
    let max = team.member("max", "MEMBER").await;
    let (_, key) = team.made_by(&team.at_work(&helper).await).await;
    assert_eq!(team.give(&key, &max, "LEAD").await, refused("above_ceiling"));
    assert_eq!(team.give(&key, &lead, "MEMBER").await, refused("above_ceiling"));
    assert_eq!(team.end(&key, &lead).await, refused("above_ceiling"));
    assert_eq!(team.ask_in(&key, "LEAD").await, refused("above_ceiling"));
    assert_eq!(team.give(&key, &max, "HELPER").await, done(200));
    let (_, key) = team.made_by(&team.at_work(&team.ada()).await).await;
    assert_eq!(team.give(&key, &max, "LEAD").await, done(200));
    assert_eq!(team.ask_in(&key, "LEAD").await, done(201));
    assert_eq!(team.end(&key, &lead).await, done(200));
}

#[tokio::test]
async fn nobody_changes_or_removes_themselves_with_a_key_of_theirs() {
    let house = House::with(RANKS).await;
    let team = Team::new(&house).await;
    let lead = team.member("lead", "LEAD").await;
    let person = team.at_work(&lead).await;
    let (id, key) = team.made_by(&person).await;
    let (_, of_key) = team.made_by(&key).await;
    let (_, successor) = team.rotated_by(&of_key, &id).await;
    let (foreign, _) = team.made_by(&team.at_work(&team.ada()).await).await;
    let (_, taken) = team.rotated_by(&person, &foreign).await;
    for (what, key) in [("made", key), ("made by a key", of_key), ("rotated by a key", successor), ("taken", taken)] {
        assert_eq!(team.give(&key, &lead, "HELPER").await, refused("own_role"), "{what}");
        assert_eq!(team.end(&key, &lead).await, refused("not_oneself"), "{what}");
    }
}

#[tokio::test]
async fn a_key_of_a_key_and_a_successor_have_the_lower_one_of_two_roles() {
    let house = House::with(RANKS).await;
    let team = Team::new(&house).await;
    let (helper, max) = (team.member("helper", "HELPER").await, team.member("max", "MEMBER").await);
    let (person, owner) = (team.at_work(&helper).await, team.at_work(&team.ada()).await);
    let (low, key) = team.made_by(&person).await;
    let (high, _) = team.made_by(&owner).await;
    let (_, of_key) = team.made_by(&key).await;
    let (_, upwards) = team.rotated_by(&person, &high).await;
    let (_, downwards) = team.rotated_by(&owner, &low).await;
    for (what, key) in [("of a key", of_key), ("of an owner's key", upwards), ("by an owner", downwards)] {
        assert_eq!(team.give(&key, &max, "LEAD").await, refused("above_ceiling"), "{what}");
    }
}

/// A role of the workspace's own has no rank, and neither has the key of whoever has it.
#[tokio::test]
async fn a_key_of_whoever_has_no_rank_gives_and_takes_no_role_that_has_one() {
    let house = House::with(RANKS).await;
    let team = Team::new(&house).await;
    let (own, max) = (team.member("own", "MEMBER").await, team.member("max", "MEMBER").await);
    let role = "insert into control.roles (tenant_id, id, name, description, permissions, created_at, updated_at)
                select tenant_id, gen_random_uuid(), 'Desk', '', array['keys:manage', 'keys:read', 'members:manage', 'members:read'], now(), now()
                from control.tenants where slug = 'acme'";
    house.db.administrator().await.batch_execute(role).await.expect("a role");
    team.change(&team.ada(), &own, "Desk").await.expect("given");
    let (_, key) = team.made_by(&team.at_work(&own).await).await;
    assert_eq!(team.give(&key, &max, "MEMBER").await, refused("above_ceiling"));
    assert_eq!(team.end(&key, &max).await, refused("above_ceiling"));
    assert_eq!(team.ask_in(&key, "Desk").await, done(201));
}

/// The statements of the migration, run as the migration runs them, on what an older release left behind.
#[tokio::test]
async fn keys_of_before_have_the_role_that_their_makers_have_and_none_where_nobody_knows() {
    let house = House::with(RANKS).await;
    let team = Team::new(&house).await;
    let (helper, gone) = (team.member("helper", "HELPER").await, team.member("gone", "LEAD").await);
    let (_, of_helper) = team.made_by(&team.at_work(&helper).await).await;
    house.advance(1);
    team.made_by(&of_helper).await;
    house.advance(1);
    team.made_by(&team.at_work(&gone).await).await;
    team.remove(&team.ada(), &gone).await.expect("removed");
    let administrator = house.db.administrator().await;
    let older = "update live.api_keys set person_behind = null, role_behind = null";
    administrator.batch_execute(older).await.expect("as it was");
    let file = include_str!("../../../../platform/src/db/migrations/0019_keys.sql");
    let (begin, end) =
        ("alter table control.memberships no force", "alter table control.memberships force row level security;");
    let (from, to) = (file.find(begin).expect("the begin"), file.find(end).expect("the end") + end.len());
    administrator.batch_execute("set role tenantry_owner").await.expect("as the migration");
    administrator.batch_execute(&file[from..to]).await.expect("filled");
    let behind: Vec<Option<String>> = house.one("select array_agg(role_behind order by id) from live.api_keys").await;
    assert_eq!(behind, [Some("HELPER".to_owned()), Some("HELPER".to_owned()), None]);
    let people: Vec<uuid::Uuid> = house.one("select array_agg(person_behind order by id) from live.api_keys").await;
    assert_eq!(people, [helper.id.uuid(), helper.id.uuid(), gone.id.uuid()]);
}
