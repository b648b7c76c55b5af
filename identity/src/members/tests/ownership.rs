//! Stories of owners: a workspace is never without one.

use tenantry_platform::permit::PersonRef;
use tokio_postgres::Client;

use super::{Team, code};
use crate::house::House;

/// What the database says when it refuses.
const KEPT: &str = "memberships_keep_an_owner";

#[tokio::test]
async fn a_workspace_is_handed_over_and_the_old_owner_takes_the_next_lower_role() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, max) = (team.ada(), team.member("max", "MEMBER").await);
    assert_eq!(code(team.transfer(&max, &ada).await), "owner_only");
    team.transfer(&ada, &max).await.expect("handed over");
    assert_eq!(team.role(&max).await, Some(("OWNER".to_owned(), true)));
    assert_eq!(team.role(&ada).await, Some(("ADMIN".to_owned(), false)));
    assert_eq!(code(team.transfer(&ada, &max).await), "owner_only");
    team.remove(&max, &ada).await.expect("no longer protected");
}

#[tokio::test]
async fn a_workspace_goes_to_a_member_who_can_sign_in_and_to_nobody_else() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, max, globex) = (team.ada(), team.member("max", "MEMBER").await, house.account("globex").await.person);
    assert_eq!(code(team.transfer(&ada, &globex).await), "not_found");
    let stop = format!("update control.persons set status = 'deactivated' where person_id = '{}'", max.id);
    let administrator = house.db.administrator().await;
    // Max owns a workspace of his own, which the database would keep.
    administrator
        .batch_execute(&format!("delete from control.tenants where slug = 'max'; {stop}"))
        .await
        .expect("done");
    assert_eq!(code(team.transfer(&ada, &max).await), "not_active");
    assert_eq!(team.role(&ada).await, Some(("OWNER".to_owned(), true)));
}

#[tokio::test]
async fn the_last_owner_does_not_leave() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, eve) = (team.ada(), team.member("eve", "OWNER").await);
    team.leave(&ada).await.expect("another owner stays");
    assert_eq!(code(team.leave(&eve).await), "last_owner");
    assert_eq!((team.owners().await, code(team.leave(&ada).await)), (1, "not_found".to_owned()));
}

#[tokio::test]
async fn of_two_owners_who_leave_at_the_same_time_one_stays() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, eve) = (team.ada(), team.member("eve", "OWNER").await);
    let (left, right) = tokio::join!(team.leave(&ada), team.leave(&eve));
    assert_eq!([left.is_ok(), right.is_ok()].into_iter().filter(|done| *done).count(), 1);
    assert_eq!(team.owners().await, 1);
}

#[tokio::test]
async fn of_two_hand_overs_at_the_same_time_one_is_made() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, bob, max) = (team.ada(), team.member("bob", "ADMIN").await, team.member("max", "MEMBER").await);
    let (left, right) = tokio::join!(team.transfer(&ada, &bob), team.transfer(&ada, &max));
    assert_eq!([left.is_ok(), right.is_ok()].into_iter().filter(|done| *done).count(), 1);
    assert_eq!(team.owners().await, 1);
}

/// A connection of the serving login, inside the team's walls, in a transaction.
async fn inside(team: &Team<'_>, isolation: &str) -> Client {
    let client = team.house.db.login("tenantry_control").await;
    let context = format!("begin isolation level {isolation}; set local tenantry.tenant = '{}'", team.of.tenant.id);
    client.batch_execute(&context).await.expect("begun");
    client
}

fn demote(whom: &PersonRef) -> String {
    format!("update memberships set owner = false, role = 'ADMIN' where person_id = '{}'", whom.id)
}

/// What refused it, if anything did.
async fn refused(client: &Client, sql: &str) -> Option<String> {
    let error = client.batch_execute(sql).await.err()?;
    error.as_db_error().and_then(|db| db.constraint().or(Some(db.message()))).map(str::to_owned)
}

/// Tries it beside `first`, which commits once the other one waits for it or is done.
async fn beside(team: &Team<'_>, first: &Client, second: Client, sql: String) -> Option<String> {
    let watch = team.house.db.administrator().await;
    let pid: i32 = second.query_one("select pg_backend_pid()", &[]).await.expect("a row").get(0);
    let other = tokio::spawn(async move { refused(&second, &sql).await });
    let waits = "select exists (select from pg_locks where pid = $1 and not granted)";
    while !other.is_finished() && !watch.query_one(waits, &[&pid]).await.expect("a row").get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
    first.batch_execute("commit").await.expect("committed");
    other.await.expect("no panic")
}

/// The first has demoted, the second waits for it, and looks at what is left.
#[tokio::test]
async fn two_owners_who_demote_one_another_do_not_both_succeed() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, eve) = (team.ada(), team.member("eve", "OWNER").await);
    let (first, second) = (inside(&team, "read committed").await, inside(&team, "read committed").await);
    assert_eq!(refused(&first, &demote(&eve)).await, None);
    assert_eq!(beside(&team, &first, second, demote(&ada)).await.as_deref(), Some(KEPT));
    assert_eq!(team.owners().await, 1);
}

#[tokio::test]
async fn an_owner_who_is_demoted_while_the_other_ones_account_ends_is_kept() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, eve) = (team.ada(), team.member("eve", "OWNER").await);
    let own = "delete from control.tenants where slug = 'eve'";
    house.db.administrator().await.batch_execute(own).await.expect("done");
    let (first, second) = (house.db.administrator().await, inside(&team, "read committed").await);
    let ends = format!("begin; update control.persons set status = 'deactivated' where person_id = '{}'", eve.id);
    assert_eq!(refused(&first, &ends).await, None);
    assert_eq!(beside(&team, &first, second, demote(&ada)).await.as_deref(), Some(KEPT));
}

/// The first hands over to Max, whose account the second ends: it looks at the workspace that is about to be his.
#[tokio::test]
async fn whoever_is_made_the_owner_while_their_account_ends_keeps_it_or_gets_nothing() {
    let house = House::new().await;
    for is_ended_first in [false, true] {
        let team = Team { house: &house, of: house.account(if is_ended_first { "globex" } else { "acme" }).await };
        let slug = if is_ended_first { "zoe" } else { "max" };
        let (ada, max) = (team.ada(), team.member(slug, "MEMBER").await);
        let administrator = house.db.administrator().await;
        administrator.batch_execute(&format!("delete from control.tenants where slug = '{slug}'")).await.expect("done");
        let made = format!("update memberships set owner = true, role = 'OWNER' where person_id = '{}'", max.id);
        let hand_over = format!("{made}; {}", demote(&ada));
        let ends = format!("update control.persons set status = 'deactivated' where person_id = '{}'", max.id);
        let (first, inner) = (house.db.administrator().await, inside(&team, "read committed").await);
        first.batch_execute("begin").await.expect("begun");
        let second = if is_ended_first {
            assert_eq!(refused(&first, &ends).await, None);
            beside(&team, &first, inner, hand_over).await
        } else {
            assert_eq!(refused(&inner, &hand_over).await, None);
            beside(&team, &inner, first, ends).await
        };
        assert_eq!(second.as_deref(), Some(KEPT), "ended first: {is_ended_first}");
        assert_eq!(team.owners().await, 1);
        let sql = "select count(*) from control.memberships m join control.persons p using (person_id) where owner and status = 'active'";
        assert_eq!(house.one::<i64>(&format!("{sql} and tenant_id = '{}'", team.of.tenant.id)).await, 1);
    }
}

/// Whoever owns nothing is ended whatever became of the workspace.
#[tokio::test]
async fn a_members_account_ends_also_where_the_workspace_has_no_active_owner() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let max = team.member("max", "MEMBER").await;
    let administrator = house.db.administrator().await;
    let broken = format!(
        "delete from control.tenants where slug = 'max'; alter table control.persons disable trigger keep_an_owner;
         update control.persons set status = 'deactivated' where person_id = '{}';
         alter table control.persons enable trigger keep_an_owner",
        team.ada().id
    );
    administrator.batch_execute(&broken).await.expect("broken from outside");
    let ends = format!("update control.persons set status = 'deactivated' where person_id = '{}'", max.id);
    assert_eq!(refused(&administrator, &ends).await, None);
}

#[tokio::test]
async fn the_last_owners_account_is_neither_ended_nor_deleted_and_the_whole_workspace_is() {
    let house = House::new().await;
    let (team, administrator) = (Team::new(&house).await, house.db.administrator().await);
    let of_ada = format!("where person_id = '{}'", team.ada().id);
    for sql in [
        "update control.persons set status = 'deactivated'",
        "delete from control.persons",
        "delete from control.memberships",
    ] {
        assert_eq!(refused(&administrator, &format!("{sql} {of_ada}")).await.as_deref(), Some(KEPT), "{sql}");
    }
    assert_eq!(refused(&administrator, "delete from control.tenants").await, None);
}

/// In a stricter isolation each would look at the past, and both would succeed.
#[tokio::test]
async fn owners_are_taken_away_in_one_isolation_level_alone() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let eve = team.member("eve", "OWNER").await;
    for isolation in ["repeatable read", "serializable"] {
        let client = inside(&team, isolation).await;
        let said = refused(&client, &demote(&eve)).await.expect("refused");
        assert!(said.contains("READ COMMITTED"), "{said}");
    }
}

/// The statements of the migration, run as the migration runs them, on what an older release left behind.
#[tokio::test]
async fn whoever_owned_a_workspace_before_there_were_owners_owns_it_afterwards() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (eve, max) = (team.member("eve", "OWNER").await, team.member("max", "MEMBER").await);
    let administrator = house.db.administrator().await;
    let older = format!(
        "alter table control.memberships disable trigger user; update control.memberships set owner = false;
         update control.memberships set created_at = created_at - interval '1 day' where person_id = '{}';
         alter table control.memberships enable trigger user",
        team.ada().id
    );
    administrator.batch_execute(&older).await.expect("as it was");
    let file = include_str!("../../../../platform/src/db/migrations/0003_members.sql");
    let (begin, end) =
        ("alter table control.memberships no force", "alter table control.memberships force row level security;");
    let (from, to) = (file.find(begin).expect("the begin"), file.find(end).expect("the end") + end.len());
    administrator.batch_execute("set role tenantry_owner").await.expect("as the migration");
    administrator.batch_execute(&file[from..to]).await.expect("filled");
    assert_eq!(team.owners().await, 2, "Ada, and whoever has the same role");
    assert!(
        team.role(&eve).await.is_some_and(|(_, owner)| owner) && team.role(&max).await.is_some_and(|(_, owner)| !owner)
    );
}
