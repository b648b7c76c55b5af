//! A statement of the control schema does not run in a mode's.

use tenantry_platform::db::{AsTenant, Live, OnlyControl, Sql, TenantTx};

static MEMBERS: Sql<AsTenant, OnlyControl> = Sql::registered("select person_id from memberships where tenant_id = $1");

async fn read(mut tx: TenantTx<Live>) {
    let _ = tx.query(&MEMBERS, &[]).await;
}

fn main() {
    let _ = read;
}
