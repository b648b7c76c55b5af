//! Who passes: every guard against every credential [AC-1, AC-5, AC-14, KEY-1].

use std::sync::Arc;

use tenantry_core::ids::{KeyId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_edge::gateway::{AppRoute, Found, Outcome, Place, RouteTable, admit};
use tenantry_platform::metrics::Metrics;
use tenantry_platform::permit::{Credential, Parts, Principal, Realm, TenantRef, TenantStatus};
use tenantry_platform::problem::{Kind, Problem};

use crate::kit::{clock, config};

const ROUTES: &str = r#"
[permissions]
"orders:write" = "change orders"
[roles.OWNER]
owner = true
permissions = ["orders:write", "keys:manage", "keys:read", "members:manage", "members:read", "tenant:manage", "audit:read", "audit:export"]
[roles.MEMBER]
permissions = ["orders:write"]
[members]
default_role = "MEMBER"
[[routes]]
path = "/session"
guard = "session"
[[routes]]
path = "/orders"
guard = ["session", "key"]
permission = "orders:write"
[[routes]]
path = "/cron"
guard = "cron"
[[routes]]
path = "/open"
guard = "public"
public_because = "a test"
"#;

struct World {
    table: RouteTable,
    acme: TenantId,
    globex: TenantId,
    entropy: Entropy,
}

impl World {
    fn new() -> Self {
        let entropy = Entropy::seeded(1);
        let tenant = || TenantId::new(&clock(), &entropy);
        let (acme, globex) = (tenant(), tenant());
        Self { table: RouteTable::new(&config(ROUTES), &Metrics::default()).unwrap(), acme, globex, entropy }
    }

    fn route(&self, path: &str) -> &AppRoute {
        let path = tenantry_core::path::CleanPath::parse(path).unwrap();
        match self.table.find(&http::Method::GET, &path) {
            Found::Route(route) => route,
            other => panic!("{other:?}"),
        }
    }

    fn session(&self, tenant: Option<TenantId>, permissions: &[&str]) -> Outcome {
        verified(Credential::Session(SessionId::new(&clock(), &self.entropy)), tenant, permissions)
    }

    fn key(&self, tenant: Option<TenantId>, permissions: &[&str]) -> Outcome {
        verified(Credential::Key(KeyId::new(&clock(), &self.entropy)), tenant, permissions)
    }

    /// The status of a request to `path` on acme's live host; 200 when it passes.
    fn at_acme(&self, path: &str, outcome: Outcome) -> u16 {
        self.at(path, outcome, Place { tenant: Some(self.acme), mode: Some(Mode::Live) })
    }

    fn at(&self, path: &str, outcome: Outcome, place: Place) -> u16 {
        admit(self.route(path), outcome, place).map_or_else(|problem| problem.status().as_u16(), |_| 200)
    }
}

fn verified(credential: Credential, tenant: Option<TenantId>, permissions: &[&str]) -> Outcome {
    let tenant = tenant.map(|id| TenantRef {
        id,
        slug: "x".into(),
        name: "X".into(),
        plan: "free".into(),
        limits: Default::default(),
        status: TenantStatus::Active,
    });
    Outcome::Verified(Arc::new(Principal::vouch(Parts {
        realm: Realm::Staff,
        mode: tenant.as_ref().map(|_| Mode::Live),
        credential,
        tenant,
        person: None,
        roles: Vec::new(),
        permissions: Arc::new(permissions.iter().map(|word| word.parse().unwrap()).collect()),
        auth_time: None,
        amr: Vec::new(),
    })))
}

#[test]
fn a_refused_credential_ends_the_request_even_where_everybody_passes() {
    let world = World::new();
    for path in ["/open", "/session", "/orders", "/cron"] {
        let refused = Outcome::Refused(Problem::new(Kind::Unauthorized, "This key was revoked."));
        assert_eq!(world.at_acme(path, refused), 401, "{path}");
    }
}

#[test]
fn without_a_credential_only_public_routes_pass() {
    let world = World::new();
    for (path, status) in [("/open", 200), ("/session", 401), ("/orders", 401), ("/cron", 401)] {
        assert_eq!(world.at_acme(path, Outcome::NotPresented), status, "{path}");
    }
}

#[test]
fn a_good_credential_of_the_wrong_kind_does_not_pass() {
    let world = World::new();
    let acme = Some(world.acme);
    assert_eq!(world.at_acme("/session", world.session(acme, &[])), 200);
    assert_eq!(world.at_acme("/session", world.key(acme, &["orders:write"])), 401);
    assert_eq!(world.at_acme("/cron", world.session(acme, &["orders:write"])), 401);
    let cron = || verified(Credential::Cron("nightly".into()), None, &[]);
    assert_eq!(world.at_acme("/cron", cron()), 200);
    assert_eq!(world.at_acme("/orders", cron()), 401);
}

#[test]
fn another_tenants_credential_finds_nothing_even_on_a_public_route() {
    let world = World::new();
    for path in ["/open", "/session", "/orders"] {
        assert_eq!(world.at_acme(path, world.session(Some(world.globex), &["orders:write"])), 404, "{path}");
        assert_eq!(world.at_acme(path, world.session(None, &["orders:write"])), 404, "{path} without a tenant");
    }
    assert_eq!(world.at_acme("/orders", world.key(Some(world.globex), &["orders:write"])), 404);
}

#[test]
fn a_live_credential_finds_nothing_on_the_test_host() {
    let world = World::new();
    let test = Place { tenant: Some(world.acme), mode: Some(Mode::Test) };
    assert_eq!(world.at("/session", world.session(Some(world.acme), &[]), test), 404);
}

#[test]
fn on_the_apis_host_the_credential_names_the_tenant() {
    let world = World::new();
    let api = Place { tenant: None, mode: None };
    assert_eq!(world.at("/orders", world.key(Some(world.globex), &["orders:write"]), api), 200);
    assert_eq!(world.at("/orders", world.key(None, &["orders:write"]), api), 404);
}

#[test]
fn a_missing_permission_is_named() {
    let world = World::new();
    let place = Place { tenant: Some(world.acme), mode: None };
    let key = world.key(Some(world.acme), &["orders:read"]);
    let problem = admit(world.route("/orders"), key, place).unwrap_err();
    assert_eq!(problem.status(), 403);
    assert!(problem.detail.contains("`orders:write`"), "{problem}");
}
