//! A Postfix of one test: its own configuration, queue and port, and this process as its judge of passwords.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

pub(crate) const USER: &str = "tenantry";
pub(crate) const PASSWORD: &str = "a secret of this test";

const MASTER: &str = "/usr/lib/postfix/sbin/master";
/// Another program's work is waited for at most so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// A master whose test was killed ends by itself.
const LIFE_S: &str = "300";

/// A running Postfix. Dropped, it ends.
pub(crate) struct Postfix {
    place: TempDir,
    port: u16,
    master: Child,
}

impl Postfix {
    /// None, and a notice, where there is no Postfix or no root to run it.
    #[expect(clippy::print_stderr, reason = "what was not tried is said, and CI fails by it")]
    pub(crate) async fn start() -> Option<Self> {
        if !Path::new(MASTER).exists() || !rustix::process::geteuid().is_root() {
            let what =
                "mail was not tried with a real server: that needs Postfix, which scripts/install installs, and root";
            assert!(std::env::var_os("CI").is_none(), "{what}");
            eprintln!("{what}");
            return None;
        }
        let place = tempfile::Builder::new().prefix("tenantry-postfix").tempdir().expect("a directory");
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let port = free_port();
        write_files(place.path(), port);
        judge_passwords(place.path());
        let checked = postfix(place.path(), "check").status().expect("postfix runs");
        assert!(checked.success(), "postfix check says {checked}");
        let master = Command::new(MASTER)
            .arg("-c")
            .arg(place.path().join("etc"))
            .args(["-d", "-e", LIFE_S])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("master starts");
        let postfix = Self { place, port, master };
        postfix.wait_until("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Some(postfix)
    }

    pub(crate) fn url(&self, user: &str, password: &str) -> String {
        format!("smtp://{user}:{}@localhost:{}?tls=required", password.replace(' ', "%20"), self.port)
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.place.path().join("cert.pem")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("maillog")).unwrap_or_default()
    }

    /// Waits for so many mails in the mailbox.
    pub(crate) async fn mails(&self, least: usize) -> Vec<String> {
        self.wait_until("the mails arrive", || self.arrived().len() >= least).await;
        self.arrived().iter().map(|path| fs::read_to_string(path).expect("a mail")).collect()
    }

    /// The id of every mail in the mailbox, once there are so many and the queue is empty.
    pub(crate) async fn message_ids(&self, least: usize) -> Vec<String> {
        let is_through = || self.arrived().len() >= least && self.waiting() == 0;
        self.wait_until("the queue is empty", is_through).await;
        let id = |mail: String| mail.lines().find_map(|line| line.strip_prefix("Message-ID: ").map(str::to_owned));
        self.mails(least).await.into_iter().map(|mail| id(mail).expect("an id")).collect()
    }

    fn arrived(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.place.path().join("mail/inbox/new")) else { return Vec::new() };
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    fn waiting(&self) -> usize {
        let spool = self.place.path().join("spool");
        let files = |queue: &str| fs::read_dir(spool.join(queue)).map_or(0, Iterator::count);
        ["maildrop", "incoming", "active"].into_iter().map(files).sum()
    }

    async fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // The master ends its children; what fails here ends by `LIFE_S`.
        let _ = postfix(self.place.path(), "abort").status();
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

fn postfix(place: &Path, verb: &str) -> Command {
    let mut command = Command::new("/usr/sbin/postfix");
    command.arg("-c").arg(place.join("etc")).arg(verb).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound").port()
}

fn write_files(place: &Path, port: u16) {
    for directory in ["etc", "spool", "data", "mail"] {
        fs::create_dir(place.join(directory)).expect("a directory");
    }
    let (postfix, nobody) = (id_of("postfix"), id_of("nobody"));
    chown(place.join("data"), Some(postfix), None).expect("owned");
    chown(place.join("mail"), Some(nobody), None).expect("owned");
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(place.join("cert.pem"), key.cert.pem()).expect("written");
    fs::write(place.join("key.pem"), key.signing_key.serialize_pem()).expect("written");
    fs::write(
        place.join("etc/main.cf"),
        MAIN.replace("PLACE", &place.display().to_string()).replace("NOBODY", &nobody.to_string()),
    )
    .expect("written");
    fs::write(place.join("etc/master.cf"), MASTER_CF.replace("PORT", &port.to_string())).expect("written");
    let installed = Path::new("/etc/postfix");
    for file in ["postfix-files", "dynamicmaps.cf"] {
        // Only `postfix check` reads them, and not every release has both.
        let _ = fs::copy(installed.join(file), place.join("etc").join(file));
    }
}

fn id_of(name: &str) -> u32 {
    let users = fs::read_to_string("/etc/passwd").expect("users");
    let of = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.split(':').nth(1)?.parse().ok();
    users.lines().find_map(of).unwrap_or_else(|| panic!("there is no user {name}"))
}

/// Postfix asks this process, as it asks Dovecot: <https://doc.dovecot.org/main/developers/design/auth_protocol.html>.
fn judge_passwords(place: &Path) {
    let socket = place.join("auth");
    let listener = UnixListener::bind(&socket).expect("a socket");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).expect("permissions");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(judge(stream));
        }
    });
}

async fn judge(stream: UnixStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    write.write_all(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n").await?;
    let mut lines = BufReader::new(read).lines();
    let right = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    while let Some(line) = lines.next_line().await? {
        let mut words = line.split('\t');
        let (Some("AUTH"), Some(id)) = (words.next(), words.next()) else { continue };
        let given = words.find_map(|word| word.strip_prefix("resp="));
        let verdict = if given == Some(&right) { "OK" } else { "FAIL" };
        write.write_all(format!("{verdict}\t{id}\tuser={USER}\n").as_bytes()).await?;
    }
    Ok(())
}

const MAIN: &str = "
compatibility_level = 3.6
queue_directory = PLACE/spool
data_directory = PLACE/data
maillog_file = PLACE/maillog
maillog_file_prefixes = PLACE
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = example.com
virtual_mailbox_base = PLACE/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:NOBODY
virtual_gid_maps = static:NOBODY
virtual_minimum_uid = 1
smtpd_tls_cert_file = PLACE/cert.pem
smtpd_tls_key_file = PLACE/key.pem
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = PLACE/auth
smtpd_client_connection_rate_limit = 0
smtpd_recipient_restrictions = check_recipient_access inline:{busy@example.com=DEFER,gone@example.com=REJECT}, permit_sasl_authenticated, reject
";

const MASTER_CF: &str = "
127.0.0.1:PORT inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
