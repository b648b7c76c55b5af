//! The site's people: who they are, what they sign in with, and their sessions, as Tenantry would, with a lie on demand.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::uuid7;
use tenantry_core::password_hash::{Argon2Variant, PasswordHash, Recipe};
use tenantry_platform::db::{Context, Control};
use tenantry_platform::mail::{self, Mail};
use tenantry_platform::permit::{Actor, ManageKeys, Permit};
use tenantry_platform::record::hex;
use uuid::Uuid;

use super::site::{Asked, Lie, Reply, Site, plain};

const ACCESS: &str = "__Host-tenantry";
const REFRESH: &str = "__Host-tenantry-refresh";
const COST: (u32, u32, u32) = (19_456, 2, 1);
const TAG_BYTES: usize = 32;
/// What every mailed link has before its token.
const LINK: &str = "http://app.localhost:4000/-/link?token=";

/// What an address of nobody is compared with: the same work.
static DECOY: LazyLock<String> = LazyLock::new(|| hash("nobody knows it"));

/// Somebody who is signed in, as the two tokens name them.
#[derive(Clone, Copy)]
struct Session {
    id: Uuid,
    person: Uuid,
    rotation: i64,
}

impl Site {
    pub(super) async fn of_people(&self, asked: &Asked<'_>) -> Reply {
        match (asked.method, asked.path) {
            (&Method::POST, "/-/sign-in") => self.sign_in(asked).await,
            (&Method::POST, "/-/sign-up") => self.sign_up(asked).await,
            (&Method::POST, "/-/forgot-password") => self.forgot(asked).await,
            (_, "/-/reset-password") => self.reset(asked).await,
            _ => match self.whoever(asked).await {
                Some((session, cookies)) => {
                    let (status, mut headers, body) = self.own_page(asked, session).await;
                    headers.extend(cookies);
                    (status, headers, body)
                }
                None => (StatusCode::SEE_OTHER, vec![("location", "/-/sign-in?return_to=/".to_owned())], String::new()),
            },
        }
    }

    async fn own_page(&self, asked: &Asked<'_>, session: Session) -> Reply {
        match (asked.method, asked.path) {
            (&Method::POST, "/-/account/password") => self.change_password(asked, session).await,
            (&Method::POST, "/-/invitation") => self.join(asked, session.person).await,
            (&Method::POST, path) if path.ends_with("/token") => self.exchange(asked, session),
            (_, path) if path.starts_with("/-/console/") => self.console(asked, session.person).await,
            _ => plain(StatusCode::OK, ""),
        }
    }

    /// Person, status and hash of an address.
    async fn account(&self, address: &str) -> Option<(Uuid, String, String)> {
        let sql =
            "select p.person_id, p.status, i.secret from control.persons p join control.identities i using (person_id)
                   where p.email_lower = lower($1)";
        let row = self.database.query_opt(sql, &[&address]).await.unwrap()?;
        Some((row.get(0), row.get(1), row.get(2)))
    }

    async fn sign_in(&self, asked: &Asked<'_>) -> Reply {
        let found = self.account(asked.field("email")).await;
        let is_quick = asked.lie == Lie::QuickUnknown && found.is_none();
        let hash = found.as_ref().map_or(DECOY.as_str(), |(_, _, hash)| hash);
        let is_right = !is_quick && matches(hash, asked.field("password"));
        match found {
            Some((person, status, _)) if is_right && may_enter(&status, asked.lie) => self.open(asked, person).await,
            found => {
                let known =
                    if asked.lie == Lie::KnownAddress && found.is_some() { "this password" } else { "something" };
                plain(StatusCode::UNPROCESSABLE_ENTITY, &format!("{} and {known} is wrong", asked.field("email")))
            }
        }
    }

    async fn open(&self, asked: &Asked<'_>, person: Uuid) -> Reply {
        let (id, now) = (uuid7(&self.ground.clock, &self.ground.entropy), self.ground.now());
        let sql =
            "insert into control.sessions (person_id, id, root_id, realm, host, rotated_at, auth_time, amr, created_at,
                       last_seen_at, expires_at)
                   values ($1, $2, $2, 'staff', 'http://app.localhost:4000', $3, $3, '{pwd}', $3, $3, $3)";
        self.database.execute(sql, &[&person, &id, &now]).await.unwrap();
        let cookies = self.cookies(asked, Session { id, person, rotation: 0 });
        (StatusCode::SEE_OTHER, [cookies, vec![("location", "/".to_owned())]].concat(), String::new())
    }

    fn cookies(&self, asked: &Asked<'_>, session: Session) -> Vec<(&'static str, String)> {
        let (lives_s, now_s) = (if asked.lie == Lie::LongToken { 86_400 } else { 900 }, self.ground.clock.now_s());
        let rotation = if asked.lie == Lie::SameToken { 0 } else { session.rotation };
        let claims =
            json!({ "sid": session.id, "sub": session.person, "rot": rotation, "iat": now_s, "exp": now_s + lives_s });
        let named = format!("e30.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let access = format!("{ACCESS}={named}.{}; Path=/; Secure; HttpOnly", signature(&named));
        let refresh = format!("{REFRESH}={}.{}.{rotation}; Path=/; Secure; HttpOnly", session.person, session.id);
        vec![("set-cookie", access), ("set-cookie", refresh)]
    }

    /// Whoever the cookies name, and the cookies of a renewal.
    async fn whoever(&self, asked: &Asked<'_>) -> Option<(Session, Vec<(&'static str, String)>)> {
        if let Some(token) = asked.cookies.get(ACCESS) {
            let session = read_access(token, asked.lie)?;
            return self.lives(asked, session).await.then_some((session, Vec::new()));
        }
        let parts: Vec<&str> = asked.cookies.get(REFRESH)?.split('.').collect();
        let [person, id, rotation] = parts.as_slice() else { return None };
        let shown = Session { person: person.parse().ok()?, id: id.parse().ok()?, rotation: rotation.parse().ok()? };
        let sql =
            "update control.sessions set counter = counter + 1 where id = $1 and counter = $2 and ended_at is null";
        let renewed = self.database.execute(sql, &[&shown.id, &shown.rotation]).await.unwrap() == 1;
        let session = Session { rotation: shown.rotation + 1, ..shown };
        if renewed || (asked.lie == Lie::ReusedToken && self.lives(asked, shown).await) {
            return Some((session, self.cookies(asked, session)));
        }
        if asked.lie != Lie::LivingTree {
            let end = "update control.sessions set ended_at = now() where root_id = $1 and ended_at is null";
            self.database.execute(end, &[&shown.id]).await.unwrap();
        }
        None
    }

    /// A first-party token of a session.
    fn exchange(&self, asked: &Asked<'_>, session: Session) -> Reply {
        let (lives_s, now_s) = (if asked.lie == Lie::LongExchange { 3_600 } else { 300 }, self.ground.clock.now_s());
        let claims = json!({ "sid": session.id, "sub": session.person, "rot": 0, "kind": "first-party", "iat": now_s, "exp": now_s + lives_s });
        let named = format!("e30.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let token = json!({ "access_token": format!("{named}.{}", signature(&named)) });
        plain(StatusCode::OK, &token.to_string())
    }

    /// A route that takes tokens, and believes each only while its session lives.
    pub(super) async fn at_partner(&self, token: Option<&str>, lie: Lie) -> Reply {
        let Some(token) = token else { return plain(StatusCode::UNAUTHORIZED, "{}") };
        let is_kind = lie == Lie::AnyKind || claims_of(token).is_some_and(|claims| claims["kind"] == "first-party");
        let session = read_access(token, lie).filter(|_| is_kind);
        match session {
            Some(session) if self.is_alive(session, lie).await => plain(StatusCode::OK, "{}"),
            _ => plain(StatusCode::UNAUTHORIZED, r#"{"code":"token_refused"}"#),
        }
    }

    async fn lives(&self, asked: &Asked<'_>, session: Session) -> bool {
        self.is_alive(session, asked.lie).await
    }

    async fn is_alive(&self, session: Session, lie: Lie) -> bool {
        let sql = "select s.ended_at is null, p.status = 'active' from control.sessions s join control.persons p using (person_id)
                   where s.id = $1";
        let row = self.database.query_opt(sql, &[&session.id]).await.unwrap();
        let is = |at: usize| row.as_ref().is_some_and(|row| row.get(at));
        (is(0) && is(1)) || (row.is_some() && lie == Lie::DeactivatedPerson)
    }

    async fn change_password(&self, asked: &Asked<'_>, session: Session) -> Reply {
        let sql = "select secret from control.identities where person_id = $1";
        let present: String = self.database.query_one(sql, &[&session.person]).await.unwrap().get(0);
        if !matches(&present, asked.field("current")) {
            return plain(StatusCode::UNPROCESSABLE_ENTITY, "");
        }
        if asked.lie != Lie::OldPassword {
            self.set_password(session.person, asked.field("password")).await;
        }
        if asked.lie != Lie::OtherSessions {
            let end = "update control.sessions set ended_at = now() where person_id = $1 and id <> $2";
            self.database.execute(end, &[&session.person, &session.id]).await.unwrap();
        }
        plain(StatusCode::SEE_OTHER, "")
    }

    async fn set_password(&self, person: Uuid, password: &str) {
        let sql = "update control.identities set secret = $2 where person_id = $1";
        self.database.execute(sql, &[&person, &hash(password)]).await.unwrap();
    }

    async fn forgot(&self, asked: &Asked<'_>) -> Reply {
        let (address, found) = (asked.field("email"), self.account(asked.field("email")).await);
        if let Some((person, _, _)) = &found {
            self.mail_link(asked, "reset", *person, address).await;
        } else if asked.lie == Lie::MailToNobody {
            self.mail_link(asked, "reset", Uuid::nil(), address).await;
        }
        let text = if asked.lie == Lie::KnownAddress && found.is_none() { "not known" } else { "a link was mailed to" };
        plain(StatusCode::OK, &format!("{text} {address}"))
    }

    /// Makes a link of which the database gets the digest, and mails it.
    pub(super) async fn mail_link(&self, asked: &Asked<'_>, kind: &str, person: Uuid, address: &str) {
        let token = URL_SAFE_NO_PAD.encode(self.ground.entropy.bytes::<32>());
        let (digest, now) = (digest(&token), self.ground.now());
        let hours = if asked.lie == Lie::EndlessLink { 24 * 365 } else { 1 };
        let until = now + jiff::SignedDuration::from_hours(hours) / 2;
        let data = if asked.lie == Lie::StoredLink { token.as_bytes().to_vec() } else { b"sealed".to_vec() };
        let sql = "select doors.create_link($1, gen_random_uuid(), $2, $3, $4, $5, $6)";
        self.database.execute(sql, &[&digest, &kind, &person, &data, &now, &until]).await.unwrap();
        self.mail(address, &token).await;
    }

    pub(super) async fn mail(&self, address: &str, token: &str) {
        let (to, text) = (EmailAddress::parse(address).unwrap(), format!("Open {LINK}{token} soon."));
        let mail = Mail { to, subject: String::new(), html: text.clone(), text, sheet: None };
        let permit = Permit::<ManageKeys, Control>::minted(Context::default(), Actor::system("job", "test"));
        let mut tx = permit.begin(&self.ground);
        mail::enqueue(&mut tx, &self.ground, mail).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn reset(&self, asked: &Asked<'_>) -> Reply {
        let token = asked.query.get("token").map_or_else(|| asked.field("token"), String::as_str);
        let door = if asked.lie == Lie::LinkTwice || asked.method == Method::GET { "peek" } else { "use" };
        let sql = format!("select person_id from doors.{door}_link($1, 'reset', $2)");
        let row = self.database.query_opt(&sql, &[&digest(token), &self.ground.now()]).await.unwrap();
        let Some(person) = row.map(|row| row.get::<_, Uuid>(0)) else {
            return plain(StatusCode::NOT_FOUND, "");
        };
        if asked.method == Method::POST {
            self.set_password(person, asked.field("password")).await;
            let prove = "update control.persons set status = 'active' where person_id = $1 and status = 'pending'";
            self.database.execute(prove, &[&person]).await.unwrap();
        }
        plain(StatusCode::OK, "")
    }

    async fn sign_up(&self, asked: &Asked<'_>) -> Reply {
        let (person, address) = (uuid7(&self.ground.clock, &self.ground.entropy), asked.field("email"));
        if asked.lie == Lie::EagerSignUp {
            let sql = "with p as (insert into control.persons (person_id, email, email_lower, name, status, created_at)
                                  values ($1, $2, $2, 'Eager', 'active', now()))
                       insert into control.identities (person_id, id, kind, issuer, subject, secret, created_at, changed_at)
                       values ($1, $1, 'password', '', '', $3, now(), now())";
            self.database.execute(sql, &[&person, &address, &hash(asked.field("password"))]).await.unwrap();
        }
        self.mail_link(asked, "verify", person, address).await;
        plain(StatusCode::OK, "")
    }
}

fn may_enter(status: &str, lie: Lie) -> bool {
    match status {
        "active" => true,
        "pending" => lie == Lie::PendingSignsIn,
        _ => lie == Lie::DeactivatedPerson,
    }
}

fn read_access(token: &str, lie: Lie) -> Option<Session> {
    let (named, tag) = token.rsplit_once('.')?;
    if tag != signature(named) && lie != Lie::AnyToken {
        return None;
    }
    let claims = claims_of(token)?;
    let id = |name: &str| claims[name].as_str()?.parse().ok();
    Some(Session { id: id("sid")?, person: id("sub")?, rotation: claims["rot"].as_i64()? })
}

fn claims_of(token: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}

fn signature(named: &str) -> String {
    hex(&digest(&format!("a key of this site {named}")))
}

fn digest(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

fn tag(salt: &[u8], password: &str) -> Vec<u8> {
    let mut tag = vec![0; TAG_BYTES];
    let params = Params::new(COST.0, COST.1, COST.2, Some(TAG_BYTES)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.as_bytes(), salt, &mut tag).unwrap();
    tag
}

fn hash(password: &str) -> String {
    let (salt, (memory_kib, passes, lanes)) = (b"salt of the site", COST);
    let recipe = Recipe::Argon2 { variant: Argon2Variant::Id, memory_kib, passes, lanes };
    PasswordHash::of(recipe, salt.to_vec(), tag(salt, password)).as_str().to_owned()
}

fn matches(stored: &str, password: &str) -> bool {
    let stored = PasswordHash::stored(stored).unwrap();
    tag(stored.salt(), password) == stored.tag()
}
