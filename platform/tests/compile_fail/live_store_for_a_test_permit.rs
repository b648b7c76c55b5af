//! A permit of one mode does not take a transaction of the other.

use tenantry_platform::db::{Live, TenantTx, Test};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ManageKeys, Permit};

fn begin(permit: &Permit<ManageKeys, Test>, ground: &Ground) -> TenantTx<Live> {
    permit.begin(ground)
}

fn main() {
    let _ = begin;
}
