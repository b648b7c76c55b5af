//! Stories of members (AC-2, AC-3, AC-16).

mod backing;
mod invitations;
mod keys;
mod ownership;
mod roles;

use tenantry_identity::members::{self, Granter, Invitation, Invite, Member};
use tenantry_identity::users::Enrolled;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::permit::{ManageMembers, PersonRef};
use tenantry_platform::problem::Problem;

use crate::house::House;

/// A workspace, and what people do in it.
struct Team<'a> {
    house: &'a House,
    of: Enrolled,
}

impl<'a> Team<'a> {
    /// `acme`, whose owner is Ada.
    async fn new(house: &'a House) -> Self {
        Self { house, of: house.account("acme").await }
    }

    fn ada(&self) -> PersonRef {
        self.of.person.clone()
    }

    async fn member(&self, slug: &str, role: &str) -> PersonRef {
        self.house.member(&self.of, slug, role).await
    }

    fn begin(&self, who: &PersonRef) -> TenantTx<Control> {
        let of = Enrolled { person: who.clone(), tenant: self.of.tenant.clone() };
        self.house.permit::<ManageMembers, Control>(&of).begin(&self.house.db.ground)
    }

    async fn invite(&self, who: &PersonRef, email: &str, role: &str) -> Result<Invitation, Problem> {
        self.invite_as(who, &Granter::Person(who.id), email, role).await
    }

    async fn invite_as(
        &self,
        who: &PersonRef,
        granter: &Granter,
        email: &str,
        role: &str,
    ) -> Result<Invitation, Problem> {
        let (mut tx, draft) = (self.begin(who), Invite { email: email.to_owned(), role: role.to_owned() });
        let made = members::invite(&mut tx, &self.house.identity, granter, &draft).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// An invitation by Ada, as the mail's link.
    async fn link(&self, email: &str, role: &str) -> String {
        self.invite(&self.ada(), email, role).await.expect("an invitation");
        let mail = self.house.mails().await.remove(0);
        assert_eq!(mail.to, email);
        let start = mail.text.find("http://").expect("a link");
        mail.text[start..].split_whitespace().next().expect("a link").to_owned()
    }

    async fn change(&self, who: &PersonRef, whom: &PersonRef, role: &str) -> Result<Member, Problem> {
        self.change_from(who, whom, role, None).await
    }

    async fn change_from(
        &self,
        who: &PersonRef,
        whom: &PersonRef,
        role: &str,
        version: Option<i64>,
    ) -> Result<Member, Problem> {
        let (mut tx, ground) = (self.begin(who), &self.house.db.ground);
        let roles = &self.house.identity.options.roles;
        let granter = Granter::Person(who.id);
        let member = members::change_role(&mut tx, (ground, roles), &granter, whom.id, role, version).await?;
        tx.commit_and_fence(ground).await?;
        Ok(member)
    }

    async fn remove(&self, who: &PersonRef, whom: &PersonRef) -> Result<Member, Problem> {
        let (mut tx, ground) = (self.begin(who), &self.house.db.ground);
        let roles = &self.house.identity.options.roles;
        let removed = members::remove(&mut tx, (ground, roles), &Granter::Person(who.id), whom.id).await?;
        tx.commit_and_fence(ground).await?;
        Ok(removed)
    }

    async fn leave(&self, who: &PersonRef) -> Result<(), Problem> {
        let (mut tx, ground) = (self.begin(who), &self.house.db.ground);
        members::leave(&mut tx, ground, who.id).await?;
        tx.commit_and_fence(ground).await?;
        Ok(())
    }

    async fn transfer(&self, who: &PersonRef, whom: &PersonRef) -> Result<(), Problem> {
        let (mut tx, ground) = (self.begin(who), &self.house.db.ground);
        members::transfer(&mut tx, (ground, &self.house.identity.options.roles), who.id, whom.id).await?;
        tx.commit_and_fence(ground).await?;
        Ok(())
    }

    /// Role and whether the workspace is theirs, as the database has it.
    async fn role(&self, who: &PersonRef) -> Option<(String, bool)> {
        let client = self.house.db.administrator().await;
        let sql = "select role, owner from control.memberships where tenant_id = $1 and person_id = $2";
        let row = client.query_opt(sql, &[&self.of.tenant.id.uuid(), &who.id.uuid()]).await.expect("rows");
        row.map(|row| (row.get(0), row.get(1)))
    }

    async fn owners(&self) -> i64 {
        let sql =
            format!("select count(*) from control.memberships where owner and tenant_id = '{}'", self.of.tenant.id);
        self.house.one(&sql).await
    }
}

/// The code of a refusal.
#[track_caller]
fn code<T>(result: Result<T, Problem>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(problem) => problem.code.into_owned(),
    }
}
