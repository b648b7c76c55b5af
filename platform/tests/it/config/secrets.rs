//! The secrets: all that are missing at once, none of their values ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use tenantry_platform::config::{Config, Environment, Secrets};

use super::{MANUAL, NEEDED, demo, parse};

const URLS: [&str; 6] = ["CONTROL", "LIVE", "TEST", "JOBS", "OPERATOR", "LISTEN"];

fn environment() -> BTreeMap<String, String> {
    let url = |plane: &str| {
        (format!("TENANTRY_{plane}_URL"), format!("postgresql://{}:hunter2@db/tenantry", plane.to_lowercase()))
    };
    let mut variables: BTreeMap<String, String> = URLS.into_iter().map(url).collect();
    variables.insert("TENANTRY_ROOT_KEY".to_owned(), "ab".repeat(32));
    variables.insert("TENANTRY_SMTP_URL".to_owned(), "smtps://a:hunter2@mail.example.com".to_owned());
    variables.insert("TENANTRY_CRON_SECRET".to_owned(), "0123456789012345678901".to_owned());
    variables
}

#[test]
fn every_missing_secret_is_named_at_once_and_stands_in_the_manual() {
    let faults = Secrets::load(&demo(), &Environment::default()).unwrap_err().to_string();
    let named: BTreeSet<&str> =
        faults.lines().filter_map(|line| line.split_once(": neither ")).map(|(name, _)| name).collect();
    assert_eq!(named.len(), 9, "{faults}");
    for name in named {
        assert!(MANUAL.contains(name), "{name} is not in the manual");
    }
    let without_cron = Secrets::load(&parse("").unwrap(), &Environment::default()).unwrap_err();
    assert_eq!(without_cron.len(), 8, "{without_cron}");
}

#[test]
fn a_complete_environment_serves_and_prints_no_secret() {
    let environment: Environment = environment().into_iter().collect();
    let secrets = Secrets::load(&demo(), &environment).unwrap_or_else(|faults| panic!("{faults}"));
    let printed = format!("{secrets:?}{environment:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("abab") && !printed.contains("0123456789"), "{printed}");
}

#[test]
fn a_malformed_address_of_the_error_tracker_stops_the_start() {
    let with = |dsn: &str| {
        let mut variables = environment();
        variables.insert("TENANTRY_SENTRY_DSN".to_owned(), dsn.to_owned());
        Secrets::load(&demo(), &variables.into_iter().collect())
    };
    for wrong in ["errors.example.com/hunter2", "https://errors.example.com/42", "https://hunter2@errors.example.com"] {
        let report = with(wrong).unwrap_err().to_string();
        assert!(report.contains("TENANTRY_SENTRY_DSN: this is no DSN") && !report.contains("hunter2"), "{report}");
    }
    let secrets = with("https://hunter2@errors.example.com/42").unwrap_or_else(|faults| panic!("{faults}"));
    assert!(!format!("{secrets:?}").contains("hunter2"));
}

#[test]
fn malformed_secrets_are_named_without_their_values() {
    let mut variables = environment();
    let slip = variables.remove("TENANTRY_JOBS_URL").unwrap();
    variables.insert("TENANTRY_JOB_URL".to_owned(), slip);
    for (name, value) in [
        ("TENANTRY_LIVE_URL", "postgresql://control:hunter2@db/tenantry"),
        ("TENANTRY_TEST_URL", "postgresql://test:hunter2@db:port/tenantry"),
        ("TENANTRY_ROOT_KEY", "hunter2"),
        ("TENANTRY_ROOT_KEY_FILE", "/nowhere"),
        ("TENANTRY_SMTP_URL", "mail.example.com:hunter2"),
        ("TENANTRY_CRON_SECRET", "hunter2"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let report = Secrets::load(&demo(), &variables.into_iter().collect()).unwrap_err().to_string();
    for line in [
        "TENANTRY_CRON_SECRET: this secret is too short",
        "TENANTRY_JOBS_URL: neither TENANTRY_JOBS_URL nor TENANTRY_JOBS_URL_FILE is set. TENANTRY_JOB_URL is set: is it this one?",
        "TENANTRY_ROOT_KEY: TENANTRY_ROOT_KEY_FILE is set as well",
        "TENANTRY_SMTP_URL: this is no SMTP URL",
        "TENANTRY_TEST_URL: this is no connection URL with a user",
    ] {
        assert!(report.contains(line), "{line} is not in\n{report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn one_login_for_two_planes_is_one_wall_fewer() {
    let mut variables = environment();
    variables.insert("TENANTRY_TEST_URL".to_owned(), variables["TENANTRY_LIVE_URL"].clone());
    let report = Secrets::load(&demo(), &variables.into_iter().collect()).unwrap_err().to_string();
    assert!(report.starts_with("TENANTRY_TEST_URL: the same user as in TENANTRY_LIVE_URL."), "{report}");
}

#[test]
fn a_secret_may_come_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp");
    std::fs::write(&path, "smtps://mail.example.com\n").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let mut variables = environment();
    variables.remove("TENANTRY_SMTP_URL");
    variables.insert("TENANTRY_SMTP_URL_FILE".to_owned(), path.display().to_string());
    assert!(Secrets::load(&demo(), &variables.clone().into_iter().collect()).is_ok());
    std::fs::write(&path, "\n").unwrap();
    let report = Secrets::load(&demo(), &variables.into_iter().collect()).unwrap_err().to_string();
    assert_eq!(report.lines().count(), 1, "{report}");
    assert!(report.starts_with("TENANTRY_SMTP_URL_FILE: ") && report.contains("does not hold a secret"), "{report}");
}

#[test]
fn a_secret_that_others_can_read_or_write_is_refused_with_its_cure() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp");
    std::fs::write(&path, "smtps://mail.example.com\n").unwrap();
    let named = directory.path().join("as-kubernetes-names-it");
    std::os::unix::fs::symlink(&path, &named).unwrap();
    let mut variables = environment();
    variables.remove("TENANTRY_SMTP_URL");
    variables.insert("TENANTRY_SMTP_URL_FILE".to_owned(), named.display().to_string());
    let environment: Environment = variables.into_iter().collect();
    let load = |mode: u32| {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        Secrets::load(&demo(), &environment).map_err(|faults| faults.to_string())
    };
    for mode in [0o400, 0o600, 0o440, 0o640] {
        load(mode).unwrap_or_else(|fault| panic!("{mode:o}: {fault}"));
    }
    for mode in [0o644, 0o604, 0o602, 0o601, 0o620, 0o660, 0o444] {
        let fault = load(mode).unwrap_err();
        let cure = format!("is open to others (mode {mode:o}). Run `chmod 600 {}`", named.display());
        assert!(fault.starts_with("TENANTRY_SMTP_URL_FILE: ") && fault.contains(&cure), "{fault}");
        assert!(!fault.contains("mail.example.com"), "{fault}");
    }
}

#[test]
fn faults_of_the_file_and_of_the_environment_are_one_report() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tenantry.toml");
    std::fs::write(&path, format!("{NEEDED}[sessions]\naccess_minutes = 99\n")).unwrap();
    let report = Config::load_to_serve(&path, &Environment::default()).unwrap_err();
    let text = report.to_string();
    assert!(
        text.contains("access_minutes = 99 is out of range") && text.contains("TENANTRY_LIVE_URL: neither"),
        "{text}"
    );
}
