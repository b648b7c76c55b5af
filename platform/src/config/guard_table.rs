//! What `tenantry check` prints: a line a route, for whoever reviews who may pass [AC-15].

use super::Config;
use super::routes::{Cors, Route};

const HEAD: [&str; 9] = ["METHODS", "PATH", "GUARD", "PERMISSION", "KIND", "CSP", "LIMITS", "CORS", "BODY"];

/// What few files have is left out of the others.
const FEW: [&str; 2] = ["CORS", "BODY"];

/// The routes with their guards, in aligned columns. The reason of a public one stands where
/// others have their permission.
pub fn guard_table(config: &Config) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(config.routes.iter().map(|route| row(config, route)));
    let is_said = |column: &usize| !FEW.contains(&HEAD[*column]) || rows.iter().skip(1).any(|row| row[*column] != "-");
    let columns: Vec<(usize, usize)> = (0..HEAD.len())
        .filter(is_said)
        .map(|column| (column, rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)))
        .collect();
    rows.iter().map(|row| line(row, &columns) + "\n").collect()
}

fn row(config: &Config, route: &Route) -> [String; 9] {
    let permission = route.permission.as_ref().map(ToString::to_string);
    let reason = route.public_because.as_ref().map(|reason| format!("({reason})"));
    [
        route.methods.to_string().replace(", ", ","),
        route.pattern.to_string(),
        joined(route.guards.iter().map(|guard| guard.as_str().to_owned()), " or "),
        permission.or(reason).unwrap_or_else(|| "-".to_owned()),
        route.kind.as_str().to_owned(),
        route.csp.as_str().to_owned(),
        joined(route.tiers.iter().map(|id| limit(config, route, *id)), ", ") + &cost(route),
        cors(&route.cors),
        route.body_schema.as_ref().map_or_else(|| "-".to_owned(), |schema| schema.name.clone()),
    ]
}

fn cors(cors: &Cors) -> String {
    match cors {
        Cors::Own => "-".to_owned(),
        Cors::Everybody => "*".to_owned(),
        Cors::Listed(origins) => joined(origins.iter().cloned(), ", "),
    }
}

/// `60/60s per key`.
fn limit(config: &Config, route: &Route, id: super::TierId) -> String {
    let tier = config.limits.tier(id);
    let shadow = if tier.is_shadow || route.is_shadow { " in shadow" } else { "" };
    format!("{}/{}s per {}{shadow}", tier.limit, tier.window_s, tier.per.as_str())
}

/// What is unusual.
fn cost(route: &Route) -> String {
    if route.cost == 1 { String::new() } else { format!("; costs {}", route.cost) }
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

fn line(row: &[String], columns: &[(usize, usize)]) -> String {
    let cells = columns.iter().map(|(column, width)| format!("{:<width$}", row[*column]));
    joined(cells, "  ").trim_end().to_owned()
}
