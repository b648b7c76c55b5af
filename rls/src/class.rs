//! The classes of holes: one line each here, one page each in `explain`.

use crate::finding::Severity;

/// Declares the classes: name, id, default severity, title.
macro_rules! classes {
    ($($name:ident = $id:literal, $severity:ident, $title:literal;)+) => {
        /// A class of holes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class { $(#[doc = $title] $name,)+ }

        impl Class {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in reports and in `explain`: lower case, with hyphens.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// How bad it is where nothing makes it worse or better.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// What it is, in a line.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// Its page, in Markdown.
            pub const fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("explain/pages/", $id, ".md")),)+ }
            }

            /// The class with this id.
            pub fn of_id(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|class| class.id() == id)
            }
        }
    };
}

classes! {
    // Tables.
    RlsDisabled = "rls-disabled", Critical, "A tenant's table without row level security";
    RlsNotForced = "rls-not-forced", High, "An app role owns the table, and its owner passes by its policies";
    PartitionExposed = "partition-exposed", Critical, "A partition or child that is reachable without its parent's policies";
    RuleBypass = "rule-bypass", High, "A rewrite rule that reads or writes past the policies";
    TenantNullable = "tenant-nullable", Low, "Rows may have no tenant";
    TenantDefault = "tenant-default", Medium, "A default puts rows into one fixed tenant";
    // Roles.
    RoleBypasses = "role-bypasses", Critical, "An app role that row level security does not hold, directly or by SET ROLE";
    RoleOwnsTable = "role-owns-table", High, "An app role that can switch a table's policies off";
    RoleReadsAll = "role-reads-all", Critical, "A predefined role that reads or writes everything, or the server's files";
    // Policies.
    PolicyOpen = "policy-open", Critical, "A policy whose condition does not imply the tenant";
    PolicyTautology = "policy-tautology", Critical, "A policy that is always true";
    PolicyCheckOpen = "policy-check-open", High, "Rows can be written into another tenant";
    PolicyCaptured = "policy-captured-column", Critical, "A sub-query whose outer column is captured by an inner one";
    PolicyLossy = "policy-lossy-compare", High, "A comparison that takes two tenants for one";
    PolicyFailsOpen = "policy-fails-open", Critical, "A policy that shows everything when no context is set";
    PolicyNullTenant = "policy-null-tenant", Medium, "Rows without a tenant belong to everybody";
    PolicySourceWritable = "policy-source-writable", Critical, "What a policy trusts, the tenant can write";
    PolicyFunctionUnsafe = "policy-function-unsafe", High, "A policy calls a function that somebody else can replace";
    PolicyWrongContext = "policy-wrong-context", High, "A policy reads its tenant from where the caller chooses it";
    PolicyNotForRole = "policy-not-for-role", High, "An open policy for PUBLIC or another role that app roles have as well";
    StoragePath = "storage-path-policy", High, "A policy on stored files that trusts a part of their name";
    ContextOutlives = "context-outlives", High, "A tenant context that lasts longer than its transaction";
    // What stands in front of tables.
    ViewDefiner = "view-definer", Critical, "A view that reads as its owner";
    MatviewExposed = "matview-exposed", Critical, "A materialised view, which has no policies";
    ForeignTableExposed = "foreign-table-exposed", High, "A foreign table, which has no policies of its own";
    ViewLeaky = "view-leaky", Medium, "A filtering view without security_barrier";
    // Code.
    FunctionDefiner = "function-definer", Critical, "A SECURITY DEFINER function that answers for any tenant";
    FunctionSearchPath = "function-search-path", High, "A SECURITY DEFINER function without a search_path of its own";
    FunctionDynamicSql = "function-dynamic-sql", Critical, "A function that builds SQL from its arguments";
    FunctionLeakproof = "function-leakproof", High, "A function that claims LEAKPROOF and is not";
    TriggerLeaks = "trigger-leaks", High, "A trigger that carries rows past the policies";
    NotifyLeaks = "notify-leaks", Medium, "Rows told to every listener";
    // Oracles.
    ForeignKeyOracle = "foreign-key-oracle", Medium, "A foreign key that tells or uses what another tenant has";
    UniqueOracle = "unique-oracle", Medium, "A unique key over all tenants, which tells what another has";
    ExclusionOracle = "exclusion-oracle", Medium, "An exclusion constraint over all tenants";
    SequenceOracle = "sequence-oracle", Low, "A sequence that counts what all tenants do, or can be moved";
    ErrorOracle = "error-oracle", High, "An error or notice with another tenant's values in it";
    // Grants.
    GrantTruncate = "grant-truncate", High, "TRUNCATE, which no policy holds back";
    GrantIgnoresRls = "grant-ignores-rls", Medium, "REFERENCES, TRIGGER or MAINTAIN, which no policy holds back";
    GrantColumn = "grant-column", Medium, "A tenant column that its app may change or read where it should not";
    DefaultPrivileges = "default-privileges", Medium, "Tables or functions to come are open from their first moment";
    SchemaCreate = "schema-create", Medium, "An app role that may create objects where others look for theirs";
    TempShadowing = "temp-shadowing", Medium, "A temporary table that takes the place of a real one";
    // Around.
    PublicationAll = "publication-all", Medium, "A publication that carries every tenant's rows";
    LargeObjects = "large-objects", Medium, "Large objects, which have no policies";
    StatisticsExposed = "statistics-exposed", Medium, "Statistics that hold other tenants' values";
    ExtensionDangerous = "extension-dangerous", High, "An extension that reaches past the policies";
    ServerMinor = "server-minor", High, "A PostgreSQL release with known holes in row level security";
    Unprovable = "unprovable", Low, "A condition that could not be judged: read it";
    OutOfReach = "out-of-reach", Info, "What no policy can hide";
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn every_class_has_an_id_of_its_own() {
        for class in Class::ALL {
            assert_eq!(Class::of_id(class.id()), Some(*class));
        }
    }
}
