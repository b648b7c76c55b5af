//! The soak of `soak/`, in little: three nodes, a fault, and a checker that shares no code with them. `make soak` is the
//! long one.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

const SECONDS: &str = "22";
/// This machine runs the other tests meanwhile.
const RATE: &str = "150";

fn python(program: &str) -> Command {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("soak").join(program);
    let mut command = Command::new("python3");
    command.arg("-B").arg(file).stdin(Stdio::null()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn whoever_asks_three_nodes_meets_no_wrong_decision() {
    let mut stage = python("stage.py");
    stage.arg(env!("CARGO_BIN_EXE_tenantry")).args(["--busy", "--seconds", SECONDS, "--rate", RATE]);
    let said = stage.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(said.status.success(), "{}{}", text(&said.stdout), text(&said.stderr));
}

/// A fault that is not planted is not found, and nobody would see it.
#[tokio::test]
async fn each_fault_of_the_soak_has_its_place_in_the_source() {
    let said = python("planted.py").arg("check").output().await.unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}
