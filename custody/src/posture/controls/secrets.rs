//! What is secret stays secret: stored keys, password hashes, sealed columns.

use std::sync::Arc;

use tenantry_platform::db::{Context, Control};
use tenantry_platform::permit::{Actor, Attest, Origin, Permit};

use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Login, Probe};
use crate::vault::{VaultFault, ensure_canary, signing_keys};

/// Tenants whose rows are searched.
const TENANTS_MOST: i64 = 50;
/// Rows of each that are searched for a key in plain text.
const ROWS_MOST: i64 = 200;

/// The weakest pairs of memory and passes that OWASP counts as equal (Password Storage Cheat Sheet).
const OWASP: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

tenantry_platform::sql! {
    AsDoor OnlyControl HASH_KINDS = "select kind, hashes from doors.password_hash_kinds()";
}

/// Every stored password hash is argon2id with OWASP's cost or more, or was imported. The door gives kinds and counts alone.
pub(super) async fn password_hashing(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let permit =
        Permit::<Attest, Control>::system(Context::default(), Actor::system("posture", "posture"), Origin::default());
    let rows = permit.read(&probe.ground, &HASH_KINDS, &[]).await?;
    let kinds: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let all: i64 = kinds.iter().map(|(_, hashes)| hashes).sum();
    let weak: Vec<String> = kinds
        .iter()
        .filter(|(kind, _)| !is_strong(kind) && !is_imported(kind))
        .map(|(kind, hashes)| format!("{hashes} of {all} hashes are {kind}"))
        .collect();
    let imported: i64 = kinds.iter().filter(|(kind, _)| is_imported(kind)).map(|(_, hashes)| hashes).sum();
    let evidence = format!(
        "{} hashes are argon2id at or above OWASP's cost; {imported} were imported and wait for their next sign-in",
        all - imported
    );
    Ok(Verdict::unless(&weak, evidence))
}

/// What only an import writes: adaptive too, and hashed anew at the person's next sign-in.
fn is_imported(kind: &str) -> bool {
    ["$2b$", "$argon2i$", "$scrypt$", "$pbkdf2-"].iter().any(|name| kind.starts_with(name))
}

/// `$argon2id$v=19$m=19456,t=2,p=1`
fn is_strong(kind: &str) -> bool {
    let Some(cost) = kind.strip_prefix("$argon2id$v=19$") else { return false };
    let parameter = |name: &str| cost.split(',').find_map(|pair| pair.strip_prefix(name)?.parse::<u32>().ok());
    let (Some(memory), Some(passes)) = (parameter("m="), parameter("t=")) else { return false };
    OWASP.iter().any(|(least_memory, least_passes)| memory >= *least_memory && passes >= *least_passes)
}

const KEYS: &str = r"
    select count(*), count(*) filter (where length(digest) <> 32 or length(start) <> 8
                                         or stored::text ~ '\msk_(live|test)_[0-9A-Za-z]{60}\M')
    from (select * from api_keys where tenant_id = $1 order by id desc limit $2) stored";
const NOTES: &str = r"
    select count(*), count(*) filter (where metadata::text || changes::text || entity_id ~ '\msk_(live|test)_[0-9A-Za-z]{60}\M')
    from (select * from audit where tenant_id = $1 order by id desc limit $2) stored";

/// No column holds a key: only digests and starts, and no key slipped into the audit log.
pub(super) async fn key_digests(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let tenants = probe.newest_tenants(TENANTS_MOST).await?;
    let (mut keys, mut notes, mut leaked) = (0, 0, 0);
    for login in [Login::Live, Login::Test] {
        let trial = probe.trial(login).await?;
        for tenant in &tenants {
            trial.as_tenant(Some(*tenant)).await?;
            for (statement, counted) in [(KEYS, &mut keys), (NOTES, &mut notes)] {
                let row = &trial.read(statement, &[&tenant.uuid(), &ROWS_MOST]).await?[0];
                *counted += row.try_get::<_, i64>(0)?;
                leaked += row.try_get::<_, i64>(1)?;
            }
        }
        trial.roll_back().await?;
    }
    Ok(match leaked {
        0 => Verdict::pass(format!(
            "{keys} stored keys are digests of 32 bytes; {keys} keys and {notes} audit rows hold no key"
        )),
        _ => Verdict::fail(format!(
            "{leaked} of {keys} keys and {notes} audit rows hold a key, or a digest of another length"
        )),
    })
}

/// The root key opens the canary and every signing key.
pub(super) async fn sealed(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let opened = async {
        ensure_canary(&probe.ground).await?;
        signing_keys::count_openable(&probe.ground).await
    };
    match opened.await {
        Ok(0) => Ok(Verdict::fail("no signing key is there: nothing can be signed")),
        Ok(keys) => Ok(Verdict::pass(format!(
            "the canary and {keys} signing keys open under root key {}",
            probe.ground.sealer.version()
        ))),
        Err(VaultFault::Database(fault)) => Err(fault.into()),
        Err(fault) => Ok(Verdict::fail(fault.to_string())),
    }
}
