//! Keys from their making to their end: scopes, digests, ends, one tenant and mode (KEY-1, KEY-2, KEY-3, KEY-4, KEY-5).

mod maker;
mod pages;
mod rotation;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use tenantry_core::ids::KeyId;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::permission::PermissionSet;
use tenantry_identity::apikeys::{self, ApiKeys, Ceiling, Draft, KEYS_MOST, NewKey, Presented, Refusal};
use tenantry_identity::users::Enrolled;
use tenantry_platform::db::{Live, Test};
use tenantry_platform::permit::{ManageKeys, ReadKeys};
use tenantry_platform::problem::Problem;
use uuid::Uuid;

use crate::calls::{HERE, WORDS, all, made_up};
use crate::house::House;

async fn house() -> (House, Enrolled) {
    let house = House::with(WORDS).await;
    let acme = house.account("acme").await;
    (house, acme)
}

/// Everything of a set, and no rank.
fn unranked(permissions: &PermissionSet) -> Ceiling<'_> {
    Ceiling { permissions, role: None }
}

fn refusal(presented: &Presented) -> Option<&Refusal> {
    if let Presented::Refused(refusal) = presented { Some(refusal) } else { None }
}

async fn revoke(house: &House, of: &Enrolled, id: KeyId) -> Result<(), Problem> {
    let mut tx = house.permit::<ManageKeys, Live>(of).begin(&house.db.ground);
    apikeys::revoke(&mut tx, &house.db.ground, id).await?;
    tx.commit_and_fence(&house.db.ground).await?;
    Ok(())
}

#[tokio::test]
async fn a_created_key_works_in_its_tenant_and_mode_and_is_kept_nowhere() {
    let (house, acme) = house().await;
    let (key, token) = house.key::<Test>(&acme).await;
    let principal = house.principal(&token).await;
    let parts = principal.parts();
    assert_eq!(
        (parts.tenant.as_ref().map(|tenant| tenant.id), parts.mode),
        (Some(acme.tenant.id), Some(ModeWord::Test))
    );
    assert_eq!((parts.permissions.to_string().as_str(), parts.person.is_none()), ("orders:read", true));
    let kept: String = house
        .one("select string_agg(t::text, '') from (select k::text from test.api_keys k union all select a::text from test.audit a
              union all select e::text from test.events e) t")
        .await;
    let random = &token["sk_test_".len() + 22..token.len() - 6];
    assert!(kept.contains(&key.start) && !kept.contains(random) && !kept.contains(&token), "{kept}");
    let acts: Vec<String> = house.one("select array_agg(action || ' ' || entity_id) from test.audit").await;
    assert_eq!(acts, [format!("api_key.created {}", key.id)]);
}

#[tokio::test]
async fn a_revoked_key_is_refused_when_the_call_returns_even_where_it_was_being_read() {
    let (house, acme) = house().await;
    for _ in 0..20 {
        let (key, token) = house.key::<Live>(&acme).await;
        let readers = join_all((0..8).map(|_| house.present(&token)));
        let (_, revoked) = tokio::join!(readers, revoke(&house, &acme, key.id));
        revoked.expect("revoked");
        assert!(!matches!(house.identity.apikeys.known(&token, HERE, house.db.ground.now()), Presented::Verified(_)));
        assert_eq!(refusal(&house.present(&token).await), Some(&Refusal::Unknown));
    }
}

#[tokio::test]
async fn revoking_again_gives_the_same_answer_and_one_audit_row() {
    let (house, acme) = house().await;
    let (key, _) = house.key::<Live>(&acme).await;
    house.advance(60);
    revoke(&house, &acme, key.id).await.expect("revoked");
    house.advance(60);
    revoke(&house, &acme, key.id).await.expect("still revoked");
    let acts: Vec<String> = house.one("select array_agg(action order by id) from live.audit").await;
    assert_eq!(acts, ["api_key.created", "api_key.revoked"]);
    let events: Vec<String> = house.one("select array_agg(type order by id) from live.events").await;
    assert_eq!(events, ["api_key.created", "api_key.revoked"]);
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over_though_memory_holds_it() {
    let (house, acme) = house().await;
    let in_an_hour = house.db.ground.now().checked_add(Duration::from_secs(3_600)).expect("in range");
    let draft = Draft {
        name: "Short".to_owned(),
        scopes: vec!["orders:read".to_owned()],
        expires_at: Some(in_an_hour),
        ..Draft::default()
    };
    let (_, token) = house.key_from::<Live>(&acme, &draft).await;
    house.principal(&token).await;
    house.advance(3_599);
    house.principal(&token).await;
    house.advance(1);
    assert_eq!(refusal(&house.present(&token).await), Some(&Refusal::Expired));
}

#[tokio::test]
async fn a_key_of_another_tenant_or_mode_is_not_there() {
    let (house, acme) = house().await;
    let other = house.account("globex").await;
    let (key, _) = house.key::<Live>(&acme).await;
    assert_eq!(revoke(&house, &other, key.id).await.expect_err("not theirs").status(), 404);
    let ground = &house.db.ground;
    let theirs = house.permit::<ReadKeys, Live>(&other);
    assert_eq!(apikeys::find(&theirs, ground, key.id).await.expect_err("not theirs").status(), 404);
    let in_test = house.permit::<ReadKeys, Test>(&acme);
    assert_eq!(apikeys::find(&in_test, ground, key.id).await.expect_err("of the other mode").status(), 404);
    assert!(apikeys::list(&in_test, ground, None, 10).await.expect("a page").0.is_empty());
    assert!(apikeys::find(&house.permit::<ReadKeys, Live>(&acme), ground, key.id).await.is_ok());
}

#[tokio::test]
async fn nobody_gives_a_key_more_than_they_may_do_or_words_that_nobody_knows() {
    let (house, _) = house().await;
    let check = |draft: &Draft, held: &str| {
        let ceiling: PermissionSet = held.split(' ').map(|word| word.parse().expect("a permission")).collect();
        NewKey::check(draft, unranked(&ceiling), &house.identity.options, house.db.ground.now()).map(drop)
    };
    let scopes = |words: &[&str]| Draft {
        name: "Sync".to_owned(),
        scopes: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Draft::default()
    };
    let above = check(&scopes(&["orders:read", "orders:write"]), "orders:read").expect_err("above");
    assert!(
        above.code == "above_ceiling" && above.detail.contains("orders:write") && !above.detail.contains("orders:read"),
        "{above}"
    );
    let bad = Draft {
        name: " \n ".to_owned(),
        expires_at: Some(house.db.ground.now()),
        ..scopes(&["orders:read", "orders:*"])
    };
    let wrong = check(&bad, "orders:read").expect_err("wrong").fields;
    assert_eq!(wrong.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["name", "scopes[1]", "expires_at"]);
    assert_eq!(check(&scopes(&[]), "orders:read").expect_err("no scope").fields[0].field, "scopes");
    assert!(check(&scopes(&["orders:read"]), "orders:read").is_ok());
}

#[tokio::test]
async fn a_longest_life_is_kept() {
    let house = House::with(&format!("{WORDS}\n[api_keys]\nmax_lifetime_days = 30\n")).await;
    let now = house.db.ground.now();
    let after = |days: u64| Some(now.checked_add(Duration::from_secs(days * 86_400)).expect("in range"));
    let check = |expires_at| {
        let draft =
            Draft { name: "Sync".to_owned(), scopes: vec!["orders:read".to_owned()], expires_at, ..Draft::default() };
        NewKey::check(&draft, unranked(&all(&house.identity)), &house.identity.options, now).is_ok()
    };
    assert_eq!([check(after(30)), check(after(31)), check(None)], [true, false, false]);
}

#[tokio::test]
async fn a_key_that_is_mistyped_or_made_up_at_random_reaches_no_database() {
    let (house, acme) = house().await;
    let (_, token) = house.key::<Live>(&acme).await;
    let db = &house.db.ground.db;
    let sent = || db.control.statements() + db.live.statements() + db.test.statements();
    let before = sent();
    let relabelled = token.replace("sk_live_", "sk_test_");
    let last = if token.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &token[..token.len() - 1]);
    for wrong in [relabelled.as_str(), &mistyped] {
        assert_eq!(refusal(&house.present(wrong).await), Some(&Refusal::BadChecksum));
    }
    for wrong in ["sk_live_", "sk_live_é", &token[..40], &format!("{token} ")] {
        assert_eq!(refusal(&house.present(wrong).await), Some(&Refusal::NotAKey));
    }
    assert!(matches!(house.present("eyJhbGciOiJFZERTQSJ9.e30.c2ln").await, Presented::NotPresented));
    assert_eq!((sent(), house.identity.apikeys.counts().bad_checksum()), (before, 6));
}

#[tokio::test]
async fn many_who_miss_together_ask_once() {
    let (house, acme) = house().await;
    let (_, token) = house.key::<Live>(&acme).await;
    let asked = join_all((0..100).map(|_| house.present(&token))).await;
    assert!(asked.iter().all(|presented| matches!(presented, Presented::Verified(_))));
    assert_eq!(house.identity.apikeys.counts().looked_up(), 1);
}

#[tokio::test]
async fn made_up_keys_fill_a_bounded_corner_and_push_no_real_key_out() {
    let (house, acme) = house().await;
    let (_, token) = house.key::<Live>(&acme).await;
    let (keys, now) = (
        ApiKeys::bounded(&house.db.ground, &house.identity.options, &house.identity.tenants, 256),
        house.db.ground.now(),
    );
    let present = async |token: &str| match keys.known(token, HERE, now) {
        Presented::NeedsFill(pending) => keys.fill(&pending, HERE, now).await.expect("an answer"),
        known => known,
    };
    assert!(matches!(present(&token).await, Presented::Verified(_)));
    for _ in 0..400 {
        assert_eq!(refusal(&present(&made_up(&house, &acme)).await), Some(&Refusal::Unknown));
    }
    assert!(keys.held() <= 1 + 64, "{} held", keys.held());
    assert!(matches!(keys.known(&token, HERE, now), Presented::Verified(_)), "from memory still");
}

#[tokio::test]
async fn more_keys_than_memory_holds_all_work_and_memory_stays_bounded() {
    const ROWS: usize = 2_000;
    let (house, acme) = house().await;
    let tokens: Vec<String> = (0..ROWS).map(|_| made_up(&house, &acme)).collect();
    insert_all(&house, &acme, &tokens).await;
    let (keys, now) = (
        ApiKeys::bounded(&house.db.ground, &house.identity.options, &house.identity.tenants, 256),
        house.db.ground.now(),
    );
    for token in &tokens {
        let Presented::NeedsFill(pending) = keys.known(token, HERE, now) else { panic!("nobody asked for it yet") };
        assert!(matches!(keys.fill(&pending, HERE, now).await, Ok(Presented::Verified(_))));
    }
    assert!(keys.held() <= 256, "{} held", keys.held());
}

/// Rows as the verb writes them, many at once.
async fn insert_all(house: &House, of: &Enrolled, tokens: &[String]) {
    let parsed: Vec<_> = tokens.iter().map(|token| ApiKey::parse(token).expect("a key")).collect();
    let digests: Vec<Vec<u8>> = parsed.iter().map(|key| key.digest().as_bytes().to_vec()).collect();
    let ids: Vec<Uuid> =
        tokens.iter().map(|_| KeyId::new(&house.db.ground.clock, &house.db.ground.entropy).uuid()).collect();
    let sql = "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at)
               select $1, id, 'Many', digest, 'abcdefgh', '{orders:read}', $4 from unnest($2::uuid[], $3::bytea[]) as t(id, digest)";
    let admin = house.db.administrator().await;
    admin.execute(sql, &[&of.tenant.id.uuid(), &ids, &digests, &house.db.ground.now()]).await.expect("inserted");
}

#[tokio::test]
async fn the_last_free_place_is_given_once() {
    let (house, acme) = house().await;
    let tokens: Vec<String> = (1..KEYS_MOST).map(|_| made_up(&house, &acme)).collect();
    insert_all(&house, &acme, &tokens).await;
    let draft = Draft { name: "Last".to_owned(), scopes: vec!["orders:read".to_owned()], ..Draft::default() };
    let new = NewKey::check(&draft, unranked(&all(&house.identity)), &house.identity.options, house.db.ground.now())
        .expect("good");
    let make = async || {
        let mut tx = house.permit::<ManageKeys, Live>(&acme).begin(&house.db.ground);
        apikeys::create(&mut tx, &house.db.ground, &new).await?;
        tx.commit().await.map_err(Problem::from)
    };
    let made = tokio::join!(make(), make(), make());
    let codes = [made.0, made.1, made.2].map(|made| made.map_err(|problem| problem.code.into_owned()));
    assert_eq!(codes.iter().filter(|made| made.is_ok()).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|made| made.as_ref().err().is_some_and(|code| code == "too_many_keys")).count(), 2);
}

#[tokio::test]
async fn the_time_of_last_use_is_written_now_and_then() {
    let (house, acme) = house().await;
    let (key, token) = house.key::<Live>(&acme).await;
    house.principal(&token).await;
    house.advance(5);
    house.principal(&token).await;
    house.identity.apikeys.write_uses().await.expect("written");
    let kept = apikeys::find(&house.permit::<ReadKeys, Live>(&acme), &house.db.ground, key.id).await.expect("there");
    assert_eq!(kept.last_used_at, Some(key.created_at), "the second use came within the same minute");
}

/// A convenience, not evidence: what the database did not take is not kept for it.
#[tokio::test]
async fn a_time_of_last_use_that_cannot_be_written_is_lost_and_the_next_one_is_not() {
    let (house, acme) = house().await;
    let (key, token) = house.key::<Live>(&acme).await;
    let administrator = house.db.administrator().await;
    house.principal(&token).await;
    administrator.batch_execute("alter table live.api_keys rename to api_keys_away").await.expect("renamed");
    house.identity.apikeys.write_uses().await.expect_err("there is no such table");
    administrator.batch_execute("alter table live.api_keys_away rename to api_keys").await.expect("renamed");
    let last_use = async || {
        house.identity.apikeys.write_uses().await.expect("written");
        let permit = house.permit::<ReadKeys, Live>(&acme);
        apikeys::find(&permit, &house.db.ground, key.id).await.expect("there").last_used_at
    };
    assert_eq!(last_use().await, None);
    house.advance(60);
    house.principal(&token).await;
    assert_eq!(last_use().await, Some(house.db.ground.now()));
}

/// A scope that the configuration does not have any more holds nothing.
#[tokio::test]
async fn a_scope_that_the_configuration_has_lost_holds_nothing() {
    let (house, acme) = house().await;
    let (key, token) = house.key_with::<Live>(&acme, &["keys:read", "orders:read"]).await;
    let lost = "update live.api_keys set scopes = '{keys:read,gone:read}' where id = $1";
    house.db.administrator().await.execute(lost, &[&key.id.uuid()]).await.expect("written");
    let held = Arc::clone(&house.principal(&token).await.parts().permissions);
    assert!(held.contains("keys:read") && held.iter().count() == 1, "{held:?}");
}

#[tokio::test]
async fn programs_make_list_and_revoke_keys() {
    let (house, acme) = house().await;
    let (_, token) = house.key_with::<Test>(&acme, &["keys:read", "keys:manage", "orders:read"]).await;
    let program = house.principal(&token).await;
    // Newest first: keys of one millisecond stand in any order.
    house.advance(1);
    let asked = json!({ "name": "Child", "scopes": ["orders:read"], "expires_at": "2026-07-01T00:00:00Z" });
    let made = house.ask(&program, Method::POST, "/-/api/v1/keys", asked).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let (child, id) = (
        made.json()["secret"].as_str().expect("the key").to_owned(),
        made.json()["key"]["id"].as_str().expect("its id").to_owned(),
    );
    house.principal(&child).await;
    let page = house.read(&program, "/-/api/v1/keys?limit=1").await;
    let next = page.json()["next_after"].as_str().expect("there is another").to_owned();
    assert!(!page.body.contains(&child) && page.json()["data"][0]["id"] == id.as_str(), "{}", page.body);
    let last = house.read(&program, &format!("/-/api/v1/keys?after={next}")).await;
    assert!(
        last.json()["data"].as_array().is_some_and(|keys| keys.len() == 1) && last.json().get("next_after").is_none(),
        "{}",
        last.body
    );
    let revoked = house.ask(&program, Method::DELETE, &format!("/-/api/v1/keys/{id}"), "").await;
    assert_eq!(
        (revoked.json()["key"]["state"].as_str(), &revoked.json()["reach"]),
        // Another node may be cut off from the feed: it believes what it has for two minutes at most.
        (Some("revoked"), &json!({ "applied": 1, "lapsed": 0 }))
    );
    assert_eq!(refusal(&house.present(&child).await), Some(&Refusal::Unknown));
}

#[tokio::test]
async fn programs_are_told_what_is_wrong() {
    let (house, acme) = house().await;
    let (key, token) = house.key::<Live>(&acme).await;
    let (_, manager) = house.key_with::<Live>(&acme, &["keys:manage", "keys:read"]).await;
    let (reader, manager) = (house.principal(&token).await, house.principal(&manager).await);
    let path = format!("/-/api/v1/keys/{}", key.id);
    assert_eq!(house.ask(&reader, Method::DELETE, &path, "").await.problem(), (403, "missing_permission".to_owned()));
    assert_eq!(house.read(&manager, "/-/api/v1/keys/not-an-id").await.problem().0, 404);
    assert_eq!(house.read(&manager, "/-/api/v1/keys?limit=0").await.problem().0, 422);
    assert_eq!(house.read(&manager, "/-/api/v1/keys?mode=test").await.problem().0, 400);
    let post = async |body| house.ask(&manager, Method::POST, "/-/api/v1/keys", body).await;
    assert_eq!(
        post(json!({ "name": "x", "scopes": ["orders:read"] })).await.problem(),
        (403, "above_ceiling".to_owned())
    );
    let wrong = post(json!({ "name": "", "scopes": ["nobody:knows"], "expires_at": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(wrong.json()["errors"].as_array().map(Vec::len), Some(3), "{}", wrong.body);
    for malformed in [
        json!({ "name": "x", "scopes": [], "admin": true }),
        json!({ "name": 1, "scopes": [] }),
        json!({ "name": "x", "scopes": [], "expires_at": "soon" }),
    ] {
        assert_eq!(post(malformed).await.problem().0, 422);
    }
    let rows: i64 = house.one("select count(*) from live.api_keys").await;
    assert_eq!(rows, 2, "nothing half done");
}

#[tokio::test]
async fn a_person_makes_a_key_sees_it_once_and_revokes_it_by_name() {
    let (house, acme) = house().await;
    let ada = house.person(&acme, ModeWord::Test).await;
    let keys = "/-/console/acme/test/keys";
    assert!(house.read(&ada, keys).await.body.contains("No keys yet"));
    let form = house.read(&ada, &format!("{keys}/new")).await;
    assert!(form.body.contains("orders:read") && !form.body.contains("orders:write"), "what she holds: {}", form.body);
    let refused = house.ask(&ada, Method::POST, &format!("{keys}/new"), "name=&scopes=orders%3Aread&expires=30").await;
    assert!(
        refused.status == 422 && refused.body.contains("aria-invalid") && refused.body.contains("checked"),
        "{}",
        refused.body
    );
    let made = house
        .ask(&ada, Method::POST, &format!("{keys}/new"), "name=Sync&scopes=orders%3Aread&scopes=keys%3Aread&expires=30")
        .await;
    let at = made.body.find("sk_test_").expect("the key is shown");
    let token = made.body[at..at + 68].to_owned();
    house.principal(&token).await;
    let list = house.read(&ada, keys).await;
    assert!(
        list.body.contains("Ada Example") && list.body.contains("sk_test_…") && !list.body.contains(&token),
        "{}",
        list.body
    );
    let id: Uuid = house.one("select id from test.api_keys").await;
    let wrong = house.ask(&ada, Method::POST, &format!("{keys}/{id}/revoke"), "confirm=Sink").await;
    assert!(wrong.status == 422 && matches!(house.present(&token).await, Presented::Verified(_)));
    let done = house.ask(&ada, Method::POST, &format!("{keys}/{id}/revoke"), "confirm=Sync").await;
    assert_eq!((done.status.as_u16(), done.location.as_str()), (303, "/-/console/acme/test/keys?done=revoked"));
    assert_eq!(refusal(&house.present(&token).await), Some(&Refusal::Unknown));
    assert!(house.read(&ada, &done.location).await.body.contains("Revoked"));
}

/// What a million keys cost: run by hand, with `--ignored`, and read what it prints.
#[tokio::test]
#[ignore = "a measurement of minutes: cargo test -p tenantry-identity --test it -- --ignored a_million --nocapture"]
#[expect(clippy::print_stderr, reason = "a measurement tells what it found")]
async fn a_million_keys_in_the_database_change_nothing_in_memory() {
    let (house, acme) = house().await;
    let admin = house.db.administrator().await;
    let sql = "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at)
               select ('00000000-0000-7000-8000-' || lpad(to_hex(n / 1000), 12, '0'))::uuid, gen_random_uuid(), 'Many',
                      sha256(int4send(n)), 'abcdefgh', '{orders:read}', $1 from generate_series(1, 1000000) n";
    admin.execute(sql, &[&house.db.ground.now()]).await.expect("inserted");
    let tokens: Vec<String> = (0..50_000).map(|_| made_up(&house, &acme)).collect();
    insert_all(&house, &acme, &tokens).await;
    let (keys, now, before) = (&house.identity.apikeys, house.db.ground.now(), resident_kib());
    for token in &tokens {
        let Presented::NeedsFill(pending) = keys.known(token, HERE, now) else { continue };
        assert!(matches!(keys.fill(&pending, HERE, now).await, Ok(Presented::Verified(_))));
    }
    let after = resident_kib();
    eprintln!(
        "{} of 50,000 presented keys held; {} KiB more resident, {after} in all",
        keys.held(),
        after.saturating_sub(before)
    );
    assert!(keys.held() <= 20_032);
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
