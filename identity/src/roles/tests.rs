//! Stories of the roles that a workspace adds for itself (AC-2, AC-3).

use tenantry_core::ids::RoleId;
use tenantry_identity::members::{self, Granter, Invite};
use tenantry_identity::roles::{self, OWN_ROLES_MOST, OwnRole, RoleBook, RoleDraft, RoleEdit};
use tenantry_identity::users::Enrolled;
use tenantry_platform::config::{Config, Dev};
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::permit::{ManageRoles, PersonRef};
use tenantry_platform::problem::Problem;

use crate::house::House;

/// A workspace, and who writes its roles.
struct Team<'a> {
    house: &'a House,
    of: Enrolled,
}

impl<'a> Team<'a> {
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
        self.house.permit::<ManageRoles, Control>(&of).begin(&self.house.db.ground)
    }

    async fn create(&self, who: &PersonRef, name: &str, words: &[&str]) -> Result<OwnRole, Problem> {
        let (mut tx, draft) = (self.begin(who), draft(name, words));
        let ground = (&self.house.db.ground, &self.house.identity.options);
        let made = roles::create(&mut tx, ground, &Granter::Person(who.id), &draft).await?;
        tx.commit_and_fence(ground.0).await?;
        Ok(made)
    }

    async fn rewrite(&self, who: &PersonRef, id: RoleId, words: &[&str]) -> Result<OwnRole, Problem> {
        self.update(who, id, RoleEdit { permissions: Some(owned(words)), ..RoleEdit::default() }).await
    }

    async fn update(&self, who: &PersonRef, id: RoleId, edit: RoleEdit) -> Result<OwnRole, Problem> {
        let (mut tx, ground) = (self.begin(who), (&self.house.db.ground, &self.house.identity.options));
        let now = roles::update(&mut tx, ground, &Granter::Person(who.id), id, &edit).await?;
        tx.commit_and_fence(ground.0).await?;
        Ok(now)
    }

    async fn delete(&self, who: &PersonRef, id: RoleId) -> Result<OwnRole, Problem> {
        let (mut tx, ground) = (self.begin(who), (&self.house.db.ground, &self.house.identity.options));
        let gone = roles::delete(&mut tx, ground, &Granter::Person(who.id), (id, None)).await?;
        tx.commit_and_fence(ground.0).await?;
        Ok(gone)
    }

    /// A grant that waits for its commit.
    async fn granted(&self, who: &PersonRef, whom: &PersonRef, role: &str) -> Result<TenantTx<Control>, Problem> {
        let (mut tx, ground) = (self.begin(who), (&self.house.db.ground, &*self.house.identity.options.roles));
        members::change_role(&mut tx, ground, &Granter::Person(who.id), whom.id, role, None).await?;
        Ok(tx)
    }

    async fn grant(&self, who: &PersonRef, whom: &PersonRef, role: &str) -> Result<(), Problem> {
        self.granted(who, whom, role).await?.commit_and_fence(&self.house.db.ground).await?;
        Ok(())
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn draft(name: &str, words: &[&str]) -> RoleDraft {
    RoleDraft { name: name.to_owned(), description: String::new(), permissions: owned(words) }
}

#[track_caller]
fn code<T>(result: Result<T, Problem>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(problem) => problem.code.into_owned(),
    }
}

/// The permissions of a role of acme's as a configuration with these settings reads them.
async fn as_read_with(team: &Team<'_>, settings: &str, role: &str) -> String {
    let config = Config::for_dev("other.toml", settings, &Dev { port: 8600, upstream: None }).expect("a configuration");
    let mut tx = team.begin(&team.ada());
    let book = RoleBook::load(&mut tx, &config.roles).await.expect("roles");
    book.named(role).expect("the role").role.permissions.to_string()
}

#[tokio::test]
async fn a_role_of_the_workspaces_own_is_given_like_any_other() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, max) = (team.ada(), team.member("max", "MEMBER").await);
    team.create(&ada, "Auditor", &["audit:read", "members:read"]).await.expect("made");
    team.grant(&ada, &max, "Auditor").await.expect("given");
    let actions = house.actions().await;
    assert_eq!((actions["role.created"], actions["member.role_changed"]), (1, 1));
}

#[tokio::test]
async fn nobody_writes_a_role_that_holds_more_than_they_do() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    team.create(&team.ada(), "HR", &["members:read", "members:manage", "roles:manage"]).await.expect("made");
    let (hr, max) = (team.member("hanna", "HR").await, team.member("max", "MEMBER").await);
    assert_eq!(code(team.create(&hr, "Keeper", &["keys:manage"]).await), "above_ceiling");
    assert_eq!(code(team.create(&max, "Reader", &["members:read"]).await), "missing_permission");
    assert_eq!(code(team.create(&team.ada(), "Boss", &["tenant:manage"]).await), "invalid");
    team.create(&hr, "Reader", &["members:read"]).await.expect("what they hold");
}

#[tokio::test]
async fn nobody_climbs_by_editing_the_role_that_they_have() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let own = team.create(&team.ada(), "HR", &["members:manage", "roles:manage"]).await.expect("made");
    let keeper = team.create(&team.ada(), "Keeper", &["keys:manage"]).await.expect("made");
    let hr = team.member("hanna", "HR").await;
    assert_eq!(code(team.rewrite(&hr, own.id, &["roles:manage", "keys:manage"]).await), "above_ceiling");
    // Neither into a role that holds more, nor out of it.
    assert_eq!(code(team.rewrite(&hr, keeper.id, &[]).await), "above_ceiling");
    assert_eq!(code(team.delete(&hr, keeper.id).await), "above_ceiling");
}

#[tokio::test]
async fn who_has_an_own_role_gives_no_ranked_one_nor_more_than_they_hold() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    team.create(&team.ada(), "HR", &["members:read", "members:manage"]).await.expect("made");
    team.create(&team.ada(), "Keeper", &["keys:manage"]).await.expect("made");
    team.create(&team.ada(), "Reader", &["members:read"]).await.expect("made");
    let (hr, guest) = (team.member("hanna", "HR").await, team.member("gus", "Reader").await);
    for above in ["OWNER", "ADMIN", "MEMBER", "Keeper"] {
        assert_eq!(code(team.grant(&hr, &guest, above).await), "above_ceiling", "{above}");
    }
    team.grant(&hr, &guest, "HR").await.expect("their own");
}

#[tokio::test]
async fn a_name_stands_for_one_role_in_any_case() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let ada = team.ada();
    for twin in ["OWNER", "owner", "Owner", " Admin "] {
        assert_eq!(code(team.create(&ada, twin, &["members:read"]).await), "role_exists", "{twin}");
    }
    team.create(&ada, "Billing", &["members:read"]).await.expect("made");
    assert_eq!(code(team.create(&ada, "BILLING", &["members:read"]).await), "role_exists");
    for wrong in ["", "two  spaces", "ОWNER", "new\nline", &"x".repeat(41)] {
        assert_eq!(code(team.create(&ada, wrong, &[]).await), "invalid", "{wrong}");
    }
}

#[tokio::test]
async fn two_that_make_one_name_at_once_make_one_role() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let ada = team.ada();
    let (one, two) = tokio::join!(team.create(&ada, "Twin", &[]), team.create(&ada, "TWIN", &[]));
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(house.one::<i64>("select count(*) from control.roles").await, 1);
}

#[tokio::test]
async fn another_workspaces_role_does_not_exist() {
    let house = House::new().await;
    let (team, globex) = (Team::new(&house).await, Team { house: &house, of: house.account("globex").await });
    let theirs = globex.create(&globex.ada(), "Spy", &["members:read"]).await.expect("made");
    let (ada, max) = (team.ada(), team.member("max", "MEMBER").await);
    assert_eq!(code(team.rewrite(&ada, theirs.id, &[]).await), "not_found");
    assert_eq!(code(team.delete(&ada, theirs.id).await), "not_found");
    assert_eq!(code(team.grant(&ada, &max, "Spy").await), "invalid");
    team.create(&ada, "Spy", &[]).await.expect("the name is free here");
}

#[tokio::test]
async fn a_role_that_somebody_has_or_is_invited_as_stays() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, max) = (team.ada(), team.member("max", "MEMBER").await);
    let role = team.create(&ada, "Billing", &["members:read"]).await.expect("made");
    team.grant(&ada, &max, "Billing").await.expect("given");
    let (mut tx, draft) =
        (team.begin(&ada), Invite { email: "new@example.com".to_owned(), role: "Billing".to_owned() });
    let invited = members::invite(&mut tx, &house.identity, &Granter::Person(ada.id), &draft).await.expect("invited");
    tx.commit().await.expect("committed");
    let refused = team.delete(&ada, role.id).await.expect_err("in use");
    assert!(refused.detail.contains("with this role: 1. Invitations as this role: 1."), "{}", refused.detail);
    team.grant(&ada, &max, "MEMBER").await.expect("another role");
    assert_eq!(code(team.delete(&ada, role.id).await), "role_in_use");
    let mut tx = team.begin(&ada);
    members::revoke_invitation(&mut tx, &house.identity, &Granter::Person(ada.id), invited.id).await.expect("revoked");
    tx.commit().await.expect("committed");
    team.delete(&ada, role.id).await.expect("deleted");
    assert_eq!(code(team.grant(&ada, &max, "Billing").await), "invalid");
}

/// Two transactions that are open at once: whoever comes second waits, and sees.
#[tokio::test]
async fn a_grant_and_a_deletion_at_once_leave_nobody_with_a_role_that_is_gone() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, bob) = (team.ada(), team.member("bob", "ADMIN").await);
    let max = team.member("max", "MEMBER").await;
    let role = team.create(&ada, "Billing", &["members:read"]).await.expect("made");
    let grant = team.granted(&bob, &max, "Billing").await.expect("granted");
    let (deleted, committed) = tokio::join!(team.delete(&ada, role.id), grant.commit_and_fence(&house.db.ground));
    committed.expect("committed");
    assert_eq!(code(deleted), "role_in_use");

    team.grant(&ada, &max, "MEMBER").await.expect("another role");
    let (mut tx, ground) = (team.begin(&ada), (&house.db.ground, &house.identity.options));
    roles::delete(&mut tx, ground, &Granter::Person(ada.id), (role.id, None)).await.expect("deleted");
    let (granted, committed) = tokio::join!(team.grant(&bob, &max, "Billing"), tx.commit_and_fence(ground.0));
    committed.expect("committed");
    assert_eq!(code(granted), "invalid");
}

#[tokio::test]
async fn a_lowered_ceiling_counts_for_the_roles_that_stand() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    team.create(&team.ada(), "Keeper", &["keys:manage", "members:read"]).await.expect("made");
    assert_eq!(as_read_with(&team, "", "Keeper").await, "keys:manage, members:read");
    let lowered = "[members]\nown_roles_ceiling = \"MEMBER\"\n";
    assert_eq!(as_read_with(&team, lowered, "Keeper").await, "members:read");
}

#[tokio::test]
async fn a_role_that_the_configuration_names_later_comes_first() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    team.create(&team.ada(), "Keeper", &["keys:manage"]).await.expect("made");
    let later = "[roles.OWNER]\nowner = true\npermissions = [\"keys:manage\", \"audit:read\"]\n\
                 [roles.Keeper]\npermissions = [\"audit:read\"]\n[members]\ndefault_role = \"Keeper\"\n";
    assert_eq!(as_read_with(&team, later, "Keeper").await, "audit:read");
}

#[tokio::test]
async fn of_two_edits_from_one_version_the_second_is_told() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let role = team.create(&team.ada(), "Billing", &["members:read"]).await.expect("made");
    let edit = |words: &[&str]| RoleEdit { permissions: Some(owned(words)), version: Some(1), description: None };
    assert_eq!(team.update(&team.ada(), role.id, edit(&["audit:read"])).await.expect("changed").version, 2);
    assert_eq!(code(team.update(&team.ada(), role.id, edit(&[])).await), "changed_meanwhile");
    let same = team.rewrite(&team.ada(), role.id, &["audit:read"]).await.expect("nothing to change");
    assert_eq!((same.version, house.actions().await["role.updated"]), (2, 1));
}

#[tokio::test]
async fn a_workspace_has_fifty_roles_of_its_own_at_most() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    for at in 0..OWN_ROLES_MOST {
        team.create(&team.ada(), &format!("role {at}"), &[]).await.expect("made");
    }
    assert_eq!(code(team.create(&team.ada(), "one more", &[]).await), "too_many_roles");
}

#[tokio::test]
async fn an_unknown_word_is_refused_by_its_name() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    for word in ["orders:everything", "*", "members:*", "", "platform:operate"] {
        let refused = team.create(&team.ada(), "Odd", &[word]).await.expect_err("unknown");
        assert_eq!(refused.fields[0].field, "permissions", "{word}");
    }
}
