//! A chart with an axis, a legend and its numbers as a table: drawn on the server, read by everybody.
//!
//! The drawing is stretched to its place, so what is written stands beside it as text that is not.

use askama::Template;
use askama::filters::HtmlSafe;

/// Units of the drawing, not pixels: the stylesheet sets the size.
const HEIGHT: u64 = 1_000;
const BAR: usize = 8;
const GAP: usize = 2;
/// The part of a bar that a small number still gets.
const BAR_MIN: u64 = 12;

/// One colour of the bars: what it is called, how it looks, and its number at each step.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What the legend and the table call it.
    pub label: String,
    /// `good`, `bad` or `plain`: a colour and a pattern.
    pub look: &'static str,
    /// As many as there are labels.
    pub values: Vec<u64>,
}

/// What a chart is made of.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Unique on its page.
    pub id: &'static str,
    /// What is counted.
    pub title: String,
    /// How it compares with before; may be empty.
    pub note: String,
    /// One sentence for whoever cannot see it.
    pub summary: String,
    /// When each step began, oldest first.
    pub labels: Vec<String>,
    /// The lowest first; they stand on each other.
    pub layers: Vec<Layer>,
    /// What the fold with the table says.
    pub table: String,
    /// Above the table's first column.
    pub time: String,
    /// In place of a table without rows.
    pub nothing: String,
}

/// A drawing that a template shows as it is: `{{ graph }}`.
#[derive(Clone, Debug, Template)]
#[template(path = "graph.html")]
pub struct Graph {
    drawing: Drawing,
    total: String,
    top: String,
    width: usize,
    bars: Vec<Bar>,
    /// First, middle and last label.
    ticks: Vec<String>,
    rows: Vec<Row>,
}

// Its template escapes what it shows.
impl HtmlSafe for Graph {}

#[derive(Clone, Debug)]
struct Bar {
    look: &'static str,
    x: usize,
    y: u64,
    height: u64,
    title: String,
}

#[derive(Clone, Debug)]
struct Row {
    label: String,
    cells: Vec<String>,
}

impl Drawing {
    /// Draws it.
    pub fn draw(self) -> Graph {
        let steps = self.labels.len();
        let sum = |at: usize| self.layers.iter().map(|layer| layer.values.get(at).copied().unwrap_or(0)).sum::<u64>();
        let top = (0..steps).map(sum).max().unwrap_or(0).max(1);
        let middle = self.labels.get(steps / 2).cloned();
        let ticks = [self.labels.first().cloned(), middle, self.labels.last().cloned()];
        Graph {
            total: grouped((0..steps).map(sum).sum()),
            top: grouped(top),
            width: (steps * (BAR + GAP)).saturating_sub(GAP).max(1),
            bars: (0..steps).flat_map(|at| self.bars_at(at, top)).collect(),
            ticks: ticks.into_iter().flatten().collect(),
            rows: (0..steps).filter(|at| sum(*at) > 0).rev().map(|at| self.row(at)).collect(),
            drawing: self,
        }
    }

    /// The layers of one step, on top of each other.
    fn bars_at(&self, at: usize, top: u64) -> Vec<Bar> {
        let mut y = HEIGHT;
        let mut bars = Vec::new();
        for layer in &self.layers {
            let value = layer.values.get(at).copied().unwrap_or(0);
            let height = height(value, top).min(y);
            y -= height;
            if height > 0 {
                let title = format!("{}, {}: {}", self.labels[at], layer.label, grouped(value));
                bars.push(Bar { look: layer.look, x: at * (BAR + GAP), y, height, title });
            }
        }
        bars
    }

    fn row(&self, at: usize) -> Row {
        let cells = self.layers.iter().map(|layer| grouped(layer.values.get(at).copied().unwrap_or(0)));
        Row { label: self.labels[at].clone(), cells: cells.collect() }
    }
}

fn height(value: u64, top: u64) -> u64 {
    if value == 0 {
        return 0;
    }
    let scaled = u128::from(value) * u128::from(HEIGHT) / u128::from(top);
    u64::try_from(scaled).unwrap_or(HEIGHT).clamp(BAR_MIN, HEIGHT)
}

/// "48,210"
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
