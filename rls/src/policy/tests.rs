//! Expressions and what they imply, in tables.

mod kit;

use std::collections::HashMap;

use kit::{GUC, JWT, ROLES, catalog};

use super::{Goal, Known, Prover, Reason, Statement, Verdict};
use crate::config::Settings;
use crate::name::Name;
use crate::verify::World;

/// `ok`, `unknown`, or the reason.
fn judged(settings: &str, table: &str, text: &str, goal: Goal) -> String {
    let (catalog, settings) = (catalog(), Settings::parse(settings).unwrap());
    let world = World::new(&catalog, &settings).unwrap();
    let prover = Prover::new(&world);
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    let relation = world.relation_named(&Name::new(schema, name)).unwrap();
    match prover.judge(relation, &[text], goal, &world.app_roles[0].guises[0]) {
        Verdict::Implied(_) => "ok".to_owned(),
        Verdict::Open(reason, _) => format!("{reason:?}"),
        Verdict::Unknown(_) => "unknown".to_owned(),
    }
}

/// Each line: table, verdict, expression.
fn check(settings: &str, goal: Goal, lines: &str) {
    let mut wrong = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.splitn(3, '|').map(str::trim);
        let (table, expected, text) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let found = judged(settings, table, text, goal);
        if found != expected {
            wrong.push(format!("{table}: {text}\n    expected {expected}, found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn equality_with_the_context_implies_the_tenant() {
    check(
        GUC,
        Goal::See,
        r"
        docs | ok | (tenant_id = (current_setting('app.tenant_id'::text))::uuid)
        docs | ok | (tenant_id = (current_setting('app.tenant_id'::text, true))::uuid)
        docs | ok | (tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)
        docs | ok | ((tenant_id)::text = current_setting('app.tenant_id'::text, true))
        docs | ok | ((current_setting('app.tenant_id'::text, true))::uuid = tenant_id)
        docs | ok | (tenant_id = ( SELECT (current_setting('app.tenant_id'::text, true))::uuid AS current_setting))
        docs | ok | (tenant_id = (( SELECT current_setting('app.tenant_id'::text, true) AS current_setting))::uuid)
        docs | ok | ((tenant_id)::text = COALESCE(current_setting('app.tenant_id'::text, true), ''::text))
        docs | ok | (tenant_id = (COALESCE(NULLIF(current_setting('app.tenant_id'::text, true), ''::text), '00000000-0000-0000-0000-000000000000'::text))::uuid)
        docs | ok | (tenant_id = ANY (ARRAY[(current_setting('app.tenant_id'::text))::uuid]))
        docs | ok | (tenant_id IN ( SELECT (current_setting('app.tenant_id'::text))::uuid AS current_setting))
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) AND is_public)
        docs | ok | ((is_public AND (tenant_id = (current_setting('app.tenant_id'::text))::uuid)) OR ((NOT is_public) AND (tenant_id = (current_setting('app.tenant_id'::text))::uuid)))
        docs | ok | (NOT (tenant_id <> (current_setting('app.tenant_id'::text))::uuid))
        docs | ok | (NOT ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) IS NOT TRUE))
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) IS TRUE)
        docs | ok | COALESCE((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid), false)
        docs | ok | (NOT (tenant_id IS DISTINCT FROM (current_setting('app.tenant_id'::text, true))::uuid))
        docs | ok | CASE WHEN is_public THEN (tenant_id = (current_setting('app.tenant_id'::text))::uuid) ELSE false END
        docs | ok | (tenant_id = CASE WHEN (current_setting('app.tenant_id'::text, true) = ''::text) THEN NULL::uuid ELSE (current_setting('app.tenant_id'::text, true))::uuid END)
        docs | ok | (ROW(tenant_id, is_public) = ROW((current_setting('app.tenant_id'::text))::uuid, true))
        docs | ok | ((tenant_id >= (current_setting('app.tenant_id'::text))::uuid) AND (tenant_id <= (current_setting('app.tenant_id'::text))::uuid))
        docs | ok | (lower((tenant_id)::text) = lower(current_setting('app.tenant_id'::text, true)))
        docs | ok | ((tenant_id)::character varying(64) = (current_setting('app.tenant_id'::text, true))::character varying(64))
        docs | ok | ((tenant_id)::text = ANY (string_to_array(current_setting('app.tenant_id'::text, true), ','::text)))
        docs | ok | (tenant_id = ANY ((string_to_array(current_setting('app.tenant_id'::text, true), ','::text))::uuid[]))
        docs | ok | (ARRAY[tenant_id] <@ ARRAY[(current_setting('app.tenant_id'::text, true))::uuid])
        docs | ok | ((tenant_id)::text = (((current_setting('app.json'::text, true))::json -> 'org'::text) ->> 'id'::text))
        docs | ok | ((tenant_id)::text = ((current_setting('app.json'::text, true))::jsonb #>> '{org,id}'::text[]))
        docs | ok | ((tenant_id)::text = jsonb_extract_path_text((current_setting('app.json'::text, true))::jsonb, VARIADIC ARRAY['org'::text, 'id'::text]))
        docs | ok | (('t:'::text || (tenant_id)::text) = ('t:'::text || current_setting('app.tenant_id'::text)))
        docs | ok | false
        docs | ok | NULL::boolean
        docs | ok | (1 = 2)
        docs | ok | (tenant_id IS NULL)
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid) OR (tenant_id IS NULL))
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid) OR (1 = 0))
        docs | ok | (((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid) OR (current_setting('app.tenant_id'::text, true) IS NULL)) AND (current_setting('app.tenant_id'::text, true) IS NOT NULL))
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (current_setting('app.tenant_id'::text) IS NULL))
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (CURRENT_USER = 'boss'::name))
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR pg_has_role(CURRENT_USER, 'boss'::name, 'member'::text))
        docs | ok | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (SESSION_USER = 'postgres'::name))
        numbers | ok | (tenant_id = (current_setting('app.tenant_id'::text))::bigint)
        numbers | ok | ((tenant_id)::text = current_setting('app.tenant_id'::text))
        numbers | ok | ((tenant_id)::numeric = (current_setting('app.tenant_id'::text))::numeric)
        texts | ok | (tenant_id = current_setting('app.tenant_id'::text))
        texts | ok | (tenant_id = COALESCE(current_setting('app.tenant_id'::text, true), ''::text))
        shorts | ok | ((tenant_id)::text = current_setting('app.tenant_id'::text))
        shorts | ok | ((tenant_id)::text = (current_setting('app.tenant_id'::text))::character varying(20))
    ",
    );
}

#[test]
fn what_is_open_says_why() {
    check(
        GUC,
        Goal::See,
        r"
        docs | Tautology | true
        docs | Tautology | (1 = 1)
        docs | Tautology | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR true)
        docs | Tautology | (NOT false)
        docs | Tautology | (tenant_id = tenant_id)
        docs | Tautology | (tenant_id IS NOT NULL)
        docs | Tautology | (id IS NOT NULL)
        docs | OtherColumn | CASE WHEN (title IS NULL) THEN (tenant_id = (current_setting('app.tenant_id'::text))::uuid) ELSE true END
        docs | Tautology | (NOT (current_setting('app.tenant_id'::text, true) IS DISTINCT FROM current_setting('app.tenant_id'::text, true)))
        docs | FailsOpen | (NOT (EXISTS ( SELECT 1 WHERE ((current_setting('app.tenant_id'::text, true) IS NOT NULL) AND ((current_setting('app.tenant_id'::text, true))::uuid <> docs.tenant_id)))))
        docs | Tautology | CASE WHEN false THEN false ELSE true END
        docs | FailsOpen | ((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid) OR (current_setting('app.tenant_id'::text, true) IS NULL))
        docs | FailsOpen | ((current_setting('app.tenant_id'::text, true) = ''::text) OR (tenant_id = (current_setting('app.tenant_id'::text, true))::uuid))
        docs | FailsOpen | (tenant_id = COALESCE((current_setting('app.tenant_id'::text, true))::uuid, tenant_id))
        docs | FailsOpen | (tenant_id = COALESCE((NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid, tenant_id))
        docs | FailsOpen | ((tenant_id)::text = COALESCE(current_setting('app.tenant_id'::text, true), (tenant_id)::text))
        docs | FailsOpen | ((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid) IS NOT FALSE)
        docs | FailsOpen | COALESCE((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid), true)
        docs | FailsOpen | CASE WHEN (current_setting('app.tenant_id'::text, true) IS NULL) THEN true ELSE (tenant_id = (current_setting('app.tenant_id'::text, true))::uuid) END
        docs | FailsOpen | (NOT ((tenant_id <> (current_setting('app.tenant_id'::text, true))::uuid) IS TRUE))
        docs | FailsOpen | (NOT (COALESCE((tenant_id <> (current_setting('app.tenant_id'::text, true))::uuid), false)))
        docs | FailsOpen | ((NULLIF(current_setting('app.tenant_id'::text, true), ''::text) IS NULL) OR (tenant_id = (current_setting('app.tenant_id'::text, true))::uuid))
        docs | FailsOpen | (tenant_id = app.open_tenant(tenant_id))
        docs | FailsOpen | ((length(current_setting('app.tenant_id'::text, true)) = 0) OR (tenant_id = (current_setting('app.tenant_id'::text, true))::uuid))
        texts | FailsOpen | (tenant_id = COALESCE(current_setting('app.tenant_id'::text, true), 'default'::text))
        docs | WrongContext | (tenant_id = (current_setting('app.other'::text))::uuid)
        docs | WrongContext | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (current_setting('app.bypass'::text, true) = 'on'::text))
        docs | WrongContext | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR app.is_admin())
        docs | WrongContext | ((tenant_id)::text = current_setting('application_name'::text))
        docs | WrongContext | ((tenant_id)::text = ((current_setting('request.headers'::text, true))::json ->> 'x-tenant-id'::text))
        docs | WrongContext | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (inet_client_addr() = '10.0.0.1'::inet))
        loose | NullTenant | ((tenant_id = (current_setting('app.tenant_id'::text, true))::uuid) OR (tenant_id IS NULL))
        loose | NullTenant | (NOT (tenant_id IS DISTINCT FROM (current_setting('app.tenant_id'::text, true))::uuid))
        loose | NullTenant | (COALESCE(tenant_id, (current_setting('app.tenant_id'::text))::uuid) = (current_setting('app.tenant_id'::text))::uuid)
        docs | AnyContext | (current_setting('app.tenant_id'::text, true) IS NOT NULL)
        docs | AnyContext | (CURRENT_USER = 'app'::name)
        docs | OtherColumn | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR is_public)
        docs | OtherColumn | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (is_public = true))
        docs | OtherColumn | (id = (current_setting('app.tenant_id'::text))::uuid)
        docs | OtherColumn | (owner_id = (current_setting('app.user_id'::text))::uuid)
        docs | OtherColumn | (tenant_id <> (current_setting('app.tenant_id'::text))::uuid)
        docs | OtherColumn | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (title = 'published'::text))
        docs | OtherColumn | ((current_setting('app.tenant_id'::text))::uuid = ANY (tags))
        docs | OneTenant | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (tenant_id = '00000000-0000-0000-0000-000000000001'::uuid))
        docs | OneTenant | (tenant_id = ANY (ARRAY['7d3f2f2e-0000-0000-0000-000000000001'::uuid, (current_setting('app.tenant_id'::text))::uuid]))
        docs | OneTenant | (tenant_id = '7d3f2f2e-0000-0000-0000-000000000001'::uuid)
        docs | OtherColumn | (created_at > now())
        docs | Uncorrelated | (EXISTS ( SELECT 1 FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid)))
        docs | Uncorrelated | (EXISTS ( SELECT 1 FROM projects WHERE (projects.tenant_id = (current_setting('app.tenant_id'::text))::uuid)))
        docs | Tautology | (EXISTS ( SELECT count(*) AS count FROM members WHERE (members.tenant_id = docs.tenant_id)))
        docs | Tautology | (( SELECT true AS bool))
        docs | Tautology | app.yes(tenant_id)
    ",
    );
}

#[test]
fn comparisons_that_take_two_tenants_for_one_are_lossy() {
    check(
        GUC,
        Goal::See,
        r"
        texts | Lossy | (tenant_id ~~ (current_setting('app.tenant_id'::text) || '%'::text))
        texts | Lossy | (tenant_id ~~ current_setting('app.tenant_id'::text))
        texts | Lossy | (tenant_id ~~* current_setting('app.tenant_id'::text))
        texts | Lossy | (current_setting('app.tenant_id'::text) ~~ (tenant_id || '%'::text))
        texts | Lossy | (tenant_id ~ current_setting('app.tenant_id'::text))
        texts | Lossy | starts_with(tenant_id, current_setting('app.tenant_id'::text))
        texts | Lossy | (tenant_id ^@ current_setting('app.tenant_id'::text))
        texts | Lossy | (POSITION((tenant_id) IN (current_setting('app.tenant_id'::text))) > 0)
        texts | Lossy | (strpos(current_setting('app.tenant_id'::text), tenant_id) = 1)
        texts | Lossy | (lower(tenant_id) = lower(current_setting('app.tenant_id'::text)))
        texts | Lossy | (upper(tenant_id) = upper(current_setting('app.tenant_id'::text)))
        texts | Lossy | (TRIM(BOTH FROM tenant_id) = current_setting('app.tenant_id'::text))
        texts | Lossy | (split_part(tenant_id, '-'::text, 1) = split_part(current_setting('app.tenant_id'::text), '-'::text, 1))
        texts | Lossy | ((tenant_id)::character varying(4) = (current_setting('app.tenant_id'::text))::character varying(4))
        texts | Lossy | (tenant_id = (current_setting('app.tenant_id'::text))::character varying(4))
        texts | Lossy | ((tenant_id)::integer = (current_setting('app.tenant_id'::text))::integer)
        texts | Lossy | ((tenant_id)::citext = (current_setting('app.tenant_id'::text))::citext)
        texts | Lossy | (hashtext(tenant_id) = hashtext(current_setting('app.tenant_id'::text)))
        texts | Lossy | (md5(tenant_id) = md5(current_setting('app.tenant_id'::text)))
        texts | OtherColumn | (tenant_id >= current_setting('app.tenant_id'::text))
        texts | OtherColumn | (tenant_id <= current_setting('app.tenant_id'::text))
        texts | Lossy | (regexp_replace(tenant_id, '_'::text, ''::text) = current_setting('app.tenant_id'::text))
        docs | Lossy | (left((tenant_id)::text, 8) = left(current_setting('app.tenant_id'::text), 8))
        docs | Lossy | (substr((tenant_id)::text, 1, 8) = substr(current_setting('app.tenant_id'::text), 1, 8))
        docs | Lossy | ((tenant_id)::text ~~ (left(current_setting('app.tenant_id'::text), 8) || '%'::text))
        docs | Lossy | ((tenant_id)::character varying(8) = (current_setting('app.tenant_id'::text))::character varying(8))
        docs | Lossy | ((tenant_id)::character(8) = (current_setting('app.tenant_id'::text))::character(8))
        docs | Lossy | (hashtext((tenant_id)::text) = hashtext(current_setting('app.tenant_id'::text)))
        docs | OtherColumn | (tenant_id <= (current_setting('app.tenant_id'::text))::uuid)
        numbers | Lossy | ((tenant_id % (10)::bigint) = ((current_setting('app.tenant_id'::text))::bigint % (10)::bigint))
        numbers | Lossy | ((tenant_id)::double precision = (current_setting('app.tenant_id'::text))::double precision)
        numbers | Lossy | ((tenant_id / 1000) = ((current_setting('app.tenant_id'::text))::bigint / 1000))
        numbers | Lossy | ((tenant_id)::text ~~ (current_setting('app.tenant_id'::text) || '%'::text))
        numbers | Lossy | (abs(tenant_id) = abs((current_setting('app.tenant_id'::text))::bigint))
        citexts | Lossy | (ci_tenant = current_setting('app.tenant_id'::text))
    ",
    );
}

#[test]
fn sub_queries_are_followed_and_captured_columns_found() {
    check(
        GUC,
        Goal::See,
        r"
        docs | ok | (tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid)))
        docs | ok | (tenant_id = ANY (ARRAY( SELECT members.tenant_id FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | ok | (tenant_id = ANY (( SELECT array_agg(members.tenant_id) AS array_agg FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid))::uuid[]))
        docs | ok | (EXISTS ( SELECT 1 FROM members WHERE ((members.tenant_id = docs.tenant_id) AND (members.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | ok | (( SELECT count(*) AS count FROM members WHERE ((members.tenant_id = docs.tenant_id) AND (members.user_id = (current_setting('app.user_id'::text))::uuid))) > 0)
        docs | ok | (tenant_id = ( SELECT profiles.tenant_id FROM profiles WHERE (profiles.id = (current_setting('app.user_id'::text))::uuid)))
        docs | ok | (tenant_id = ( SELECT m.tenant_id FROM members m WHERE (m.user_id = (current_setting('app.user_id'::text))::uuid) LIMIT 1))
        docs | ok | (EXISTS ( SELECT 1 FROM projects p WHERE ((p.id = docs.project_id) AND (p.tenant_id = (current_setting('app.tenant_id'::text))::uuid))))
        docs | ok | (project_id IN ( SELECT projects.id FROM projects WHERE (projects.tenant_id = (current_setting('app.tenant_id'::text))::uuid)))
        docs | ok | (EXISTS ( SELECT 1 FROM (projects p JOIN members m ON ((m.tenant_id = p.tenant_id))) WHERE ((p.id = docs.project_id) AND (m.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | ok | (EXISTS ( SELECT 1 FROM (members m LEFT JOIN projects p ON ((p.tenant_id = m.tenant_id))) WHERE ((m.tenant_id = docs.tenant_id) AND (m.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | ok | (tenant_id IN ( WITH mine AS ( SELECT members.tenant_id FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid)) SELECT mine.tenant_id FROM mine))
        docs | ok | (tenant_id IN ( SELECT s.tenant_id FROM ( SELECT members.tenant_id FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid)) s))
        docs | ok | (tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid) UNION SELECT (current_setting('app.tenant_id'::text))::uuid AS current_setting))
        notes | ok | (EXISTS ( SELECT 1 FROM docs d WHERE ((d.id = notes.doc_id) AND (d.tenant_id = (current_setting('app.tenant_id'::text))::uuid))))
        notes | ok | (doc_id IN ( SELECT docs.id FROM docs WHERE (docs.tenant_id = (current_setting('app.tenant_id'::text))::uuid)))
        notes | ok | (owner_id = (current_setting('app.user_id'::text))::uuid)
        docs | Captured | (EXISTS ( SELECT 1 FROM members WHERE ((members.tenant_id = members.tenant_id) AND (members.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | Captured | (EXISTS ( SELECT 1 FROM projects p WHERE ((p.id = p.id) AND (p.tenant_id = (current_setting('app.tenant_id'::text))::uuid))))
        docs | Captured | (project_id IN ( SELECT docs.project_id FROM projects WHERE (projects.tenant_id = (current_setting('app.tenant_id'::text))::uuid)))
        notes | Captured | (EXISTS ( SELECT 1 FROM docs d WHERE ((d.id = d.id) AND (d.tenant_id = (current_setting('app.tenant_id'::text))::uuid))))
        docs | Captured | app.captured(tenant_id)
        docs | Uncorrelated | (EXISTS ( SELECT 1 FROM members m WHERE (m.tenant_id = docs.tenant_id)))
        docs | ok | (EXISTS ( WITH m AS (SELECT members.tenant_id, members.user_id FROM members) SELECT 1 FROM m a, m b WHERE ((a.tenant_id = docs.tenant_id) AND (a.user_id = (current_setting('app.user_id'::text))::uuid) AND (b.tenant_id = a.tenant_id))))
        docs | Uncorrelated | (EXISTS ( WITH m AS (SELECT members.tenant_id, members.user_id FROM members) SELECT 1 FROM m a, m b WHERE ((a.tenant_id = docs.tenant_id) AND (b.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | Uncorrelated | (tenant_id IN ( SELECT members.tenant_id FROM members))
        docs | Uncorrelated | ((tenant_id = (current_setting('app.tenant_id'::text))::uuid) OR (EXISTS ( SELECT 1 FROM admins WHERE (admins.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | Uncorrelated | (EXISTS ( SELECT 1 FROM (countries c JOIN docs d ON ((d.country_id = c.id))) WHERE ((d.tenant_id = (current_setting('app.tenant_id'::text))::uuid) AND (c.id = docs.country_id))))
        docs | WrongContext | (tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = (current_setting('app.person'::text))::uuid)))
        docs | Lossy | (EXISTS ( SELECT 1 FROM members m WHERE ((left((m.tenant_id)::text, 4) = left((docs.tenant_id)::text, 4)) AND (m.user_id = (current_setting('app.user_id'::text))::uuid))))
        docs | FailsOpen | (tenant_id IN ( SELECT members.tenant_id FROM members WHERE ((members.user_id = (current_setting('app.user_id'::text, true))::uuid) OR (current_setting('app.user_id'::text, true) IS NULL))))
    ",
    );
}

#[test]
fn functions_are_looked_through() {
    check(
        GUC,
        Goal::See,
        r"
        docs | ok | (tenant_id = app.tenant())
        docs | ok | (tenant_id = ( SELECT app.tenant() AS tenant))
        docs | ok | (tenant_id = app.strict_tenant())
        docs | ok | (tenant_id = app.caught())
        docs | ok | app.is_member(tenant_id)
        docs | ok | (tenant_id IN ( SELECT app.tenants() AS tenants))
        docs | ok | (tenant_id IN ( SELECT t.t FROM app.tenants() t(t)))
        docs | ok | (tenant_id = ANY (ARRAY( SELECT app.tenants() AS tenants)))
        docs | Uncorrelated | app.is_anybody(tenant_id)
        docs | unknown | app.opaque(tenant_id)
        docs | unknown | app.looping(tenant_id)
        docs | unknown | app.recursive(tenant_id)
        docs | unknown | (tenant_id = app.broken())
        docs | unknown | app.gone(tenant_id)
    ",
    );
}

#[test]
fn claims_are_read_where_they_are_trusted() {
    check(
        JWT,
        Goal::See,
        r"
        members | ok | (user_id = auth.uid())
        docs | ok | (tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = auth.uid())))
        docs | ok | (tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = ( SELECT auth.uid() AS uid))))
        docs | ok | (tenant_id = (((auth.jwt() -> 'app_metadata'::text) ->> 'tenant_id'::text))::uuid)
        docs | ok | ((auth.jwt() ->> 'org_id'::text) = (tenant_id)::text)
        docs | ok | (owner_id = auth.uid())
        docs | ok | ((tenant_id)::text IN ( SELECT jsonb_array_elements_text(((auth.jwt() -> 'app_metadata'::text) -> 'tenants'::text)) AS jsonb_array_elements_text))
        docs | ok | (((auth.jwt() -> 'app_metadata'::text) -> 'tenants'::text) ? (tenant_id)::text)
        docs | ok | ((auth.jwt() ->> 'role'::text) = 'service_role'::text)
        docs | WrongContext | (tenant_id = (((auth.jwt() -> 'user_metadata'::text) ->> 'tenant_id'::text))::uuid)
        docs | WrongContext | ((tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = auth.uid()))) OR (((auth.jwt() -> 'user_metadata'::text) ->> 'role'::text) = 'admin'::text))
        docs | WrongContext | (tenant_id = (current_setting('app.tenant_id'::text, true))::uuid)
        docs | AnyContext | (auth.uid() IS NOT NULL)
        docs | AnyContext | ((auth.jwt() ->> 'role'::text) = 'app'::text)
        docs | AnyContext | ((tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = auth.uid()))) OR (((auth.jwt() -> 'app_metadata'::text) ->> 'role'::text) = 'admin'::text))
        docs | FailsOpen | ((auth.uid() IS NULL) OR (tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = auth.uid()))))
        storage.objects | ok | ((bucket_id = 'files'::text) AND ((storage.foldername(name))[1] = (auth.uid())::text))
        storage.objects | ok | ((bucket_id = 'files'::text) AND (split_part(name, '/'::text, 1) = (auth.uid())::text))
        storage.objects | ok | (owner = auth.uid())
        storage.objects | ok | ((bucket_id = 'files'::text) AND ((storage.foldername(name))[1] IN ( SELECT (members.tenant_id)::text AS tenant_id FROM members WHERE (members.user_id = auth.uid()))))
        storage.objects | ok | starts_with(name, ((auth.uid())::text || '/'::text))
        storage.objects | ok | (name ~~ ((auth.uid())::text || '/%'::text))
        storage.objects | Lossy | starts_with(name, (auth.uid())::text)
        storage.objects | OtherColumn | ((bucket_id = 'files'::text) AND ((auth.jwt() ->> 'role'::text) = 'authenticated'::text))
        storage.objects | OtherColumn | (bucket_id = 'files'::text)
        storage.objects | Lossy | ((bucket_id = 'files'::text) AND (name ~~ (('%'::text || (auth.uid())::text) || '%'::text)))
        storage.objects | Lossy | ((bucket_id = 'files'::text) AND ((storage.foldername(name))[2] = (auth.uid())::text))
        storage.objects | Lossy | ((bucket_id = 'files'::text) AND (POSITION(((auth.uid())::text) IN (name)) > 0))
    ",
    );
}

#[test]
fn roles_stand_for_tenants_where_they_do() {
    check(
        ROLES,
        Goal::See,
        r"
        texts | ok | (tenant_id = (CURRENT_USER)::text)
        texts | ok | ((tenant_id)::name = CURRENT_USER)
        texts | ok | (tenant_id = (SESSION_USER)::text)
        texts | ok | (tenant_id = 'acme'::text)
        texts | OneTenant | (tenant_id = 'bolt'::text)
        texts | ok | (tenant_id = CASE CURRENT_USER WHEN 'app'::name THEN 'acme'::text WHEN 'boss'::name THEN 'bolt'::text ELSE NULL::text END)
        texts | OneTenant | (tenant_id = CASE CURRENT_USER WHEN 'app'::name THEN 'bolt'::text ELSE NULL::text END)
        texts | WrongContext | (tenant_id = current_setting('app.tenant_id'::text))
        texts | Lossy | (tenant_id ~~ ((CURRENT_USER)::text || '%'::text))
    ",
    );
}

#[test]
fn writing_needs_the_tenant_itself() {
    check(
        GUC,
        Goal::Write,
        r"
        docs | ok | (tenant_id = (current_setting('app.tenant_id'::text))::uuid)
        docs | ok | (tenant_id IN ( SELECT members.tenant_id FROM members WHERE (members.user_id = (current_setting('app.user_id'::text))::uuid)))
        docs | Uncorrelated | (EXISTS ( SELECT 1 FROM projects p WHERE ((p.id = docs.project_id) AND (p.tenant_id = (current_setting('app.tenant_id'::text))::uuid))))
        docs | OtherColumn | (owner_id = (current_setting('app.user_id'::text))::uuid)
        docs | Tautology | true
        members | OtherColumn | (user_id = (current_setting('app.user_id'::text))::uuid)
        notes | ok | (EXISTS ( SELECT 1 FROM docs d WHERE ((d.id = notes.doc_id) AND (d.tenant_id = (current_setting('app.tenant_id'::text))::uuid))))
    ",
    );
}

#[test]
fn statements_are_held_by_their_own_conditions() {
    let held = |filter: &str, user: Option<u32>| {
        let (catalog, settings) = (catalog(), Settings::parse(ROLES).unwrap());
        let world = World::new(&catalog, &settings).unwrap();
        let text = format!("select 1 from docs d where {filter}");
        let parsed = crate::parser::sql(&text).unwrap();
        let tree = serde_json::to_value(&parsed).unwrap();
        let asked = Statement {
            text: &text,
            tree: tree.pointer("/stmts/0/stmt/node/SelectStmt").unwrap(),
            alias: "d",
            names: HashMap::from([("mine".to_owned(), Known::Tenant), ("given".to_owned(), Known::Nothing)]),
            positional: vec![Known::Tenant, Known::Nothing],
            path: &["public".to_owned()],
            reader: user,
            user,
        };
        Prover::new(&world).holds(world.relation_named(&Name::new("public", "docs")).unwrap(), &asked)
    };
    let (caller, owner, tenants) = (None, Some(1), Some(11));
    for filter in ["mine", "$1", "current_user", "(select current_user)"] {
        assert!(held(&format!("not (d.tenant_id <> {filter} or d.title is null)"), caller), "{filter}");
        assert!(!held(&format!("not (d.tenant_id <> {filter} and d.title is null)"), caller), "{filter}");
    }
    for filter in ["given", "$2", "$3", "d.title", "other.tenant_id", "'bolt'"] {
        assert!(!held(&format!("d.tenant_id = {filter}"), caller), "{filter}");
    }
    assert!(held("d.tenant_id = current_user", owner), "the owner is no tenant: these rows are nobody's");
    assert!(!held("d.tenant_id = current_user", tenants), "rows of a tenant, shown to all");
    assert!(!held("d.tenant_id = 'postgres'", owner), "a name that was only written");
}

#[test]
fn no_text_makes_it_panic() {
    let deep = format!("{}true{}", "(NOT ".repeat(400), ")".repeat(400));
    let wide = (0..300).map(|at| format!("(title = 't{at}')")).collect::<Vec<_>>().join(" OR ");
    let many = (0..14).map(|at| format!("((title = 'a{at}') OR (title = 'b{at}'))")).collect::<Vec<_>>().join(" AND ");
    for text in [
        "",
        "(",
        "select",
        "1; drop table docs",
        "'\\",
        "$1",
        "a.b.c.d",
        "docs.*",
        "\u{0}",
        "\u{202e}'x'",
        &deep,
        &wide,
        &many,
    ] {
        assert_ne!(judged(GUC, "docs", text, Goal::See), "ok", "{text}");
    }
}

#[test]
fn a_reason_is_worse_the_earlier_it_stands() {
    assert!(Reason::Captured < Reason::NullTenant);
}
