//! Which column says whose a row is: by what policies compare, and by how often a known name is there.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use crate::catalog::{Catalog, Relation};

/// Names of tenant columns, the likeliest first.
const KNOWN: &[&str] = &[
    "tenant_id",
    "org_id",
    "organization_id",
    "organisation_id",
    "account_id",
    "workspace_id",
    "company_id",
    "team_id",
    "customer_id",
    "client_id",
    "tenant",
    "org",
    "organization",
    "account",
    "workspace",
    "company",
    "shop_id",
    "store_id",
    "site_id",
    "school_id",
    "merchant_id",
    "group_id",
    "space_id",
    "project_id",
    "tenant_uuid",
    "tenantid",
    "tenantId",
    "orgId",
    "organizationId",
    "accountId",
    "workspaceId",
    "companyId",
    "teamId",
];
/// Names of columns that say which person: tenants only where nothing else is.
const PEOPLE: &[&str] = &[
    "user_id",
    "owner_id",
    "author_id",
    "created_by",
    "profile_id",
    "member_id",
    "person_id",
    "userId",
    "ownerId",
    "uid",
    "sub",
    "owner",
    "user",
];
/// What a policy says counts as much as that many tables that merely have a column.
const WEIGHT_OF_POLICY: usize = 3;

/// The tenant column.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub column: String,
    /// Its type.
    pub type_name: String,
    /// What was seen.
    pub why: String,
}

/// What speaks for a column.
#[derive(Default)]
struct Score {
    tables: BTreeSet<u32>,
    by_policies: usize,
}

impl Score {
    fn weight(&self) -> usize {
        self.tables.len() + WEIGHT_OF_POLICY * self.by_policies
    }
}

/// The tables of these schemas, without partitions, whose columns are their parents'.
pub(super) fn tables<'a>(catalog: &'a Catalog, schemas: &[String]) -> Vec<&'a Relation> {
    let is_meant = |relation: &&Relation| {
        relation.is_table()
            && !relation.is_partition
            && relation.extension.is_none()
            && schemas.contains(&relation.name.schema)
    };
    catalog.relations.iter().filter(is_meant).collect()
}

/// Whether a column names a person by its name.
pub(super) fn is_persons(column: &str) -> bool {
    PEOPLE.contains(&column)
}

/// Whether a column may name a tenant by its name.
pub(super) fn is_known(column: &str) -> bool {
    KNOWN.contains(&column)
}

/// The likeliest column.
pub(super) fn find(catalog: &Catalog, schemas: &[String], evidence: &Evidence) -> Tenant {
    let tables = tables(catalog, schemas);
    let scores = scores(&tables, evidence);
    let best = |is_meant: fn(&str) -> bool| {
        let mut meant: Vec<_> = scores.iter().filter(|(name, _)| is_meant(name)).collect();
        meant.sort_by_key(|(name, score)| (std::cmp::Reverse(score.weight()), rank(name)));
        meant.first().map(|(name, score)| (**name, *score))
    };
    let of_tenants = best(|name| !is_persons(name) && name != "id");
    let of_people = best(is_persons).filter(|(_, score)| score.by_policies > 0);
    let chosen = match (of_tenants, of_people) {
        (Some((_, tenants)), Some(people)) if tenants.by_policies == 0 => Some(people),
        (Some(tenants), _) => Some(tenants),
        (None, people) => people,
    };
    let Some((column, score)) = chosen else { return unknown() };
    Tenant {
        column: column.to_owned(),
        type_name: usual_type(&tables, column),
        why: format!(
            "in {} of {} tables, and compared in the policies of {}",
            score.tables.len(),
            tables.len(),
            score.by_policies
        ),
    }
}

fn unknown() -> Tenant {
    let why = "no table has a column of such a name, and no policy compares one: say which it is";
    Tenant { column: "tenant_id".to_owned(), type_name: "uuid".to_owned(), why: why.to_owned() }
}

fn scores<'a>(tables: &[&'a Relation], evidence: &'a Evidence) -> BTreeMap<&'a str, Score> {
    let by_policies = evidence.tables_by_column();
    let mut found: BTreeMap<&str, Score> = BTreeMap::new();
    for table in tables {
        for column in &table.columns {
            let is_compared = by_policies.get(column.name.as_str()).is_some_and(|of| of.contains(&table.oid));
            if is_compared || is_known(&column.name) || is_persons(&column.name) {
                let score = found.entry(&column.name).or_default();
                score.tables.insert(table.oid);
                score.by_policies += usize::from(is_compared);
            }
        }
    }
    found
}

fn rank(name: &str) -> usize {
    KNOWN.iter().position(|known| *known == name).unwrap_or(KNOWN.len())
}

/// The type that the column has in most tables.
pub(super) fn usual_type(tables: &[&Relation], column: &str) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for column in tables.iter().filter_map(|table| table.column(column)) {
        *counts.entry(&column.type_name).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or_else(String::new, |(name, _)| name.to_owned())
}
