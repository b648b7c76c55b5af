//! `tenantry dev -- COMMAND`: a team's own app, its configuration as it is written, its tests' seed and clock.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use rustix::process::Pid;
use serde_json::{Value, json};
use socket2::Socket;
use tenantry::dev::Seeded;
use tokio::process::Command;

use super::ask::Ask;
use super::process::{Dev, FIRST_START, data_dir, end, gone, is_gone, run, tenantry, until};
use crate::app::free_port;
use crate::client::Answer;

/// Everything is public, and an address of its own tells which configuration is in force.
const CONFIG: &str = "[app]\nname = \"Team\"\n\n[[routes]]\npath = \"/*\"\nguard = \"public\"\n\
    public_because = \"a test\"\nkind = \"page\"\ncsp = \"keep\"\n";
/// Where the app of these tests lives, and what it waits for.
const PLACE: &str = "TEAM_PLACE";
/// Names that the app and its tests share.
const MAY_LISTEN: &str = "may-listen";
const GRANDCHILD: &str = "grandchild";

/// The app of the tests below: this test program itself, told so by the command that they give.
#[test]
#[ignore = "it is no test but the app of those below, which run it"]
#[expect(clippy::print_stdout, reason = "what an app says is what it prints")]
#[expect(clippy::zombie_processes, reason = "it leaves its child behind, so that a test sees who ends it")]
fn the_app() {
    let (place, port) = (std::env::var(PLACE).unwrap(), std::env::var("PORT").unwrap());
    println!("Booting <b>&\u{1b}[32m now");
    let grandchild = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    fs::write(Path::new(&place).join(GRANDCHILD), grandchild.id().to_string()).unwrap();
    while !Path::new(&place).join(MAY_LISTEN).exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let listener = TcpListener::bind(format!("{}:{port}", std::env::var("HOST").unwrap())).unwrap();
    for mut stream in listener.incoming().map_while(Result::ok) {
        let mut head = [0; 4096];
        let count = stream.read(&mut head).unwrap();
        if head[..count].starts_with(b"GET /exit ") {
            std::process::exit(3);
        }
        let said = format!("jwks={}", std::env::var("TENANTRY_JWKS_URL").unwrap());
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}", said.len());
        let _ = stream.write_all(answer.as_bytes());
    }
}

/// A directory with a configuration, and what `dev` says of faults.
struct Place {
    dir: tempfile::TempDir,
    /// Where the app listens. The socket keeps the port from everybody but it.
    port: String,
    _held: Socket,
}

impl Place {
    fn new() -> Self {
        let (port, held) = free_port();
        let place = Self { dir: data_dir(), port: port.to_string(), _held: held };
        place.write("tenantry.toml", CONFIG);
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// `tenantry dev` for the app of these tests, with more arguments before its own command.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = tenantry(&["dev", "--port", "0", "--app-port", &self.port]);
        command.args(args).arg("--").arg(std::env::current_exe().unwrap());
        command.args(["dev::team::the_app", "--exact", "--ignored", "--nocapture"]);
        command.current_dir(self.dir.path()).env(PLACE, self.dir.path());
        command.stderr(Stdio::from(fs::File::create(self.dir.path().join("faults")).unwrap()));
        command
    }

    async fn start(&self) -> Dev {
        let dir = self.dir.path().join("data");
        Dev::start_by(&mut self.command(&["--data-dir", "data"]), &dir, FIRST_START).await
    }

    async fn grandchild(&self) -> Pid {
        let read = async || Pid::from_raw(self.read(GRANDCHILD).parse().ok()?);
        until("the app starts something", read).await
    }
}

/// As a browser that navigates.
async fn look(dev: &Dev, path: &str) -> Answer {
    Ask::get(&format!("{}{path}", dev.ready.tenant)).header("accept", "text/html").send().await
}

async fn until_status(dev: &Dev, path: &str, status: u16) -> Answer {
    until("another answer", async || Some(look(dev, path).await).filter(|answer| answer.status == status)).await
}

#[tokio::test]
async fn a_teams_app_is_awaited_shown_and_ended() {
    let place = Place::new();
    let dev = place.start().await;
    let grandchild = place.grandchild().await;
    let says = async || Some(look(&dev, "/").await).filter(|page| page.body.contains("Booting"));
    let page = until("what the app says is shown", says).await.expect(503);
    assert!(page.body.contains("Booting &#60;b&#62;&#38; now"), "{}", page.body);
    assert_eq!((page.header("refresh"), page.header("retry-after")), ("1", "1"));
    Ask::get(&dev.ready.tenant).send().await.problem(503, "app_starting");

    place.write(MAY_LISTEN, "");
    let answer = until_status(&dev, "/", 200).await;
    let keys = answer.body.strip_prefix("jwks=").expect("the app knows where the keys are");
    assert!(Ask::get(keys).send().await.expect(200).body.contains("\"kid\""));

    look(&dev, "/exit").await.expect(502);
    assert!(until_status(&dev, "/", 503).await.body.contains("ended with exit code 3"));
    Ask::get(&dev.ready.tenant).send().await.problem(503, "app_ended");
    gone(grandchild).await;
    assert_eq!(dev.stop().await.code(), Some(0));
}

#[tokio::test]
async fn nothing_of_the_app_outlives_the_end_or_a_kill() {
    let place = Place::new();
    place.write(MAY_LISTEN, "");
    for is_killed in [false, true] {
        let dev = place.start().await;
        until_status(&dev, "/", 200).await;
        let grandchild = place.grandchild().await;
        if is_killed {
            dev.kill().await;
            gone(grandchild).await;
        } else {
            assert_eq!(dev.stop().await.code(), Some(0));
            assert!(is_gone(grandchild));
        }
        fs::remove_file(place.dir.path().join(GRANDCHILD)).unwrap();
    }
}

#[tokio::test]
async fn a_saved_configuration_is_in_force_whole_or_not_at_all() {
    let place = Place::new();
    place.write(MAY_LISTEN, "");
    let dev = place.start().await;
    until_status(&dev, "/", 200).await;

    place.write("tenantry.toml", "[[routes]]\npath = \"/*\"\n\n[[routes]]\npath = \"no slash\"\nguard = \"session\"\n");
    let told = async || place.read("faults").contains("stays in force").then_some(());
    until("the faults are told", told).await;
    let faults = place.read("faults");
    assert!(faults.contains("tenantry.toml:2") && faults.contains("tenantry.toml:5"), "{faults}");
    look(&dev, "/").await.expect(200);

    place.write("tenantry.toml", &CONFIG.replace("/*", "/only"));
    until_status(&dev, "/", 404).await;
    look(&dev, "/only").await.expect(200);
    assert_eq!(dev.stop().await.code(), Some(0));
}

#[tokio::test]
async fn an_occupied_port_is_told_before_the_app_is_started() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = tenantry(&["dev", "--ephemeral", "--port", "0", "--app-port", &port, "--", "true"]);
    let said = command.current_dir(place.dir.path()).output().await.unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("answers on") && said.contains("--app-port"), "{said}");
}

#[tokio::test]
async fn a_seeded_run_is_ready_soon_moves_its_clock_and_leaves_nothing() {
    let place = Place::new();
    place.write(
        "tenantry.toml",
        &fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/tenantry.toml")).unwrap(),
    );
    place.write(MAY_LISTEN, "");
    place.write("seed.toml", SEED);
    let began = Instant::now();
    let args = ["--ephemeral", "--seed", "seed.toml", "--ready-file", "dev.json"];
    let dev = Dev::start_by(&mut place.command(&args), place.dir.path(), FIRST_START).await;
    writeln!(std::io::stdout(), "ready after {} ms", began.elapsed().as_millis()).unwrap();
    let globex = dev.ready.workspaces.iter().find(|workspace| workspace.slug == "globex").unwrap();
    let products = format!("{}/api/products", dev.ready.api);
    Ask::get(&products).bearer(&globex.keys["reader"]).send().await.expect(200);
    Ask::get(&products).bearer(&globex.keys["other"]).send().await.problem(403, "missing_permission");
    time_passes(&dev, globex).await;

    let data = dev.ready.database_url.split(['=', '&']).nth(1).unwrap().replace("/postgres/run", "");
    assert!(Path::new(&data).exists());
    assert_eq!(dev.stop().await.code(), Some(0));
    assert!(!Path::new(&data).exists(), "{data}");
}

const SEED: &str = r#"
[[workspaces]]
slug = "globex"
name = "Globex"
owner = { email = "gus@globex.example", name = "Gus", password = "plum orbit kettle seven" }
members = [{ email = "mia@globex.example", role = "MEMBER" }]
keys = [
  { name = "reader", mode = "live", scopes = ["products:read"] },
  { name = "other", scopes = ["orders:read"] },
]
"#;

/// A session lives for weeks, and a test does not.
async fn time_passes(dev: &Dev, workspace: &Seeded) {
    let (clock, page) = (format!("{}/-/dev/clock", dev.ready.console), format!("{}/api/whoami", workspace.live));
    let cookie = workspace.members[0].cookie.as_str();
    let before = Ask::get(&clock).send().await.expect(200).json();
    Ask::get(&page).header("cookie", cookie).send().await.expect(200);
    let foreign = Ask::post(&clock).json(&json!({ "advance_s": 60 })).header("origin", "https://evil.example");
    foreign.send().await.expect(403);
    for wrong in [json!({ "advance_s": 0 }), json!({ "advance_s": -1 }), json!({ "advance_s": u64::MAX })] {
        assert!((400..500).contains(&Ask::post(&clock).json(&wrong).send().await.status));
    }
    let after = Ask::post(&clock).json(&json!({ "advance_s": 400 * 24 * 3600 })).send().await.expect(200).json();
    let year = |time: &Value| time["now"].as_str().unwrap()[..4].parse::<i32>().unwrap();
    assert!(year(&after) > year(&before));
    Ask::get(&page).header("cookie", cookie).send().await.expect(401);
}

#[tokio::test]
async fn every_fault_of_a_seed_is_told_at_once() {
    let place = Place::new();
    let faulty = SEED
        .replace("MEMBER", "JANITOR")
        .replace("products:read", "cakes:eat")
        .replace("name = \"other\"", "name = \"reader\"");
    place.write("seed.toml", &format!("{faulty}{}", SEED.replace("gus@globex.example", "nobody")));
    let mut command = tenantry(&["dev", "--ephemeral", "--port", "0", "--seed", "seed.toml"]);
    let said = command.current_dir(place.dir.path()).output().await.unwrap();
    let (said, code) = (String::from_utf8_lossy(&said.stderr).into_owned(), said.status.code());
    for fault in ["[0].members[0].role", "[0].keys[0].scopes", "[0].keys[1].name", "[1].slug", "[1].owner.email"] {
        assert!(said.contains(&format!("workspaces{fault}")), "{fault}: {said}");
    }
    assert_eq!(code, Some(2));
    place.write("seed.toml", "[[workspaces]]\nslug = 1\n");
    let seed = place.dir.path().join("seed.toml");
    let said = run(&["dev", "--ephemeral", "--port", "0", "--seed", seed.to_str().unwrap()]).await.refused();
    assert!(said.contains("line 2"), "{said}");
}

#[tokio::test]
async fn an_app_that_ends_before_it_answers_fails_a_seeded_run() {
    let place = Place::new();
    let args = ["dev", "--ephemeral", "--port", "0", "--app-port", &place.port, "--", "/bin/sh", "-c", "exit 7"];
    let mut child = tenantry(&args).current_dir(place.dir.path()).stderr(Stdio::piped()).spawn().unwrap();
    let status = child.wait().await.unwrap();
    let mut said = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut child.stderr.take().unwrap(), &mut said).await.unwrap();
    assert!(said.contains("exit code 7 before it answered"), "{said}");
    assert_eq!(status.code(), Some(2));
}

#[tokio::test]
async fn a_command_without_a_configuration_needs_a_session_everywhere() {
    let place = Place::new();
    fs::remove_file(place.dir.path().join("tenantry.toml")).unwrap();
    let mut child = place.command(&["--data-dir", "data"]).stdout(Stdio::null()).spawn().unwrap();
    let ready = place.dir.path().join("data/dev.json");
    let told = async || serde_json::from_slice::<Value>(&fs::read(&ready).ok()?).ok();
    let ready = until("it is ready", told).await;
    let away = Ask::get(ready["tenant"].as_str().unwrap()).header("accept", "text/html").send().await;
    assert!(away.location().starts_with("/-/sign-in"));
    assert_eq!(end(&mut child).await.code(), Some(0));
}
