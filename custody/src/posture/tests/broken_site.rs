//! Controls that send requests, against a site that answers well and one that lies.

use std::sync::Arc;
use std::time::Duration;

use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_custody::posture::{Outcome, Probe, Sites};
use tenantry_custody::vault::signing_keys;
use tenantry_platform::kit::TestDb;
use uuid::Uuid;

use super::site::{Lie, Site, serve};
use super::{config, expect, probe, run, schedule};

#[tokio::test]
async fn an_unguarded_route_fails_the_guard_audit() {
    lied_and_mended("guard-audit", &[Lie::OpenRoute, Lie::ForeignKey]).await;
}

#[tokio::test]
async fn a_host_of_nobody_that_answers_is_seen() {
    lied_and_mended("unknown-hosts", &[Lie::AnyHost]).await;
}

#[tokio::test]
async fn metrics_for_everybody_are_seen() {
    lied_and_mended("metrics-inside", &[Lie::OpenMetrics]).await;
}

#[tokio::test]
async fn a_form_seen_from_elsewhere_that_is_taken_is_seen() {
    lied_and_mended("request-origin", &[Lie::AnyOrigin]).await;
}

#[tokio::test]
async fn a_missing_header_is_seen() {
    lied_and_mended("security-headers", &[Lie::NoFrameOptions]).await;
}

#[tokio::test]
async fn a_nonce_that_is_used_twice_or_undone_is_seen() {
    lied_and_mended("script-policy", &[Lie::OldNonce, Lie::UnsafeInline]).await;
}

#[tokio::test]
async fn a_revoked_key_that_still_works_is_seen() {
    lied_and_mended("key-revocation", &[Lie::RevokedKey]).await;
}

#[tokio::test]
async fn a_key_that_outlives_its_end_is_seen() {
    lied_and_mended("key-expiry", &[Lie::ExpiredKey]).await;
}

#[tokio::test]
async fn a_key_that_opens_more_than_its_scope_is_seen() {
    lied_and_mended("key-scopes", &[Lie::AnyScope, Lie::WordlessScope]).await;
}

#[tokio::test]
async fn a_block_that_refuses_nobody_or_does_not_end_is_seen() {
    lied_and_mended("blocks-enforced", &[Lie::NoBlock, Lie::LongBlock]).await;
}

#[tokio::test]
async fn a_suspended_tenant_that_is_served_is_seen() {
    lied_and_mended("stopped-tenants", &[Lie::StoppedTenant]).await;
}

#[tokio::test]
async fn a_call_of_the_api_that_anybody_may_make_is_seen() {
    lied_and_mended("api-guards", &[Lie::OpenCall]).await;
}

#[tokio::test]
async fn a_page_of_staff_that_anybody_may_read_is_seen() {
    lied_and_mended("operator-pages", &[Lie::OpenStaff]).await;
}

#[tokio::test]
async fn an_input_that_is_taken_or_refused_without_a_word_is_seen() {
    let lies = [Lie::AnyInput, Lie::WordlessInput, Lie::AnyBody, Lie::WordlessBody];
    lied_and_mended("clear-refusals", &lies).await;
}

#[tokio::test]
async fn a_limit_that_is_not_told_or_not_counted_is_seen() {
    lied_and_mended("limits-told", &[Lie::UntoldLimits, Lie::UncountedLimits]).await;
}

#[tokio::test]
async fn a_shared_store_that_does_not_answer_is_seen() {
    lied_and_mended("shared-limits", &[Lie::LostStore, Lie::UntoldLimits]).await;
}

#[tokio::test]
async fn forms_without_end_are_seen() {
    lied_and_mended("form-limits", &[Lie::EndlessForms]).await;
}

#[tokio::test]
async fn an_id_that_is_given_twice_or_not_quoted_is_seen() {
    lied_and_mended("request-ids", &[Lie::OneRequestId, Lie::UnquotedRequestId]).await;
}

#[tokio::test]
async fn an_answer_that_other_sites_may_read_is_seen() {
    lied_and_mended("cross-origin", &[Lie::OpenCors, Lie::CookieCors]).await;
}

#[tokio::test]
async fn a_cookie_that_scripts_or_other_hosts_may_read_is_seen() {
    lied_and_mended("session-cookies", &[Lie::ScriptCookie, Lie::WideCookie]).await;
}

#[tokio::test]
async fn a_contact_that_is_missing_or_over_is_seen() {
    lied_and_mended("security-contact", &[Lie::NoContact, Lie::OldContact]).await;
}

#[tokio::test]
async fn a_private_key_in_the_set_and_a_purpose_without_a_key_are_seen() {
    let db = TestDb::new().await;
    signing_keys::ensure(&db.ground, &schedule()).await.unwrap();
    let (site, probe) = served(&db).await;
    for lie in [Lie::PrivateKey, Lie::NoKey] {
        expect(&probe, "signing-keys", Outcome::Pass).await;
        *site.lie.lock() = lie;
        expect(&probe, "signing-keys", Outcome::Fail).await;
        *site.lie.lock() = Lie::None;
    }
    expect(&probe, "signing-keys", Outcome::Pass).await;
    let over = "update control.signing_keys set signs_until = signs_from where purpose = 'identity'";
    db.administrator().await.execute(over, &[]).await.unwrap();
    let evidence = expect(&probe, "signing-keys", Outcome::Fail).await;
    assert!(evidence.contains("identity"), "{evidence}");
}

#[tokio::test]
async fn the_keys_of_the_canaries_open_nothing_between_checks() {
    let db = TestDb::new().await;
    let (_, probe) = served(&db).await;
    let controls = ["key-revocation", "key-expiry", "key-scopes", "clear-refusals", "stopped-tenants", "audit-export"];
    for id in controls.into_iter().chain(["key-modes", "team-acts", "role-permissions", "blocks-enforced"]) {
        expect(&probe, id, Outcome::Pass).await;
    }
    let open = "select count(*), count(*) filter (where revoked_at is null) from
                (select * from test.api_keys union all select * from live.api_keys) k";
    let row = db.administrator().await.query_one(open, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (6, 0));
}

#[tokio::test]
async fn without_an_address_nothing_is_claimed() {
    let db = TestDb::new().await;
    let of_keys = ["guard-audit", "key-revocation", "stopped-tenants", "key-modes", "team-acts", "audit-export"];
    let of_pages = ["script-policy", "form-limits", "session-cookies", "new-accounts", "token-reuse", "https-only"];
    for id in of_keys.into_iter().chain(of_pages) {
        expect(&probe(&db, None), id, Outcome::Unknown).await;
    }
}

/// The site is honest, lies, and is honest again, an hour later each time.
pub(super) async fn lied_and_mended(id: &str, lies: &[Lie]) {
    let db = TestDb::new().await;
    let (site, probe) = served(&db).await;
    expect(&probe, id, Outcome::Pass).await;
    for lie in lies {
        db.ground.clock.advance(Duration::from_secs(3_601));
        *site.lie.lock() = *lie;
        let verdict = run(&probe, id).await.verdict;
        assert_eq!(verdict.outcome, Outcome::Fail, "{id} and {lie:?}: {}", verdict.evidence);
        *site.lie.lock() = Lie::None;
    }
    expect(&probe, id, Outcome::Pass).await;
}

pub(super) async fn served(db: &TestDb) -> (Arc<Site>, Arc<Probe>) {
    let (site, at) = serve(db).await;
    let mut sites = Sites::of(&config());
    sites.connect = at;
    let tenant = tenantry_core::ids::TenantId::from_uuid(Uuid::from_u128(1));
    let key = ApiKey::generate(Mode::Test, tenant, &Entropy::seeded(1)).into_plaintext();
    let sites = sites.with_tenants("http://acme.localhost:4000", "http://globex.localhost:4000", Some(key));
    (site, probe(db, Some(sites)))
}
