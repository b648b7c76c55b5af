//! What the attack needs to know beyond the snapshot: what types hold, and what partitions take.

use std::collections::HashMap;

use serde::Deserialize;
use tokio_postgres::Client;

use super::admitted::admitted;
use super::identity::{Names, base, tenants};
use crate::fault::Fault;
use crate::verify::World;

const TYPES: &str = "select coalesce(json_object_agg(name, fact), '{}') from (\
     select distinct on (1) pg_catalog.format_type(t.oid, null) as name, json_build_object(\
       'base', case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end, \
       'is_composite', t.typtype = 'c', \
       'labels', coalesce((select json_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid), '[]'), \
       'checks', coalesce((select json_agg(pg_catalog.pg_get_constraintdef(c.oid)) from pg_catalog.pg_constraint c where c.contypid = t.oid), '[]')) as fact \
     from pg_catalog.pg_type t left join pg_catalog.pg_class c on c.oid = t.typrelid \
     where t.typtype in ('d', 'e') or (t.typtype = 'c' and c.relkind = 'c')) known";

const PARTITIONS: &str = "select coalesce(json_object_agg(c.oid, json_build_object('bound', pg_catalog.pg_get_expr(c.relpartbound, c.oid), \
     'key', case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end)), '{}') \
     from pg_catalog.pg_class c where c.relkind = 'p' or c.relispartition";

const LOGIN: &str = "select json_build_object('is_superuser', rolsuper, 'bypasses_rls', rolsuper or rolbypassrls) \
     from pg_catalog.pg_roles where rolname = current_user";

/// What types hold, what partitions take, and what the administrator may.
#[derive(Debug)]
pub(super) struct Facts {
    types: HashMap<String, TypeFact>,
    partitions: HashMap<String, PartitionFact>,
    /// The tenants that checks let in, by the type under their column's, where there are checks.
    tenants: HashMap<String, Vec<Names>>,
    pub(super) login: Login,
}

/// A domain, an enumeration, or a type with fields.
#[derive(Debug, Deserialize)]
pub(super) struct TypeFact {
    pub(super) is_composite: bool,
    pub(super) base: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) checks: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct PartitionFact {
    bound: Option<String>,
    key: Option<String>,
}

/// The administrator.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Login {
    pub(super) is_superuser: bool,
    pub(super) bypasses_rls: bool,
}

impl Facts {
    pub(super) async fn read(client: &Client) -> Result<Self, Fault> {
        // Types are called as in the snapshot, which was taken with an empty search_path.
        run(client, "begin read only; set local search_path = ''").await?;
        let facts = Self {
            types: document(client, TYPES).await?,
            partitions: document(client, PARTITIONS).await?,
            tenants: HashMap::new(),
            login: document(client, LOGIN).await?,
        };
        run(client, "commit").await?;
        Ok(facts)
    }

    /// Looks for tenants that the checks of a world let in: a short code, a number below a thousand.
    pub(super) async fn look_for_tenants(&mut self, url: &str, world: &World<'_>) {
        self.tenants = admitted(self, url, world).await;
    }

    /// Pairs of tenants of a type, the plainest first.
    pub(super) fn tenants(&self, type_name: &str) -> Vec<Names> {
        self.tenants.get(base(type_name)).cloned().unwrap_or_else(|| tenants(type_name))
    }

    /// What is known of a type, without its length or brackets.
    pub(super) fn of_type(&self, name: &str) -> Option<&TypeFact> {
        self.types.get(name)
    }

    /// The type under a domain; itself where it is none.
    pub(super) fn base<'b>(&'b self, type_name: &'b str) -> &'b str {
        let mut name = type_name;
        for _ in 0..8 {
            match self.types.get(name).and_then(|fact| fact.base.as_deref()) {
                Some(base) => name = base,
                None => break,
            }
        }
        name
    }

    /// The checks of a domain and of those under it.
    pub(super) fn checks(&self, type_name: &str) -> Vec<&str> {
        let (mut name, mut found) = (type_name, Vec::new());
        while let Some(fact) = self.types.get(name) {
            found.extend(fact.checks.iter().map(String::as_str));
            match &fact.base {
                Some(base) if found.len() < 16 => name = base,
                _ => break,
            }
        }
        found
    }

    /// What a partition takes, as PostgreSQL writes it: `FOR VALUES FROM (…) TO (…)`.
    pub(super) fn bound(&self, relation: u32) -> Option<&str> {
        self.partitions.get(&relation.to_string())?.bound.as_deref()
    }

    /// By what a table is partitioned: `RANGE (at)`.
    pub(super) fn partition_key(&self, relation: u32) -> Option<&str> {
        self.partitions.get(&relation.to_string())?.key.as_deref()
    }
}

async fn run(client: &Client, sql: &str) -> Result<(), Fault> {
    client.batch_execute(sql).await.map_err(Fault::while_("reading what the attack has to know"))
}

async fn document<T: serde::de::DeserializeOwned>(client: &Client, sql: &'static str) -> Result<T, Fault> {
    let row = client.query_one(sql, &[]).await.map_err(Fault::while_("reading what the attack has to know"))?;
    serde_json::from_value(row.get(0)).map_err(|error| {
        Fault::Refused(format!("the catalogue of this server has another form than is known: {error}"))
    })
}
