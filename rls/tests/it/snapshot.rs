//! The snapshot of a database as it is.

use tenantry_platform::kit::TestDb;
use tenantry_rls::catalog;

#[tokio::test]
async fn our_own_database_can_be_read() {
    let db = TestDb::new().await;
    let mut client = tenantry_rls::connect::connect(&db.administrator_url()).await.unwrap();
    let catalog = catalog::read(&mut client).await.unwrap();
    assert!(catalog.relations.iter().any(|relation| relation.has_rls && relation.forces_rls));
    assert!(catalog.functions.iter().any(|function| function.is_definer));
}
