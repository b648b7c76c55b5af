//! The first start: makes the cluster.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Output;

use super::ADMINISTRATOR;
use super::fault::ClusterFault;
use super::settings::Durability;
use super::site::Site;

/// Order by code point, so that no upgrade of the machine's libraries ever corrupts an index. Classes of
/// letters follow Unicode where the machine knows C.UTF-8.
const LETTER_CLASSES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes the cluster beside its place and then moves it there, so that a start which was killed half-way
/// leaves nothing that looks finished.
pub(super) fn initialise(site: &Site) -> Result<(), ClusterFault> {
    let unfinished = site.home.join("data.new");
    let mut said = String::new();
    for classes in LETTER_CLASSES {
        remove(&unfinished)?;
        let output = run(site, &unfinished, classes)?;
        if output.status.success() {
            let data = site.data();
            return fs::rename(&unfinished, &data).map_err(ClusterFault::at("cannot move the cluster to", &data));
        }
        said = last_line(&output);
    }
    Err(ClusterFault::Initialise { said })
}

fn run(site: &Site, data: &Path, classes: &str) -> Result<Output, ClusterFault> {
    let program = site.binaries.initdb();
    let mut command = site.account.command(&program, &site.home);
    command.arg("--pgdata").arg(data).arg("--pwfile").arg(site.password_file());
    command.args(["--username", ADMINISTRATOR, "--auth=scram-sha-256", "--encoding=UTF8"]);
    command.args(["--locale=C", "--lc-ctype", classes]);
    if site.durability != Durability::Kept {
        command.arg("--no-sync");
    }
    command.output().map_err(ClusterFault::at("cannot run", &program))
}

fn remove(unfinished: &Path) -> Result<(), ClusterFault> {
    match fs::remove_dir_all(unfinished) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(ClusterFault::at("cannot remove", unfinished)(cause)),
        _ => Ok(()),
    }
}

fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| line.contains("error:")).or_else(|| said.lines().last());
    error.unwrap_or("initdb said nothing").trim().to_owned()
}
