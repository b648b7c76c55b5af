//! What the process itself keeps: it starts with no faulty setting, and logs nothing of anybody.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenantry_core::ids::TenantId;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::secret::ExposeSecret as _;
use tenantry_platform::record::hex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::posture::control::Verdict;
use crate::posture::person::address;
use crate::posture::probe::{Inconclusive, Probe};

/// A file with a fault in each of [`FAULTY_LINES`].
const FAULTY: &str = "\
[app]
name = \"\"
[hosts]
base = \"not a host\"
scheme = \"gopher\"
[sessions]
access_minutes = 100000
[passwords]
memory_kib = \"a lot\"
[colours]
[[routes]]
path = \"/orders\"
methods = [\"GET\"]
";
/// No name, no host, no scheme, too long, no number, an unknown section, a route without a guard.
const FAULTY_LINES: [usize; 7] = [2, 4, 5, 7, 9, 10, 12];
/// Until the program has named its faults and ended.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// More would be no list of faults.
const SAID_MOST: u64 = 64 * 1024;

/// Starts the program that serves with a file full of faults.
pub(super) async fn faulty_settings(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let program = probe.program.as_deref();
    let program = program.ok_or_else(|| Inconclusive("the program that serves is not known here".to_owned()))?;
    let failed = |error: std::io::Error| Inconclusive(format!("the program that serves could not be started: {error}"));
    let started = tokio::time::timeout(START_TIMEOUT, start(program)).await;
    let Ok(started) = started else {
        return Ok(Verdict::fail(format!("started with a faulty file, it ran on for {} s", START_TIMEOUT.as_secs())));
    };
    let (is_success, said) = started.map_err(failed)?;
    let unnamed = FAULTY_LINES.iter().filter(|line| !said.contains(&format!(":{line}:"))).count();
    let all = FAULTY_LINES.len();
    Ok(match (is_success, unnamed) {
        (true, _) => Verdict::fail("a faulty file stops no start"),
        (false, 0) => Verdict::pass(format!("started with a file of {all} faults, it ended and named {all} lines")),
        (false, unnamed) => Verdict::fail(format!("{unnamed} of {all} faults were not named")),
    })
}

/// Whether it was content, and what it said. It gets nothing of our environment.
async fn start(program: &Path) -> std::io::Result<(bool, String)> {
    let mut child: Child = Command::new(program)
        .args(["check", "--config", "/dev/stdin"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends before it has read all of it says why.
        let _ = stdin.write_all(FAULTY.as_bytes()).await;
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(SAID_MOST).read_to_string(&mut said).await?;
    }
    Ok((child.wait().await?.success(), said))
}

/// Logs secrets and people as careless code would, through what this process logs with.
pub(super) async fn masked_logs(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let planted = Planted::fresh(&probe)?;
    let lines = (probe.rehearse)(&probe.ground.clock, &|| planted.log());
    planted.judge(&lines, "came out of the log as it was")
}

/// The same for what an error tracker and a collector of logs are told of errors.
pub(super) async fn scrubbed_errors(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let planted = Planted::fresh(&probe)?;
    let told = (probe.tell)(&probe.ground.clock, &|| planted.log());
    planted.judge(&told, "was told with an error")
}

/// What is no secret.
const PLAIN: &str = "posture tries the log";

/// What must not come out, another one each time.
struct Planted {
    email: String,
    key: String,
    jwt: String,
    card: &'static str,
    phone: &'static str,
    word: String,
}

impl Planted {
    fn fresh(probe: &Probe) -> Result<Self, Inconclusive> {
        let (clock, entropy) = (&probe.ground.clock, &probe.ground.entropy);
        let key = ApiKey::generate(Mode::Live, TenantId::new(clock, entropy), entropy).into_plaintext();
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = part(r#"{"alg":"EdDSA"}"#);
        let jwt = format!("{header}.{}.{}", part(r#"{"sub":"canary"}"#), URL_SAFE_NO_PAD.encode(entropy.bytes::<64>()));
        Ok(Self {
            email: address(entropy)?.as_str().to_owned(),
            key: key.expose_secret().to_owned(),
            jwt,
            card: "4242424242424242",
            phone: "+1 415 555 0132",
            word: hex(&entropy.bytes::<12>()),
        })
    }

    fn all(&self) -> [(&'static str, &str); 6] {
        [
            ("an e-mail address", &self.email),
            ("an API key", &self.key),
            ("a token", &self.jwt),
            ("a card number", self.card),
            ("a phone number", self.phone),
            ("a password", &self.word),
        ]
    }

    fn judge(&self, lines: &str, fault: &str) -> Result<Verdict, Inconclusive> {
        if !lines.contains(PLAIN) {
            return Err(Inconclusive("what was logged did not come out at all".to_owned()));
        }
        let (all, count) = (self.all(), lines.lines().count());
        let came_out = all.iter().filter(|(_, text)| lines.contains(text)).map(|(what, _)| format!("{what} {fault}"));
        let came_out: Vec<String> = came_out.collect();
        let passed = format!("{} secrets and personal data logged in {count} lines: all masked", all.len());
        Ok(Verdict::unless(&came_out, passed))
    }

    fn log(&self) {
        let Self { email, key, jwt, card, phone, word } = self;
        tracing::error!("{PLAIN}: {email} called {phone}, paid with {card}, sent {key} and {jwt}");
        tracing::error!(who = %email, password = %word, authorization = %format!("Bearer {word}"), "{PLAIN}");
        tracing::error!(url = %format!("https://example.com/orders?token={word}&email={email}"), "{PLAIN}");
        tracing::error!(list = ?[email, key], header = %format!("Cookie: __Host-session={word}; a=b"), "{PLAIN}");
    }
}
