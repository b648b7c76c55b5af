//! The routes as a tree of segments.

use std::borrow::Cow;

use super::{Method, Methods, Pattern, Segment, decoded};

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
