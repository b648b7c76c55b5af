//! `tenantry people import`: reads a file of people line by line, and says of each line that did not pass why.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tenantry_custody::vault;
use tenantry_identity::users::import::{self, Imported, LINE_BYTES_MOST, Newcomer};
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
    let mut lines = open(&args)?;
    let (mut report, mut number, mut line) = (Report::default(), 0, Vec::new());
    while read_line(&mut lines, &mut line)? {
        number += 1;
        if !line.trim_ascii().is_empty() {
            let outcome = take(&installation, &line, args.dry_run).await;
            report.note(number, outcome);
        }
        if number % PROGRESS_EVERY == 0 {
            say_error(&format!("{number} lines read"));
        }
    }
    report.tell(args.dry_run);
    Ok(if report.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

async fn take(installation: &Installation, line: &[u8], is_trial: bool) -> Result<Imported, String> {
    if line.len() > LINE_BYTES_MOST {
        return Err(format!("the line is longer than {LINE_BYTES_MOST} bytes."));
    }
    let newcomer = Newcomer::read(line).map_err(|fault| fault.to_string())?;
    let imported = import::import(&installation.ground, &installation.config.roles, &newcomer, is_trial).await;
    imported.map_err(|problem| in_words(&problem))
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
    fn note(&mut self, number: u64, outcome: Result<Imported, String>) {
        match outcome {
            Ok(Imported::New(recipe)) => {
                self.new += 1;
                let recipe = recipe.map_or_else(|| "no password".to_owned(), |recipe| recipe.to_string());
                *self.recipes.entry(recipe).or_default() += 1;
            }
            Ok(Imported::Known) => self.known += 1,
            Err(why) => {
                self.refused += 1;
                if self.refused <= FAULTS_TOLD_MOST {
                    say_error(&format!("line {number}: {why}"));
                }
            }
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
