//! Chromium, driven by its own driver, as one person's browser. Both end with the test.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::{ParseError, Url};

/// A page that has not come by then does not come.
const PAGE_WITHIN: Duration = Duration::from_secs(30);

const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox", // Chromium refuses to run as root with it, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

pub(crate) struct Chromium {
    client: Client,
    driver: Child,
    port: u16,
    session: String,
    axe: Option<String>,
}

impl Chromium {
    /// None, and a notice, on a machine without a driver that is not CI.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(json!({})).await
    }

    /// As a person who switched JavaScript off.
    pub(crate) async fn without_javascript() -> Option<Self> {
        Self::with(json!({ "profile.managed_default_content_settings.javascript": 2 })).await
    }

    async fn with(preferences: Value) -> Option<Self> {
        let (driver, port) = driver().await?;
        let options = json!({
            "goog:chromeOptions": { "args": FLAGS, "prefs": preferences },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(options.as_object().unwrap().clone());
        let client = builder.connect(&format!("http://127.0.0.1:{port}")).await.expect("Chromium starts");
        let session = client.session_id().await.unwrap().expect("a session that began has a name");
        Some(Self { client, driver, port, session, axe: axe() })
    }

    /// Ends the browser, then its driver.
    pub(crate) async fn close(mut self) {
        self.client.clone().close().await.unwrap();
        self.driver.kill().await.unwrap();
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Waits until the page has what the selector names.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(PAGE_WITHIN).for_element(Locator::Css(selector)).await;
        match found {
            Ok(element) => element,
            Err(fault) => panic!("{selector} on {}: {fault}\n{}", self.address().await, self.text().await),
        }
    }

    pub(crate) async fn fill(&self, name: &str, text: &str) {
        self.find(&format!("[name={name}]")).await.send_keys(text).await.unwrap();
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    /// Presses the one button that sends the page's form.
    pub(crate) async fn submit(&self) {
        self.click("main button[type=submit]").await;
    }

    /// Presses keys, one after the other.
    pub(crate) async fn press(&self, keys: impl IntoIterator<Item = char>) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    pub(crate) async fn address(&self) -> Url {
        self.client.current_url().await.unwrap()
    }

    /// Waits until the address begins so.
    pub(crate) async fn arrive(&self, address: &str) {
        let there = async {
            while !self.address().await.as_str().starts_with(address) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let is_there = tokio::time::timeout(PAGE_WITHIN, there).await.is_ok();
        assert!(is_there, "not {address} but {}\n{}", self.address().await, self.text().await);
    }

    /// What a person reads.
    pub(crate) async fn text(&self) -> String {
        self.evaluate("return document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// The page as it is: no policy was violated, no script failed, nothing stands in an assistive technology's way.
    pub(crate) async fn is_sound(&self, page: &str) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{page}: {complaints:#?}");
        let violations = self.violations(&[]).await;
        assert!(violations.is_empty(), "{page}: {violations:#?}");
    }

    /// What stands in an assistive technology's way, by axe-core: by these of its rules, or by all of them.
    pub(crate) async fn violations(&self, rules: &[&str]) -> Vec<String> {
        let Some(axe) = &self.axe else { return Vec::new() };
        if self.evaluate("return typeof axe === 'undefined'").await == json!(true) {
            self.evaluate(axe).await;
        }
        let run = "const [rules, done] = arguments;
            const only = rules.length ? { runOnly: rules } : {};
            axe.run({ resultTypes: ['violations'], ...only }).then(
                found => done(found.violations.map(one => [one.id, ...one.nodes.map(node => node.html)].join(' '))),
                fault => done([String(fault)]),
            )";
        texts(&self.client.execute_async(run, vec![json!(rules)]).await.unwrap())
    }

    /// Asks the browser for something that the driver's standard has no word for.
    pub(crate) async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DriverCommand::Devtools(command, parameters)).await.unwrap()
    }

    /// What the browser's console says since the last look, without answers that are refusals by design.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(DriverCommand::BrowserLog).await.unwrap();
        let entries = log.as_array().unwrap().iter().filter(|entry| entry["source"] != "network");
        entries.map(|entry| entry["message"].to_string()).collect()
    }
}

/// A test that fails ends its browser too: a driver that is killed leaves it behind.
impl Drop for Chromium {
    fn drop(&mut self) {
        // After `close` nobody listens there, and nothing is left to end.
        let Ok(mut driver) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return };
        let end = format!("DELETE /session/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", self.session);
        let _ = driver.set_read_timeout(Some(PAGE_WITHIN));
        let _ = driver.write_all(end.as_bytes());
        let _ = driver.read(&mut [0; 64]);
    }
}

/// Commands of Chromium's driver that are not in the standard.
#[derive(Debug)]
enum DriverCommand {
    BrowserLog,
    Devtools(&'static str, Value),
}

impl WebDriverCompatibleCommand for DriverCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let place = match self {
            Self::BrowserLog => "se/log",
            Self::Devtools(..) => "goog/cdp/execute",
        };
        base.join(&format!("session/{}/{place}", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = match self {
            Self::BrowserLog => json!({ "type": "browser" }),
            Self::Devtools(command, parameters) => json!({ "cmd": command, "params": parameters }),
        };
        (Method::POST, Some(body.to_string()))
    }
}

/// A script's array of texts.
pub(super) fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The driver, on a port of its own choice.
async fn driver() -> Option<(Child, u16)> {
    let mut command = Command::new("chromedriver");
    let spawned = command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let mut driver = match spawned {
        Ok(driver) => driver,
        Err(fault) => return notice(&format!("no browser test: chromedriver does not start: {fault}")),
    };
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return Some((driver, port.trim_end_matches('.').parse().unwrap()));
        }
    }
    panic!("chromedriver names no port");
}

/// Where scripts put what tests need.
pub(super) fn beside_what_is_built(what: &str) -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_tenantry"));
    built.ancestors().nth(2).unwrap().join(what)
}

/// The source of axe-core, which `scripts/install test` puts there.
fn axe() -> Option<String> {
    let source = std::fs::read_to_string(beside_what_is_built("axe/node_modules/axe-core/axe.min.js"));
    source.ok().or_else(|| notice("axe-core is not there: run scripts/install test"))
}

/// What CI must have, a person may lack, and is told.
#[expect(clippy::print_stderr, reason = "a test that looks at less says so")]
pub(crate) fn notice<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("NOTICE: {what}");
    None
}
