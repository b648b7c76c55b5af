//! The site's workspaces: roles, members and the log, as keys and people meet them, with a lie on demand.

use futures_util::TryStreamExt as _;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{TenantId, uuid7};
use tenantry_custody::audit::{Filter, Format, Readers, export};
use tenantry_platform::db::{Context, Control, Test};
use tenantry_platform::feed::Belief;
use tenantry_platform::permit::{Actor, ExportAudit, Origin, Permit, RunJobs};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::site::{Asked, Lie, Reply, Site, plain};

/// Whose key it is.
pub(super) struct Key {
    pub(super) tenant: TenantId,
    pub(super) id: Uuid,
    pub(super) mode: &'static str,
}

impl Key {
    fn actor(&self) -> Actor {
        let id = self.id.to_string();
        Actor { system: false, kind: "api_key", id, subject: self.id, name: None, email: None }
    }
}

impl Site {
    /// What a key is answered that sees keys, roles, people, or takes the log away. None: it is no such call.
    pub(super) async fn of_team(&self, asked: &Asked<'_>, by: &Key) -> Option<Reply> {
        let words: Vec<&str> = asked.path.split('/').skip(4).collect();
        Some(match (asked.method, words.as_slice()) {
            (_, ["whoami"]) => {
                let mode = if asked.lie == Lie::AnyMode { "live" } else { by.mode };
                plain(StatusCode::OK, &json!({ "mode": mode }).to_string())
            }
            (_, ["keys", id]) => self.key(asked, by, id).await,
            (_, ["roles"]) => {
                let word = if asked.lie == Lie::Wildcard { "orders:*" } else { "orders:read" };
                let roles = json!({ "data": [{ "name": "OWNER", "permissions": ["keys:read", word] }] });
                plain(StatusCode::OK, &roles.to_string())
            }
            (&Method::POST, ["invitations"]) => self.invite(asked, by).await,
            (&Method::PATCH, ["members", id]) => self.change_role(asked, by, id.parse().unwrap()).await,
            (&Method::DELETE, ["members", id]) => self.dismiss(asked, by, id.parse().unwrap()).await,
            (_, ["audit", "export"]) => self.take_away(asked, by).await,
            _ => return None,
        })
    }

    async fn key(&self, asked: &Asked<'_>, by: &Key, id: &str) -> Reply {
        let sql = "select mode from (select 'live' as mode, id from live.api_keys union all select 'test', id from test.api_keys) k
                   where id = $1 and (mode = $2 or $3)";
        let (id, is_mixed): (Uuid, bool) = (id.parse().unwrap(), asked.lie == Lie::MixedModes);
        match self.database.query_opt(sql, &[&id, &by.mode, &is_mixed]).await.unwrap() {
            Some(row) => plain(StatusCode::OK, &json!({ "mode": row.get::<_, &str>(0) }).to_string()),
            None => plain(StatusCode::NOT_FOUND, "{}"),
        }
    }

    /// A page of the console, as a member whose role holds neither settings nor roles.
    pub(super) async fn console(&self, asked: &Asked<'_>, person: Uuid) -> Reply {
        let sql = "select from control.memberships where person_id = $1";
        let is_member = self.database.query_opt(sql, &[&person]).await.unwrap().is_some();
        match (is_member, asked.path.split('/').nth(5), asked.lie) {
            (false, _, _) => plain(StatusCode::NOT_FOUND, ""),
            (true, None, _) | (true, Some(_), Lie::LargePage) => plain(StatusCode::OK, ""),
            (true, Some(_), Lie::WordlessPage) => plain(StatusCode::FORBIDDEN, "no"),
            (true, Some(_), _) => plain(StatusCode::FORBIDDEN, "This needs the permission tenant:manage."),
        }
    }

    async fn invite(&self, asked: &Asked<'_>, by: &Key) -> Reply {
        let (id, now) = (uuid7(&self.ground.clock, &self.ground.entropy), self.ground.now());
        let (email, role) = (asked.json["email"].as_str().unwrap(), asked.json["role"].as_str().unwrap());
        let sql = "insert into control.invitations (tenant_id, id, digest, email, email_lower, role, created_at, sent_at, expires_at)
                   values ($1, $2, sha256($2::uuid::text::bytea), $3, $3, $4, $5, $5, $5)";
        self.database.execute(sql, &[&by.tenant.uuid(), &id, &email, &role, &now]).await.unwrap();
        self.mail(email, &id.to_string()).await;
        let act = Act::new("member.invited", "invitation", id);
        let act = match asked.lie {
            Lie::NamelessInvitation => act,
            _ => act.about("invited_email", EmailAddress::parse(email).unwrap()),
        };
        self.note(asked, by.tenant, by.actor(), act, (Value::Null, json!(role))).await;
        plain(StatusCode::CREATED, &json!({ "id": id }).to_string())
    }

    pub(super) async fn join(&self, asked: &Asked<'_>, person: Uuid) -> Reply {
        let sql = "insert into control.memberships (tenant_id, person_id, role, created_at)
                   select tenant_id, $2, role, now() from control.invitations where id = $1 returning tenant_id, role";
        let invitation: Uuid = asked.field("token").parse().unwrap();
        let row = self.database.query_one(sql, &[&invitation, &person]).await.unwrap();
        let (tenant, role): (Uuid, String) = (row.get(0), row.get(1));
        let id = person.to_string();
        let actor = Actor { system: false, kind: "session", id, subject: person, name: None, email: None };
        let act = Act::new("member.joined", "person", person);
        self.note(asked, TenantId::from_uuid(tenant), actor, act, (Value::Null, json!(role))).await;
        plain(StatusCode::SEE_OTHER, "")
    }

    async fn change_role(&self, asked: &Asked<'_>, by: &Key, person: Uuid) -> Reply {
        let sql = "update control.memberships m set role = $2 from control.memberships before
                   where m.person_id = $1 and before.person_id = $1 returning before.role";
        let role = asked.json["role"].as_str().unwrap();
        let before: String = self.database.query_one(sql, &[&person, &role]).await.unwrap().get(0);
        let act = Act::new("member.role_changed", "person", person);
        self.note(asked, by.tenant, by.actor(), act, (json!(before), json!(role))).await;
        plain(StatusCode::OK, "{}")
    }

    async fn dismiss(&self, asked: &Asked<'_>, by: &Key, person: Uuid) -> Reply {
        let sql = "delete from control.memberships where person_id = $1 returning role";
        let before: String = self.database.query_one(sql, &[&person]).await.unwrap().get(0);
        let act = Act::new("member.removed", "person", person);
        self.note(asked, by.tenant, by.actor(), act, (json!(before), Value::Null)).await;
        plain(StatusCode::OK, "{}")
    }

    /// The row of a change of a team.
    async fn note(&self, asked: &Asked<'_>, tenant: TenantId, actor: Actor, act: Act, (before, after): (Value, Value)) {
        let before = if asked.lie == Lie::VagueTeam { Value::Null } else { before };
        if asked.lie == Lie::SilentTeam && act.action == "member.removed" {
            return;
        }
        let context = Context { tenant: Some(tenant), person: None };
        let origin = Origin { request_id: Some(asked.id.to_owned()), ip: None, user_agent: None };
        let mut tx = Permit::<RunJobs, Control>::system(context, actor, origin).begin(&self.ground);
        record::append(&mut tx, &self.ground, act.changed("role", before, after)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The log by the room that writes it, and then not quite.
    async fn take_away(&self, asked: &Asked<'_>, by: &Key) -> Reply {
        let context = Context { tenant: Some(by.tenant), person: None };
        let readers = Readers {
            mode: Permit::<ExportAudit, Test>::minted(context, by.actor()),
            control: Permit::minted(context, by.actor()),
        };
        let filter = Filter { request_id: asked.query.get("request_id").cloned(), ..Filter::default() };
        let format = match asked.query["format"].as_str() {
            "csv" => Format::Csv,
            "ocsf" => Format::Ocsf,
            _ => Format::Jsonl,
        };
        let belief = Belief::new(self.ground.feed.generation(), [], None);
        let pages = export(&self.ground, (readers, belief), &filter, format).await.unwrap();
        let pages: Vec<_> = pages.try_collect().await.unwrap();
        let text = String::from_utf8(pages.concat()).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let last = lines.len() - 1;
        let body = match asked.lie {
            Lie::EmptyExport => [&lines[..last - 1], &lines[last..]].concat().concat(),
            Lie::FormulaExport => text.replace("\"'=", "\"="),
            Lie::CutExport => lines[..last].concat(),
            _ => text,
        };
        plain(StatusCode::OK, &body)
    }
}
