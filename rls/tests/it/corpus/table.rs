//! docs/rls-corpus.md: what was measured, as a table that a person reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::judge::{Found, Verdict};

#[derive(Default)]
struct Line {
    leaks: usize,
    verify: usize,
    attack: usize,
    either: usize,
    clean: usize,
    false_alarms: usize,
}

impl Line {
    fn count(&mut self, verdict: &Verdict) {
        let attacked = verdict.attack.as_ref();
        if verdict.leaks {
            self.leaks += 1;
            self.verify += usize::from(verdict.verify.hit);
            self.attack += usize::from(attacked.is_some_and(|found| found.hit));
            self.either += usize::from(verdict.verify.hit || attacked.is_some_and(|found| found.hit));
        } else {
            self.clean += 1;
            self.false_alarms += usize::from(parts(verdict).any(|(_, found)| !found.beside.is_empty()));
        }
    }

    fn print(&self, title: &str) -> String {
        let Self { leaks, verify, attack, either, clean, false_alarms } = self;
        format!("| {title} | {leaks} | {verify} | {attack} | {either} | {clean} | {false_alarms} |\n")
    }
}

fn parts(verdict: &Verdict) -> impl Iterator<Item = (&'static str, &Found)> {
    let attack = verdict.attack.iter().map(|found| ("attack", found));
    std::iter::once(("verify", &verdict.verify)).chain(attack)
}

/// The part of the page that is measured.
pub(super) fn print(verdicts: &[Verdict]) -> String {
    let (mut all, mut classes) = (Line::default(), BTreeMap::<&str, Line>::new());
    for verdict in verdicts {
        all.count(verdict);
        classes.entry(&verdict.class).or_default().count(verdict);
    }
    let mut page = "| class | leaks | verify | attack | either | clean | false alarms |\n| --- | --- | --- | --- | --- | --- | --- |\n".to_owned();
    page.extend(classes.iter().map(|(class, line)| line.print(&format!("`{class}`"))));
    page.push_str(&all.print("all"));
    page.push_str(&list("Found by neither", verdicts, missed));
    page.push_str(&list("Found by attack alone", verdicts, |verdict| {
        if verdict.verify.hit { Vec::new() } else { attacked(verdict) }
    }));
    page.push_str(&list("False alarms", verdicts, |verdict| if verdict.leaks { Vec::new() } else { beside(verdict) }));
    page.push_str(&list("Beside a hole, and not true", verdicts, |verdict| {
        if verdict.leaks { beside(verdict) } else { Vec::new() }
    }));
    page.push_str(&list("Named otherwise", verdicts, |verdict| said(verdict, |found| &found.otherwise)));
    page.push_str(&list("Could not be judged", verdicts, faults));
    page
}

fn list(title: &str, verdicts: &[Verdict], what: impl Fn(&Verdict) -> Vec<String>) -> String {
    let lines: Vec<String> = verdicts.iter().flat_map(what).collect();
    let mut text = format!("\n## {title}\n\n");
    if lines.is_empty() {
        text.push_str("None.\n");
    }
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
    text
}

fn missed(verdict: &Verdict) -> Vec<String> {
    let is_found = parts(verdict).any(|(_, found)| found.hit);
    if verdict.leaks && !is_found { vec![format!("`{}`", verdict.title)] } else { Vec::new() }
}

fn attacked(verdict: &Verdict) -> Vec<String> {
    let is_found = verdict.attack.as_ref().is_some_and(|found| found.hit);
    if verdict.leaks && is_found { vec![format!("`{}`", verdict.title)] } else { Vec::new() }
}

fn beside(verdict: &Verdict) -> Vec<String> {
    said(verdict, |found| &found.beside)
}

fn said<'a>(verdict: &'a Verdict, which: impl Fn(&'a Found) -> &'a Vec<String>) -> Vec<String> {
    let lines = parts(verdict).flat_map(|(part, found)| which(found).iter().map(move |id| (part, id)));
    lines.map(|(part, id)| format!("`{}`: {part} says `{}`", verdict.title, id.replace('\n', " "))).collect()
}

fn faults(verdict: &Verdict) -> Vec<String> {
    let parts = parts(verdict).filter_map(|(part, found)| Some((part, found.fault.clone()?)));
    let all = parts.chain(verdict.unproved.clone().map(|fault| ("psql", fault)));
    all.map(|(part, fault)| format!("`{}`: {part}: {}", verdict.title, fault.replace('\n', " "))).collect()
}
