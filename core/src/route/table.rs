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
    /// The patterns as laxer applications read them; none where none has capitals or a last slash, so that all of these
    /// would be the strict one again.
    lax: Option<Box<Lax>>,
}

/// The same routes, to applications that do not look at everything.
#[derive(Clone, Debug, Default)]
struct Lax {
    /// Case makes no difference.
    folded: Node,
    /// A last slash makes none.
    trimmed: Node,
    /// Neither does.
    both: Node,
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
        let (mut strict, mut lax, mut is_odd) = (Node::default(), Lax::default(), false);
        for (at, (pattern, methods)) in routes.into_iter().enumerate() {
            claim(strict.at(&pattern.segments), methods, at)?;
            is_odd |= lax.add(pattern, methods, at);
        }
        Ok(Self { strict, lax: is_odd.then(|| Box::new(lax)) })
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

    /// Whether some laxer application reads the path as one of routes that `is_otherwise` says so of. Such applications
    /// take capitals for small letters, leave a last slash away, or cut a decoded path at its `?` or `#`; each alone or
    /// with the others, and their patterns as the path or only the path.
    pub fn may_be_read(&self, path: &str, is_otherwise: impl Fn(&[(Methods, usize)]) -> bool) -> bool {
        let is_plain = !path.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'%') && !path.ends_with('/');
        if (is_plain || path == "/") && self.lax.is_none() {
            return false;
        }
        let decoded = decoded_path(path);
        let cut = decoded.find(['?', '#']).map(|at| &decoded[..at]);
        [Some(&*decoded), cut].into_iter().flatten().any(|path| self.is_read(path, &is_otherwise))
    }

    fn is_read(&self, path: &str, is_otherwise: &impl Fn(&[(Methods, usize)]) -> bool) -> bool {
        let folded = fold(path);
        [(path, false), (&*folded, true)].into_iter().any(|(path, is_folded)| {
            [(path, false), (trim(path), true)].into_iter().any(|(path, is_trimmed)| {
                let read = |tree: &Node| {
                    path.strip_prefix('/').and_then(|rest| tree.find(Some(rest))).is_some_and(|ends| is_otherwise(ends))
                };
                self.trees(is_folded, is_trimmed).any(read)
            })
        })
    }

    /// The readings of the patterns that go with one of the path: nobody folds patterns and not the path.
    fn trees(&self, is_folded: bool, is_trimmed: bool) -> impl Iterator<Item = &Node> {
        let lax = self.lax.as_deref();
        let folded = lax.filter(|_| is_folded).map(|lax| &lax.folded);
        let trimmed = lax.filter(|_| is_trimmed).map(|lax| &lax.trimmed);
        let both = lax.filter(|_| is_folded && is_trimmed).map(|lax| &lax.both);
        [Some(&self.strict), folded, trimmed, both].into_iter().flatten()
    }
}

impl Lax {
    /// Adds a pattern. Answers whether any of these trees differs from the strict one by it.
    fn add(&mut self, pattern: &Pattern, methods: Methods, at: usize) -> bool {
        let (folded, trimmed, both) = (pattern.folded(), pattern.trimmed(), pattern.lax());
        for (tree, segments) in [(&mut self.folded, &folded), (&mut self.trimmed, &trimmed), (&mut self.both, &both)] {
            tree.at(segments).push((methods, at));
        }
        both != pattern.segments
    }
}

/// Small letters, by every rule that some language's comparison knows: `ſ` is an `s`, and the sign for Kelvin a `k`.
fn fold(path: &str) -> String {
    if path.is_ascii() { path.to_ascii_lowercase() } else { path.to_uppercase().to_lowercase() }
}

fn trim(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
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
