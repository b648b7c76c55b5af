//! Whom a row is about: the address of an invitation, erased apart from whoever invited [AC-16].

use serde_json::{Value, json};
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::TenantId;
use tenantry_custody::audit::{Filter, Format};
use tenantry_platform::db::{Context, Control};
use tenantry_platform::permit::{Actor, ManageKeys, Permit};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::House;

const BOB: &str = "Bob@Elsewhere.example";

impl House {
    async fn invite(&self, address: &str) {
        let permit = Permit::<ManageKeys, Control>::minted(self.context(), Actor::person(&self.person));
        let mut tx = permit.begin(self.ground());
        let act = Act::new("member.invited", "invitation", 1).about("invited_email", address.parse_address());
        record::append(&mut tx, self.ground(), act).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The subject of an address in the log of a tenant.
    async fn subject(&self, tenant: TenantId, address: &str) -> Uuid {
        let context = Context { tenant: Some(tenant), person: None };
        let mut tx = Permit::<ManageKeys, Control>::minted(context, Actor::person(&self.person)).begin(self.ground());
        let subject = record::subject_of_address(&mut tx, self.ground(), &address.parse_address()).await.unwrap();
        tx.commit().await.unwrap();
        subject
    }

    async fn erase(&self, subject: Uuid) {
        let sql = "delete from control.subject_keys where subject_id = $1";
        assert_eq!(self.db.administrator().await.execute(sql, &[&subject]).await.unwrap(), 1);
    }

    /// Of the one invitation: what became of the people in it, and who they are.
    async fn told(&self) -> (Value, Value) {
        let rows = self.export_of(&Filter { entity_id: Some("1".to_owned()), ..Filter::default() }).await;
        assert_eq!(rows.len(), 1);
        (rows[0]["personal_state"].clone(), rows[0]["personal"].clone())
    }
}

trait ParseAddress {
    fn parse_address(&self) -> EmailAddress;
}

impl ParseAddress for str {
    fn parse_address(&self) -> EmailAddress {
        EmailAddress::parse(self).unwrap()
    }
}

#[tokio::test]
async fn an_invitation_names_the_invited_address_on_the_page_and_in_every_form() {
    let house = House::new().await;
    house.invite(BOB).await;
    let mailbox = "Bob@elsewhere.example";
    assert!(house.page(json!({})).await.contains(&format!("invitation {mailbox}")));
    assert_eq!(house.told().await.1["invited_email"], mailbox);
    let of_invitation = Filter { action: Some("member.invited".to_owned()), ..Filter::default() };
    let csv = house.file(&of_invitation, Format::Csv).await;
    let ends: Vec<&str> = csv.lines().map(|line| line.rsplit(',').next().unwrap()).collect();
    assert_eq!(ends, ["\"invited_email\"", "\"Bob@elsewhere.example\"", "\"\""]);
    let ocsf = house.file(&of_invitation, Format::Ocsf).await;
    let event: Value = serde_json::from_str(ocsf.lines().next().unwrap()).unwrap();
    assert_eq!(event["unmapped"]["invited_email"], mailbox);
}

#[tokio::test]
async fn the_stored_row_has_no_address_in_plain_text() {
    let house = House::new().await;
    house.invite(BOB).await;
    let sql = "select a::text || (select string_agg(k::text, '') from control.subject_keys k) from control.audit a";
    let stored: String = house.db.administrator().await.query_one(sql, &[]).await.unwrap().get(0);
    let stored = stored.to_ascii_lowercase();
    let plain = ["bob@elsewhere", "ann@example"].into_iter().flat_map(|text| [text.to_owned(), hex(text)]);
    for text in plain {
        assert!(!stored.contains(&text), "{text} in {stored}");
    }
}

#[tokio::test]
async fn who_was_invited_is_erased_without_who_invited_and_the_other_way_round() {
    let (invited, inviting) = (House::new().await, House::new().await);
    for house in [&invited, &inviting] {
        house.invite(BOB).await;
    }
    invited.erase(invited.subject(invited.tenant, "bob@elsewhere.example").await).await;
    let invited = invited.elsewhere();
    let (state, personal) = invited.told().await;
    assert_eq!((state, personal), (json!("erased"), json!({ "actor_name": "Ann", "actor_email": "ann@example.com" })));
    inviting.erase(inviting.person.id.uuid()).await;
    let inviting = inviting.elsewhere();
    let (state, personal) = inviting.told().await;
    assert_eq!((state, personal), (json!("erased"), json!({ "invited_email": "Bob@elsewhere.example" })));
    for house in [&invited, &inviting] {
        assert!(house.list(Filter::default(), 50).await.entries.iter().all(|entry| entry.is_intact()));
    }
}

#[tokio::test]
async fn an_address_is_one_subject_in_any_spelling_and_another_one_in_another_log() {
    let house = House::new().await;
    let here = house.subject(house.tenant, BOB).await;
    assert_eq!(house.subject(house.tenant, "bob@ELSEWHERE.example").await, here);
    assert_ne!(house.subject(house.tenant, "rob@elsewhere.example").await, here);
    let there = TenantId::new(&house.ground().clock, &house.ground().entropy);
    assert_ne!(house.subject(there, BOB).await, here);
}

fn hex(text: &str) -> String {
    record::hex(text.as_bytes())
}
