//! Finds PostgreSQL's programs: on PATH, and where distributions put them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::fault::ClusterFault;

/// The oldest major that we support: row level security and grants as the migrations use them.
pub(super) const OLDEST_MAJOR: u32 = 15;

/// Where distributions put versioned installations: a folder, the start of the version's folder, and what follows.
const INSTALLATIONS: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),                          // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                                   // Red Hat, Fedora (PGDG)
    ("/usr/libexec", "postgresql", ""),                          // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"),                  // Homebrew, Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),                     // Homebrew, Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),     // Homebrew, Linux
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"), // Postgres.app
];

/// The folders in which PostgreSQL's programs are looked for.
#[derive(Clone, Debug)]
pub struct Places(Vec<PathBuf>);

impl Places {
    /// PATH, and the places that distributions use.
    pub fn of_this_machine() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        Self(on_path.chain(INSTALLATIONS.iter().flat_map(versioned)).collect())
    }

    /// These folders and no others.
    pub fn only(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(folders.into_iter().collect())
    }
}

fn versioned(&(folder, start, rest): &(&str, &str, &str)) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path().join(rest))
        .collect()
}

/// One installation of PostgreSQL: the folder of its programs, and its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binaries {
    pub(super) major: u32,
    minor: u32,
    folder: PathBuf,
}

impl Binaries {
    /// The newest installation, or the newest of the one major that an existing cluster can be run by.
    pub(super) fn find(places: &Places, cluster: Option<(&Path, u32)>) -> Result<Self, ClusterFault> {
        let mut all: Vec<Self> = places.0.iter().filter_map(|folder| Self::in_folder(folder)).collect();
        all.retain(|one| one.major >= OLDEST_MAJOR);
        let newest = all.iter().max().ok_or_else(|| ClusterFault::NotInstalled { install: install_command() })?;
        let Some((home, major)) = cluster else { return Ok(newest.clone()) };
        let same_major = all.iter().filter(|one| one.major == major).max();
        same_major.cloned().ok_or_else(|| ClusterFault::OtherMajor { home: home.to_owned(), major })
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// Follows links, because PostgreSQL finds its own files relative to where its program really is.
    fn in_folder(folder: &Path) -> Option<Self> {
        let postgres = folder.join("postgres").canonicalize().ok()?;
        let folder = postgres.parent()?.to_owned();
        folder.join("initdb").is_file().then_some(())?;
        let said = Command::new(&postgres).arg("--version").output().ok()?;
        let (major, minor) = version(&String::from_utf8_lossy(&said.stdout))?;
        Some(Self { major, minor, folder })
    }
}

/// Reads "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"; a beta ("19beta1") counts as minor 0.
fn version(said: &str) -> Option<(u32, u32)> {
    let number = said.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    let (major, rest) = number.split_at(number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len()));
    let minor = rest.strip_prefix('.').and_then(|minor| minor.parse().ok()).unwrap_or(0);
    Some((major.parse().ok()?, minor))
}

/// The command that installs PostgreSQL on this kind of machine.
fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    let known = [
        ("/usr/bin/apt-get", "sudo apt-get install -y postgresql"),
        ("/usr/bin/dnf", "sudo dnf install -y postgresql-server"),
        ("/sbin/apk", "sudo apk add postgresql"),
        ("/usr/bin/pacman", "sudo pacman -S postgresql"),
    ];
    let here = known.iter().find(|(program, _)| Path::new(program).exists());
    here.map_or("sudo apt-get install -y postgresql", |(_, install)| install)
}
