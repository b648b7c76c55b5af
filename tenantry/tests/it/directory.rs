//! What changed, for apps that keep tables of their own: nothing is lost, nothing is another's (AC-2, AC-5, KEY-3).

use serde_json::Value;
use tenantry_identity::directory::cli::{self, Scope};
use tenantry_platform::db::logins;
use tenantry_platform::kit::TestDb;
use tenantry_platform::numbers;

use crate::app::{Key, TestApp};

const USERS: &str = "/-/api/v1/users";
const MEMBERSHIPS: &str = "/-/api/v1/memberships";
const TENANTS: &str = "/-/api/v1/tenants";
const MEMBERS: &str = "/-/api/v1/member-changes";

/// A page, and the cursor behind it.
async fn page(key: &Key<'_>, path: &str, query: &str) -> (Vec<Value>, String, bool) {
    let answer = key.get(&format!("{path}?{query}")).await.expect(200).json();
    let cursor = answer["next_cursor"].as_str().unwrap().to_owned();
    (answer["data"].as_array().unwrap().clone(), cursor, answer["more"].as_bool().unwrap())
}

/// Waits until all that was committed so far is decided: other tests have transactions open on the same server.
async fn decided(app: &TestApp) {
    decided_in(&app.db).await;
}

async fn decided_in(db: &TestDb) {
    let administrator = db.administrator().await;
    let mine: String = administrator.query_one("select pg_current_xact_id()::text", &[]).await.unwrap().get(0);
    let is_past = "select pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8";
    while !administrator.query_one(is_past, &[&mine]).await.unwrap().get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
}

/// What came behind a cursor.
async fn after(key: &Key<'_>, path: &str, cursor: &str) -> (Vec<Value>, String) {
    let (found, next, _) = page(key, path, &format!("cursor={cursor}")).await;
    (found, next)
}

async fn all_lists(app: &TestApp) -> Key<'_> {
    app.management_key(&Scope::ALL).await
}

#[tokio::test]
async fn the_platforms_app_reads_who_is_there_where_and_in_which_role() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = all_lists(&app).await;
    decided(&app).await;
    let (users, ..) = page(&key, USERS, "").await;
    assert_eq!(
        (users.len(), &users[0]["email"], &users[0]["deleted"]),
        (1, &"owner@acme.example".into(), &false.into())
    );
    let (tenants, ..) = page(&key, TENANTS, "").await;
    assert_eq!((&tenants[0]["slug"], &tenants[0]["status"]), (&"acme".into(), &"active".into()));
    let (memberships, ..) = page(&key, MEMBERSHIPS, "").await;
    assert_eq!(memberships[0]["tenant_id"], acme.id().to_string());
    assert_eq!((&memberships[0]["person_id"], &memberships[0]["owner"]), (&users[0]["id"], &true.into()));
}

#[tokio::test]
async fn each_list_needs_its_own_scope() {
    let app = TestApp::new().await;
    let lists = [(USERS, Scope::Users), (MEMBERSHIPS, Scope::Members), (TENANTS, Scope::Tenants)];
    for scope in Scope::ALL {
        let key = app.management_key(&[scope]).await;
        for (path, needed) in lists {
            let answer = key.get(path).await;
            if needed == scope {
                answer.expect(200);
            } else {
                assert!(answer.problem(403, "missing_permission").body.contains(needed.as_str()));
            }
        }
    }
}

#[tokio::test]
async fn a_tenants_key_reads_no_list_of_the_platform_and_a_management_key_nothing_else() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (tenants, platforms) = (acme.full_key().await, all_lists(&app).await);
    for path in [USERS, MEMBERSHIPS, TENANTS] {
        tenants.get(path).await.problem(401, "management_key_needed");
        app.get("api", path).await.problem(401, "management_key_needed");
        platforms.call("GET", "acme", path).send().await.problem(404, "not_found");
        platforms.call("GET", "app", path).send().await.expect(200);
    }
    for path in ["/-/api/v1/whoami", MEMBERS, "/-/api/v1/keys"] {
        platforms.get(path).await.problem(401, "key_refused");
    }
    for host in ["acme", "api"] {
        platforms.call("GET", host, "/api/products").send().await.expect(401);
    }
}

#[tokio::test]
async fn a_revoked_management_key_is_refused_and_the_platforms_log_says_who_made_it() {
    let app = TestApp::new().await;
    let key = all_lists(&app).await;
    key.get(USERS).await.expect(200);
    let mut administrator = app.db.administrator().await;
    assert!(cli::revoke(&mut administrator, &app.db.ground, key.id).await.unwrap().is_some());
    assert!(cli::revoke(&mut administrator, &app.db.ground, key.id).await.unwrap().is_some(), "asking again is safe");
    // What the feed does within its poll.
    app.db.ground.feed.void_all();
    key.get(USERS).await.problem(401, "key_refused");
    let (acts, id) = ("select action from control.platform_log where subject = $1 order by seq", key.id.to_string());
    let acts = administrator.query(acts, &[&id]).await.unwrap();
    let acts: Vec<String> = acts.iter().map(|row| row.get(0)).collect();
    assert_eq!(acts, ["management_key.created", "management_key.revoked"]);
    let kept = cli::list(&mut administrator).await.unwrap();
    assert!(kept[0].revoked_at.is_some() && key.plaintext.contains(&kept[0].start));
}

#[tokio::test]
async fn no_serving_login_makes_a_management_key() {
    let app = TestApp::new().await;
    for login in ["tenantry_control", "tenantry_operator", "tenantry_live", "tenantry_jobs"] {
        let client = app.db.login(login).await;
        let create = "select doors.create_management_key(gen_random_uuid(), 'x', sha256('x'), 'abcdefgh', '{users:list}', now())";
        let fault = client.execute(create, &[]).await.unwrap_err();
        assert_eq!(fault.code().map(|code| code.code()), Some("42501"), "{login}");
    }
}

/// The case that a list by time loses: it changed before another one, and committed after it.
#[tokio::test]
async fn a_change_that_commits_late_is_met_once_by_whoever_goes_on_from_a_cursor() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let key = all_lists(&app).await;
    decided(&app).await;
    let (_, start, _) = page(&key, TENANTS, "").await;
    let [slow, quick] = [app.db.administrator().await, app.db.administrator().await];
    let rename = "update control.tenants set name = name || '!' where tenant_id = $1";
    slow.batch_execute("begin").await.unwrap();
    slow.execute(rename, &[&acme.id().uuid()]).await.unwrap();
    quick.execute(rename, &[&globex.id().uuid()]).await.unwrap();

    let (meanwhile, cursor) = after(&key, TENANTS, &start).await;
    assert!(meanwhile.is_empty(), "nothing behind what is undecided: {meanwhile:?}");
    slow.batch_execute("commit").await.unwrap();
    decided(&app).await;
    let (found, cursor) = after(&key, TENANTS, &cursor).await;
    let names: Vec<_> = found.iter().map(|tenant| tenant["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme Works!", "globex Works!"]);
    assert!(after(&key, TENANTS, &cursor).await.0.is_empty(), "and not again");
}

#[tokio::test]
async fn what_is_gone_is_told_as_an_id_and_nothing_else() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    drop(acme.member("MEMBER").await);
    let key = all_lists(&app).await;
    decided(&app).await;
    let (members, cursor, _) = page(&key, MEMBERSHIPS, "").await;
    let gone = members.iter().find(|member| member["role"] == "MEMBER").unwrap().clone();
    let manager = acme.full_key().await;
    manager.delete(&format!("/-/api/v1/members/{}", gone["person_id"].as_str().unwrap())).await.expect(200);
    decided(&app).await;
    let (told, _) = after(&key, MEMBERSHIPS, &cursor).await;
    assert_eq!((told.len(), &told[0]["deleted"], &told[0]["person_id"]), (1, &true.into(), &gone["person_id"]));
    assert_eq!(told[0].as_object().unwrap().len(), 4, "two ids, that they are gone, and when: {told:?}");

    let (_, cursor, _) = page(&key, USERS, "").await;
    let administrator = app.db.administrator().await;
    let person = uuid::Uuid::parse_str(gone["person_id"].as_str().unwrap()).unwrap();
    // Their own workspace goes with them, or it would stand without an owner.
    let delete = "delete from control.tenants t using control.memberships m where m.tenant_id = t.tenant_id and m.person_id = $1";
    administrator.execute(delete, &[&person]).await.unwrap();
    administrator.execute("delete from control.persons where person_id = $1", &[&person]).await.unwrap();
    decided(&app).await;
    let (told, _) = after(&key, USERS, &cursor).await;
    assert_eq!((told.len(), told[0].as_object().unwrap().len(), &told[0]["deleted"]), (1, 3, &true.into()));
}

#[tokio::test]
async fn pages_of_any_length_hold_each_thing_once() {
    let app = TestApp::new().await;
    for slug in ["acme", "globex", "initech", "umbrella", "hooli"] {
        app.tenant(slug).await;
    }
    let key = all_lists(&app).await;
    decided(&app).await;
    let (mut met, mut cursor, mut more) = page(&key, TENANTS, "limit=2").await;
    assert!(more && met.len() == 2);
    while more {
        let (found, next, again) = page(&key, TENANTS, &format!("limit=2&cursor={cursor}")).await;
        met.extend(found);
        (cursor, more) = (next, again);
    }
    let mut slugs: Vec<_> = met.iter().map(|tenant| tenant["slug"].as_str().unwrap().to_owned()).collect();
    slugs.sort();
    assert_eq!(slugs, ["acme", "globex", "hooli", "initech", "umbrella"]);
}

#[tokio::test]
async fn a_list_since_a_time_holds_what_has_changed_since() {
    let app = TestApp::new().await;
    let (acme, _) = (app.tenant("acme").await, app.tenant("globex").await);
    let key = all_lists(&app).await;
    let administrator = app.db.administrator().await;
    // As if both had been changed last an hour ago; then one is changed.
    administrator
        .batch_execute("update control.directory set changed_at = changed_at - interval '1 hour'")
        .await
        .unwrap();
    let rename =
        "update control.tenants set name = 'Acme' where tenant_id = $1 returning (now() - interval '30 minutes')";
    let since = administrator.query_one(rename, &[&acme.id().uuid()]).await.unwrap();
    let since: tenantry_core::clock::Timestamp = since.get(0);
    decided(&app).await;
    let (found, cursor, _) = page(&key, TENANTS, &format!("updated_since={since}")).await;
    assert_eq!((found.len(), &found[0]["name"]), (1, &"Acme".into()));
    assert!(after(&key, TENANTS, &cursor).await.0.is_empty());
    let later = since.checked_add(std::time::Duration::from_secs(7_200)).unwrap();
    assert!(page(&key, TENANTS, &format!("updated_since={later}")).await.0.is_empty());
}

#[tokio::test]
async fn a_tenants_own_key_reads_the_changes_of_its_own_members_alone() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ours, theirs) = (acme.full_key().await, globex.full_key().await);
    decided(&app).await;
    let (members, cursor, _) = page(&ours, MEMBERS, "").await;
    assert_eq!((members.len(), &members[0]["member"]["email"]), (1, &"owner@acme.example".into()));
    drop(globex.member("MEMBER").await);
    decided(&app).await;
    assert!(after(&ours, MEMBERS, &cursor).await.0.is_empty(), "another tenant's new member is no change of ours");
    let (found, _) = after(&theirs, MEMBERS, &cursor).await;
    assert!(found.iter().all(|change| change["member"]["role"] == "MEMBER"), "a place, not a credential: {found:?}");
    let bare = acme.key(["products:read"]).await;
    bare.get(MEMBERS).await.problem(403, "missing_permission");
}

/// A name and an address stand in the list of members, so a change of the person is a change there.
#[tokio::test]
async fn a_person_who_changes_their_name_shows_in_the_lists_of_their_workspaces() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = acme.full_key().await;
    decided(&app).await;
    let (_, cursor, _) = page(&key, MEMBERS, "").await;
    let rename = "update control.persons set name = 'Countess' where person_id = $1";
    app.db.administrator().await.execute(rename, &[&acme.person().id.uuid()]).await.unwrap();
    decided(&app).await;
    let (found, _) = after(&key, MEMBERS, &cursor).await;
    assert_eq!((found.len(), &found[0]["member"]["name"]), (1, &"Countess".into()));
}

#[tokio::test]
async fn cursors_of_other_lists_and_of_other_databases_are_refused() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    let key = all_lists(&app).await;
    let (_, cursor, _) = page(&key, USERS, "").await;
    key.get(&format!("{TENANTS}?cursor={cursor}")).await.problem(422, "invalid");
    key.get(&format!("{USERS}?cursor={cursor}&updated_since=2026-01-01T00:00:00Z")).await.problem(422, "invalid");
    let far = "AQH_____________AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for odd in ["x", far, "AQE"] {
        key.get(&format!("{USERS}?cursor={odd}")).await.problem(422, "invalid");
    }
    for odd in ["limit=0", "limit=501"] {
        key.get(&format!("{USERS}?{odd}")).await.problem(422, "invalid");
    }
    key.get(&format!("{USERS}?updated_since=yesterday")).await.problem(400, "malformed");
}

/// As after a dump of a cluster that is far ahead of this one.
const FROM_ANOTHER_CLUSTER: &str = "
    update control.directory set xid = (xid::text::bigint + 40000000000)::text::xid8;
    update control.change set xid = (xid::text::bigint + 40000000000)::text::xid8";

#[tokio::test]
async fn lists_that_came_from_another_cluster_are_whole_when_they_are_renumbered() {
    let app = TestApp::new().await;
    for slug in ["acme", "globex"] {
        app.tenant(slug).await;
    }
    let key = all_lists(&app).await;
    decided(&app).await;
    let mut cursors = Vec::new();
    for list in [USERS, MEMBERSHIPS, TENANTS] {
        let (found, cursor, _) = page(&key, list, "").await;
        assert_eq!(found.len(), 2, "{list}");
        cursors.push((list, cursor));
    }
    let administrator = app.db.administrator().await;
    administrator.batch_execute(FROM_ANOTHER_CLUSTER).await.unwrap();
    for (list, cursor) in &cursors {
        assert!(page(&key, list, "").await.0.is_empty() && after(&key, list, cursor).await.0.is_empty(), "{list}");
    }
    let said = numbers::refuse_foreign(&app.db.ground).await.unwrap_err().to_string();
    assert!(said.contains("`tenantry database renumber`"), "{said}");

    assert!(numbers::renumber(&administrator).await.unwrap() >= 6);
    numbers::refuse_foreign(&app.db.ground).await.unwrap();
    decided(&app).await;
    for (list, cursor) in &cursors {
        assert_eq!((page(&key, list, "").await.0.len(), after(&key, list, cursor).await.0.len()), (2, 2), "{list}");
    }
    assert_eq!(numbers::renumber(&administrator).await.unwrap(), 0);
    let noted = "select count(*) from control.platform_log where action = 'database.renumbered'";
    assert_eq!(administrator.query_one(noted, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn a_start_by_numbers_of_another_cluster_is_refused_with_the_command_that_mends_it() {
    let told = "insert into control.change (xid, id, at, kind, subject)
        values ('40000000000', gen_random_uuid(), now(), 'key', gen_random_uuid())";
    let listed = "insert into control.directory (kind, tenant_id, person_id, xid, changed_at, is_deleted)
        values ('member', gen_random_uuid(), gen_random_uuid(), '40000000000', now(), true)";
    for foreign in [told, listed] {
        let db = TestDb::new().await;
        db.administrator().await.batch_execute(foreign).await.unwrap();
        let said = TestApp::refused(db).await;
        assert!(said.ends_with("Run `tenantry database renumber`, then start again."), "{said}");
    }
}

#[tokio::test]
async fn only_the_owners_login_renumbers() {
    let app = TestApp::new().await;
    for (login, _) in logins::SERVING {
        let fault = app.db.login(login).await.execute("select doors.renumber(1)", &[]).await.unwrap_err();
        assert_eq!(fault.code().map(|code| code.code()), Some("42501"), "{login}");
    }
}

/// A renumbering gives thousands one number, as the first migration of the lists did.
#[tokio::test]
async fn a_page_of_users_of_one_transaction_reads_no_more_than_the_page() {
    const MANY: &str = "
        insert into control.persons (person_id, email, email_lower, name, status, created_at)
        select gen_random_uuid(), i || '@x.example', i || '@x.example', 'Somebody', 'active', now()
        from generate_series(1, 10000) i";
    const PAGE: &str = "
        select count(*) from doors.directory_of_users($1::text::xid8, '80000000-0000-0000-0000-000000000000', 'epoch', 101)";
    const READ: &str = "
        select sum(pg_stat_get_xact_tuples_returned(c.oid))::bigint from pg_class c
        where c.oid = 'control.directory'::regclass or c.oid in (
            select indexrelid from pg_index where indrelid = 'control.directory'::regclass)";
    let db = TestDb::new().await;
    let mut administrator = db.administrator().await;
    administrator.batch_execute(MANY).await.unwrap();
    administrator.batch_execute("analyze control.directory; analyze control.persons").await.unwrap();
    let xid = "select max(xid::text::bigint)::text from control.directory";
    let xid: String = administrator.query_one(xid, &[]).await.unwrap().get(0);
    decided_in(&db).await;
    let tx = administrator.transaction().await.unwrap();
    let before: i64 = tx.query_one(READ, &[]).await.unwrap().get(0);
    assert_eq!(tx.query_one(PAGE, &[&xid]).await.unwrap().get::<_, i64>(0), 101);
    let read = tx.query_one(READ, &[]).await.unwrap().get::<_, i64>(0) - before;
    assert!((101..=102).contains(&read), "{read} rows");
}
