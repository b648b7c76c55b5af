//! A key's pages as people use them (KEY-1, KEY-3, KEY-5).

use tenantry_core::mode::Mode as ModeWord;
use tenantry_identity::apikeys::{Presented, Refusal};
use tenantry_platform::db::Live;

use http::Method;

use super::{house, refusal};

const KEYS: &str = "/-/console/acme/live/keys";

#[tokio::test]
async fn a_person_looks_at_a_key_edits_it_rotates_it_and_deletes_what_is_over() {
    let (house, acme) = house().await;
    let ada = house.person(&acme, ModeWord::Live).await;
    let (key, old) = house.key_with::<Live>(&acme, &["orders:read"]).await;
    let page = format!("{KEYS}/{}", key.id);
    let shown = house.read(&ada, &page).await;
    for word in ["Ada Example", "orders:read", "Anywhere", "entity_type=api_key", "/rotate", "/revoke"] {
        assert!(shown.body.contains(word), "{word}: {}", shown.body);
    }
    let form = house.read(&ada, &format!("{page}/edit")).await;
    assert!(form.body.contains("name=\"version\" value=\"1\""), "{}", form.body);
    let wrong =
        house.ask(&ada, Method::POST, &format!("{page}/edit"), "name=Sync&networks=10.0.0.1%2F8&version=1").await;
    assert!(wrong.status == 422 && wrong.body.contains("10.0.0.0/8 for the network"), "{}", wrong.body);
    let saved = house
        .ask(
            &ada,
            Method::POST,
            &format!("{page}/edit"),
            "name=Depot&networks=127.0.0.1%0D%0A%0D%0A10.0.0.0%2F8&version=1",
        )
        .await;
    assert_eq!(saved.location, format!("{page}?done=updated"), "{}", saved.body);
    let stale = house.ask(&ada, Method::POST, &format!("{page}/edit"), "name=Late&networks=&version=1").await;
    assert_eq!(stale.problem(), (412, "changed_meanwhile".to_owned()));
    assert!(house.read(&ada, &format!("{page}/rotate")).await.body.contains("Rotate Depot"));
    let rotated = house.ask(&ada, Method::POST, &format!("{page}/rotate"), "overlap_s=3600").await;
    let at = rotated.body.find("sk_live_").expect("the successor is shown");
    let new = rotated.body[at..at + 68].to_owned();
    house.principal(&new).await;
    house.principal(&old).await;
    let after = house.read(&ada, &page).await;
    assert!(after.body.contains("Its successor:") && !after.body.contains("/rotate\""), "{}", after.body);
    house.advance(3_600);
    assert_eq!(refusal(&house.present(&old).await), Some(&Refusal::Expired));
    let unsure = house.ask(&ada, Method::POST, &format!("{page}/delete"), "confirm=Sync").await;
    assert_eq!(unsure.status, 422);
    let gone = house.ask(&ada, Method::POST, &format!("{page}/delete"), "confirm=Depot").await;
    assert_eq!(gone.location, format!("{KEYS}?done=deleted"), "{}", gone.body);
    assert_eq!(house.read(&ada, &page).await.problem().0, 404);
    assert!(matches!(house.present(&new).await, Presented::Verified(_)));
}

#[tokio::test]
async fn a_key_is_made_for_some_networks_and_the_form_begins_with_a_usual_end() {
    let (house, acme) = house().await;
    let ada = house.person(&acme, ModeWord::Live).await;
    let form = house.read(&ada, &format!("{KEYS}/new")).await;
    assert!(form.body.contains("<option value=\"90\" selected>"), "{}", form.body);
    let sent = "name=Depot&scopes=orders%3Aread&expires=90&networks=%3A%3A%2F0";
    let refused = house.ask(&ada, Method::POST, &format!("{KEYS}/new"), sent).await;
    assert!(refused.status == 422 && refused.body.contains("Leave the list empty"), "{}", refused.body);
    let sent = "name=Depot&scopes=orders%3Aread&expires=90&networks=2001%3Adb8%3A%3A%2F32";
    let made = house.ask(&ada, Method::POST, &format!("{KEYS}/new"), sent).await;
    assert!(made.body.contains("sk_live_") && made.body.contains("2001:db8::/32"), "{}", made.body);
}

/// [KEY-1] By name, as long as there is one.
#[tokio::test]
async fn the_page_says_who_made_a_key_also_when_they_have_left() {
    let (house, acme) = house().await;
    let (key, manager) = house.key_with::<Live>(&acme, &["keys:manage", "orders:read"]).await;
    let program = house.principal(&manager).await;
    let child = serde_json::json!({ "name": "Child", "scopes": ["orders:read"] });
    let child = house.ask(&program, Method::POST, "/-/api/v1/keys", child).await.json()["key"]["id"].clone();
    let heir = house.account("heirs").await;
    house.join(&heir, &acme, "OWNER").await;
    let hana = house.person_in(&heir, "acme", ModeWord::Live).await;
    let page = format!("{KEYS}/{}", key.id);
    assert!(house.read(&hana, &page).await.body.contains("<dd>Ada Example</dd>"));
    let of_child = house.read(&hana, &format!("{KEYS}/{}", child.as_str().expect("an id"))).await;
    assert!(of_child.body.contains("the key Sync"), "{}", of_child.body);
    let admin = house.db.administrator().await;
    let (tenant, person) = (acme.tenant.id.uuid(), acme.person.id.uuid());
    let leave = "delete from control.memberships where tenant_id = $1 and person_id = $2";
    admin.execute(leave, &[&tenant, &person]).await.expect("left");
    assert!(house.read(&hana, &page).await.body.contains("Ada Example, who is no longer a member"));
    admin.execute("delete from control.persons where person_id = $1", &[&person]).await.expect("gone");
    assert!(house.read(&hana, &page).await.body.contains("<dd>somebody else</dd>"));
}

#[tokio::test]
async fn nobody_looks_at_another_workspaces_key_or_learns_who_made_it() {
    let (house, acme) = house().await;
    let (key, _) = house.key::<Live>(&acme).await;
    let other = house.account("globex").await;
    let bob = house.person(&other, ModeWord::Live).await;
    for act in ["", "/edit", "/rotate", "/revoke", "/delete"] {
        let told = house.read(&bob, &format!("/-/console/globex/live/keys/{}{act}", key.id)).await;
        assert_eq!(told.problem(), (404, "not_found".to_owned()), "{act}");
    }
    let control = house.db.login("tenantry_control").await;
    control.batch_execute(&format!("set tenantry.tenant = '{}'", other.tenant.id)).await.expect("set");
    let asked = "select count(*) from doors.makers_of_keys(array[$1]::uuid[])";
    let told: i64 = control.query_one(asked, &[&acme.person.id.uuid()]).await.expect("asked").get(0);
    assert_eq!(told, 0, "whoever made no key here has no name here");
}
