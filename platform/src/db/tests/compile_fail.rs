//! What must not compile, handed to the compiler: each file has the one fault that it is named for.
//!
//! The compiler is called on the library that this test was linked with, which takes a second; building a second
//! tree of dependencies for it would take minutes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Each file, and the error that must stop it. The first shows that the others fail for their own reason.
const FILES: [(&str, Option<&str>); 5] = [
    ("it_does_compile", None),
    ("permit_from_nothing", Some("private fields")),
    ("system_permit_of_a_role", Some("E0599")),
    ("control_statement_in_a_mode", Some("E0277")),
    ("live_store_for_a_test_permit", Some("E0308")),
];

#[test]
fn what_must_not_compile_does_not() {
    let library = library();
    for (file, expected) in FILES {
        let (compiled, said) = compile(file, &library);
        match expected {
            None => assert!(compiled, "{file}: {said}"),
            Some(code) => {
                assert!(!compiled, "{file} compiles");
                assert!(said.contains(code), "{file} fails for another reason than {code}: {said}");
            }
        }
    }
}

fn compile(file: &str, library: &Path) -> (bool, String) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/compile_fail/{file}.rs"));
    let deps = library.parent().expect("a file has a folder");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "bin", "--emit", "metadata", "-o"])
        .arg(std::env::temp_dir().join(format!("{file}-{}.rmeta", std::process::id())))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("--extern")
        .arg(format!("tenantry_platform={}", library.display()))
        .arg(source)
        .output()
        .expect("rustc runs wherever cargo does");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The newest build of this crate with the kit: the one that the test binary beside it was linked with.
fn library() -> PathBuf {
    let deps = std::env::current_exe().expect("a test has a path").parent().expect("in a folder").to_owned();
    let built = std::fs::read_dir(deps).expect("the folder of the test").filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let is_ours = name.starts_with("libtenantry_platform-") && name.ends_with(".rlib");
        is_ours.then_some((entry.metadata().ok()?.modified().ok()?, entry.path()))
    });
    built.max().expect("the library was built before its test").1
}
