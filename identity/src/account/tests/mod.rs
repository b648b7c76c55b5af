//! Stories of one's own account (ID-4, ID-10).

mod delete;
mod email;
mod password;
mod reset;
mod sessions;

use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode;
use tenantry_platform::permit::Origin;

use crate::house::{Answer, Browser, CENTRAL, House, PASSWORD, Sent};

const EMAIL: &str = "ada@acme.example";
const BOB: &str = "bob@acme.example";
const NEW_EMAIL: &str = "ada@new.example";
const NEW_PASSWORD: &str = "seven kettles orbit a plum";

fn at(path: &str) -> String {
    format!("{CENTRAL}{path}")
}

/// Ada with her workspace, signed in.
async fn ada(house: &House) -> Browser<'_> {
    house.account("acme").await;
    signed_in(house).await
}

async fn signed_in(house: &House) -> Browser<'_> {
    let mut browser = house.browser();
    browser.sign_in(EMAIL, PASSWORD).await.location();
    browser
}

async fn forget(house: &House, email: &str) -> Answer {
    let answer = house.browser().post(&at("/-/forgot-password"), &[("email", email)]).await;
    house.identity.afterwards.settle().await;
    answer
}

/// The token of the link in a mail to this address, and the path that it opens.
fn link(mails: &[Sent], to: &str, path: &str) -> String {
    let mail = mails.iter().find(|mail| mail.to == to && mail.text.contains(path)).expect("a mail with a link");
    let start = mail.text.find(&at(path)).expect("a link on the configured host");
    let link = mail.text[start..].split_whitespace().next().expect("a link");
    link.split_once("token=").expect("a token").1.to_owned()
}

async fn reset_link(house: &House) -> String {
    forget(house, EMAIL).await;
    link(&house.mails().await, EMAIL, "/-/reset-password")
}

async fn reset(house: &House, token: &str, password: &str) -> Answer {
    house.browser().post(&at("/-/reset-password"), &[("token", token), ("password", password)]).await
}

async fn change_password(browser: &mut Browser<'_>, current: &str, password: &str) -> Answer {
    browser.post(&at("/-/account/password"), &[("current", current), ("password", password)]).await
}

async fn ask_email(browser: &mut Browser<'_>, email: &str, current: &str) -> Answer {
    browser.post(&at("/-/account/email"), &[("email", email), ("current", current)]).await
}

async fn use_link(browser: &mut Browser<'_>, path: &str, token: &str) -> Answer {
    browser.post(&at(path), &[("token", token)]).await
}

async fn may_sign_in(house: &House, email: &str, password: &str) -> bool {
    house.browser().sign_in(email, password).await.status == http::StatusCode::SEE_OTHER
}

/// Bob, who owns nothing, in Ada's workspace and with a password.
async fn bob(house: &House) -> Browser<'_> {
    let acme = house.account("acme").await;
    let bob = EmailAddress::parse(BOB).expect("an address");
    house.identity.stand_in((&acme.tenant, Mode::Live), &bob, "MEMBER", Origin::default()).await.expect("cookies");
    forget(house, BOB).await;
    let token = link(&house.mails().await, BOB, "/-/reset-password");
    reset(house, &token, NEW_PASSWORD).await;
    house.mails().await;
    let mut browser = house.browser();
    browser.sign_in(BOB, NEW_PASSWORD).await.location();
    browser
}

async fn events(house: &House, kind: &str) -> i64 {
    house.one(&format!("select count(*) from control.events where type = '{kind}'")).await
}

/// Somebody as a member of so many more workspaces, which they do not own.
async fn join_more(house: &House, many: i32, email: &str) {
    let sql = format!(
        "with made as (
             insert into control.tenants (tenant_id, slug, name, status, status_at, plan, created_at)
             select gen_random_uuid(), 'more' || n, 'More ' || n, t.status, t.status_at, t.plan, t.created_at
             from control.tenants t cross join generate_series(1, {many}) n where t.slug = 'acme' returning tenant_id)
         insert into control.memberships (tenant_id, person_id, role, owner, created_at)
         select made.tenant_id, m.person_id, 'MEMBER', false, m.created_at
         from made cross join (
             select m.* from control.memberships m join control.persons p using (person_id)
             where p.email = '{email}' limit 1) m"
    );
    house.db.administrator().await.batch_execute(&sql).await.expect("more workspaces");
}
