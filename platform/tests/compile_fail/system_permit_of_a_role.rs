//! What a role may do, the system may not give itself.

use tenantry_platform::db::{Context, Live};
use tenantry_platform::permit::{Actor, ManageKeys, Origin, Permit};

fn main() {
    let _ = Permit::<ManageKeys, Live>::system(Context::default(), Actor::system("a", "b"), Origin::default());
}
