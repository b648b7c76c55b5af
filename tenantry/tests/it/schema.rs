//! A process serves on exactly the schema that it was made for.

use tenantry_platform::kit::TestDb;

use crate::app::TestApp;

const READY: &str = "/-/health/ready";

/// A database that somebody changed before the start.
async fn with(change: &str) -> TestDb {
    let db = TestDb::new().await;
    db.administrator().await.batch_execute(change).await.unwrap();
    db
}

#[tokio::test]
async fn an_older_schema_is_refused_with_the_command_that_mends_it() {
    let older = with("delete from migrations.applied where name = '0013_directory'").await;
    let said = TestApp::refused(older).await;
    assert_eq!(said, "the database has an older schema: it lacks migration 0013_directory. Run `tenantry migrate`.");
    let before_the_door = with("drop function doors.applied_migrations()").await;
    let said = TestApp::refused(before_the_door).await;
    assert!(said.contains("Run `tenantry migrate`."), "{said}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_the_word_for_the_newer_binary() {
    let newer = with("insert into migrations.applied (name, digest) values ('9999_tomorrow', '')").await;
    let said = TestApp::refused(newer).await;
    assert_eq!(
        said,
        "the database has migration 9999_tomorrow, which this binary does not know; start the newer binary"
    );
}

#[tokio::test]
async fn a_schema_of_the_same_name_and_another_text_is_refused() {
    let other = with("update migrations.applied set digest = 'another' where name = '0001_ground'").await;
    let said = TestApp::refused(other).await;
    assert!(said.contains("0001_ground was applied with other contents"), "{said}");
}

/// Another binary migrates while this one serves: a load balancer hears of it.
#[tokio::test]
async fn readiness_ends_with_the_schema_that_was_served() {
    let app = TestApp::new().await;
    app.get("app", READY).await.expect(200);
    let administrator = app.db.administrator().await;
    let migrate = "insert into migrations.applied (name, digest) values ('9999_tomorrow', '')";
    administrator.batch_execute(migrate).await.unwrap();
    app.get("app", READY).await.problem(503, "unavailable");
    administrator.batch_execute("delete from migrations.applied where name = '9999_tomorrow'").await.unwrap();
    app.get("app", READY).await.expect(200);
}
