//! Controls that try claims with people, against a site that knows its people and one that lies about them.

use std::time::Duration;

use tenantry_custody::posture::{CONTROLS, Outcome};
use tenantry_platform::kit::TestDb;

use super::broken_site::{lied_and_mended, served};
use super::site::Lie;
use super::{expect, run};

#[tokio::test]
async fn an_account_that_opens_before_its_address_is_proven_is_seen() {
    let lies = [Lie::PendingSignsIn, Lie::EagerSignUp, Lie::LinkTwice, Lie::EndlessLink];
    lied_and_mended("new-accounts", &lies).await;
}

#[tokio::test]
async fn an_answer_that_tells_who_has_an_account_is_seen() {
    lied_and_mended("same-answers", &[Lie::KnownAddress, Lie::QuickUnknown, Lie::MailToNobody]).await;
}

#[tokio::test]
async fn a_mailed_link_that_is_stored_used_twice_or_endless_is_seen() {
    lied_and_mended("same-answers", &[Lie::StoredLink, Lie::LinkTwice, Lie::EndlessLink]).await;
}

#[tokio::test]
async fn an_access_token_that_lives_long_or_is_anybodys_to_write_is_seen() {
    lied_and_mended("access-tokens", &[Lie::LongToken, Lie::AnyToken, Lie::SameToken]).await;
}

#[tokio::test]
async fn a_token_that_lives_long_is_anybodys_to_write_or_outlives_its_session_is_seen() {
    let lies = [Lie::LongExchange, Lie::AnyToken, Lie::AnyKind, Lie::DeactivatedPerson];
    lied_and_mended("first-party-tokens", &lies).await;
}

#[tokio::test]
async fn a_stolen_token_that_opens_or_ends_nothing_is_seen() {
    lied_and_mended("token-reuse", &[Lie::ReusedToken, Lie::LivingTree]).await;
}

#[tokio::test]
async fn a_session_or_a_password_that_outlives_the_change_is_seen() {
    lied_and_mended("password-change", &[Lie::OtherSessions, Lie::OldPassword]).await;
}

#[tokio::test]
async fn somebody_deactivated_who_is_still_signed_in_is_seen() {
    lied_and_mended("deactivation", &[Lie::DeactivatedPerson]).await;
}

#[tokio::test]
async fn a_wildcard_and_a_page_beyond_a_role_are_seen() {
    lied_and_mended("role-permissions", &[Lie::Wildcard, Lie::LargePage, Lie::WordlessPage]).await;
}

#[tokio::test]
async fn a_key_that_sees_or_acts_in_another_mode_is_seen() {
    lied_and_mended("key-modes", &[Lie::AnyMode, Lie::MixedModes, Lie::AnyPrefix]).await;
}

#[tokio::test]
async fn a_change_of_a_team_without_its_row_is_seen() {
    lied_and_mended("team-acts", &[Lie::SilentTeam, Lie::VagueTeam, Lie::NamelessInvitation]).await;
}

#[tokio::test]
async fn an_export_that_lacks_something_or_calculates_is_seen() {
    lied_and_mended("audit-export", &[Lie::EmptyExport, Lie::FormulaExport, Lie::CutExport]).await;
}

/// What cannot be taken back is left once an hour, and each time while it does not hold.
#[tokio::test]
async fn what_leaves_a_row_is_tried_once_an_hour_while_it_holds() {
    let db = TestDb::new().await;
    let (site, probe) = served(&db).await;
    let outside = db.administrator().await;
    let rows = async || outside.query_one("select count(*) from test.audit", &[]).await.unwrap().get::<_, i64>(0);
    expect(&probe, "audit-export", Outcome::Pass).await;
    let after_one = rows().await;
    *site.lie.lock() = Lie::CutExport;
    expect(&probe, "audit-export", Outcome::Pass).await;
    assert_eq!((after_one, rows().await), (4, 4), "the row itself and one of each export");
    db.ground.clock.advance(Duration::from_secs(3_601));
    expect(&probe, "audit-export", Outcome::Fail).await;
    expect(&probe, "audit-export", Outcome::Fail).await;
    *site.lie.lock() = Lie::None;
    expect(&probe, "audit-export", Outcome::Pass).await;
}

#[tokio::test]
async fn no_canary_person_stays_and_no_app_hears_of_any() {
    let db = TestDb::new().await;
    let (_, probe) = served(&db).await;
    for control in CONTROLS {
        run(&probe, control.id).await;
    }
    let left = "select (select count(*) from control.persons) + (select count(*) from control.emails)
                     + (select count(*) from control.memberships) + (select count(*) from control.directory)
                     + (select count(*) from control.jobs where kind <> 'mail.nowhere')";
    assert_eq!(db.administrator().await.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn somebody_left_over_from_a_check_that_was_cut_off_goes_before_the_next_one() {
    let db = TestDb::new().await;
    let (_, probe) = served(&db).await;
    let outside = db.administrator().await;
    let left_over = "with p as (insert into control.persons (person_id, email, email_lower, name, status, created_at)
                                values ('00000000-0001-7000-8000-70656f706c35', 'a@b.c', 'a@b.c', 'Left over', 'active', now()))
                     insert into control.emails (email_lower, person_id)
                     values ('a@b.c', '00000000-0001-7000-8000-70656f706c35')";
    outside.batch_execute(left_over).await.unwrap();
    expect(&probe, "deactivation", Outcome::Pass).await;
    let count = "select (select count(*) from control.persons) + (select count(*) from control.emails)";
    assert_eq!(outside.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Two processes check at the same time: the people are the same ones.
#[tokio::test]
async fn checks_of_two_processes_wait_for_each_other() {
    let db = TestDb::new().await;
    let ((_, here), (_, there)) = (served(&db).await, served(&db).await);
    for id in ["deactivation", "password-change", "same-answers"] {
        let (one, other) = tokio::join!(run(&here, id), run(&there, id));
        for finding in [one, other] {
            assert_eq!(finding.verdict.outcome, Outcome::Pass, "{id}: {}", finding.verdict.evidence);
        }
    }
}
