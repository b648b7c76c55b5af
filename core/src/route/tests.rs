//! The rules of routes, by example and against a naive matcher.

use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

fn table(patterns: &[&str]) -> Table {
    let patterns: Vec<Pattern> = patterns.iter().map(|text| pattern(text)).collect();
    Table::new(patterns.iter().map(|pattern| (pattern, Methods::ALL))).unwrap()
}

#[test]
fn the_most_specific_pattern_wins_whatever_the_order() {
    let table = table(&["/*", "/a/*", "/a/{x}/c", "/a/b/d", "/a/b"]);
    for (path, route) in
        [("/", 0), ("/z", 0), ("/a", 0), ("/a/", 1), ("/a/b/x/y", 1), ("/a/b/c", 2), ("/a/b/d", 3), ("/a/b", 4)]
    {
        assert_eq!(table.find(path, Method::Get), Found::Route(route), "{path}");
    }
}

#[test]
fn a_method_that_was_not_declared_never_falls_through_to_a_wider_pattern() {
    let (admin, all) = (pattern("/admin"), pattern("/*"));
    let table = Table::new([(&admin, Methods::NONE.with(Method::Get)), (&all, Methods::ALL)]).unwrap();
    let declared = Methods::NONE.with(Method::Get).with(Method::Head);
    assert_eq!(table.find("/admin", Method::Post), Found::OtherMethods(declared));
    assert_eq!(declared.to_string(), "GET, HEAD");
}

#[test]
fn an_encoded_letter_reaches_the_same_route() {
    let table = table(&["/*", "/admin/*"]);
    assert_eq!(table.find("/%61dmin/x", Method::Get), Found::Route(1));
    assert_eq!(table.find("/admin%2Fx", Method::Get), Found::Route(0));
    assert_eq!(table.find("/%ff%fe", Method::Get), Found::Route(0));
}

#[test]
fn a_path_that_a_lax_application_reads_otherwise_names_the_stricter_route() {
    let table = table(&["/*", "/admin", "/reports/*"]);
    let reaches = |path, route| table.may_be_read(path, |ends| ends.iter().any(|(_, end)| *end == route));
    for (path, route) in [
        ("/Admin", 1),
        ("/admin/", 1),
        ("/%41dmin", 1),
        ("/REPORTS/x", 2),
        ("/admin%3Fx", 1),
        ("/admin/%23", 1),
        ("/report%C5%BF/x", 2),
    ] {
        assert!(reaches(path, route), "{path}");
    }
    assert!(!table.may_be_read("/admin", |_| true), "a plain path has one reading");
}

/// One who looks at the case and not at the slash, and one who does the other way round, read two different things.
#[test]
fn each_laxness_is_tried_alone_and_with_the_others() {
    let table = table(&["/*", "/A/{y}", "/a/x", "/a/x/*"]);
    let reaches = |path, route| table.may_be_read(path, |ends| ends.iter().any(|(_, end)| *end == route));
    assert!(reaches("/A/x/", 1) && reaches("/A/x/", 2) && reaches("/A/x/", 3));
}

#[test]
fn two_routes_of_one_path_share_no_method() {
    let (a, b) = (pattern("/orders/{id}"), pattern("/orders/{order}"));
    let get = Methods::NONE.with(Method::Get);
    assert_eq!(Table::new([(&a, get), (&b, Methods::ALL)]).unwrap_err(), Clash { first: 0, second: 1 });
    let post = Methods::NONE.with(Method::Post);
    assert_eq!(Table::new([(&a, get), (&b, post)]).unwrap().find("/orders/7", Method::Post), Found::Route(1));
}

#[test]
fn what_is_no_pattern_is_told_why() {
    for (text, why) in [
        ("api", NotAPattern::NoSlash),
        ("/a//b", NotAPattern::EmptySegment),
        ("/a/../b", NotAPattern::DotSegment("..".into())),
        ("/a/*/b", NotAPattern::Star),
        ("/a/x*", NotAPattern::Star),
        ("/a/{}", NotAPattern::Param),
        ("/a/x{id}", NotAPattern::Param),
        ("/a?b", NotAPattern::Character('?')),
        ("/a;b", NotAPattern::Character(';')),
        ("/a%20b", NotAPattern::Character('%')),
    ] {
        assert_eq!(text.parse::<Pattern>(), Err(why), "{text}");
    }
    assert_eq!(format!("/{}", "a".repeat(PATTERN_BYTES_MAX)).parse::<Pattern>(), Err(NotAPattern::TooLong));
}

/// Few letters, so that patterns and paths meet often.
fn patterns() -> impl Strategy<Value = Pattern> {
    ("(/(a|b|B|\\{x\\})){0,3}", prop_oneof![Just("/"), Just("/*"), Just("/a"), Just("/{y}")])
        .prop_map(|(head, tail)| pattern(&format!("{head}{tail}")))
}

/// The rule of specificity, said the slow way: compare segment by segment, literals first.
fn rank(pattern: &Pattern) -> Vec<u8> {
    let rank_segment = |segment: &Segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Param => 1,
        Segment::Rest => 2,
    };
    pattern.segments.iter().map(rank_segment).collect()
}

fn find_naively(patterns: &[Pattern], path: &str) -> Option<usize> {
    let matching = patterns.iter().enumerate().filter(|(_, pattern)| pattern.matches(path));
    matching.min_by_key(|(_, pattern)| rank(pattern)).map(|(at, _)| at)
}

proptest! {
    #[test]
    fn the_table_agrees_with_the_naive_matcher(
        all in prop::collection::vec(patterns(), 0..12),
        path in "(/(a|b|B|%61|zz|)){1,4}",
    ) {
        let mut unique: Vec<Pattern> = Vec::new();
        for pattern in all {
            if !unique.iter().any(|known| known.is_same_as(&pattern)) {
                unique.push(pattern);
            }
        }
        let table = Table::new(unique.iter().map(|pattern| (pattern, Methods::ALL))).unwrap();
        let expected = find_naively(&unique, &path).map_or(Found::Nothing, Found::Route);
        prop_assert_eq!(table.find(&path, Method::Get), expected);
    }

    #[test]
    fn covering_means_matching_whatever_the_other_matches(a in patterns(), b in patterns(), filler in "(a|b|zz)", rest in "(|a|zz/b)") {
        let fill = |segment: &Segment| match segment {
            Segment::Literal(text) => text.to_string(),
            Segment::Param => filler.clone(),
            Segment::Rest => rest.clone(),
        };
        let path = format!("/{}", b.segments.iter().map(fill).collect::<Vec<_>>().join("/"));
        prop_assert!(b.matches(&path));
        prop_assert!(!a.covers(&b) || a.matches(&path));
    }

    #[test]
    fn not_covering_has_a_witness(a in patterns(), b in patterns()) {
        let fill = |segment: &Segment, rest: &str| match segment {
            Segment::Literal(text) => text.to_string(),
            Segment::Param => "fresh".to_owned(),
            Segment::Rest => rest.to_owned(),
        };
        let witness = |rest: &str| {
            format!("/{}", b.segments.iter().map(|segment| fill(segment, rest)).collect::<Vec<_>>().join("/"))
        };
        let escapes = ["", "fresh", "fresh/fresh/fresh/fresh/fresh"].iter().any(|rest| !a.matches(&witness(rest)));
        prop_assert_eq!(a.covers(&b), !escapes);
    }

    #[test]
    fn a_route_is_found_exactly_where_a_pattern_matches(
        path in "(/|a|b|A|%61|%2f|%|\\.|;|\u{e9}){0,8}",
        lines in prop::collection::vec("(/|a|b|\\{x\\}|\\*){0,7}", 0..8),
    ) {
        property::holds(&format!("{path}\n{}", lines.join("\n")));
    }

    #[test]
    fn nothing_panics(text in ".*", path in ".*") {
        let parsed = text.parse::<Pattern>();
        let table = table(&["/a/{x}", "/*", "/B/"]);
        let _ = (table.find(&path, Method::Get), table.may_be_read(&path, |_| false));
        if let Ok(pattern) = parsed {
            let _ = pattern.matches(&path);
        }
    }
}
