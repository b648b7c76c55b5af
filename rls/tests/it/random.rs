//! Random schemas, of which it is known what leaks: `attack` is the oracle of `verify`, and what was planted is the
//! oracle of both.

mod around;
mod code;
mod context;
mod dice;
mod feature;
mod grammar;
mod policies;
mod scene;
mod sources;
mod table;
mod triggers;
mod wide;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use futures_util::{StreamExt as _, stream};
use tenantry_rls::config::Settings;
use tenantry_rls::finding::{Finding, Severity};

use crate::place::{Place, verified};
use dice::Dice;
use feature::Feature;
use scene::Scene;

/// How many schemas, where the ordinary hundred is too few.
const SCHEMAS: &str = "TENANTRY_RLS_SCHEMAS";
/// Where to begin, to see one again.
const SEED: &str = "TENANTRY_RLS_SEED";
/// How many schemas share a database: reading one takes longer the more is in it, making one takes longer still.
const IN_A_DATABASE: usize = 10;
/// How many databases are judged at once.
const AT_ONCE: usize = 4;

#[expect(clippy::print_stdout, reason = "what was drawn, for whoever asks with --nocapture")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn verify_and_attack_agree_on_random_schemas() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |said| said.parse().unwrap());
    let (schemas, seed) = (number(SCHEMAS, 100), number(SEED, 1));
    let batches = (0..schemas).step_by(IN_A_DATABASE).map(|first| first..schemas.min(first + IN_A_DATABASE));
    let judged = stream::iter(batches).map(|batch| tokio::spawn(judge(batch, seed)));
    let drawn: Vec<Drawn> = judged.buffered(AT_ONCE).map(Result::unwrap).concat().await;
    println!("{}", tell(&drawn));
    let wrong: Vec<String> = drawn.iter().flat_map(|drawn| drawn.wrong.clone()).collect();
    assert!(wrong.is_empty(), "{:?} among {} disagreements:\n\n{}", kinds(&drawn), wrong.len(), wrong.join("\n\n"));
}

/// One schema, and what came of it.
struct Drawn {
    features: Vec<Feature>,
    wrong: Vec<String>,
}

/// One after the other in one database: making a database takes longer than making a schema.
async fn judge(batch: std::ops::Range<usize>, seed: usize) -> Vec<Drawn> {
    let place = Place::new().await;
    let mut judged = Vec::new();
    for number in batch {
        judged.push(judge_one(&place, seed, number).await);
    }
    place.remove().await;
    judged
}

async fn judge_one(place: &Place, seed: usize, number: usize) -> Drawn {
    let (scene, opening, features) = draw(seed, number);
    let ddl: String = features.iter().map(|feature| feature.made.ddl.as_str()).collect();
    place.administrate(&format!("{opening}{ddl}")).await.unwrap_or_else(|fault| panic!("{fault}\n{ddl}"));
    let beside: Vec<&str> = features.iter().flat_map(|feature| feature.made.schemas.clone()).collect();
    let settings = Settings::parse(&place.named(&scene.toml(&beside))).unwrap();
    let mut catalog = place.catalog().await.unwrap();
    let version = features.iter().find_map(|feature| feature.made.version);
    catalog.server.version_num = version.unwrap_or(catalog.server.version_num);
    let verified = objects(place, &verified(&catalog, &settings).unwrap());
    let attacked = objects(place, &place.attack(&catalog, &settings).await.unwrap());
    let undo: String = features.iter().map(|feature| feature.made.undo.as_str()).collect();
    place.administrate(&format!("drop schema {} cascade;\n{undo}", scene.schema)).await.unwrap();
    let about = format!("in schema {number} of seed {seed}:\n{}{opening}", scene.toml(&beside));
    let wrong = compare(&features, &verified, &attacked).into_iter();
    Drawn { wrong: wrong.map(|line| format!("{line}\n{about}")).collect(), features }
}

/// A scene, what opens it, and its objects: half of the schemas are clean, and in the others one in two leaks.
fn draw(seed: usize, number: usize) -> (Scene, String, Vec<Feature>) {
    let mut dice = Dice::new(u64::try_from(seed * 1_000_003 + number).unwrap());
    let scene = Scene::draw(&mut dice, number);
    let opening = scene.opening(&mut dice);
    let (leaks, count) = (dice.percent(50), 2 + dice.below(4));
    if dice.percent(20) {
        let alone = feature::draw_alone(&mut dice, &scene, leaks);
        return (scene, opening, vec![alone]);
    }
    let features = (0..count).map(|at| {
        let leaks = leaks && (at == 0 || dice.percent(50));
        feature::draw(&mut dice, &scene, at, leaks)
    });
    let features = features.collect();
    (scene, opening, features)
}

/// The objects with a finding above `info`, and what it says.
fn objects(place: &Place, findings: &[Finding]) -> BTreeMap<String, String> {
    let above = findings.iter().filter(|finding| finding.severity > Severity::Info);
    above.map(|finding| (place.unnamed(&finding.object), place.unnamed(&finding.id()))).collect()
}

/// Where the parts disagree with each other or with what was planted, and who is wrong.
fn compare(
    features: &[Feature],
    verified: &BTreeMap<String, String>,
    attacked: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (part, said) in [("verify", verified), ("attack", attacked)] {
        let asked = features.iter().filter(|feature| part == "verify" || !feature.made.is_of_the_catalogue);
        wrong.extend(asked.filter_map(|feature| compare_one(part, feature, said)));
        if features.iter().any(|feature| feature.leaks && feature.made.is_everywhere) {
            continue;
        }
        let known: HashSet<&String> = features.iter().flat_map(|feature| &feature.made.objects).collect();
        for (object, id) in said.iter().filter(|(object, _)| !known.contains(object)) {
            let mut near = features.iter().filter(|feature| feature.made.ddl.contains(object.as_str()));
            let (class, ddl) = near.next().map_or(("?", ""), |feature| (feature.class, &feature.made.ddl));
            wrong.push(format!("{part} falsely says {id} of {object} (beside {class})\n{ddl}"));
        }
    }
    wrong
}

/// What a part says of a feature, where it is wrong.
fn compare_one(part: &str, feature: &Feature, said: &BTreeMap<String, String>) -> Option<String> {
    let Feature { class, leaks, made } = feature;
    let said = made.objects.iter().find_map(|object| said.get(object));
    if said.is_some() == *leaks {
        return None;
    }
    let what = said.map_or_else(|| "misses".to_owned(), |id| format!("falsely says {id} of"));
    Some(format!("{part} {what} {} ({class})\n{}", made.objects[0], made.ddl))
}

/// What was drawn, and what was wrong, in a line each.
fn tell(drawn: &[Drawn]) -> String {
    let mut classes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for feature in drawn.iter().flat_map(|drawn| &drawn.features) {
        let (leaks, clean) = classes.entry(feature.class).or_default();
        *(if feature.leaks { leaks } else { clean }) += 1;
    }
    let leaking = drawn.iter().filter(|drawn| drawn.features.iter().any(|feature| feature.leaks)).count();
    let mut text = format!("{} schemas, {leaking} of them leak.\n", drawn.len());
    for (class, (leaks, clean)) in classes {
        let _ = writeln!(text, "{class}: {leaks} leak, {clean} clean");
    }
    for (kind, count) in kinds(drawn) {
        let _ = writeln!(text, "{count} x {kind}");
    }
    text
}

/// Who was wrong, how, and about what class: how often.
fn kinds(drawn: &[Drawn]) -> BTreeMap<String, usize> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in drawn.iter().flat_map(|drawn| &drawn.wrong) {
        let (part, rest) = line.split_once(' ').unwrap();
        let line = rest.lines().next().unwrap();
        let class = line.rsplit(" (").next().unwrap_or_default().trim_end_matches(')');
        let what = if rest.starts_with("misses") { "misses" } else { "falsely says" };
        *kinds.entry(format!("{part} {what}: {class}")).or_default() += 1;
    }
    kinds
}
