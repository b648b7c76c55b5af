//! The examples of `examples/`, each with its real framework behind a real `tenantry dev`: tenants and modes apart,
//! the gateway's refusals, and what the one-file verifiers refuse (AC-1, AC-5).

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tenantry::dev::Seeded;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::app::free_port;
use crate::browser::notice;
use crate::client::Answer;
use crate::dev::ask::Ask;
use crate::dev::process::{Dev, FIRST_START, data_dir, tenantry, until};

/// A token ends within the test, and a trusted proxy may ask for one.
const BESIDES: &str = "\n[identity]\nlifetime_s = 10\n[forward_auth]\ntrusted = [\"127.0.0.1\"]\n";

const SEED: &str = r#"
[[workspaces]]
slug = "acme"
name = "Acme & Sons"
owner = { email = "ada@acme.example", name = "Ada" }
members = [{ email = "mia@acme.example", role = "MEMBER" }, { email = "vic@acme.example", role = "VIEWER" }]
keys = [
  { name = "live", mode = "live", scopes = ["orders:read", "orders:write"] },
  { name = "test", mode = "test", scopes = ["orders:read", "orders:write"] },
  { name = "reader", mode = "live", scopes = ["orders:read"] },
]
[[workspaces]]
slug = "globex"
name = "Globex"
owner = { email = "gus@globex.example", name = "Gus" }
keys = [{ name = "live", mode = "live", scopes = ["orders:read", "orders:write"] }]
"#;

#[tokio::test]
async fn the_fastapi_example_is_safe_with_nothing_but_its_verifier() {
    let (python, source) = (installed().join("venv/bin/python"), examples().join("fastapi"));
    if !python.with_file_name("uvicorn").exists() {
        return notice("FastAPI is not there: run scripts/install test").unwrap_or_default();
    }
    verifies(Command::new(&python).arg("-B").arg("test_tenantry_identity.py"), &source).await;
    let example = Example::start(&source, |port| {
        let uvicorn = ["-B", "-m", "uvicorn", "app:app", "--port", port].map(str::to_owned);
        std::iter::once(python.to_string_lossy().into_owned()).chain(uvicorn).collect()
    });
    example.await.prove_safe().await;
}

#[tokio::test]
async fn the_nextjs_example_is_safe_with_nothing_but_its_verifier() {
    let (node, built) = (installed().join("node"), installed().join("nextjs"));
    if !built.join(".next/BUILD_ID").exists() || !is_built_from(&built, &examples().join("nextjs")) {
        return notice("Next.js is not there, or built of another source: run scripts/install test")
            .unwrap_or_default();
    }
    verifies(Command::new(&node).arg("tenantry-identity.test.mjs"), &built).await;
    let example = Example::start(&built, |port| {
        let next = ["node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1", "--port", port];
        std::iter::once(node.to_string_lossy().into_owned()).chain(next.map(str::to_owned)).collect()
    });
    example.await.prove_safe().await;
}

/// The verifier's own cases, in its own language.
async fn verifies(command: &mut Command, place: &Path) {
    let said = command.current_dir(place).stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(String::from_utf8_lossy(&said.stdout).contains("refused"), "it tried something");
}

/// An example as it runs.
struct Example {
    dev: Dev,
    app: String,
    port: u16,
    _place: TempDir,
}

impl Example {
    /// Its own configuration, a seed, and its own command.
    async fn start(source: &Path, command: impl FnOnce(&str) -> Vec<String>) -> Self {
        let (place, (port, _held)) = (data_dir(), free_port());
        let config = std::fs::read_to_string(source.join("tenantry.toml")).unwrap();
        std::fs::write(place.path().join("tenantry.toml"), format!("{config}{BESIDES}")).unwrap();
        std::fs::write(place.path().join("seed.toml"), SEED).unwrap();
        let mut started = tenantry(&["dev", "--ephemeral", "--port", "0", "--app-port", &port.to_string()]);
        for (option, file) in [("--config", "tenantry.toml"), ("--seed", "seed.toml"), ("--ready-file", "dev.json")] {
            started.arg(option).arg(place.path().join(file));
        }
        started.arg("--").args(command(&port.to_string())).current_dir(source);
        let dev = Dev::start_by(&mut started, place.path(), FIRST_START).await;
        Self { dev, app: format!("http://127.0.0.1:{port}"), port, _place: place }
    }

    async fn prove_safe(self) {
        self.keeps_tenants_and_modes_apart().await;
        self.is_refused_by_the_gateway_what_it_does_not_judge().await;
        self.shows_its_page_under_the_policy().await;
        self.believes_nobody_but_tenantry().await;
        assert_eq!(self.dev.stop().await.code(), Some(0));
        assert!(TcpStream::connect(("127.0.0.1", self.port)).await.is_err(), "the app has ended");
    }

    async fn keeps_tenants_and_modes_apart(&self) {
        let coffee = self.place(self.key("acme", "live")).await.expect(201).json();
        assert_eq!(self.items(self.key("acme", "live")).await, ["Coffee"]);
        assert!(self.items(self.key("acme", "test")).await.is_empty(), "another mode");
        assert!(self.items(self.key("globex", "live")).await.is_empty(), "another tenant");
        let order = format!("{}/api/orders/{}", self.dev.ready.api, coffee["id"]);
        for (workspace, key, status) in [("acme", "live", 200), ("acme", "test", 404), ("globex", "live", 404)] {
            Ask::get(&order).bearer(self.key(workspace, key)).send().await.expect(status);
        }
    }

    async fn is_refused_by_the_gateway_what_it_does_not_judge(&self) {
        let refused = self.place(self.key("acme", "reader")).await.problem(403, "missing_permission");
        assert!(refused.body.contains("orders:write"), "{}", refused.body);
        self.order_by_form(self.cookie("vic@acme.example")).await.expect(403);
        Ask::get(&format!("{}/api/orders", self.dev.ready.api)).send().await.expect(401);
        assert_eq!(self.items(self.key("acme", "live")).await, ["Coffee"]);
    }

    async fn shows_its_page_under_the_policy(&self) {
        let cookie = self.cookie("mia@acme.example");
        assert_eq!(self.order_by_form(cookie).await.expect(303).location(), "/");
        let page = look(&self.workspace("acme").live, cookie).await;
        assert!(page.body.contains("Tea &lt;b&gt;") && !page.body.contains("<b>"), "{}", page.body);
        let policy = page.header("content-security-policy");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        let tags: Vec<_> =
            page.body.split('<').filter(|tag| tag.starts_with("script") || tag.starts_with("style")).collect();
        let carry = tags.iter().all(|tag| tag.contains(&format!("nonce=\"{nonce}\"")));
        assert!(!tags.is_empty() && carry, "{tags:#?}");

        let wanted = json!({ "email": "mia@acme.example", "role": "MEMBER", "workspace": "acme", "mode": "test" });
        let session = Ask::post(&format!("{}/-/dev/session", self.dev.ready.console)).json(&wanted).send().await.json();
        let page = look(session["host"].as_str().unwrap(), session["cookie"].as_str().unwrap()).await;
        assert!(page.body.contains("No orders yet"), "the test world is another: {}", page.body);
    }

    /// As one who reaches the app around Tenantry.
    async fn believes_nobody_but_tenantry(&self) {
        let (ours, theirs) = (self.token("acme").await, self.token("globex").await);
        self.directly(&[&ours]).await.expect(200);
        let [head, _, signature] = parts(&ours);
        let forged = format!("{head}.{}.{signature}", parts(&theirs)[1]);
        self.directly(&[]).await.expect(401);
        self.directly(&[&forged]).await.expect(401);
        self.directly(&[&ours, &theirs]).await.expect(401);
        self.directly(&[&ours, &ours]).await.expect(401);
        for path in ["/", "/nothing", "/_next/static/nothing.js", "/docs", "/openapi.json", "/api/orders/1"] {
            Ask::get(&format!("{}{path}", self.app)).send().await.expect(401);
        }
        let refused = async || (self.directly(&[&ours]).await.status == 401).then_some(());
        until("the token expires", refused).await;
    }

    async fn directly(&self, tokens: &[&str]) -> Answer {
        let ask = Ask::get(&format!("{}/api/orders", self.app));
        tokens.iter().fold(ask, |ask, token| ask.header("tenantry-identity", token)).send().await
    }

    /// What Tenantry would tell the app of a request with the workspace's live key.
    async fn token(&self, workspace: &str) -> String {
        let host = self.workspace(workspace).live.replace("http://", "");
        let asked = Ask::get(&format!("{}/-/forward-auth", self.dev.ready.console))
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-uri", "/api/orders")
            .header("x-forwarded-host", &host)
            .bearer(self.key(workspace, "live"));
        asked.send().await.expect(204).header("tenantry-identity").to_owned()
    }

    async fn place(&self, key: &str) -> Answer {
        let draft = json!({ "item": "Coffee", "quantity": 1 });
        Ask::post(&format!("{}/api/orders", self.dev.ready.api)).bearer(key).json(&draft).send().await
    }

    async fn items(&self, key: &str) -> Vec<String> {
        let listed =
            Ask::get(&format!("{}/api/orders", self.dev.ready.api)).bearer(key).send().await.expect(200).json();
        let item = |order: &Value| order["item"].as_str().unwrap().to_owned();
        listed.as_array().unwrap().iter().map(item).collect()
    }

    async fn order_by_form(&self, cookie: &str) -> Answer {
        let form = Ask::post(&format!("{}/orders", self.workspace("acme").live)).header("cookie", cookie);
        form.form(&[("item", "Tea <b>"), ("quantity", "2")]).send().await
    }

    fn workspace(&self, slug: &str) -> &Seeded {
        self.dev.ready.workspaces.iter().find(|workspace| workspace.slug == slug).unwrap()
    }

    fn key(&self, workspace: &str, name: &str) -> &str {
        &self.workspace(workspace).keys[name]
    }

    /// A member's of acme.
    fn cookie(&self, email: &str) -> &str {
        &self.workspace("acme").members.iter().find(|member| member.email == email).unwrap().cookie
    }
}

/// As a browser that navigates.
async fn look(host: &str, cookie: &str) -> Answer {
    Ask::get(&format!("{host}/")).header("cookie", cookie).header("accept", "text/html").send().await.expect(200)
}

fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().expect("a compact token")
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples")
}

/// Where `scripts/install test` puts the frameworks.
fn installed() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_tenantry"));
    built.ancestors().nth(2).unwrap().join("examples")
}

/// A build of yesterday's source would prove nothing.
fn is_built_from(built: &Path, source: &Path) -> bool {
    let entries = std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap());
    let made = ["node_modules", ".next", "next-env.d.ts", "tsconfig.tsbuildinfo"];
    let mut written = entries.filter(|entry| !made.iter().any(|name| entry.file_name() == *name));
    let is_same = |path: PathBuf, copy: PathBuf| {
        if path.is_dir() {
            return is_built_from(&copy, &path);
        }
        std::fs::read(&copy).is_ok_and(|bytes| bytes == std::fs::read(&path).unwrap())
    };
    written.all(|entry| is_same(entry.path(), built.join(entry.file_name())))
}
