//! What every family asks: who may do what, whom policies hold, and where things are, each by a look-up.

use std::collections::{HashMap, HashSet};

use crate::catalog::{
    self, Catalog, Column, Constraint, DefaultPrivilege, Function, Grant, Policy, Relation, Role, Schema, granted,
};
use crate::config::{Context, Settings};
use crate::fault::Fault;
use crate::name::Name;

/// What a family judges: the snapshot, and what it is meant to be.
#[derive(Debug)]
pub struct World<'a> {
    /// The snapshot.
    pub catalog: &'a Catalog,
    /// What `rls.toml` says.
    pub settings: &'a Settings,
    /// The app's roles.
    pub app_roles: Vec<AppRole<'a>>,
    index: Index<'a>,
}

/// A role that the app connects as, with what it can be.
#[derive(Debug)]
pub struct AppRole<'a> {
    /// The role.
    pub role: &'a Role,
    /// Itself, and the roles whose rights it has.
    pub inherited: HashSet<u32>,
    /// Those, and the roles that it can become.
    pub reachable: HashSet<u32>,
    /// Itself and each role that it can become, as whom policies hold it; without those that nothing holds.
    pub guises: Vec<Guise<'a>>,
}

/// A role that an app role is or can become, with the roles whose rights it then has.
#[derive(Clone, Debug)]
pub struct Guise<'a> {
    /// The role.
    pub role: &'a Role,
    /// Itself, and the roles whose rights it has.
    pub inherited: HashSet<u32>,
}

#[derive(Debug)]
struct Index<'a> {
    relations: HashMap<u32, &'a Relation>,
    by_name: HashMap<&'a Name, &'a Relation>,
    children: HashMap<u32, Vec<&'a Relation>>,
    policies: HashMap<u32, Vec<&'a Policy>>,
    constraints: HashMap<u32, Vec<&'a Constraint>>,
    functions: HashMap<u32, &'a Function>,
    functions_by_name: HashMap<&'a Name, Vec<&'a Function>>,
    roles: HashMap<u32, &'a Role>,
    schemas: HashMap<&'a str, &'a Schema>,
    roots: HashSet<u32>,
}

impl<'a> World<'a> {
    /// Puts both together.
    ///
    /// # Errors
    /// When `rls.toml` names a schema or a role that does not exist: nothing could be found then.
    pub fn new(catalog: &'a Catalog, settings: &'a Settings) -> Result<Self, Fault> {
        for schema in &settings.schemas {
            if !catalog.schemas.iter().any(|known| &known.name == schema) {
                return Err(Fault::Refused(format!(
                    "the schema {schema:?} of rls.toml does not exist in this database."
                )));
            }
        }
        let mut app_roles: Vec<AppRole<'a>> =
            settings.app_roles.iter().map(|name| AppRole::of(catalog, name)).collect::<Result<_, _>>()?;
        // Where tenants are roles, those are who asks.
        if let Context::Role { roles, .. } = &settings.context {
            let known = |name: &&String| catalog.role(name).is_some() && !settings.app_roles.contains(name);
            let others = roles.iter().filter(|(side, _)| matches!(side.as_str(), "A" | "B")).map(|(_, name)| name);
            let others = others.filter(known).map(|name| AppRole::of(catalog, name));
            app_roles.extend(others.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Self { catalog, settings, app_roles, index: Index::of(catalog, settings) })
    }

    /// The relations of the exposed schemas, without those that came with an extension.
    pub fn exposed(&self) -> impl Iterator<Item = &'a Relation> {
        let (catalog, settings) = (self.catalog, self.settings);
        catalog
            .relations
            .iter()
            .filter(|relation| relation.extension.is_none() && settings.schemas.contains(&relation.name.schema))
    }

    /// The functions of the exposed schemas, without those that came with an extension.
    pub fn exposed_functions(&self) -> impl Iterator<Item = &'a Function> {
        let (catalog, settings) = (self.catalog, self.settings);
        catalog
            .functions
            .iter()
            .filter(|function| function.extension.is_none() && settings.schemas.contains(&function.name.schema))
    }

    /// The tables of the tenants: exposed, with a tenant column, and not everybody's.
    pub fn tenant_tables(&self) -> impl Iterator<Item = &'a Relation> {
        self.exposed().filter(|relation| self.is_tenant_table(relation))
    }

    /// Whether its rows are tenants' rows by a column of its own, wherever it is.
    pub fn is_tenant_table(&self, relation: &Relation) -> bool {
        relation.is_table() && !self.settings.is_global(&relation.name) && self.has_tenant(relation)
    }

    /// Whether it has the tenant column that is meant for it.
    pub fn has_tenant(&self, relation: &Relation) -> bool {
        relation.column(self.settings.tenant_column(&relation.name)).is_some()
    }

    /// Whether it holds files, whose names say whose they are: Supabase's table, and those made after it.
    pub fn holds_files(&self, relation: &Relation) -> bool {
        let is_alike = relation.column("name").is_some() && relation.column("bucket_id").is_some();
        let is_supabases = relation.name.schema == "storage" && relation.name.name == "objects";
        relation.is_table() && (is_supabases || is_alike && !self.has_tenant(relation))
    }

    /// A relation by its oid.
    pub fn relation(&self, oid: u32) -> Option<&'a Relation> {
        self.index.relations.get(&oid).copied()
    }

    /// A relation by its name.
    pub fn relation_named(&self, name: &Name) -> Option<&'a Relation> {
        self.index.by_name.get(name).copied()
    }

    /// The relation that a person meant by `schema.name`, or by `name` in one of the exposed schemas.
    pub fn relation_meant(&self, written: &str) -> Option<&'a Relation> {
        let in_schema = |schema: &String| self.relation_named(&Name::new(schema.as_str(), written));
        let qualified = || {
            let (schema, name) = written.split_once('.')?;
            self.relation_named(&Name::new(schema, name))
        };
        qualified().or_else(|| self.settings.schemas.iter().find_map(in_schema))
    }

    /// Partitions and inheriting tables, one level down.
    pub fn children(&self, relation: u32) -> &[&'a Relation] {
        self.index.children.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The policies of a relation.
    pub fn policies_of(&self, relation: u32) -> &[&'a Policy] {
        self.index.policies.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The constraints of a relation.
    pub fn constraints_of(&self, relation: u32) -> &[&'a Constraint] {
        self.index.constraints.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// Whether these columns name one row among those of all tenants: by a key, or by a uuid, which nobody else has. Of a view
    /// nothing is known against it.
    pub fn is_unique(&self, relation: &Relation, columns: &[i16]) -> bool {
        let is_uuid = |number: &i16| relation.column_at(*number).is_some_and(|column| column.plain_type() == "uuid");
        !relation.is_table() || columns.iter().any(is_uuid) || self.is_key(relation, columns)
    }

    /// What a column would refer to, were there a key: `project_id`, where there is a table of projects; in `crm_deal_labels`,
    /// `deal_id` where there is one called `crm_deal`.
    pub fn linked_by_name(&self, relation: &Relation, column: &Column) -> Option<&'a Relation> {
        let stem = column.name.strip_suffix("_id").or_else(|| column.name.strip_suffix("Id"))?;
        if column.name == self.settings.tenant_column(&relation.name) || stem.is_empty() {
            return None;
        }
        let (prefix, _) = relation.name.name.split_once('_').unwrap_or_default();
        let fits = |table: &&'a Relation| {
            let name = table.name.name.as_str();
            let own = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).filter(|_| !prefix.is_empty());
            let is_called = |name: &str| {
                name == stem
                    || name == format!("{stem}s")
                    || name == format!("{stem}es")
                    || name.trim_end_matches("ies") == stem.trim_end_matches('y')
            };
            table.is_table()
                && table.extension.is_none()
                && table.oid != relation.oid
                && table.name.schema == relation.name.schema
                && (is_called(name) || own.is_some_and(is_called))
                && table.column("id").is_some_and(|id| id.type_name == column.type_name)
        };
        self.catalog.relations.iter().find(fits)
    }

    /// Whether a definer's function may put rows into a table, by what stands in its text.
    fn is_written_by_code(&self, relation: &Relation) -> bool {
        let writes = |body: &str| {
            let body = body.to_ascii_lowercase();
            let views = self.catalog.dependencies.iter().filter(|dependency| dependency.relation == relation.oid);
            let mut names = views.filter_map(|dependency| self.relation(dependency.view)).chain([relation]);
            body.contains("execute")
                || (["insert", "update", "merge"].iter().any(|word| body.contains(word))
                    && names.any(|table| body.contains(&table.name.name.to_ascii_lowercase())))
        };
        let functions = self.catalog.functions.iter();
        functions.filter(|function| function.is_definer).any(|function| writes(function.body()))
    }

    /// Whether a row can lose its tenant without its writer's doing: by a definer's code, or by a key that sets it to null.
    pub fn is_left_without_a_tenant(&self, relation: &Relation, tenant: &Column) -> bool {
        let mut keys = self
            .constraints_of(relation.oid)
            .iter()
            .filter(|key| key.kind == "f" && key.columns.contains(&tenant.number));
        self.is_written_by_code(relation)
            || keys.any(|key| [&key.on_delete, &key.on_update].iter().any(|deed| matches!(deed.as_str(), "n" | "d")))
    }

    /// Whether PostgreSQL holds these columns to one row among those of all tenants.
    pub fn is_key(&self, relation: &Relation, columns: &[i16]) -> bool {
        let is_within = |key: &[i16]| !key.is_empty() && key.iter().all(|number| columns.contains(number));
        let mut keys = self.constraints_of(relation.oid).iter().filter(|it| matches!(it.kind.as_str(), "p" | "u"));
        let whole = |index: &&catalog::Index| index.is_unique && index.is_valid && index.predicate.is_none();
        keys.any(|key| is_within(&key.columns))
            || self.catalog.indexes_of(relation.oid).filter(whole).any(|index| is_within(&index.columns))
    }

    /// The tenant that a role stands for, where the context is by role and says so.
    pub fn tenant_of_role(&self, role: &str) -> Option<&'a str> {
        let Context::Role { roles, tenants, .. } = &self.settings.context else { return None };
        let (label, _) = roles.iter().find(|(_, name)| name.as_str() == role)?;
        tenants.get(label).map(String::as_str)
    }

    /// Whether a name is that of a tenant's role, or of a tenant that a role stands for.
    pub fn is_tenants_role(&self, name: &str) -> bool {
        let Context::Role { roles, tenants, .. } = &self.settings.context else { return false };
        roles.values().chain(tenants.values()).any(|known| known == name)
    }

    /// A function by its oid.
    pub fn function(&self, oid: u32) -> Option<&'a Function> {
        self.index.functions.get(&oid).copied()
    }

    /// The functions of a name, whatever their arguments.
    pub fn functions_named(&self, name: &Name) -> &[&'a Function] {
        self.index.functions_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// A schema by its name.
    pub fn schema(&self, name: &str) -> Option<&'a Schema> {
        self.index.schemas.get(name).copied()
    }

    /// A role by its oid.
    pub fn role(&self, oid: u32) -> Option<&'a Role> {
        self.index.roles.get(&oid).copied()
    }

    /// What a role is called; `PUBLIC` for 0.
    pub fn role_name(&self, oid: u32) -> &'a str {
        if oid == 0 { "PUBLIC" } else { self.role(oid).map_or("an unknown role", |role| role.name.as_str()) }
    }

    /// Whether one of these roles may look into a schema.
    pub fn has_usage(&self, schema: &str, roles: &HashSet<u32>) -> bool {
        self.schema(schema).is_some_and(|schema| granted(&schema.acl, roles, "USAGE"))
    }

    /// Whether one of these roles may create objects in a schema.
    pub fn may_create_in(&self, schema: &str, roles: &HashSet<u32>) -> bool {
        self.schema(schema).is_some_and(|schema| granted(&schema.acl, roles, "CREATE"))
    }

    /// The app roles that may do this to a relation, or to a column of it, as what they are or can become.
    pub fn who_may(&self, relation: &Relation, privilege: &str) -> Vec<&AppRole<'a>> {
        self.app_roles.iter().filter(|app| self.may(&app.reachable, relation, privilege)).collect()
    }

    /// The app roles that may do this to all of a relation: what is not granted by column, as `TRUNCATE`.
    pub fn who_may_all(&self, relation: &Relation, privilege: &str) -> Vec<&AppRole<'a>> {
        let may = |app: &&AppRole<'_>| {
            self.has_usage(&relation.name.schema, &app.reachable) && relation.grants(&app.reachable, privilege)
        };
        self.app_roles.iter().filter(may).collect()
    }

    /// Whether one of these roles may do this to a relation, or to a column of it.
    pub fn may(&self, roles: &HashSet<u32>, relation: &Relation, privilege: &str) -> bool {
        self.has_usage(&relation.name.schema, roles) && relation.grants_any(roles, privilege)
    }

    /// The app roles that may stream changes.
    pub fn who_replicates(&self) -> Vec<&AppRole<'a>> {
        let replicates = |role: &u32| self.role(*role).is_some_and(|role| role.can_replicate);
        self.app_roles.iter().filter(|app| app.reachable.iter().any(replicates)).collect()
    }

    /// Whether what tables to come are granted as is no more than their rows, to named roles, where every tenant's table there
    /// has its policies: whoever makes one more does as with the others.
    pub fn gives_guarded_rows(&self, default: &DefaultPrivilege) -> bool {
        const ROWS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];
        let is_apps = |grant: &&Grant| {
            grant.grantee == 0 || self.app_roles.iter().any(|app| app.reachable.contains(&grant.grantee))
        };
        let mut given = default.acl.iter().filter(is_apps).filter(|grant| grant.grantee != default.owner);
        let here = |table: &&Relation| default.schema.as_ref().is_none_or(|schema| *schema == table.name.schema);
        let tables: Vec<&Relation> = self.tenant_tables().filter(here).collect();
        given.all(|grant| grant.grantee != 0 && ROWS.contains(&grant.privilege.as_str()))
            && !tables.is_empty()
            && tables.iter().all(|table| table.has_rls)
    }

    /// The app roles that may call a function, by itself or as a part of an aggregate.
    pub fn who_may_call(&self, function: &Function) -> Vec<&AppRole<'a>> {
        let aggregates = self.catalog.functions.iter().filter(|aggregate| aggregate.runs.contains(&function.oid));
        let ways: Vec<&Function> = aggregates.chain([function]).collect();
        let may = |app: &&AppRole<'_>| {
            ways.iter().any(|way| {
                self.has_usage(&way.name.schema, &app.reachable) && granted(&way.acl, &app.reachable, "EXECUTE")
            })
        };
        self.app_roles.iter().filter(may).collect()
    }

    /// The app roles that are, or can become, this role.
    pub fn who_reaches(&self, role: u32) -> Vec<&AppRole<'a>> {
        self.app_roles.iter().filter(|app| app.reachable.contains(&role)).collect()
    }

    /// Each role that policies hold and that an app role is or can become, once. Where roles stand for tenants, those.
    pub fn guises(&self) -> Vec<&Guise<'a>> {
        let tenants: HashSet<&str> = match &self.settings.context {
            Context::Role { roles, .. } => roles.values().map(String::as_str).collect(),
            _ => HashSet::new(),
        };
        let mut seen = HashSet::new();
        let all = self.app_roles.iter().flat_map(|app| &app.guises).filter(|guise| seen.insert(guise.role.oid));
        let all: Vec<&Guise<'a>> = all.collect();
        let stand_for = |guise: &&&Guise<'_>| tenants.contains(guise.role.name.as_str());
        let only: Vec<&Guise<'a>> = all.iter().filter(stand_for).copied().collect();
        if only.is_empty() { all } else { only }
    }

    /// Whether rows of a table without a tenant column belong to a tenant by foreign keys.
    pub fn belongs_by_key(&self, relation: &Relation) -> bool {
        let (mut seen, mut open) = (HashSet::from([relation.oid]), vec![relation.oid]);
        while let Some(next) = open.pop() {
            for target in self.parents_by_key(next) {
                if self.is_tenant_table(target) || self.is_tenants_root(target) {
                    return true;
                }
                if !self.settings.is_global(&target.name) && seen.insert(target.oid) {
                    open.push(target.oid);
                }
            }
        }
        false
    }

    /// The tables that this one's foreign keys refer to.
    pub fn parents_by_key(&self, relation: u32) -> impl Iterator<Item = &'a Relation> {
        let references = self.constraints_of(relation).iter().filter_map(|constraint| constraint.references);
        references.filter_map(|oid| self.relation(oid))
    }

    /// Whether its rows are the tenants themselves: other tables' tenant columns refer to it.
    pub fn is_tenants_root(&self, relation: &Relation) -> bool {
        self.index.roots.contains(&relation.oid) && !self.settings.is_global(&relation.name)
    }

    /// Whether row level security does not hold a role anywhere.
    pub fn is_above_rls(&self, role: u32) -> bool {
        self.role(role).is_some_and(|role| role.is_superuser || role.bypasses_rls)
    }

    /// Whether a role, such as the owner of a view or of a definer function, reads this relation past its policies.
    pub fn passes_policies(&self, role: u32, relation: &Relation) -> bool {
        let owns = || role == relation.owner || self.catalog.inherited(role).contains(&relation.owner);
        !relation.has_rls || self.is_above_rls(role) || (!relation.forces_rls && owns())
    }
}

impl<'a> AppRole<'a> {
    fn of(catalog: &'a Catalog, name: &str) -> Result<Self, Fault> {
        let unknown = || Fault::Refused(format!("the role {name:?} of rls.toml does not exist on this server."));
        let role = catalog.role(name).ok_or_else(unknown)?;
        let inherited = catalog.inherited(role.oid);
        let reachable = catalog.reachable(role.oid);
        let mut becomes: Vec<&Role> = catalog.roles.iter().filter(|role| reachable.contains(&role.oid)).collect();
        becomes.sort_by_key(|other| other.oid != role.oid);
        let guises = becomes
            .into_iter()
            .filter(|role| !role.is_superuser && !role.bypasses_rls)
            .map(|role| Guise { role, inherited: catalog.inherited(role.oid) })
            .collect();
        Ok(Self { role, inherited, reachable, guises })
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        &self.role.name
    }
}

impl<'a> Index<'a> {
    fn of(catalog: &'a Catalog, settings: &Settings) -> Self {
        Self {
            roots: roots(catalog, settings),
            relations: catalog.relations.iter().map(|relation| (relation.oid, relation)).collect(),
            by_name: catalog.relations.iter().map(|relation| (&relation.name, relation)).collect(),
            children: children(catalog),
            policies: grouped(catalog.policies.iter().map(|policy| (policy.relation, policy))),
            constraints: grouped(catalog.constraints.iter().map(|constraint| (constraint.relation, constraint))),
            functions: catalog.functions.iter().map(|function| (function.oid, function)).collect(),
            functions_by_name: grouped(catalog.functions.iter().map(|function| (&function.name, function))),
            roles: catalog.roles.iter().map(|role| (role.oid, role)).collect(),
            schemas: catalog.schemas.iter().map(|schema| (schema.name.as_str(), schema)).collect(),
        }
    }
}

/// What the tenant columns of exposed tables refer to.
fn roots(catalog: &Catalog, settings: &Settings) -> HashSet<u32> {
    let relations: HashMap<u32, &Relation> =
        catalog.relations.iter().map(|relation| (relation.oid, relation)).collect();
    let refers = |constraint: &Constraint| {
        let relation = relations.get(&constraint.relation)?;
        let column = relation.column(settings.tenant_column(&relation.name))?;
        let is_exposed = settings.schemas.contains(&relation.name.schema);
        (is_exposed && constraint.columns == [column.number]).then_some(constraint.references?)
    };
    catalog.constraints.iter().filter_map(refers).collect()
}

fn children(catalog: &Catalog) -> HashMap<u32, Vec<&Relation>> {
    grouped(catalog.relations.iter().flat_map(|child| child.parents.iter().map(move |parent| (*parent, child))))
}

fn grouped<K: Eq + std::hash::Hash, V>(pairs: impl Iterator<Item = (K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}

/// The names of app roles as a sentence has them: `app`, `app and web`.
pub fn names(roles: &[&AppRole<'_>]) -> String {
    let names: Vec<&str> = roles.iter().map(|app| app.name()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
