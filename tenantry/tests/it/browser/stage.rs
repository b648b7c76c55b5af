//! What the pages are about: a running `tenantry dev` in which something of everything is there, made as people and
//! programs make it, and the cookies of whoever looks at it.

use serde_json::json;

use super::chromium::Chromium;
use crate::client::Answer;
use crate::dev::ask::{Ask, cookies};
use crate::dev::process::{Dev, until};

const PASSWORD: &str = "plum orbit kettle seven";
const LIVE: &str = "/-/console/acme/live";

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// Signed in nowhere.
    Nobody,
    /// Of the first workspace.
    Owner,
    /// Of the first workspace, with the smallest role.
    Member,
    /// Platform staff.
    Operator,
}

impl Visitor {
    pub(super) const ALL: [Self; 4] = [Self::Nobody, Self::Owner, Self::Member, Self::Operator];
}

/// Everything that an example of a page may name.
pub(super) struct Stage {
    dev: Dev,
    owner: String,
    member: String,
    operator: String,
    /// What an address's `{name}` stands for.
    names: Vec<(&'static str, String)>,
}

/// Somebody on the central host.
struct Hand<'a> {
    stage: &'a Stage,
    cookie: String,
}

impl Stage {
    pub(super) async fn set(dev: Dev) -> Self {
        let (owner, operator) = (dev.ready.owner.clone(), dev.ready.operator.clone());
        let none = String::new();
        let mut stage = Self { dev, owner: none.clone(), member: none.clone(), operator: none, names: Vec::new() };
        stage.owner = stage.sign_in(&owner.email, &owner.password).await;
        stage.operator = stage.sign_in(&operator.email, &operator.password).await;
        stage.use_the_api().await;
        stage.invite_people().await;
        stage.make_keys_and_a_role().await;
        stage.change_an_address().await;
        stage.forget_a_password().await;
        stage.stop_a_workspace().await;
        stage.fail_jobs().await;
        stage.block_some().await;
        stage.wait_for_counts().await;
        stage
    }

    /// An address with this stage's names in it.
    pub(super) fn address(&self, pattern: &str) -> String {
        let ready = &self.dev.ready;
        let hosts = [("central", &ready.console), ("tenant", &ready.tenant), ("other", &ready.other_tenant)];
        let names = hosts.into_iter().chain(self.names.iter().map(|(name, value)| (*name, value)));
        names.fold(pattern.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// The central host's cookies of a visitor.
    pub(super) fn cookies_of(&self, visitor: Visitor) -> &str {
        match visitor {
            Visitor::Nobody => "",
            Visitor::Owner => &self.owner,
            Visitor::Member => &self.member,
            Visitor::Operator => &self.operator,
        }
    }

    /// A browser of theirs.
    pub(super) async fn browser_of(&self, visitor: Visitor) -> Option<Chromium> {
        let browser = Chromium::start().await?;
        browser.carry(&self.dev.ready.console, self.cookies_of(visitor)).await;
        Some(browser)
    }

    /// The page between two hosts, with a fresh code of the owner's, and the cookie that belongs to it.
    pub(super) async fn hand_off(&self) -> (String, String) {
        let away = Ask::get(&self.address("{tenant}/-/sign-in?return_to=/")).send().await;
        let back = Ask::get(away.location()).header("cookie", &self.owner).send().await;
        (back.location().to_owned(), cookies(&away))
    }

    pub(super) async fn ask(&self, visitor: Visitor, address: &str) -> Answer {
        Ask::get(address).header("cookie", self.cookies_of(visitor)).header("accept", "text/html").send().await
    }

    fn hand(&self, cookie: &str) -> Hand<'_> {
        Hand { stage: self, cookie: cookie.to_owned() }
    }

    fn name(&mut self, name: &'static str, value: impl Into<String>) {
        self.names.push((name, value.into()));
    }

    async fn sign_in(&self, email: &str, password: &str) -> String {
        let answer = self.hand("").post("/-/sign-in", &[("email", email), ("password", password)]).await;
        cookies(&answer.expect(303))
    }

    /// The path and query of a link in a mail that comes.
    async fn mailed(&self, to: &str, path: &str) -> String {
        let mailbox = format!("{}?to={to}", self.dev.ready.mailbox);
        until(&format!("a mail to {to} with {path}"), async || {
            let mails = Ask::get(&mailbox).send().await.json();
            let links = mails.as_array().unwrap().iter().flat_map(|mail| mail["links"].as_array().unwrap());
            let mut links = links.filter_map(|link| link.as_str()?.strip_prefix(&self.dev.ready.console));
            links.find(|link| link.starts_with(path)).map(str::to_owned)
        })
        .await
    }

    /// Requests that pass, that are refused, and that a policy complains of.
    async fn use_the_api(&self) {
        let ready = &self.dev.ready;
        for path in ["/api/products", "/api/products/1", "/api/orders"] {
            Ask::get(&format!("{}{path}", ready.api)).bearer(&ready.api_key).send().await;
        }
        let report = json!({ "csp-report": {
            "document-uri": "https://shop.example/orders", "effective-directive": "script-src-elem",
            "blocked-uri": "https://cdn.example/analytics.js", "disposition": "enforce" } });
        let told = Ask::post(&format!("{}/-/csp-reports", ready.tenant)).json_as("application/csp-report", &report);
        told.send().await.expect(204);
    }

    /// One who came, one who may come, and one who has an account already.
    async fn invite_people(&mut self) {
        for email in ["ines@acme.example", "hedy@acme.example", "owner@globex.example"] {
            let form = [("email", email), ("role", "MEMBER")];
            self.hand(&self.owner).post(&format!("{LIVE}/members/invite"), &form).await.expect(303);
        }
        let link = self.mailed("ines@acme.example", "/-/invitation").await;
        let form = [("token", token(&link)), ("name", "Ines Invited"), ("password", PASSWORD)];
        self.member = cookies(&self.hand("").post("/-/invitation", &form).await.expect(303));
        let (fresh, known) =
            (self.mailed("hedy@acme.example", "/-/inv").await, self.mailed("owner@globex.example", "/-/inv").await);
        self.name("invitation", fresh);
        self.name("known-invitation", known);
        let members = self.hand(&self.owner).get(&format!("{LIVE}/members")).await.body;
        self.name("member", id(&members, "/members/", "/role\""));
        self.name("mail", "1");
    }

    /// A key that was rotated, one that works no more, and a role of the workspace's own.
    async fn make_keys_and_a_role(&mut self) {
        let owner = self.owner.clone();
        for (name, networks) in [("Warehouse sync", "192.0.2.0/24\n2001:db8::/32"), ("Old import", "")] {
            let form =
                [("name", name), ("scopes", "products:read"), ("scopes", "orders:write"), ("networks", networks)];
            self.hand(&owner).post(&format!("{LIVE}/keys/new"), &form).await.expect(200);
        }
        let list = self.hand(&owner).get(&format!("{LIVE}/keys")).await.body;
        let of = |name: &str| id(&list, "/keys/", &format!("\">{name}</a>"));
        let (rotated, dead) = (of("Warehouse sync"), of("Old import"));
        let form = [("overlap_s", "86400")];
        let path = format!("{LIVE}/keys/{rotated}/rotate");
        self.hand(&owner).post(&path, &form).await.expect(200);
        let path = format!("{LIVE}/keys/{dead}/revoke");
        self.hand(&owner).post(&path, &[("confirm", "Old import")]).await.expect(303);
        let old = self.hand(&owner).get(&format!("{LIVE}/keys/{rotated}")).await.body;
        self.name("key", id(&old, "/keys/", "\">Warehouse sync</a>"));
        self.name("old-key", rotated);
        self.name("dead-key", dead);
        let form = [("name", "SUPPORT"), ("description", "Answers customers"), ("permissions", "products:read")];
        self.hand(&owner).post(&format!("{LIVE}/roles/new"), &form).await.expect(303);
        let roles = self.hand(&owner).get(&format!("{LIVE}/roles")).await.body;
        self.name("role", id(&roles, "/roles/", "/edit\""));
    }

    /// Somebody signed up, changed their address, and thinks of changing it again; somebody else only signed up.
    async fn change_an_address(&mut self) {
        let cookie = self.sign_up("iris@initech.example", "Initech", "initech").await;
        let link = self.mailed("iris@initech.example", "/-/verify").await;
        let iris = cookies(&self.hand(&cookie).post("/-/verify", &[("token", token(&link))]).await.expect(303));
        let form = [("email", "iris@home.example"), ("current", PASSWORD)];
        self.hand(&iris).post("/-/account/email", &form).await.expect(200);
        let link = self.mailed("iris@home.example", "/-/confirm-email").await;
        self.hand(&iris).post("/-/confirm-email", &[("token", token(&link))]).await.expect(200);
        let undo = self.mailed("iris@initech.example", "/-/undo-email").await;
        let form = [("email", "iris@work.example"), ("current", PASSWORD)];
        self.hand(&iris).post("/-/account/email", &form).await.expect(200);
        let confirm = self.mailed("iris@work.example", "/-/confirm-email").await;
        self.sign_up("vera@umbrella.example", "Umbrella", "umbrella").await;
        let verify = self.mailed("vera@umbrella.example", "/-/verify").await;
        self.name("undo", undo);
        self.name("confirm", confirm);
        self.name("verify", verify);
    }

    async fn sign_up(&self, email: &str, workspace: &str, slug: &str) -> String {
        let who = [("name", "Iris Example"), ("email", email), ("password", PASSWORD)];
        let form = [&who[..], &[("workspace", workspace), ("slug", slug)]].concat();
        cookies(&self.hand("").post("/-/sign-up", &form).await.expect(200))
    }

    async fn forget_a_password(&mut self) {
        let form = [("email", "owner@globex.example")];
        self.hand("").post("/-/forgot-password", &form).await.expect(200);
        let reset = self.mailed("owner@globex.example", "/-/reset-password").await;
        self.name("reset", reset);
    }

    /// The operator suspends one workspace; a member of another one may be deactivated.
    async fn stop_a_workspace(&mut self) {
        let staff = self.operator.clone();
        for (name, slug) in [("tenant-id", "acme"), ("stopped-id", "globex")] {
            let list = self.hand(&staff).get(&format!("/-/operator/tenants?q={slug}")).await.body;
            self.name(name, id(&list, "/-/operator/tenants/", "\">"));
        }
        let path = self.address("/-/operator/tenants/{stopped-id}/suspend");
        let form = [("reason", "Unpaid since May"), ("confirm", "globex")];
        self.hand(&staff).post(&path, &form).await.expect(303);
        for (name, email) in [("person", "ines@acme.example"), ("sole-owner", "owner@acme.example")] {
            let found = self.hand(&staff).get(&format!("/-/operator/people?q={email}")).await.body;
            self.name(name, id(&found, "/-/operator/people/", "/deactivate"));
        }
    }

    /// Two jobs that were given up. What they were to do was never sealed, so nobody can read it.
    async fn fail_jobs(&mut self) {
        let sql = "insert into control.jobs (id, kind, payload, due_at, created_at, attempts, failed_at, last_error)
            select gen_random_uuid(), kind, '', now(), now(), 8, now(), 'the mail server answered 550'
            from unnest(array['mail.send', 'keys.warn']) kind returning id::text";
        let rows = self.dev.administrator().await.query(sql, &[]).await.unwrap();
        self.name("job", rows[0].get::<_, String>(0));
    }

    /// Addresses, a key and a person that are blocked, were, or are no longer by somebody's hand.
    async fn block_some(&mut self) {
        let of_addresses = "
            insert into control.address_blocks (id, scope, network, account, offence, points, nth, by_hand, blocked_by, reason,
                at, until, lifted_at, lifted_by, lift_reason)
            select gen_random_uuid(), scope, network::cidr, case when scope = 'sign_in' then '0123456789abcdef'::bytea else '' end,
                offence, 100, nth, offence = 'by_hand', 'gateway', reason, now() - interval '1 hour', now() + ends,
                case when lifted = '' then null else now() end, lifted, lifted
            from (values
                ('everything', '203.0.113.7', 'checksum', 3, '', interval '5 hours', ''),
                ('everything', '198.51.100.0/24', 'by_hand', 1, 'It tries passwords of many people', interval '9 days', ''),
                ('sign_in', '2001:db8:0:42::/64', 'sign_in', 1, '', interval '14 minutes', ''),
                ('reports', '192.0.2.4', 'reports', 1, '', interval '-30 minutes', ''),
                ('everything', '192.0.2.5', 'limit', 2, '', interval '1 day', 'Our own load test')
            ) b (scope, network, offence, nth, reason, ends, lifted)";
        let of_tenant = "
            insert into control.tenant_blocks (tenant_id, id, kind, subject, offence, points, nth, at, until, lifted_at, lifted_by, lift_reason)
            select t.tenant_id, gen_random_uuid(), b.kind, b.subject::uuid, 'limit', 100, b.nth, now() - interval '1 hour',
                now() + b.ends, case when b.lifted = '' then null else now() end, b.lifted, b.lifted
            from control.tenants t, (values
                ('key', $1, 4, interval '1 hour', ''), ('person', $2, 1, interval '-1 minute', ''),
                ('key', '00000000-0000-7000-8000-000000000001', 1, interval '1 day', 'The import is mended')
            ) b (kind, subject, nth, ends, lifted)
            where t.slug = 'acme' returning id::text";
        let (key, member) = (self.address("{key}"), self.address("{member}"));
        let administrator = self.dev.administrator().await;
        administrator.execute(of_addresses, &[]).await.unwrap();
        let rows = administrator.query(of_tenant, &[&key, &member]).await.unwrap();
        self.name("block", rows[0].get::<_, String>(0));
    }

    /// What is counted and what browsers report is written ten seconds later, at most. Asking the pages each time
    /// would meet their limit.
    async fn wait_for_counts(&self) {
        let administrator = self.dev.administrator().await;
        let written =
            "select exists (select from live.csp_reports) and exists (select from test.usage where kind = 'forbidden')";
        until("what was counted", async || {
            let row = administrator.query_one(written, &[]).await.unwrap();
            row.get::<_, bool>(0).then_some(())
        })
        .await;
    }
}

impl Hand<'_> {
    async fn get(&self, path: &str) -> Answer {
        let ask = Ask::get(&format!("{}{path}", self.stage.dev.ready.console)).header("accept", "text/html");
        ask.header("cookie", &self.cookie).send().await.expect(200)
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let ask = Ask::post(&format!("{}{path}", self.stage.dev.ready.console)).header("cookie", &self.cookie);
        ask.form(form).send().await
    }
}

fn token(link: &str) -> &str {
    link.split_once("token=").expect("a link has its token").1
}

/// The first id in a page that stands between these.
#[track_caller]
fn id(page: &str, start: &str, end: &str) -> String {
    let mut found = page.split(start).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0));
    let found = found.find(|text| text.len() == "00000000-0000-0000-0000-000000000000".len());
    found.unwrap_or_else(|| panic!("{start}…{end} in {page}")).to_owned()
}
