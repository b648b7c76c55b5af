//! A connection that breaks while it commits: nobody may say that nothing was changed.

use tenantry_core::ids::TenantId;
use tenantry_platform::db::{AsTenant, Database, DbFault, Modes, Sql, Urls, logins};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::{TestDb, password};
use tenantry_platform::problem::Problem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::{permit, tenant};

static NOTE: Sql<AsTenant, Modes> = Sql::registered(
    "insert into subject_keys (tenant_id, subject_id, sealed, created_at) values ($1, $2, '\\x00', now())",
);

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_told_as_that() {
    let db = TestDb::new().await;
    let own = tenant(&db.ground);
    let unsure = note(&behind_a_broken_way(&db).await, own).await.expect_err("the answer to COMMIT does not arrive");
    assert!(matches!(unsure, DbFault::Unsure(_)), "{unsure:?}");
    let rows = db.administrator().await.query("select 1 from live.subject_keys", &[]).await.expect("read");
    assert_eq!(rows.len(), 1, "it was saved, after all");
    let problem = Problem::from(unsure);
    assert!(problem.status() == 503 && !problem.detail.contains("Nothing was changed"), "{problem}");
}

async fn note(ground: &Ground, own: TenantId) -> Result<(), DbFault> {
    let permit = permit(own);
    let mut tx = permit.begin(ground);
    tx.execute(&NOTE, &[&tenantry_core::ids::uuid7(&ground.clock, &ground.entropy)]).await?;
    tx.commit().await
}

/// The same database, over a way that breaks behind the word `commit`.
async fn behind_a_broken_way(db: &TestDb) -> Ground {
    let direct = db.urls();
    let [Host::Unix(directory)] = direct.live.get_hosts() else { panic!("the private cluster has one socket") };
    let socket = directory.join(".s.PGSQL.5432");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("a connection");
        carry_until_commit(client, UnixStream::connect(socket).await.expect("the server")).await;
    });
    let mut live = Config::new();
    live.host("127.0.0.1")
        .port(port)
        .user(logins::SERVING[1].0)
        .password(password(logins::SERVING[1].0))
        .dbname(&db.name);
    let pools = Database::open(Urls { live, ..direct }, Default::default()).expect("pools");
    let mut ground = db.ground.clone();
    ground.db = pools;
    ground
}

async fn carry_until_commit(mut client: TcpStream, mut server: UnixStream) {
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            count = client.read(&mut asked) => {
                let bytes = &asked[..count.expect("read")];
                server.write_all(bytes).await.expect("carried");
                if bytes.windows(6).any(|word| word == b"commit") {
                    // The server has done it when it answers; the answer is not carried.
                    assert!(server.read(&mut answered).await.expect("answered") > 0, "the commit was answered");
                    return;
                }
            }
            count = server.read(&mut answered) => {
                client.write_all(&answered[..count.expect("read")]).await.expect("carried");
            }
        }
    }
}
