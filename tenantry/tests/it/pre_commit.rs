//! `scripts/pre-commit`, in a repository of its own: what holds a secret is not committed, and not shown [EV-5].

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tenantry_core::clock::Clock;
use tenantry_core::ids::TenantId;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::management_key::ManagementKey;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::seal::RootKey;
use tenantry_core::secret::ExposeSecret as _;
use tenantry_platform::kit;

/// What decides whether something that looks like a key is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Checksum,
    Shape,
}

struct Repository {
    place: TempDir,
    by: By,
}

impl Repository {
    /// With the hook, and one commit.
    fn new(by: By) -> Self {
        let repository = Self { place: TempDir::new().unwrap(), by };
        repository.git(&["init", "--quiet"]);
        let hook = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("scripts/pre-commit");
        std::os::unix::fs::symlink(hook, repository.place.path().join(".git/hooks/pre-commit")).unwrap();
        assert_eq!(repository.commit("notes.txt", "first\nsecond\n"), Ok(()));
        repository
    }

    fn git(&self, args: &[&str]) -> Output {
        let me = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
        let program = if self.by == By::Checksum { env!("CARGO_BIN_EXE_tenantry") } else { "" };
        // Nothing of this machine's git, and no tenantry of its own.
        let mut git = Command::new("git");
        git.current_dir(self.place.path()).args(me).args(args).env_clear();
        git.env("PATH", "/usr/bin:/bin").env("HOME", self.place.path()).env("TENANTRY", program);
        git.output().unwrap_or_else(|error| panic!("git is needed for this test: {error}"))
    }

    /// Err: what the hook said.
    fn commit(&self, file: &str, text: &str) -> Result<(), String> {
        fs::write(self.place.path().join(file), text).unwrap();
        self.git(&["add", "--all"]);
        let output = self.git(&["commit", "--quiet", "--message", "a change"]);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
    }

    fn commits(&self) -> String {
        String::from_utf8(self.git(&["rev-list", "--count", "HEAD"]).stdout).unwrap().trim().to_owned()
    }
}

fn key(mode: Mode) -> String {
    let (clock, entropy) = (Clock::fixed(kit::start()), Entropy::seeded(7));
    let tenant = TenantId::new(&clock, &entropy);
    ApiKey::generate(mode, tenant, &entropy).into_plaintext().expose_secret().to_owned()
}

/// What each is called, and the line that holds it.
fn secrets() -> Vec<(&'static str, String)> {
    let management = ManagementKey::generate(&Entropy::seeded(7)).into_plaintext();
    let root = RootKey::generate(&Entropy::seeded(7)).to_text();
    // Not in one piece: this file is committed, too.
    let pem = ["-----BEGIN", "EC PRIVATE", "KEY-----"].join(" ");
    vec![
        ("a key of Tenantry", format!("curl -H 'Authorization: Bearer {}'", key(Mode::Live))),
        ("a key of Tenantry", format!("api_key = \"{}\"", key(Mode::Test))),
        ("a key of Tenantry", format!("MANAGEMENT={}", management.expose_secret())),
        ("a private key", pem.clone()),
        ("a private key", pem.replace("EC ", "")),
        ("a root key", format!("export TENANTRY_ROOT_KEY={}", root.expose_secret())),
        ("a root key", format!("TENANTRY_PREVIOUS_ROOT_KEY: '{}'", "0a".repeat(32))),
    ]
}

#[test]
fn a_commit_that_holds_a_secret_is_refused_by_file_and_line_and_the_secret_is_not_shown() {
    for by in [By::Checksum, By::Shape] {
        let repository = Repository::new(by);
        for (what, line) in secrets() {
            let said = repository.commit("notes.txt", &format!("first\nsecond\nthird\n{line}\n")).expect_err(&line);
            assert!(said.contains(&format!("{what} in notes.txt:4\n")), "{by:?}: {line}: {said}");
            let shown = line.split(['"', '\'', ' ', '=']).filter(|word| word.len() > 20);
            assert!(shown.into_iter().all(|word| !said.contains(word)), "{by:?}: {said}");
        }
        assert_eq!(repository.commits(), "1");
    }
}

#[test]
fn a_clean_commit_passes_also_one_that_takes_a_secret_out() {
    for by in [By::Checksum, By::Shape] {
        let repository = Repository::new(by);
        let (_, line) = &secrets()[0];
        fs::write(repository.place.path().join("old.txt"), line).unwrap();
        repository.git(&["add", "--all"]);
        repository.git(&["commit", "--quiet", "--no-verify", "--message", "before the hook"]);
        let talk = "++ b/notes.txt\nset TENANTRY_ROOT_KEY from a file; keys begin with sk_live_ and mk_\n";
        assert_eq!(repository.commit("notes.txt", talk), Ok(()));
        assert_eq!(repository.commit("old.txt", "no key here\n"), Ok(()));
        assert_eq!(repository.commits(), "4");
    }
}

#[test]
fn what_only_looks_like_a_key_passes_where_the_checksum_can_be_asked() {
    let made_up = format!("sk_live_{}\n", "0".repeat(60));
    assert_eq!(Repository::new(By::Checksum).commit("docs.txt", &made_up), Ok(()));
    assert!(Repository::new(By::Shape).commit("docs.txt", &made_up).is_err());
}

#[test]
fn a_secret_is_found_in_a_new_file_among_others_and_in_one_that_git_takes_for_no_text() {
    let repository = Repository::new(By::Shape);
    let (_, line) = &secrets()[3];
    fs::write(repository.place.path().join("clean.txt"), "nothing\n").unwrap();
    let said = repository.commit("a file.bin", &format!("\0\n{line}\n")).expect_err("refused");
    assert!(said.contains("a private key in a file.bin:2"), "{said}");
}
