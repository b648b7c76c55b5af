//! One file of the corpus: what it says about itself, and its three scripts.

use std::path::Path;

use toml::{Table, Value};

use tenantry_rls::config::Settings;

/// A schema with one hole, or with none.
pub(super) struct Case {
    /// The class that its folder is named after.
    pub(super) class: String,
    /// `leak-…` or `clean-…`.
    pub(super) name: String,
    /// What a finding has to be about: any of these.
    pub(super) objects: Vec<String>,
    /// Whether it leaks.
    pub(super) leaks: bool,
    /// Other findings that are true here: a class, and an object where it is another one.
    pub(super) also: Vec<(String, Option<String>)>,
    context: String,
    tenant: String,
    prelude: Option<String>,
    toml: String,
    /// What psql must print.
    pub(super) expect: Option<String>,
    /// What psql must not print.
    pub(super) never: Option<String>,
    ddl: String,
    /// Rows that the proof needs.
    pub(super) seed: String,
    /// Shows the leak, or that there is none.
    pub(super) proof: String,
}

/// Two tenants of each type, which a careless comparison takes for one.
const TENANTS: [(&str, &str, &str); 3] = [
    ("uuid", "5eed0000-0000-4000-8000-00000000000a", "5eed0000-0000-4000-8000-00000000000b"),
    ("text", "acme", "acme-eu"),
    ("bigint", "1", "12"),
];

/// The folder of the corpus.
pub(super) fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// All cases, by class and name.
pub(super) fn all() -> Vec<Case> {
    let classes = sorted(&folder()).into_iter().filter(|path| path.is_dir());
    classes.flat_map(|class| sorted(&class)).map(|path| Case::read(&path)).collect()
}

fn sorted(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let heads = |key: &str| -> Vec<String> {
            let start = format!("-- {key}: ");
            text.lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect()
        };
        let head = |key: &str, default: &str| heads(key).pop().unwrap_or_else(|| default.to_owned());
        let (ddl, rest) = text.split_once("\n-- seed\n").unwrap_or_else(|| match text.split_once("\n-- proof\n") {
            Some((ddl, _)) => (ddl, &text[ddl.len()..]),
            None => (&text, ""),
        });
        let (seed, proof) =
            rest.split_once("\n-- proof\n").or_else(|| rest.split_once("-- proof\n")).unwrap_or((rest, ""));
        let tenant = head("tenant", "uuid");
        let (_, a, b) = TENANTS.iter().find(|(known, ..)| *known == tenant).unwrap();
        let with_tenants = |script: &str| script.replace("@A@", a).replace("@B@", b);
        Self {
            class: path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned(),
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            objects: split_objects(&head("object", "")),
            leaks: head("leak", "yes") == "yes",
            also: heads("also").iter().map(|line| also(line)).collect(),
            context: head("context", "guc"),
            prelude: heads("prelude").pop(),
            toml: heads("toml").join("\n"),
            expect: heads("expect").pop(),
            never: heads("never").pop(),
            ddl: with_tenants(ddl),
            seed: with_tenants(seed),
            proof: with_tenants(proof),
            tenant,
        }
    }

    /// The class and name, as the report has them.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.class, self.name)
    }

    /// The script that makes it: what runs as the administrator first, and what runs as the owner.
    pub(super) fn ddl(&self) -> (String, &str) {
        let prelude = self.prelude.iter().map(|name| folder().join(format!("_{name}.sql")));
        (prelude.map(|path| std::fs::read_to_string(path).unwrap()).collect(), &self.ddl)
    }

    /// The role that the proof runs as.
    pub(super) fn actor(&self) -> &'static str {
        if self.context == "role" { "role_a" } else { "app" }
    }

    /// Its `rls.toml`, where `named` puts the names of roles in.
    pub(super) fn settings(&self, named: impl Fn(&str) -> String) -> Settings {
        let mut all: Table = named(&self.defaults()).parse().unwrap();
        merge(&mut all, named(&self.toml).parse().unwrap());
        if let (true, Some(Value::Table(context))) = (self.context == "guc", all.get_mut("context")) {
            let vars = context.entry("vars").or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(vars) = vars else { panic!("vars is a table") };
            let reads = |name: &str| self.ddl.contains(name);
            if reads("app.tenant_id") || vars.is_empty() {
                vars.insert("app.tenant_id".to_owned(), Value::String("$tenant".to_owned()));
            }
        }
        Settings::parse(&toml::to_string(&all).unwrap()).unwrap_or_else(|fault| panic!("{}: {fault}", self.title()))
    }

    fn defaults(&self) -> String {
        let roles = if self.context == "role" { r#""@role_a@", "@role_b@""# } else { r#""@app@""# };
        let (_, a, b) = TENANTS.iter().find(|(known, ..)| *known == self.tenant).unwrap();
        let context = match self.context.as_str() {
            "role" => format!(
                "kind = \"role\"\nroles = {{ A = \"@role_a@\", B = \"@role_b@\" }}\ntenants = {{ A = \"{a}\", B = \"{b}\" }}"
            ),
            "jwt_claims" => "kind = \"jwt_claims\"\nclaims = { sub = \"$user\", role = \"authenticated\" }".to_owned(),
            _ => "kind = \"guc\"".to_owned(),
        };
        format!(
            "schemas = [\"public\"]\napp_roles = [{roles}]\ntenant_column = \"tenant_id\"\ntenant_type = \"{}\"\n[context]\n{context}\n",
            self.tenant
        )
    }
}

/// `a, b(c, d)` is two: the commas inside a function's arguments part nothing.
fn split_objects(list: &str) -> Vec<String> {
    let (mut found, mut depth) = (vec![String::new()], 0);
    for part in list.split_inclusive(['(', ')', ',']) {
        depth += part.matches('(').count();
        depth -= part.matches(')').count();
        found.last_mut().unwrap().push_str(part);
        if depth == 0 && part.ends_with(',') {
            found.push(String::new());
        }
    }
    found.iter().map(|object| object.trim().trim_end_matches(',').to_owned()).collect()
}

fn also(line: &str) -> (String, Option<String>) {
    match line.split_once(' ') {
        Some((class, object)) => (class.to_owned(), Some(object.to_owned())),
        None => (line.to_owned(), None),
    }
}

/// Tables are merged, everything else is replaced.
fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(known)), Value::Table(more)) => merge(known, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
