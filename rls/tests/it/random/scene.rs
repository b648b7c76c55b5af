//! What a random schema has in common: the tenants' type, the context, the roles.

use super::dice::Dice;

/// The type of tenants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Text,
    Bigint,
}

/// How the app says who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Guc,
    Claims,
    Role,
}

/// One schema, before anything is in it.
pub(super) struct Scene {
    pub(super) schema: String,
    pub(super) kind: Kind,
    pub(super) speaks: Speaks,
}

impl Scene {
    pub(super) fn draw(dice: &mut Dice, number: usize) -> Self {
        let speaks = dice.of(&[Speaks::Guc, Speaks::Guc, Speaks::Guc, Speaks::Claims, Speaks::Role]);
        let kind = if speaks == Speaks::Role { Kind::Text } else { dice.of(&[Kind::Uuid, Kind::Text, Kind::Bigint]) };
        Self { schema: format!("r{number}"), kind, speaks }
    }

    /// The type's name.
    pub(super) const fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Uuid => "uuid",
            Kind::Text => "text",
            Kind::Bigint => "bigint",
        }
    }

    /// The tenant of the context; null without one.
    pub(super) fn nullable(&self) -> String {
        let cast = self.type_name();
        match self.speaks {
            Speaks::Guc => format!("nullif(current_setting('app.tenant_id', true), '')::{cast}"),
            Speaks::Claims => {
                format!("(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'tenant_id')::{cast}")
            }
            Speaks::Role => "current_user::text".to_owned(),
        }
    }

    /// The person of the context.
    pub(super) fn user(&self) -> &'static str {
        match self.speaks {
            Speaks::Guc | Speaks::Role => "nullif(current_setting('app.user_id', true), '')::uuid",
            Speaks::Claims => "(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid",
        }
    }

    /// One tenant, and another.
    pub(super) const fn two(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Uuid => ("5a11c0de-0000-4000-8000-000000000001", "5a11c0de-0000-4000-8000-000000000002"),
            Kind::Text => ("salt", "pepper"),
            Kind::Bigint => ("41", "42"),
        }
    }

    /// One tenant, as a constant.
    pub(super) fn fixed(&self) -> String {
        format!("'{}'::{}", self.two().0, self.type_name())
    }

    /// One of the ways to say the tenant of the context.
    pub(super) fn tenant(&self, dice: &mut Dice) -> String {
        match (dice.below(4), self.speaks) {
            (0, _) => format!("{}.tenant()", self.schema),
            (1, Speaks::Guc) => format!("current_setting('app.tenant_id')::{}", self.type_name()),
            _ => self.nullable(),
        }
    }

    /// The schema, and a helper that says the tenant.
    pub(super) fn opening(&self, dice: &mut Dice) -> String {
        let (schema, kind, ctx) = (&self.schema, self.type_name(), self.nullable());
        let body = if dice.percent(50) {
            format!("language sql stable as $$ select {ctx} $$")
        } else {
            format!("language plpgsql stable as $$ begin return {ctx}; end $$")
        };
        format!(
            "create schema {schema} authorization @owner@;\nset role @owner@;\ngrant usage on schema {schema} to {};\n\
             create function {schema}.tenant() returns {kind} {body};\n",
            self.app()
        )
    }

    /// The app's roles, as a list for GRANT.
    pub(super) const fn app(&self) -> &'static str {
        if matches!(self.speaks, Speaks::Role) { "@role_a@, @role_b@" } else { "@app@" }
    }

    /// One of the app's roles.
    pub(super) const fn one_app(&self) -> &'static str {
        if matches!(self.speaks, Speaks::Role) { "@role_a@" } else { "@app@" }
    }

    /// Its `rls.toml`, with schemas beside its own.
    pub(super) fn toml(&self, beside: &[&str]) -> String {
        let (roles, context) = match self.speaks {
            Speaks::Guc => {
                ("\"@app@\"", "kind = \"guc\"\nvars = { \"app.tenant_id\" = \"$tenant\", \"app.user_id\" = \"$user\" }")
            }
            Speaks::Claims => {
                ("\"@app@\"", "kind = \"jwt_claims\"\nclaims = { tenant_id = \"$tenant\", sub = \"$user\" }")
            }
            Speaks::Role => (
                "\"@role_a@\", \"@role_b@\"",
                "kind = \"role\"\nroles = { A = \"@role_a@\", B = \"@role_b@\" }\n\
                 tenants = { A = \"@role_a@\", B = \"@role_b@\" }",
            ),
        };
        let (schema, kind) = (&self.schema, self.type_name());
        let more: String = beside.iter().map(|schema| format!(", \"{schema}\"")).collect();
        format!(
            "schemas = [\"{schema}\"{more}]\napp_roles = [{roles}]\ntenant_column = \"tenant_id\"\ntenant_type = \"{kind}\"\n\n[context]\n{context}\n"
        )
    }
}
