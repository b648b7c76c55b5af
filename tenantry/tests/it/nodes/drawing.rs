//! The histogram of the long run, as a drawing for the documentation.

use std::fmt::Write as _;
use std::time::Duration;

/// Upper ends of the bars, in milliseconds.
const ENDS_MS: [u64; 11] = [5, 10, 20, 30, 50, 75, 100, 200, 500, 1_000, 2_000];
const WIDTH: usize = 720;
const HEIGHT: usize = 300;
const FLOOR: usize = 250;
const ROOM: usize = 180;

/// An SVG of how long revocations took, which are in order.
pub(super) fn draw(took: &[Duration]) -> String {
    let counts = ENDS_MS.iter().enumerate().map(|(at, end)| {
        let from = at.checked_sub(1).map_or(0, |before| ENDS_MS[before]);
        took.iter().filter(|took| (from..*end).contains(&u64::try_from(took.as_millis()).unwrap_or(u64::MAX))).count()
    });
    let counts: Vec<usize> = counts.collect();
    let (most, step) = (counts.iter().copied().max().unwrap_or(1).max(1), (WIDTH - 40) / ENDS_MS.len());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>How long {} revocations took until every node refused</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n",
        took.len()
    );
    for (at, (count, end)) in counts.iter().zip(ENDS_MS).enumerate() {
        let (left, height) = (20 + at * step, (count * ROOM).div_ceil(most));
        let (top, middle) = (FLOOR - height, left + step / 2);
        let _ = writeln!(
            svg,
            "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{height}\" fill=\"#3b5bdb\"/>\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{count}</text>\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">&lt; {end} ms</text>",
            left + 4,
            step - 8,
            top - 6,
            FLOOR + 18,
        );
    }
    let at =
        |part: usize| took.get((took.len() * part).div_ceil(1000).max(1) - 1).copied().unwrap_or_default().as_millis();
    let _ = writeln!(
        svg,
        "<text x=\"20\" y=\"{}\">p50 {} ms, p90 {} ms, p99 {} ms, p99.9 {} ms, longest {} ms</text>\n</svg>",
        HEIGHT - 12,
        at(500),
        at(900),
        at(990),
        at(999),
        at(1000),
    );
    svg
}
