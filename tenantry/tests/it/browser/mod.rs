//! The ten-minute tour as a person takes it: in Chromium, against a running `tenantry dev`.
//!
//! Every page on the way must be sound: no violation of our own policy (WEB-1), none of axe-core's rules broken.

mod chromium;
mod lighthouse;
mod pages;
mod sight;
mod stage;

use fantoccini::key::Key;
use serde_json::json;
use tenantry::dev::Ready;

use crate::dev::process::{Dev, FIRST_START, data_dir};
use chromium::Chromium;

pub(crate) use chromium::notice;

const EMAIL: &str = "nina@northwind.example";
const PASSWORD: &str = "plum orbit kettle seven";

#[tokio::test]
async fn a_newcomer_takes_the_tour() {
    let Some(browser) = Chromium::start().await else { return };
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    signs_up(&browser, &dev.ready).await;
    opens_the_mail(&browser, &dev.ready).await;
    creates_a_key(&browser, &dev.ready).await;
    reads_the_audit_log(&browser, &dev.ready).await;
    looks_at_the_workspace(&browser, &dev.ready).await;
    opens_the_app(&browser, &dev.ready).await;
    reads_what_strangers_read(&browser, &dev.ready).await;
    signs_out(&browser, &dev.ready).await;
    browser.close().await;
}

async fn signs_up(browser: &Chromium, ready: &Ready) {
    browser.goto(&ready.console).await;
    browser.arrive(&at(ready, "/-/sign-in")).await;
    browser.is_sound("sign-in").await;
    browser.click("a[href='/-/sign-up']").await;
    browser.find("[name=workspace]").await;
    browser.is_sound("sign-up").await;
    let fields = [
        ("name", "Nina North"),
        ("email", EMAIL),
        ("password", PASSWORD),
        ("workspace", "Northwind"),
        ("slug", "northwind"),
    ];
    for (name, text) in fields {
        browser.fill(name, text).await;
    }
    browser.submit().await;
    browser.find("a[href='/-/dev/mail']").await;
    assert!(browser.text().await.contains("It works once, within 24 hours."));
    browser.is_sound("check your inbox").await;
}

/// The mail goes out after the answer, so the page is looked at until it is there.
async fn opens_the_mail(browser: &Chromium, ready: &Ready) {
    let mailbox = at(ready, &format!("/-/dev/mail?to={EMAIL}"));
    crate::dev::process::until("the mail comes", async || {
        browser.goto(&mailbox).await;
        browser.text().await.contains("Confirm your address").then_some(())
    })
    .await;
    browser.is_sound("mailbox").await;
    browser.click("main a[href^='/-/dev/mail/']").await;
    browser.find("main a[href*='/-/verify?token=']").await;
    browser.is_sound("mail").await;
    browser.click("main a[href*='/-/verify?token=']").await;
    browser.find("main button[type=submit]").await;
    browser.is_sound("verify").await;
    browser.submit().await;
    browser.arrive(&at(ready, "/-/console/northwind/live")).await;
    browser.is_sound("home").await;
}

async fn creates_a_key(browser: &Chromium, ready: &Ready) {
    let keys = at(ready, "/-/console/northwind/test/keys");
    browser.goto(&keys).await;
    browser.is_sound("no keys").await;
    browser.click("main a[href$='/keys/new']").await;
    browser.fill("name", "Warehouse").await;
    browser.click("[name=scopes][value='products:read']").await;
    browser.is_sound("new key").await;
    browser.submit().await;
    browser.find("main pre").await;
    let shown = browser.text().await;
    let key = shown.split_whitespace().find(|word| word.starts_with("sk_test_")).expect("the key is shown").to_owned();
    browser.is_sound("key created").await;
    browser.goto(&keys).await;
    let listed = browser.text().await;
    assert!(listed.contains("Warehouse") && !listed.contains(&key), "it is shown once: {listed}");
    browser.is_sound("keys").await;
}

async fn reads_the_audit_log(browser: &Chromium, ready: &Ready) {
    browser.goto(&at(ready, "/-/console/northwind/test/audit")).await;
    browser.evaluate("document.querySelectorAll('details').forEach(row => row.open = true)").await;
    let log = browser.text().await;
    for action in ["api_key.created", "person.verified", "tenant.created"] {
        assert!(log.contains(action), "{action}: {log}");
    }
    browser.is_sound("audit").await;
}

/// What is used, as charts and as tables, and what the workspace says of itself.
async fn looks_at_the_workspace(browser: &Chromium, ready: &Ready) {
    for page in ["?span=hour", "?span=week", "/csp", "/settings"] {
        browser.goto(&at(ready, &format!("/-/console/northwind/test{page}"))).await;
        browser.evaluate("document.querySelectorAll('main details').forEach(fold => fold.open = true)").await;
        browser.is_sound(page).await;
    }
    browser.fill("name", " Limited").await;
    browser.submit().await;
    browser.find(".flash, [role=status]").await;
    assert!(browser.text().await.contains("Northwind Limited"));
}

/// The app's page runs its own scripts, by the nonce that the gateway chose, and no other.
async fn opens_the_app(browser: &Chromium, ready: &Ready) {
    let app = ready.tenant.replace("acme", "northwind");
    browser.goto(&app).await;
    browser.find("#claims").await;
    browser.arrive(&format!("{app}/")).await;
    assert_eq!(browser.evaluate("return document.documentElement.dataset.nonce").await, json!("ran"));
    assert!(browser.text().await.contains("Filter coffee"));
    browser.is_sound("the app").await;
    let foreign = "const place = document.createElement('p');
        place.innerHTML = '<button onclick=\"document.title = `foreign`\">';
        place.firstChild.click(); return document.title";
    assert_ne!(browser.evaluate(foreign).await, json!("foreign"));
    assert_eq!(browser.complaints().await.len(), 1, "the browser tells of the handler that it did not run");
}

async fn reads_what_strangers_read(browser: &Chromium, ready: &Ready) {
    for path in ["/security", "/security/disclosure", "/-/nothing-is-here"] {
        browser.goto(&at(ready, path)).await;
        browser.is_sound(path).await;
    }
}

async fn signs_out(browser: &Chromium, ready: &Ready) {
    browser.goto(&at(ready, "/-/console")).await;
    browser.click("form[action='/-/sign-out'] button").await;
    browser.arrive(&at(ready, "/-/sign-in")).await;
    browser.goto(&at(ready, "/-/console/northwind/live")).await;
    browser.arrive(&at(ready, "/-/sign-in")).await;
}

/// Staff's pages, the stopped tenant's page, and hands without a mouse.
#[tokio::test]
async fn an_operator_works_by_keyboard() {
    let Some(browser) = Chromium::start().await else { return };
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    browser.goto(&at(&dev.ready, "/-/sign-in")).await;
    let tab = char::from(Key::Tab);
    // The first stop is the link that skips to the content.
    browser.press([tab, tab]).await;
    browser.press(dev.ready.operator.email.chars().chain([tab])).await;
    browser.press(dev.ready.operator.password.chars().chain([char::from(Key::Enter)])).await;
    browser.arrive(&at(&dev.ready, "/-/console/staffroom/live")).await;
    for path in ["tenants", "people?q=owner@acme.example", "people?q=nobody", "jobs", "mails", "controls"] {
        let path = format!("/-/operator/{path}");
        browser.goto(&at(&dev.ready, &path)).await;
        browser.is_sound(&path).await;
    }
    suspends_a_tenant(&browser, &dev.ready).await;
    browser.close().await;
}

async fn suspends_a_tenant(browser: &Chromium, ready: &Ready) {
    browser.goto(&at(ready, "/-/operator/tenants?q=globex")).await;
    browser.click("main a.cell-title").await;
    browser.find(".graphs").await;
    browser.is_sound("a tenant").await;
    browser.click("main a[href$='/suspend']").await;
    browser.fill("reason", "Unpaid").await;
    browser.fill("confirm", "globex").await;
    browser.is_sound("suspend").await;
    browser.submit().await;
    browser.find("main form[action$='/reactivate']").await;
    browser.is_sound("suspended in the list").await;
    browser.goto(&ready.other_tenant).await;
    browser.is_sound("the stopped tenant's page").await;
    assert!(browser.text().await.contains("suspended"), "{}", browser.text().await);
    browser.click("main a.button").await;
    browser.arrive(&ready.console).await;
}

/// Pages that only a form brings.
#[tokio::test]
async fn somebody_forgets_their_password_and_signs_in_with_another() {
    let Some(browser) = Chromium::start().await else { return };
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    browser.goto(&at(&dev.ready, "/-/sign-in")).await;
    browser.fill("email", &dev.ready.owner.email).await;
    browser.fill("password", "not the password at all").await;
    browser.submit().await;
    browser.find(".alert-danger").await;
    browser.is_sound("a wrong password").await;
    browser.click("a[href='/-/forgot-password']").await;
    browser.find("form[action='/-/forgot-password']").await;
    browser.fill("email", &dev.ready.owner.email).await;
    browser.submit().await;
    browser.find("main a[href$='/-/dev/mail']").await;
    browser.is_sound("look into your inbox").await;
    chooses_another(&browser, &dev.ready).await;
    browser.goto(&dev.ready.tenant).await;
    browser.fill("email", &dev.ready.owner.email).await;
    browser.fill("password", PASSWORD).await;
    browser.submit().await;
    browser.find("#claims").await;
    let sign_out = "const form = document.body.appendChild(document.createElement('form'));
        Object.assign(form, { method: 'post', action: '/-/sign-out' }).submit()";
    browser.evaluate(sign_out).await;
    browser.find("main a[href='/-/sign-in']").await;
    browser.is_sound("signed out of the app").await;
    browser.close().await;
}

async fn chooses_another(browser: &Chromium, ready: &Ready) {
    let mailbox = at(ready, &format!("/-/dev/mail?to={}", ready.owner.email));
    crate::dev::process::until("the mail comes", async || {
        browser.goto(&mailbox).await;
        browser.text().await.contains("Choose a new password").then_some(())
    })
    .await;
    browser.click("main a[href^='/-/dev/mail/']").await;
    browser.click("main a[href*='/-/reset-password?token=']").await;
    browser.fill("password", "too short").await;
    browser.submit().await;
    browser.find("#password-error").await;
    browser.is_sound("a password that is too short").await;
    browser.fill("password", PASSWORD).await;
    browser.find(".strength:not([hidden]) meter").await;
    browser.is_sound("how hard it is to guess").await;
    browser.submit().await;
    browser.find("main a[href='/-/sign-in']").await;
    browser.is_sound("a password is set").await;
}

#[tokio::test]
async fn without_javascript_a_button_hands_off() {
    let Some(browser) = Chromium::without_javascript().await else { return };
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    browser.goto(&dev.ready.tenant).await;
    browser.fill("email", &dev.ready.owner.email).await;
    browser.fill("password", &dev.ready.owner.password).await;
    browser.submit().await;
    browser.find("form[data-autosubmit] button").await.click().await.unwrap();
    browser.find("#claims").await;
    assert!(browser.evaluate("return document.documentElement.dataset.nonce ?? null").await.is_null());
    browser.close().await;
}

fn at(ready: &Ready, path: &str) -> String {
    format!("{}{path}", ready.console)
}
