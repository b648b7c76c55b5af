//! What can be asked, and what a run ends with: 0 nothing found, 1 findings, 2 it could not run.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use tokio_postgres::Client;

use crate::apply;
use crate::attack::{self, Options};
use crate::catalog::{self, Catalog, Relation};
use crate::config::Settings;
use crate::connect::connect;
use crate::explain;
use crate::fault::Fault;
use crate::init::{self, Guess};
use crate::plan::{self, Plan};
use crate::report::{Report, Style, printable};
use crate::stack::with_room;
use crate::verify::{self, World};

/// A verb.
#[derive(Debug, Subcommand)]
pub enum RlsCommand {
    /// Judge the catalogue: reads only, in one snapshot.
    Verify(Common),
    /// Try what an app's role could try, and roll it back.
    Attack(AttackArgs),
    /// Write the statements that close what verify finds, in an order that is safe while others work.
    Plan(Common),
    /// Run them, a transaction a table, and judge again.
    Apply(ApplyArgs),
    /// Look at a database, guess what it is meant to be, and write rls.toml with what each guess rests on.
    Init(InitArgs),
    /// What a class of holes is, how it was abused, and how it is closed; without a name, the list of classes.
    Explain(ExplainArgs),
}

/// What every verb takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The database, as an administrator: postgresql://USER:PASSWORD@HOST/DATABASE
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    url: Option<String>,
    /// What the database is meant to be.
    #[arg(long, default_value = "rls.toml", value_name = "FILE")]
    config: PathBuf,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Where the report goes, instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What `attack` takes.
#[derive(Clone, Debug, Args)]
pub struct AttackArgs {
    #[command(flatten)]
    common: Common,
    /// Go on although this is a primary that others use.
    #[arg(long)]
    yes: bool,
    /// After how many seconds nothing new is begun.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    budget_s: u64,
}

/// What `apply` takes.
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    common: Common,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// What `explain` takes.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    common: Common,
    /// A class, or a finding's whole id.
    class: Option<String>,
}

/// What `init` takes.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    common: Common,
    /// Replace the file that is there.
    #[arg(long)]
    force: bool,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For code hosts.
    Sarif,
}

/// Runs a verb to its end.
pub fn run(command: RlsCommand) -> ExitCode {
    match wait(dispatch(command)) {
        Ok(code) => code,
        Err(fault) => {
            // A fault of rls.toml has a line that points at its place.
            let lines: Vec<_> = fault.to_string().lines().map(printable).collect();
            say_error(&format!("tenantry rls: {}", lines.join("\n")));
            ExitCode::from(2)
        }
    }
}

async fn dispatch(command: RlsCommand) -> Result<ExitCode, Fault> {
    match command {
        RlsCommand::Verify(common) => verify(&common).await,
        RlsCommand::Attack(args) => attack(&args).await,
        RlsCommand::Plan(common) => plan(&common).await,
        RlsCommand::Apply(args) => apply(&args).await,
        RlsCommand::Init(args) => init(&args).await,
        RlsCommand::Explain(args) => explain(&args),
    }
}

async fn verify(common: &Common) -> Result<ExitCode, Fault> {
    let begun = Instant::now();
    let settings = Settings::read(&common.config)?;
    let (_client, catalog) = common.open().await?;
    let settings = meant(&settings, &catalog)?;
    common.tell(&judged("verify", &catalog, &settings)?.after(begun.elapsed()))
}

async fn attack(args: &AttackArgs) -> Result<ExitCode, Fault> {
    let (begun, common) = (Instant::now(), &args.common);
    let settings = Settings::read(&common.config)?;
    let (mut client, catalog) = common.open().await?;
    let settings = meant(&settings, &catalog)?;
    let world = World::new(&catalog, &settings)?;
    common.progress("attacking");
    let options = Options { url: common.url()?.to_owned(), yes: args.yes, budget: Duration::from_secs(args.budget_s) };
    let attack = attack::attack(&mut client, &world, &options).await?;
    if attack.tried.relations == 0 && world.tenant_tables().next().is_some() {
        return Err(Fault::Refused(format!("nothing could be tried: {}", attack.notes.join(" "))));
    }
    let report = Report::new("attack", &world, attack.findings).trying(attack.tried).noting(attack.notes);
    common.tell(&report.after(begun.elapsed()))
}

async fn plan(common: &Common) -> Result<ExitCode, Fault> {
    let settings = Settings::read(&common.config)?;
    let (_client, catalog) = common.open().await?;
    let settings = meant(&settings, &catalog)?;
    let report = judged("plan", &catalog, &settings)?;
    let plan = Plan::of(&report.findings);
    common.progress("");
    common.put(&match common.format {
        Format::Text => common.shown(plan::sql(&plan, &report)),
        Format::Json => plan::json(&plan, &report),
        Format::Sarif => report.written(Format::Sarif, Style::plain()),
    })?;
    Ok(ending(&report))
}

async fn apply(args: &ApplyArgs) -> Result<ExitCode, Fault> {
    let (begun, common) = (Instant::now(), &args.common);
    let settings = Settings::read(&common.config)?;
    let (mut client, catalog) = common.open().await?;
    let settings = meant(&settings, &catalog)?;
    let found = judged("apply", &catalog, &settings)?;
    let plan = Plan::of(&found.findings);
    common.progress("");
    if catalog.server.is_standby && plan.statements() > 0 {
        return Err(Fault::Refused("this is a standby, where nothing can be changed: name the primary.".to_owned()));
    }
    if plan.statements() > 0 && !args.yes {
        confirm(&plan, &found)?;
    }
    apply::apply(&mut client, &plan, &say_progress).await?;
    let catalog = catalog::read(&mut client).await?;
    let left = judged("apply", &catalog, &settings)?;
    let done = format!(
        "{} statements were run; {} findings above info before, {} now.",
        plan.statements(),
        found.holes().count(),
        left.holes().count()
    );
    common.tell(&left.noting([done]).after(begun.elapsed()))
}

/// What the database is meant to be, completed by what the catalogue answers. A word with a slip in it must not let
/// everything pass.
fn meant(settings: &Settings, catalog: &Catalog) -> Result<Settings, Fault> {
    let settings = settings.completed(catalog);
    let is_exposed = |table: &&Relation| table.is_table() && settings.schemas.contains(&table.name.schema);
    let mut exposed = catalog.relations.iter().filter(is_exposed).peekable();
    let column = &settings.tenant_column;
    let is_there =
        exposed.peek().is_none() || exposed.any(|table| table.column(settings.tenant_column(&table.name)).is_some());
    if is_there {
        return Ok(settings);
    }
    Err(Fault::Refused(format!(
        "no table of the schemas {} has the column {column} of rls.toml, so nothing could be judged. Write the column that \
         says whose a row is as tenant_column; tenantry rls init looks for it.",
        settings.schemas.join(", ")
    )))
}

/// What `verify` finds, for a verb that does more.
fn judged(verb: &'static str, catalog: &Catalog, settings: &Settings) -> Result<Report, Fault> {
    let world = World::new(catalog, settings)?;
    Ok(Report::new(verb, &world, verify::verify(&world)))
}

/// Asks whoever sits at the terminal.
fn confirm(plan: &Plan, report: &Report) -> Result<(), Fault> {
    let no = |why: &str| {
        Err(Fault::Refused(format!("{why}: nothing was changed. Read `tenantry rls plan`, then say --yes.")))
    };
    if !std::io::stdin().is_terminal() {
        return no("nobody is there to ask");
    }
    let lines: Vec<String> = plan::sql(plan, report).lines().map(printable).collect();
    say_progress(&lines.join("\n"));
    say_progress(&format!("Run these {} statements in {}? Type yes:", plan.statements(), printable(&report.database)));
    let mut answer = String::new();
    match std::io::stdin().read_line(&mut answer) {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        _ => no("the answer was not yes"),
    }
}

fn ending(report: &Report) -> ExitCode {
    ExitCode::from(u8::from(report.has_holes()))
}

fn explain(args: &ExplainArgs) -> Result<ExitCode, Fault> {
    let common = &args.common;
    common.put(&explain::told(args.class.as_deref(), common.format, common.style())?)?;
    Ok(ExitCode::SUCCESS)
}

async fn init(args: &InitArgs) -> Result<ExitCode, Fault> {
    let (common, path) = (&args.common, &args.common.config);
    if path.exists() && !args.force {
        let path = path.display();
        return Err(Fault::Refused(format!(
            "{path} is there already: --force replaces it, --config FILE writes another."
        )));
    }
    let (client, catalog) = common.open().await?;
    let asked = client.query_one("select current_user::text", &[]).await;
    let administrator: String = asked.map_err(Fault::while_("asking who we are"))?.get(0);
    let guess = Guess::of(&catalog, &administrator);
    let text = init::written(&guess, &catalog.server.database);
    std::fs::write(path, text).map_err(|reason| Fault::Unwritable { path: path.clone(), reason })?;
    common.progress("");
    common.put(&guess.told(path, common.format == Format::Text))?;
    Ok(ExitCode::SUCCESS)
}

impl Common {
    /// The connection, and the snapshot.
    async fn open(&self) -> Result<(Client, Catalog), Fault> {
        self.progress("connecting");
        let mut client = connect(self.url()?).await?;
        self.progress("reading the catalogue");
        let catalog = catalog::read(&mut client).await?;
        self.progress("judging");
        Ok((client, catalog))
    }

    fn url(&self) -> Result<&str, Fault> {
        let missing = "no database is named: say --url postgresql://USER:PASSWORD@HOST/DATABASE, or set DATABASE_URL.";
        self.url.as_deref().filter(|url| !url.is_empty()).ok_or_else(|| Fault::Refused(missing.to_owned()))
    }

    /// Writes the report, and says how the run ends.
    fn tell(&self, report: &Report) -> Result<ExitCode, Fault> {
        self.progress("");
        self.put(&report.written(self.format, self.style()))?;
        Ok(ending(report))
    }

    /// Puts a text where it was asked for.
    fn put(&self, text: &str) -> Result<(), Fault> {
        let Some(path) = &self.output else { return say(text) };
        std::fs::write(path, text).map_err(|reason| Fault::Unwritable { path: path.clone(), reason })
    }

    /// Statements name objects as they are called; a terminal shows those names without acting on them.
    fn shown(&self, text: String) -> String {
        if self.output.is_some() || !std::io::stdout().is_terminal() {
            return text;
        }
        text.lines().flat_map(|line| [printable(line), "\n".to_owned()]).collect()
    }

    fn style(&self) -> Style {
        if self.output.is_some() { Style::plain() } else { Style::of_terminal() }
    }

    /// What is being done, for whoever watches a terminal.
    fn progress(&self, doing: &str) {
        if std::io::stderr().is_terminal() {
            let line = if doing.is_empty() { String::new() } else { format!("{doing} …") };
            // Nothing depends on whether it is seen.
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
    }
}

/// On a stack with room for expressions that are nested as deep as any are followed.
fn wait<T: Send>(work: impl Future<Output = Result<T, Fault>> + Send) -> Result<T, Fault> {
    let failed = |error| Fault::Refused(format!("no runtime can be made: {error}"));
    let run = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.map_err(failed)?.block_on(work)
    };
    with_room(run).map_err(failed)?
}

/// Standard output holds the report and nothing else. A reader that has gone has read what it wanted.
fn say(text: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(reason) if reason.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Fault::Unwritable { path: "standard output".into(), reason })
        }
        _ => Ok(()),
    }
}

/// What `apply` does, line by line: whoever runs it wants to know also where no terminal is.
fn say_progress(line: &str) {
    say_error(line);
}

fn say_error(line: &str) {
    // There is no third place to say that nobody hears it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
