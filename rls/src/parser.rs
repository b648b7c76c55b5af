//! PostgreSQL's own parser, on a thread of its own.
//!
//! For each thread that it first runs on it takes one of the process's 1,024 places for what a thread keeps
//! (`pthread_key_create`), and never gives it back. Whoever comes last finds none, and ends the process: TLS, the source of
//! random bytes. So one thread parses for all. It has a stack with room, since the parser descends as deep as a text is
//! nested.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel, sync_channel};

use pg_query::protobuf::{ParseResult, ScanToken};

use crate::stack;

type Work = Box<dyn FnOnce() + Send>;

/// None where the system has no thread to give: nothing can be parsed then, and so nothing is called sound.
static PARSER: LazyLock<Option<Sender<Work>>> = LazyLock::new(|| {
    let (give, take) = channel::<Work>();
    let parse = move || take.into_iter().for_each(|work| work());
    stack::thread("parser").spawn(parse).is_ok().then_some(give)
});

/// What the parser makes of it; none where it is not there, or panics.
fn ask<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    let (tell, told) = sync_channel(1);
    let work = move || {
        let answer = catch_unwind(AssertUnwindSafe(work)).ok().flatten();
        // Whoever asked waits for it.
        let _ = tell.send(answer);
    };
    PARSER.as_ref()?.send(Box::new(work)).ok()?;
    told.recv().ok().flatten()
}

/// The tree of statements in SQL; none where the text is not SQL.
pub(crate) fn sql(text: &str) -> Option<ParseResult> {
    let text = text.to_owned();
    ask(move || Some(pg_query::parse(&text, pg_query::ParserOptions::DEFAULT).ok()?.protobuf))
}

/// The tree of a function in PL/pgSQL, from the statement that creates it.
pub(crate) fn plpgsql(create: &str) -> Option<serde_json::Value> {
    let create = create.to_owned();
    ask(move || pg_query::parse_plpgsql(&create).ok())
}

/// The words of a text.
pub(crate) fn tokens(text: &str) -> Option<Vec<ScanToken>> {
    let text = text.to_owned();
    ask(move || Some(pg_query::scan(&text).ok()?.tokens))
}

/// A tree as SQL again.
pub(crate) fn written(tree: ParseResult) -> Option<String> {
    ask(move || tree.deparse(pg_query::DeparseOptions::default()).ok())
}

#[cfg(test)]
mod tests {
    use super::{sql, written};

    /// More threads than the process has places for.
    #[test]
    fn threads_that_ask_take_no_place_of_the_process() {
        for _ in 0..1_100 {
            let asked = std::thread::spawn(|| sql("select 1").and_then(written));
            assert_eq!(asked.join().unwrap().as_deref(), Some("SELECT 1"));
        }
        let key = std::thread::spawn(rcgen::KeyPair::generate).join().unwrap();
        assert!(key.is_ok(), "whoever needs a place finds one");
    }

    #[test]
    fn what_is_no_sql_has_no_tree_and_what_is_deep_ends_nothing() {
        assert!(sql("selec 1").is_none());
        let deep = format!("select {}1{}", "(".repeat(50_000), ")".repeat(50_000));
        let _ = sql(&deep);
        assert!(sql("select 2").is_some(), "the next one is answered");
    }
}
