//! Every component on one page, and the ground's own pages, written to a folder.
//!
//! `cargo run -p tenantry-platform --example gallery -- FOLDER`, then serve the folder by any file server.

use std::path::Path;
use std::sync::Arc;
use std::{env, fs, io};

use askama::Template;
use tenantry_core::clock::{Clock, Timestamp};
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_platform::page::chart::{self, Chart, Point};
use tenantry_platform::page::words::Words;
use tenantry_platform::page::{
    Brand, Choice, Chrome, Disclosure, Field, FlashKind, NavEntry, Nonce, ProblemPage, SignedIn, Visit, Workspace,
    WorkspaceLink, assets, nav,
};

inventory::submit! {
    NavEntry { id: "gallery", area: "workspace", order: 10, word: "nav.home", icon: "home", path: "/components.html", permission: None }
}

#[derive(Debug, Template)]
#[template(path = "gallery.html")]
struct Components {
    chrome: Chrome,
    empty: Field,
    refused: Field,
    choices: Vec<Choice>,
    bars: Chart,
    line: Chart,
    id: String,
    at: Timestamp,
}

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).unwrap_or_else(|| "gallery".to_owned());
    let folder = Path::new(&folder);
    fs::create_dir_all(folder.join("-/assets"))?;
    for name in ["tenantry.css", "copy.js", "time.js", "autosubmit.js", "icon.svg"] {
        let asset = assets::find(assets::href(name)).ok_or(io::ErrorKind::NotFound)?;
        fs::write(folder.join(assets::href(name).trim_start_matches('/')), asset.bytes)?;
    }
    let visit = visit();
    write(folder, "components", &components(&visit))?;
    write(folder, "problem", &problem(&visit))?;
    write(folder, "disclosure", &disclosure(&visit))
}

fn write(folder: &Path, name: &str, page: &impl Template) -> io::Result<()> {
    fs::write(folder.join(format!("{name}.html")), page.render().map_err(io::Error::other)?)
}

fn visit() -> Visit {
    Visit {
        nonce: Nonce::fresh(&Entropy::system()),
        request_id: "019ce2a4-7f10-7c3e-9d1b-52c0a8e4b7f1".to_owned(),
        now: Clock::system().now(),
        brand: Arc::new(Brand::default()),
        words: Words::english(),
    }
}

fn components(visit: &Visit) -> Components {
    let workspace = Workspace::at("Acme Wholesale", "acme", Mode::Test, "/components.html");
    let link =
        |name: &str, current| WorkspaceLink { name: name.to_owned(), href: "/components.html".to_owned(), current };
    let nav = nav(Some(&workspace), "gallery", |_| true);
    let chrome = visit
        .page("nav.home")
        .titled("Components")
        .signed_in(SignedIn { name: "Ada Lindqvist".to_owned(), email: "ada@acme.example".to_owned() })
        .within(workspace, vec![link("Acme Wholesale", true), link("Globex", false)])
        .with_nav(nav)
        .with_flash(FlashKind::Success, "A flash tells what the last act did.");
    let points: Vec<Point> =
        (0..30_u64).map(|day| Point { label: format!("day {day}"), value: day * day % 37 }).collect();
    Components {
        chrome,
        empty: Field::default(),
        refused: Field::refused("ada@acme", "Write the whole address, such as ada@example.com."),
        choices: ["products:read", "orders:write"].map(choice).into(),
        bars: chart::bars(&points, "Thirty days as bars"),
        line: chart::sparkline(&points, "Thirty days as a line"),
        id: "019ce2a4-0000-7c3e-9d1b-52c0a8e4b7f1".to_owned(),
        at: visit.now,
    }
}

fn choice(scope: &str) -> Choice {
    Choice { value: scope.to_owned(), label: scope.to_owned(), hint: "What it allows.".to_owned(), selected: false }
}

fn problem(visit: &Visit) -> ProblemPage {
    ProblemPage {
        chrome: visit.page("nav.home").titled("Suspended"),
        status: 403,
        sentence: "This workspace is suspended.".to_owned(),
        help: "Its owner can have it opened again: ask them.".to_owned(),
        onward_href: "/components.html".to_owned(),
        onward_label: "Go to your other workspaces".to_owned(),
    }
}

fn disclosure(visit: &Visit) -> Disclosure {
    Disclosure {
        chrome: visit.page(Disclosure::TITLE),
        contact: "security@tenantry.example".to_owned(),
        contact_href: "mailto:security@tenantry.example".to_owned(),
        answer_days: 2,
        in_scope: vec!["*.tenantry.example".to_owned()],
        out_of_scope: vec!["The apps that customers run behind the gateway".to_owned()],
    }
}
