//! No permit, no row: a permit cannot be written down.

use tenantry_platform::db::{Context, Live};
use tenantry_platform::permit::{ManageKeys, Permit};

fn main() {
    let _ = Permit::<ManageKeys, Live> { context: Context::default() };
}
