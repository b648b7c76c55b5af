//! What a statement does, by PostgreSQL's own parser: when it may run, and whether it may at all.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ConstrType, Constraint, DropBehavior, DropStmt, ObjectType,
};

use crate::parser;
use crate::remedy::Step;

/// What a statement of a plan does. What is none of these is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What roles may do, and settings of roles, databases and functions.
    Rights,
    /// An index, by its name; concurrently or not.
    Index(String, bool),
    /// A unique or primary key on an index that is there, or another constraint, by its name.
    Key(String),
    /// A foreign key or check, not valid yet, by its name.
    NotValid(String),
    /// The look at the rows that were there before.
    Validation,
    /// Functions, which policies may call: replaced or altered, never dropped.
    Function,
    /// Views, triggers, options, defaults: replaced or altered, never dropped.
    Object,
    /// A policy that is altered.
    AlteredPolicy,
    /// A policy that goes; another of the same finding takes its place.
    DroppedPolicy,
    /// A policy that is made, by its name.
    Policy(String),
    /// `enable row level security`.
    Enabled,
    /// `force row level security`.
    Forced,
    /// A constraint or index that goes, since another has its place.
    Replaced,
}

impl Kind {
    /// Which of the rounds over all tables it belongs to.
    pub(super) const fn stage(&self) -> u8 {
        match self {
            Self::Rights => 0,
            Self::Index(..) => 1,
            Self::Key(_) => 2,
            Self::NotValid(_) => 3,
            Self::Validation => 4,
            Self::Function => 5,
            _ => 6,
        }
    }

    /// Its place in the last transaction of its table.
    pub(super) const fn place(&self) -> u8 {
        match self {
            Self::AlteredPolicy => 1,
            Self::DroppedPolicy | Self::Policy(_) => 2,
            Self::Enabled => 3,
            Self::Forced => 4,
            Self::Replaced => 5,
            _ => 0,
        }
    }

    /// Whether PostgreSQL wants it outside a transaction.
    pub(super) const fn is_alone(&self) -> bool {
        matches!(self, Self::Index(_, true))
    }

    /// What it makes, so that nothing is made twice.
    pub(super) fn makes(&self) -> Option<String> {
        match self {
            Self::Index(name, _) => Some(format!("index {name}")),
            Self::Key(name) | Self::NotValid(name) => Some(format!("constraint {name}")),
            Self::Policy(name) => Some(format!("policy {name}")),
            _ => None,
        }
    }
}

/// What a statement does; none for what a plan does not run, and for what is no single statement.
pub fn kind_of(sql: &str) -> Option<Kind> {
    let parsed = parser::sql(sql)?;
    let [statement] = parsed.stmts.as_slice() else { return None };
    match statement.stmt.as_ref()?.node.as_ref()? {
        NodeEnum::GrantStmt(_)
        | NodeEnum::GrantRoleStmt(_)
        | NodeEnum::AlterRoleStmt(_)
        | NodeEnum::AlterRoleSetStmt(_)
        | NodeEnum::AlterDatabaseSetStmt(_)
        | NodeEnum::AlterDefaultPrivilegesStmt(_)
        | NodeEnum::AlterOwnerStmt(_) => Some(Kind::Rights),
        NodeEnum::CreateFunctionStmt(_) | NodeEnum::AlterFunctionStmt(_) => Some(Kind::Function),
        NodeEnum::AlterPublicationStmt(_)
        | NodeEnum::AlterObjectSchemaStmt(_)
        | NodeEnum::ViewStmt(_)
        | NodeEnum::CreateTrigStmt(_)
        | NodeEnum::CommentStmt(_) => Some(Kind::Object),
        NodeEnum::IndexStmt(index) => {
            Some(Kind::Index(place(index.relation.as_ref(), &index.idxname), index.concurrent))
        }
        NodeEnum::CreatePolicyStmt(policy) => Some(Kind::Policy(place(policy.table.as_ref(), &policy.policy_name))),
        NodeEnum::AlterPolicyStmt(_) => Some(Kind::AlteredPolicy),
        NodeEnum::DropStmt(drop) => dropped(drop),
        NodeEnum::AlterTableStmt(alter) => altered(alter),
        _ => None,
    }
}

fn dropped(drop: &DropStmt) -> Option<Kind> {
    let is_cascade = drop.behavior == DropBehavior::DropCascade as i32;
    match ObjectType::try_from(drop.remove_type) {
        Ok(ObjectType::ObjectPolicy) if !is_cascade => Some(Kind::DroppedPolicy),
        Ok(ObjectType::ObjectIndex) if !is_cascade => Some(Kind::Replaced),
        _ => None,
    }
}

/// Of several things at once the last to come; one that is not known makes all of them so.
fn altered(alter: &AlterTableStmt) -> Option<Kind> {
    let commands = alter.cmds.iter().map(|command| match command.node.as_ref() {
        Some(NodeEnum::AlterTableCmd(command)) => of_command(alter, command),
        _ => None,
    });
    let kinds: Option<Vec<Kind>> = commands.collect();
    kinds?.into_iter().max_by_key(|kind| (kind.stage(), kind.place()))
}

fn of_command(alter: &AlterTableStmt, command: &AlterTableCmd) -> Option<Kind> {
    match AlterTableType::try_from(command.subtype).ok()? {
        AlterTableType::AtAddConstraint => match command.def.as_ref()?.node.as_ref()? {
            NodeEnum::Constraint(constraint) => added(alter, constraint),
            _ => None,
        },
        AlterTableType::AtValidateConstraint => Some(Kind::Validation),
        AlterTableType::AtEnableRowSecurity => Some(Kind::Enabled),
        AlterTableType::AtForceRowSecurity => Some(Kind::Forced),
        AlterTableType::AtDropConstraint if command.behavior != DropBehavior::DropCascade as i32 => {
            Some(Kind::Replaced)
        }
        AlterTableType::AtChangeOwner => Some(Kind::Rights),
        AlterTableType::AtSetNotNull
        | AlterTableType::AtColumnDefault
        | AlterTableType::AtSetRelOptions
        | AlterTableType::AtReplicaIdentity
        | AlterTableType::AtDisableRule
        | AlterTableType::AtDisableTrig
        | AlterTableType::AtEnableAlwaysTrig => Some(Kind::Object),
        _ => None,
    }
}

/// A constraint that looks at all rows while it locks the table waits its turn with the keys.
fn added(alter: &AlterTableStmt, constraint: &Constraint) -> Option<Kind> {
    let name = place(alter.relation.as_ref(), &constraint.conname);
    match ConstrType::try_from(constraint.contype).ok()? {
        ConstrType::ConstrForeign | ConstrType::ConstrCheck if constraint.skip_validation => Some(Kind::NotValid(name)),
        ConstrType::ConstrUnique | ConstrType::ConstrPrimary if !constraint.indexname.is_empty() => {
            Some(Kind::Key(name))
        }
        ConstrType::ConstrExclusion => Some(Kind::Key(name)),
        _ => None,
    }
}

fn place(table: Option<&pg_query::protobuf::RangeVar>, name: &str) -> String {
    let table = table.map(|table| format!("{}.{}", table.schemaname, table.relname)).unwrap_or_default();
    format!("{table} {name}")
}

/// What speaks against running these statements; none where they keep every row, and every rule by another.
pub fn objection(steps: &[Step]) -> Option<String> {
    let kinds: Vec<Option<Kind>> = steps.iter().map(|step| kind_of(&step.sql)).collect();
    if let Some(at) = kinds.iter().position(Option::is_none) {
        return Some(format!("not known to keep everything: {}", steps[at].sql));
    }
    let kinds: Vec<Kind> = kinds.into_iter().flatten().collect();
    let replaces = |kind: &Kind| matches!(kind, Kind::Index(..) | Kind::Key(_) | Kind::NotValid(_));
    let gone = kinds.iter().position(|kind| *kind == Kind::Replaced);
    if gone.is_some_and(|at| !kinds[..at].iter().any(replaces)) {
        return Some("a constraint or index would go without another in its place".to_owned());
    }
    let goes = kinds.contains(&Kind::DroppedPolicy);
    let comes = kinds.iter().any(|kind| matches!(kind, Kind::Policy(_) | Kind::AlteredPolicy));
    (goes && !comes).then(|| "a policy would go without another in its place".to_owned())
}
