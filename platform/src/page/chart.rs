//! Small charts drawn on the server: SVG that the stylesheet colours, with the numbers in words beside them.

use std::fmt::Write;

use askama::Template;
use askama::filters::HtmlSafe;

/// Units of the drawing, not pixels: the stylesheet sets the size.
const HEIGHT: u32 = 48;
const BAR: u32 = 8;
const GAP: u32 = 2;
/// A bar of a small number can still be seen.
const BAR_MIN: u32 = 2;
/// More bars than this cannot be told apart on a phone; older ones are left out.
const POINTS_MAX: usize = 96;

/// One number of a series, and the words for when it was taken.
#[derive(Clone, Debug)]
pub struct Point {
    pub label: String,
    pub value: u64,
}

/// A drawing that a template shows as it is: `{{ requests }}`.
#[derive(Clone, Debug, Template)]
#[template(path = "chart.html")]
pub struct Chart {
    bars: Vec<Bar>,
    /// The `d` of a path; empty when there are bars.
    line: String,
    width: u32,
    summary: String,
}

// Its template escapes what it shows.
impl HtmlSafe for Chart {}

#[derive(Clone, Debug)]
struct Bar {
    x: u32,
    y: u32,
    height: u32,
    label: String,
}

/// A series as bars. `summary` is what a screen reader says in its place.
pub fn bars(points: &[Point], summary: impl Into<String>) -> Chart {
    let (points, top) = recent(points);
    let bar = |(at, point): (usize, &Point)| {
        let height = scaled(point.value, top);
        Bar { x: place(at), y: HEIGHT - height, height, label: format!("{}: {}", point.label, point.value) }
    };
    Chart {
        bars: points.iter().enumerate().map(bar).collect(),
        line: String::new(),
        width: width(points),
        summary: summary.into(),
    }
}

/// A series as a line, for a tile or a table cell.
pub fn sparkline(points: &[Point], summary: impl Into<String>) -> Chart {
    let (points, top) = recent(points);
    let mut line = String::new();
    for (at, point) in points.iter().enumerate() {
        let step = if at == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(line, "{step}{} {} ", place(at), HEIGHT - scaled(point.value, top));
    }
    Chart { bars: Vec::new(), line, width: width(points), summary: summary.into() }
}

/// The newest points, and their largest value.
fn recent(points: &[Point]) -> (&[Point], u64) {
    let points = &points[points.len().saturating_sub(POINTS_MAX)..];
    (points, points.iter().map(|p| p.value).max().unwrap_or(0).max(1))
}

fn width(points: &[Point]) -> u32 {
    place(points.len()).saturating_sub(GAP).max(1)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(0) * (BAR + GAP)
}

fn scaled(value: u64, top: u64) -> u32 {
    let height = u128::from(value) * u128::from(HEIGHT - BAR_MIN) / u128::from(top);
    u32::try_from(height).unwrap_or(HEIGHT - BAR_MIN) + u32::from(value > 0) * BAR_MIN
}
