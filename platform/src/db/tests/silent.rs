//! A server that hangs: whoever asks is told in time, once, and nobody gets that connection again.

use std::time::Duration;

use tenantry_core::ids::TenantId;
use tenantry_platform::db::{AsTenant, Database, DbFault, Modes, PoolOptions, Row, Sql, Urls, logins};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::{TestDb, password};
use tenantry_platform::problem::Problem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::{permit, tenant};

static SEEN: Sql<AsTenant, Modes> = Sql::registered("select 1 from subject_keys where tenant_id = $1");
/// The first word of a transaction.
const FIRST: &[u8] = b"tenantry.tenant";

#[tokio::test]
async fn a_server_that_hangs_is_503_in_time_and_its_connection_is_closed() {
    let db = TestDb::new().await;
    let (ground, unanswered) = behind_a_way_that_ends(&db).await;
    let own = tenant(&ground);
    let (hung, crowded) = tokio::join!(read(&ground, own), read(&ground, own));
    let (hung, crowded) = (hung.expect_err("nobody answers"), crowded.expect_err("there is one connection"));
    assert!(matches!((&hung, &crowded), (DbFault::Unavailable(_), DbFault::Exhausted)), "{hung:?}, {crowded:?}");
    for fault in [hung, crowded] {
        let problem = Problem::from(fault);
        assert!(problem.status() == 503 && problem.retry_after_s == Some(1), "{problem}");
    }
    let said = unanswered.await.expect("the connection is closed");
    assert!(!said.windows(8).any(|word| word == b"rollback"), "a silent server is not waited for once more");
}

async fn read(ground: &Ground, own: TenantId) -> Result<Vec<Row>, DbFault> {
    let permit = permit(own);
    let mut tx = permit.begin(ground);
    tx.query(&SEEN, &[]).await
}

/// The same database over one way that carries nothing from the first word of a transaction on, and what was said from
/// then until the connection was closed.
async fn behind_a_way_that_ends(db: &TestDb) -> (Ground, JoinHandle<Vec<u8>>) {
    let direct = db.urls();
    let [Host::Unix(directory)] = direct.live.get_hosts() else { panic!("the private cluster has one socket") };
    let socket = directory.join(".s.PGSQL.5432");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let unanswered = tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("a connection");
        carry_until_first(client, UnixStream::connect(socket).await.expect("the server")).await
    });
    let login = logins::SERVING[1].0;
    let mut live = Config::new();
    live.host("127.0.0.1").port(port).user(login).password(password(login)).dbname(&db.name);
    let silence = Duration::from_millis(300);
    let options = PoolOptions { most: 1, wait: silence / 6, silence };
    let mut ground = db.ground.clone();
    ground.db = Database::open(Urls { live, ..direct }, options).expect("pools");
    (ground, unanswered)
}

async fn carry_until_first(mut client: TcpStream, mut server: UnixStream) -> Vec<u8> {
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            count = client.read(&mut asked) => {
                let bytes = &asked[..count.expect("read")];
                if bytes.windows(FIRST.len()).any(|word| word == FIRST) {
                    break;
                }
                server.write_all(bytes).await.expect("carried");
            }
            count = server.read(&mut answered) => {
                client.write_all(&answered[..count.expect("read")]).await.expect("carried");
            }
        }
    }
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.expect("the end");
    said
}
