//! `tenantry posture`: what is broken from outside is seen, and named [EV-1].

use std::collections::BTreeMap;

use serde_json::Value;

use super::process::{Dev, FIRST_START, data_dir};

/// Who breaks it, what fails then, and what mends it. The administrator needs no way through Tenantry.
const BREAKS: &[(&str, &str, &str)] = &[
    (
        "alter table live.api_keys disable row level security",
        "rls-coverage",
        "alter table live.api_keys enable row level security",
    ),
    ("alter role tenantry_live bypassrls", "serving-logins", "alter role tenantry_live nobypassrls"),
    (
        "alter table live.audit disable trigger append_only",
        "audit-append-only",
        "alter table live.audit enable trigger append_only",
    ),
    (
        "update control.identities set secret = 'md5' || secret",
        "password-hashing",
        "update control.identities set secret = substr(secret, 4)",
    ),
];
/// The same, all at once: what the running system does to people, taken away from it one by one.
const TOGETHER: &[(&str, &str, &str)] = &[
    // Nobody hears of what was revoked.
    (
        "alter function doors.announce(uuid, text, uuid, timestamptz) rename to announced;
         create function doors.announce(uuid, text, uuid, timestamptz) returns void language sql as '';
         grant execute on function doors.announce(uuid, text, uuid, timestamptz) to public",
        "deactivation",
        "drop function doors.announce(uuid, text, uuid, timestamptz);
         alter function doors.announced(uuid, text, uuid, timestamptz) rename to announce",
    ),
    (
        "create function control.keep_alive() returns trigger language plpgsql as 'begin return null; end';
         create trigger keep_alive before update on control.sessions for each row
             when (new.end_reason = 'reuse') execute function control.keep_alive()",
        "token-reuse",
        "drop function control.keep_alive() cascade",
    ),
    (
        "create function control.keep_open() returns trigger language plpgsql as 'begin return null; end';
         create trigger keep_open before update on control.sessions for each row
             when (new.end_reason = 'password_changed') execute function control.keep_open()",
        "password-change",
        "drop function control.keep_open() cascade",
    ),
    (
        "create function control.prolong() returns trigger language plpgsql as
             'begin new.expires_at := new.expires_at + interval ''1 year''; return new; end';
         create trigger prolong before insert on control.links for each row execute function control.prolong()",
        "same-answers",
        "drop function control.prolong() cascade",
    ),
    (
        "create function control.hush() returns trigger language plpgsql as 'begin return null; end';
         create trigger hush before insert on control.audit for each row
             when (new.action like 'member.%') execute function control.hush()",
        "team-acts",
        "drop function control.hush() cascade",
    ),
];
/// What no `tenantry dev` can hold: it is served over http.
const UNKNOWN: &str = "https-only";

#[tokio::test]
async fn posture_sees_what_is_broken_from_outside() {
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    assert_eq!(failing(&dev).await, [] as [String; 0]);
    let said = dev.command(&["posture"]).await.well();
    assert!(said.trim_end().ends_with("0 fail, 1 unknown") && said.contains(&format!("UNKNOWN {UNKNOWN} ")), "{said}");
    let administrator = dev.administrator().await;
    for (break_it, control, mend_it) in BREAKS {
        administrator.batch_execute(break_it).await.unwrap();
        let failing = failing(&dev).await;
        assert!(failing.iter().any(|id| id == control), "{break_it}: {failing:?}");
        administrator.batch_execute(mend_it).await.unwrap();
    }
    what_is_done_to_people_fails(&dev, &administrator).await;
    a_dropped_policy_fails(&dev, &administrator).await;
    a_changed_door_fails(&dev, &administrator).await;
    assert_eq!(failing(&dev).await, [] as [String; 0]);
}

async fn what_is_done_to_people_fails(dev: &Dev, administrator: &tokio_postgres::Client) {
    for (break_it, _, _) in TOGETHER {
        administrator.batch_execute(break_it).await.unwrap();
    }
    let failing = failing(dev).await;
    for (break_it, control, mend_it) in TOGETHER {
        assert!(failing.iter().any(|id| id == control), "{break_it}: {failing:?}");
        administrator.batch_execute(mend_it).await.unwrap();
    }
}

async fn a_dropped_policy_fails(dev: &Dev, administrator: &tokio_postgres::Client) {
    let ask = "select format('create policy %I on live.api_keys as %s for %s to %s using (%s)%s', policyname, permissive, cmd,
            array_to_string(roles, ', '), qual, ' with check (' || with_check || ')'),
            format('drop policy %I on live.api_keys', policyname)
        from pg_policies where schemaname = 'live' and tablename = 'api_keys' limit 1";
    let row = administrator.query_one(ask, &[]).await.unwrap();
    broken_and_mended(dev, administrator, row.get(1), "rls-coverage", row.get(0)).await;
}

async fn a_changed_door_fails(dev: &Dev, administrator: &tokio_postgres::Client) {
    let ask = "select pg_get_functiondef('doors.person_by_email(text)'::regprocedure)";
    let as_it_was: String = administrator.query_one(ask, &[]).await.unwrap().get(0);
    let changed = as_it_was.replacen("$function$", "$function$ /* and anybody's */ ", 1);
    broken_and_mended(dev, administrator, &changed, "privileged-functions", &as_it_was).await;
}

async fn broken_and_mended(
    dev: &Dev,
    administrator: &tokio_postgres::Client,
    break_it: &str,
    control: &str,
    mend_it: &str,
) {
    administrator.batch_execute(break_it).await.unwrap();
    let failing = failing(dev).await;
    assert!(failing.iter().any(|id| id == control), "{break_it}: {failing:?}");
    administrator.batch_execute(mend_it).await.unwrap();
}

/// The controls that fail; the exit code says the same.
async fn failing(dev: &Dev) -> Vec<String> {
    let said = dev.command(&["posture", "--format", "json"]).await;
    let document: BTreeMap<String, Vec<BTreeMap<String, Value>>> = serde_json::from_str(&said.out).unwrap();
    let controls = &document["controls"];
    assert!(document.len() == 1 && controls.len() >= 8);
    for control in controls {
        assert!(control.keys().eq(["at", "claim", "evidence", "id", "verdict"]), "{control:?}");
        assert!(["pass", "fail", "unknown"].contains(&control["verdict"].as_str().unwrap()));
    }
    let failing = controls.iter().filter(|control| control["verdict"] == "fail");
    let failing: Vec<_> = failing.map(|control| control["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(said.code, Some(i32::from(!failing.is_empty())), "{}", said.out);
    failing
}
