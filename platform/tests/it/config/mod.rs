//! The configuration: each class of fault with its line and its fix, what a file means, the
//! environment, and the manual against the types [EN-5, AC-15].

mod faults;
mod manual;
mod meaning;
mod schemas;
mod secrets;

use tenantry_platform::config::{Config, Dev, Faults};

const MANUAL: &str = include_str!("../../../../tenantry.default.toml");
const DEMO: &str = include_str!("../../../../tenantry/src/demo/tenantry.toml");

/// What a file for production has to say, in five lines.
const NEEDED: &str = r#"app = { name = "Acme" }
hosts = { base = "example.com" }
upstream = { url = "unix:/run/app.sock" }
mail = { from = "no-reply@example.com" }
security_txt = { contact = "mailto:security@example.com", expires = "2027-06-30T00:00:00Z" }
"#;
/// The line on which a case's own lines begin.
const FIRST: usize = 6;

fn parse(lines: &str) -> Result<Config, Faults> {
    Config::parse("tenantry.toml", &format!("{NEEDED}{lines}"))
}

fn faults(lines: &str) -> Vec<String> {
    let report = parse(lines).expect_err("the file has faults").to_string();
    report.lines().map(str::to_owned).collect()
}

/// The report's lines begin so; the line numbers are counted from the case's first line.
#[track_caller]
fn refused(lines: &str, expected: &[(usize, usize, &str)]) {
    let expected: Vec<String> = expected
        .iter()
        .map(|(line, column, text)| format!("tenantry.toml:{}:{column}: {text}", line + FIRST - 1))
        .collect();
    assert_eq!(faults(lines), expected, "{lines}");
}

fn demo() -> Config {
    Config::for_dev("tenantry.toml", DEMO, &Dev { port: 8600, upstream: None })
        .unwrap_or_else(|faults| panic!("{faults}"))
}
