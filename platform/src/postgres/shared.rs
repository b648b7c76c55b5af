//! One cluster for all tests of a process: in memory, not durable, gone when the process is.

use tenantry_core::random::Entropy;
use tokio::sync::OnceCell;

use super::PrivateCluster;
use super::account::Account;
use super::binaries::Places;
use super::fault::ClusterFault;
use super::home::unguessable_name;
use super::settings::Durability;
use super::site::{Prepared, Site};

static SHARED: OnceCell<PrivateCluster> = OnceCell::const_new();

/// The cluster of this test process, started by whoever asks first. Its guard ends it, and removes its
/// files, when the process ends.
///
/// # Panics
/// When it cannot be started: no test can say anything then.
pub async fn shared_for_tests() -> &'static PrivateCluster {
    let start = || async { PrivateCluster::launch(disposable).await.unwrap_or_else(|fault| panic!("{fault}")) };
    SHARED.get_or_init(start).await
}

fn disposable() -> Result<Prepared, ClusterFault> {
    let (account, entropy) = (Account::for_server()?, Entropy::system());
    let home = memory_dir().unwrap_or_else(std::env::temp_dir).join(format!("tenantry-{}", unguessable_name(&entropy)));
    account.make_dir(&home).map_err(ClusterFault::at("cannot make the directory", &home))?;
    let mut site = Site::in_home(home, account, &Places::of_this_machine(), &entropy, Durability::Disposable)?;
    site.discard = Some(site.home.clone());
    Ok(Prepared { site, held: None })
}

#[cfg(target_os = "linux")]
use super::linux::memory_dir;

#[cfg(not(target_os = "linux"))]
const fn memory_dir() -> Option<std::path::PathBuf> {
    None
}
