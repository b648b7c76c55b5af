//! The role models that can be copied: each means what its file says (AC-2).

use std::fmt::Write as _;

use tenantry_platform::config::{Config, Dev};

use crate::checked_in::expect_file;

pub(crate) const FIVE: &str = include_str!("../../../presets/roles-five.toml");
const PRESETS: [(&str, &str); 4] = [
    ("roles-three.toml", include_str!("../../../presets/roles-three.toml")),
    ("roles-five.toml", FIVE),
    ("roles-contractor.toml", include_str!("../../../presets/roles-contractor.toml")),
    ("roles-organization.toml", include_str!("../../../presets/roles-organization.toml")),
];

#[test]
fn each_preset_is_a_configuration_and_its_matrix_is_checked_in() {
    let mut matrix = String::new();
    for (file, text) in PRESETS {
        assert!(!text.contains('*'), "{file} has a wildcard");
        let config = Config::for_dev(file, text, &Dev { port: 8600, upstream: None });
        draw(&mut matrix, file, &config.unwrap_or_else(|faults| panic!("{file}: {faults}")));
    }
    expect_file("presets/matrix.txt", &matrix);
}

/// A line a permission, a column a role.
fn draw(matrix: &mut String, file: &str, config: &Config) {
    let names: String = config.roles.iter().map(|role| format!(" {:>10}", role.role.name.as_str())).collect();
    writeln!(matrix, "{file:<24}{names}").unwrap();
    for (word, _) in config.permissions.iter() {
        let held = |yes: bool| if yes { "yes" } else { "-" };
        let cells = config.roles.iter().map(|role| format!(" {:>10}", held(role.role.permissions.contains(word))));
        writeln!(matrix, "{:<24}{}", word.as_str(), cells.collect::<String>()).unwrap();
    }
    writeln!(matrix).unwrap();
}
