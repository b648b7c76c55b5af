//! Hashes and sign-ins per second with the configured work factor.
//! `cargo run --release -p tenantry-identity --example sign_ins`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use secrecy::SecretString;
use tenantry_core::password::Password;
use tenantry_identity::users::Draft;
use tenantry_identity::{Identity, Options};
use tenantry_platform::config::{Config, Dev};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::Origin;

/// How long each figure is measured.
const LONG: Duration = Duration::from_secs(5);
/// As many at once as a busy morning brings: more than there are workers, fewer than the queue bears.
const AT_ONCE: usize = 8;
const PASSWORD: &str = "a long enough benchmark password";

const CONFIG: &str = "[app]\nname = \"Bench\"\n[[routes]]\npath = \"/\"\nguard = \"session\"\n[upstream]\nurl = \"http://127.0.0.1:1\"\n";

#[tokio::main]
async fn main() {
    let db = TestDb::new().await;
    let config = Config::for_dev("bench", CONFIG, &Dev { port: 8080, upstream: None })
        .expect("the configuration above is without fault");
    sign_with_own_key(&db);
    let identity = Identity::start(db.ground.clone(), Options::from_config(&config).expect("the hosts are names"));
    let (hashes, each) = rate(&identity, hash).await;
    println!(
        "hashes    {hashes:>7.1} /s   argon2id, {} KiB, {} passes, one worker a core, {each:.1} ms each",
        config.passwords.memory_kib, config.passwords.iterations
    );
    enrol(&identity).await;
    let (sign_ins, _) = rate(&identity, sign_in).await;
    println!("sign-ins  {sign_ins:>7.1} /s   password, session, audit row, {AT_ONCE} at once");
}

/// Access tokens are signed with a key of this process: the vault is another room's.
fn sign_with_own_key(db: &TestDb) {
    use tenantry_core::token::{Algorithm, SigningKey};
    use tenantry_platform::signing::{LoadedKey, Purpose};
    let key = Arc::new(SigningKey::generate(Algorithm::EdDsa, "bench"));
    let (from, until) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    db.ground
        .signing
        .load([(Purpose::StaffAccess, LoadedKey { key, signs_from: from, signs_until: until, verifies_until: until })]);
}

async fn enrol(identity: &Arc<Identity>) {
    let draft = Draft {
        name: "Ben Bench".to_owned(),
        email: "ben@bench.example".to_owned(),
        password: SecretString::from(PASSWORD.to_owned()),
        workspace: "Bench".to_owned(),
        slug: "benchmark-one".to_owned(),
    };
    let account = draft.check(&identity.options).expect("the draft is without fault");
    identity.create_account(account, Origin::default()).await.expect("an empty database");
}

async fn hash(identity: Arc<Identity>) {
    let password = Password::present(PASSWORD).expect("a password");
    identity.hasher.hash(password).await.expect("the queue bears this");
}

async fn sign_in(identity: Arc<Identity>) {
    identity.sign_in("ben@bench.example", PASSWORD, Origin::default()).await.expect("the password is right");
}

/// Runs `work` so many at once for a while: how often a second, and how long a worker took for each.
async fn rate<F, W>(identity: &Arc<Identity>, work: W) -> (f64, f64)
where
    W: Fn(Arc<Identity>) -> F + Copy,
    F: Future<Output = ()>,
{
    let began = Instant::now();
    let lanes = (0..AT_ONCE).map(|_| async move {
        let mut done = 0_u32;
        while began.elapsed() < LONG {
            work(Arc::clone(identity)).await;
            done += 1;
        }
        done
    });
    let done: u32 = join_all(lanes).await.into_iter().sum();
    let seconds = began.elapsed().as_secs_f64();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    (f64::from(done) / seconds, seconds * 1e3 * workers as f64 / f64::from(done))
}
