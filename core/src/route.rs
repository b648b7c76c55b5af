//! Path patterns of the application's routes, and the table that finds the one for a request [AC-15].
//!
//! `/api/products` is itself, `{id}` is one segment that is not empty, and a last `*` is whatever
//! follows its slash, also nothing. The most specific pattern wins, whatever the order in the
//! file: segment by segment from the left, a literal before `{id}` before `*`.
//!
//! What must hold:
//! - The path decides first and the method second. `POST /admin` never falls through to a public
//!   `/*` because `/admin` was declared for `GET` alone.
//! - Literals are compared with the *decoded* segment, so `/%61dmin` is `/admin`.
//! - An application may be laxer than this table: Express takes `/Admin` and `/admin/` for
//!   `/admin`. [`Table::lax_reading`] names the stricter pattern that such a path could reach.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Longer patterns are mistakes: request paths themselves are capped at this order of size.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// A path pattern, well formed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Box<str>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segment {
    Literal(Box<str>),
    /// One segment that is not empty. Its name is for people.
    Param,
    /// The rest, also nothing. Only at the end.
    Rest,
}

/// Why a text is no pattern; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    #[error("a path begins with /")]
    NoSlash,
    #[error("a path is at most {PATTERN_BYTES_MAX} bytes long")]
    TooLong,
    #[error("two slashes in a row match nothing; write one")]
    EmptySegment,
    #[error("{0} is resolved by browsers before it is sent; write the path that it leads to")]
    DotSegment(Box<str>),
    #[error("* stands alone after the last slash, as in /assets/*")]
    Star,
    #[error("a parameter is a whole segment with a name of letters, digits and _, as in /orders/{{id}}")]
    Param,
    #[error("{0:?} cannot stand in a path pattern; write letters as they are, without %-encoding, query or fragment")]
    Character(char),
}

impl Pattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `path` (no query) matches.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut parts = rest.split('/');
        for segment in &self.segments {
            if *segment == Segment::Rest {
                return parts.next().is_some();
            }
            if !parts.next().is_some_and(|part| segment.takes(part)) {
                return false;
            }
        }
        parts.next().is_none()
    }

    /// Whether every path that `other` matches is matched by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        let mut theirs = other.segments.iter();
        for mine in &self.segments {
            match (mine, theirs.next()) {
                (Segment::Rest, Some(_)) => return true,
                (Segment::Param, Some(Segment::Param)) => {}
                (Segment::Param, Some(Segment::Literal(text))) if !text.is_empty() => {}
                (Segment::Literal(a), Some(Segment::Literal(b))) if a == b => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }

    /// Whether both match exactly the same paths; the names of parameters make no difference.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.segments == other.segments
    }

    /// Whether a lax application could take both for one: they differ at most in case and a last slash.
    pub fn reads_like(&self, other: &Self) -> bool {
        self.lax() == other.lax()
    }

    /// The pattern as a lax application reads it: lower case, no slash at the end.
    fn lax(&self) -> Vec<Segment> {
        let mut segments: Vec<Segment> = self.segments.iter().map(Segment::folded).collect();
        if segments.len() > 1 && segments.last().is_some_and(Segment::is_empty) {
            segments.pop();
        }
        segments
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let rest = text.strip_prefix('/').ok_or(NotAPattern::NoSlash)?;
        if text.len() > PATTERN_BYTES_MAX {
            return Err(NotAPattern::TooLong);
        }
        let last = rest.split('/').count() - 1;
        let segments = rest.split('/').enumerate().map(|(at, part)| Segment::parse(part, at == last));
        Ok(Self { text: text.into(), segments: segments.collect::<Result<_, _>>()? })
    }
}

impl Segment {
    fn parse(part: &str, is_last: bool) -> Result<Self, NotAPattern> {
        match part {
            "" if !is_last => Err(NotAPattern::EmptySegment),
            "." | ".." => Err(NotAPattern::DotSegment(part.into())),
            "*" if is_last => Ok(Self::Rest),
            _ if part.contains('*') => Err(NotAPattern::Star),
            _ if part.contains(['{', '}']) => parameter(part),
            _ => literal(part),
        }
    }

    fn takes(&self, part: &str) -> bool {
        match self {
            Self::Literal(text) => *decoded(part) == **text,
            Self::Param => !part.is_empty(),
            Self::Rest => true,
        }
    }

    fn folded(&self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(text.to_ascii_lowercase().into()),
            other => other.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }
}

fn parameter(part: &str) -> Result<Segment, NotAPattern> {
    let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).ok_or(NotAPattern::Param)?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name { Ok(Segment::Param) } else { Err(NotAPattern::Param) }
}

/// RFC 3986 `pchar` without `%` and without `;`, which many servers cut off.
fn literal(part: &str) -> Result<Segment, NotAPattern> {
    let stands = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()+,=:@".contains(c);
    match part.chars().find(|c| !stands(*c)) {
        Some(character) => Err(NotAPattern::Character(character)),
        None => Ok(Segment::Literal(part.into())),
    }
}

/// The segment as the application will read it. Bytes that are no UTF-8 equal no literal.
fn decoded(part: &str) -> Cow<'_, str> {
    match memchr::memchr(b'%', part.as_bytes()) {
        None => Cow::Borrowed(part),
        Some(_) => percent_decode_str(part).decode_utf8_lossy(),
    }
}

/// A method that a route can declare. `CONNECT` and `TRACE` have no place behind a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// In the order in which `Allow` lists them.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// As it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// The method named exactly so: methods are case-sensitive (RFC 9110, section 9.1).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of methods.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Methods(u8);

impl Methods {
    /// The set without a member.
    pub const NONE: Self = Self(0);
    /// Every method of [`Method`].
    pub const ALL: Self = Self(0b111_1111);

    /// Whether the method is in the set.
    pub const fn contains(self, method: Method) -> bool {
        self.0 & method.bit() != 0
    }

    /// The set and one more; `GET` brings `HEAD` with it (RFC 9110, section 9.3.2).
    #[must_use]
    pub const fn with(self, method: Method) -> Self {
        let head = if matches!(method, Method::Get) { Method::Head.bit() } else { 0 };
        Self(self.0 | method.bit() | head)
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no method is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Method::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

impl fmt::Display for Methods {
    /// `GET, HEAD, POST`: the value of an `Allow` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            f.write_str(method.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Methods({self})")
    }
}

/// What the table knows of a path and a method. Routes are numbered in the order they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This route.
    Route(usize),
    /// The path is declared, for these methods only.
    OtherMethods(Methods),
    /// No route.
    Nothing,
}

/// Two routes answer to the same path and method, so that one would never be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("route {second} repeats a path and method of route {first}")]
pub struct Clash {
    pub first: usize,
    pub second: usize,
}

/// The routes as a tree of segments.
#[derive(Clone, Debug, Default)]
pub struct Table {
    strict: Node,
    lax: Node,
    /// A pattern has capitals or a last slash, so that even a plain path may be read in two ways.
    has_odd_patterns: bool,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: Vec<(Box<str>, Node)>,
    param: Option<Box<Node>>,
    rest: Ends,
    end: Ends,
}

/// The routes of one pattern: one a method at most.
type Ends = Vec<(Methods, usize)>;

impl Table {
    /// The table of these routes.
    ///
    /// # Errors
    /// Two of them have the same pattern and a method in common.
    pub fn new<'p>(routes: impl IntoIterator<Item = (&'p Pattern, Methods)>) -> Result<Self, Clash> {
        let mut table = Self::default();
        for (at, (pattern, methods)) in routes.into_iter().enumerate() {
            let lax = pattern.lax();
            table.has_odd_patterns |= lax != pattern.segments;
            claim(table.strict.at(&pattern.segments), methods, at)?;
            table.lax.at(&lax).push((methods, at));
        }
        Ok(table)
    }

    /// The route for a path (no query) and a method.
    pub fn find(&self, path: &str, method: Method) -> Found {
        let Some(ends) = path.strip_prefix('/').and_then(|rest| self.strict.find(Some(rest))) else {
            return Found::Nothing;
        };
        match ends.iter().find(|(methods, _)| methods.contains(method)) {
            Some((_, route)) => Found::Route(*route),
            None => Found::OtherMethods(ends.iter().fold(Methods::NONE, |all, (methods, _)| all.union(*methods))),
        }
    }

    /// The routes that the path reaches in an application that ignores case and a last slash;
    /// nothing when such an application reads the path as this table does.
    pub fn lax_reading(&self, path: &str) -> &[(Methods, usize)] {
        let is_plain = !path.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'%') && !path.ends_with('/');
        if (is_plain || path == "/") && !self.has_odd_patterns {
            return &[];
        }
        let folded = decoded_path(path).to_ascii_lowercase();
        let trimmed = folded.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(&folded);
        trimmed.strip_prefix('/').and_then(|rest| self.lax.find(Some(rest))).map_or(&[], Vec::as_slice)
    }
}

/// The path with its letters decoded and its structure kept: an encoded slash stays encoded.
fn decoded_path(path: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', path.as_bytes()).is_none() {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').map(|part| decoded(part).replace('/', "%2f"));
    Cow::Owned(segments.collect::<Vec<_>>().join("/"))
}

impl Node {
    /// Where the routes of a pattern are kept, made when it is new.
    fn at(&mut self, segments: &[Segment]) -> &mut Ends {
        match segments.split_first() {
            None => &mut self.end,
            Some((Segment::Rest, _)) => &mut self.rest,
            Some((Segment::Param, tail)) => self.param.get_or_insert_default().at(tail),
            Some((Segment::Literal(text), tail)) => self.child(text).at(tail),
        }
    }

    fn child(&mut self, text: &str) -> &mut Self {
        let at = match self.literals.binary_search_by(|(name, _)| (**name).cmp(text)) {
            Ok(at) => at,
            Err(at) => {
                self.literals.insert(at, (text.into(), Self::default()));
                at
            }
        };
        &mut self.literals[at].1
    }

    /// The most specific pattern for what is left of the path: `None` after its last segment.
    fn find(&self, left: Option<&str>) -> Option<&Ends> {
        let Some(left) = left else { return some(&self.end) };
        let (part, tail) = match memchr::memchr(b'/', left.as_bytes()) {
            Some(slash) => (&left[..slash], Some(&left[slash + 1..])),
            None => (left, None),
        };
        self.find_literal(part, tail).or_else(|| self.find_param(part, tail)).or_else(|| some(&self.rest))
    }

    fn find_literal(&self, part: &str, tail: Option<&str>) -> Option<&Ends> {
        if self.literals.is_empty() {
            return None;
        }
        let text = decoded(part);
        let at = self.literals.binary_search_by(|(name, _)| (**name).cmp(&*text)).ok()?;
        self.literals[at].1.find(tail)
    }

    fn find_param(&self, part: &str, tail: Option<&str>) -> Option<&Ends> {
        let param = self.param.as_ref().filter(|_| !part.is_empty())?;
        param.find(tail)
    }
}

fn some(ends: &Ends) -> Option<&Ends> {
    (!ends.is_empty()).then_some(ends)
}

/// Adds a route to those of its pattern, unless one of its methods is taken.
fn claim(ends: &mut Ends, methods: Methods, route: usize) -> Result<(), Clash> {
    let taken = ends.iter().find(|(others, _)| !others.intersection(methods).is_empty());
    if let Some((_, first)) = taken {
        return Err(Clash { first: *first, second: route });
    }
    ends.push((methods, route));
    Ok(())
}

#[cfg(test)]
mod tests {
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
        let reached = |path| table.lax_reading(path).first().map(|(_, route)| *route);
        for (path, route) in [("/Admin", 1), ("/admin/", 1), ("/%41dmin", 1), ("/REPORTS/x", 2)] {
            assert_eq!(reached(path), Some(route), "{path}");
        }
        assert_eq!(reached("/admin"), None, "a plain path has one reading");
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
        fn nothing_panics(text in ".*", path in ".*") {
            let parsed = text.parse::<Pattern>();
            let table = table(&["/a/{x}", "/*", "/B/"]);
            let _ = (table.find(&path, Method::Get), table.lax_reading(&path));
            if let Ok(pattern) = parsed {
                let _ = pattern.matches(&path);
            }
        }
    }
}
