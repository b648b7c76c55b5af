//! `tenantry people import`: reads a file of people line by line, and says of each line that did not pass why.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tenantry_custody::vault;
use tenantry_identity::users::import::{self, Imported, LINE_BYTES_MOST, Newcomer};
use tenantry_platform::config::Roles;
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::Problem;

use super::connect::Installation;
use super::{Outcome, Where, say, say_error};
use crate::Fault;

/// Lines whose faults are told one by one; the rest are counted.
const FAULTS_TOLD_MOST: u64 = 100;
/// Lines between two words of progress.
const PROGRESS_EVERY: u64 = 1_000;

/// People of another product.
#[derive(Clone, Debug, Args)]
pub(super) struct ImportArgs {
    /// JSON lines: {"email", "name", "password_hash"?, "email_verified"?, "workspace"?, "role"?}. `-` reads standard input.
    file: PathBuf,
    /// Do everything, take it back, and say what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Where,
}

/// What came of the lines.
#[derive(Default)]
struct Report {
    new: u64,
    known: u64,
    refused: u64,
    recipes: BTreeMap<String, u64>,
}

pub(super) async fn run(args: ImportArgs) -> Outcome {
    let installation = Installation::open(&args.place).await?;
    // What is sealed here, the serving process has to open.
    vault::ensure_canary(&installation.ground).await?;
    let (ground, roles) = (&installation.ground, &installation.config.roles);
    let taking = async |line: Vec<u8>| take(ground, roles, &line, args.dry_run).await;
    let (report, stopped) = read_all(&mut *open(&args)?, taking).await?;
    report.tell(args.dry_run);
    match stopped {
        Some(stopped) => Err(stopped.to_string().into()),
        None if report.refused == 0 => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

/// Why a line did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    /// For what it says.
    Line(String),
    /// Nobody could look: every line after it would fare the same.
    Away(String),
}

/// A reading that did not come to the end of its file.
#[derive(Debug, thiserror::Error)]
#[error("stopped at line {number}: {why} Run it again with the same file: what is there stays as it is.")]
struct Stopped {
    number: u64,
    why: String,
}

/// Takes line after line, until the end or until the database is away.
async fn read_all(
    lines: &mut dyn BufRead,
    take: impl AsyncFn(Vec<u8>) -> Result<Imported, Refusal>,
) -> std::io::Result<(Report, Option<Stopped>)> {
    let (mut report, mut number, mut line) = (Report::default(), 0, Vec::new());
    while read_line(lines, &mut line)? {
        number += 1;
        if !line.trim_ascii().is_empty() {
            match take(std::mem::take(&mut line)).await {
                Err(Refusal::Away(why)) => return Ok((report, Some(Stopped { number, why }))),
                Err(Refusal::Line(why)) => report.refuse(number, &why),
                Ok(imported) => report.note(imported),
            }
        }
        if number % PROGRESS_EVERY == 0 {
            say_error(&format!("{number} lines read"));
        }
    }
    Ok((report, None))
}

fn open(args: &ImportArgs) -> Result<Box<dyn BufRead>, Fault> {
    if args.file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(&args.file).map_err(|fault| format!("{} cannot be read: {fault}", args.file.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The next line, of which at most one byte more than allowed is kept. `false`: there is none.
fn read_line(lines: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let most = u64::try_from(LINE_BYTES_MOST).unwrap_or(u64::MAX) + 1;
    if lines.take(most).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.len() > LINE_BYTES_MOST && line.last() != Some(&b'\n') {
        lines.skip_until(b'\n')?;
    }
    Ok(true)
}

async fn take(ground: &Ground, roles: &Roles, line: &[u8], is_trial: bool) -> Result<Imported, Refusal> {
    if line.len() > LINE_BYTES_MOST {
        return Err(Refusal::Line(format!("the line is longer than {LINE_BYTES_MOST} bytes.")));
    }
    let newcomer = Newcomer::read(line).map_err(|fault| Refusal::Line(fault.to_string()))?;
    Ok(import::import(ground, roles, &newcomer, is_trial).await?)
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        match problem.status().is_server_error() {
            true => Self::Away(problem.ours.as_ref().map_or_else(|| in_words(&problem), |ours| format!("{ours}."))),
            false => Self::Line(in_words(&problem)),
        }
    }
}

fn in_words(problem: &Problem) -> String {
    match problem.fields.as_slice() {
        [] => problem.detail.to_string(),
        fields => {
            fields.iter().map(|fault| format!("{}: {}.", fault.field, fault.message)).collect::<Vec<_>>().join(" ")
        }
    }
}

impl Report {
    fn note(&mut self, imported: Imported) {
        match imported {
            Imported::New(recipe) => {
                self.new += 1;
                let recipe = recipe.map_or_else(|| "no password".to_owned(), |recipe| recipe.to_string());
                *self.recipes.entry(recipe).or_default() += 1;
            }
            Imported::Known => self.known += 1,
        }
    }

    fn refuse(&mut self, number: u64, why: &str) {
        self.refused += 1;
        if self.refused <= FAULTS_TOLD_MOST {
            say_error(&format!("line {number}: {why}"));
        }
    }

    fn tell(&self, is_trial: bool) {
        if self.refused > FAULTS_TOLD_MOST {
            say_error(&format!("{} more lines were refused", self.refused - FAULTS_TOLD_MOST));
        }
        for (recipe, people) in &self.recipes {
            say(&format!("{people:>8}  {recipe}"));
        }
        let verb = if is_trial { "would be imported" } else { "were imported" };
        let Self { new, known, refused, .. } = self;
        say(&format!("{new} people {verb}, {known} have an account already, {refused} lines were refused."));
        if is_trial {
            say("This was a trial: nothing was written.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_stops_at_the_first_line_that_nobody_can_look_up() {
        let mut file = "{\"a\"}\n\n{\"bad\"}\n{\"away\"}\n{\"never\"}\n".as_bytes();
        let taking = async |line: Vec<u8>| match line.as_slice() {
            b"{\"a\"}\n" => Ok(Imported::New(None)),
            b"{\"bad\"}\n" => Err(Refusal::from(Problem::invalid("workspace", "there is none"))),
            b"{\"away\"}\n" => Err(Refusal::from(Problem::unavailable("the database is not available: refused"))),
            _ => panic!("a line after the end"),
        };
        let (report, stopped) = read_all(&mut file, taking).await.expect("a file");
        assert_eq!((report.new, report.known, report.refused), (1, 0, 1));
        let said = stopped.expect("it stopped").to_string();
        assert!(said.starts_with("stopped at line 4: the database is not available: refused."), "{said}");
        assert!(said.ends_with("Run it again with the same file: what is there stays as it is."), "{said}");
    }
}
