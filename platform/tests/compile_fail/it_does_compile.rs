//! What a handler does: a permit opens a transaction of its own plane.

use tenantry_platform::db::{AsTenant, Live, Modes, Sql};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ManageKeys, Permit};

static KEYS: Sql<AsTenant, Modes> = Sql::registered("select id from api_keys where tenant_id = $1");

async fn read(permit: Permit<ManageKeys, Live>, ground: Ground) {
    let mut tx = permit.begin(&ground);
    let _ = tx.query(&KEYS, &[]).await;
}

fn main() {
    let _ = read;
}
