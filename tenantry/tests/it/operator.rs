//! Platform staff: workspaces, people, the queue and its mails; and that for anybody else none of it exists (AC-4).

use tenantry_core::email::EmailAddress;
use tenantry_platform::db::{Context, Control};
use tenantry_platform::mail::{self, Mail};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};

use crate::app::{PASSWORD, TestApp};
use crate::dev::process::until;

impl TestApp {
    /// A mail with a link in it, which the trigger of the story keeps from the queue.
    async fn write_mail(&self) -> String {
        let permit: Permit<Authenticate, Control> =
            Permit::system(Context::default(), Actor::system("test", "test"), Origin::default());
        let text = "https://app.example.com/-/verify?token=the-secret-link".to_owned();
        let mail = Mail {
            to: EmailAddress::parse("grace@globex.example").unwrap(),
            subject: "Confirm".to_owned(),
            html: text.clone(),
            text,
            sheet: None,
        };
        let mut tx = permit.begin(&self.db.ground);
        let id = mail::enqueue(&mut tx, &self.db.ground, mail).await.unwrap();
        tx.commit().await.unwrap();
        id.to_string()
    }

    /// Waits until every job is done.
    async fn queue_is_empty(&self) {
        until("the queue is empty", async || (self.count("control.jobs").await == 0).then_some(())).await;
    }

    /// The same mail in the queue, given up.
    async fn fail(&self, id: &str) {
        let sql = format!(
            "insert into control.jobs (id, kind, payload, due_at, created_at, attempts, failed_at, last_error)
             select id, kind, payload, due_at, created_at, 8, created_at, 'the mail server answered 550 to grace@globex.example'
             from kept where id = '{id}'"
        );
        self.db.administrator().await.batch_execute(&sql).await.unwrap();
    }
}

#[tokio::test]
async fn staff_sees_a_workspace_with_what_it_uses_and_what_was_done_to_it() {
    let app = TestApp::new().await;
    let (acme, mut staff) = (app.tenant("acme").await, app.operator().await);
    let key = acme.key(["products:read"]).await;
    key.get("/api/products").await.expect(200);
    app.db.ground.usage.flush(&app.db.ground).await.unwrap();
    let list = staff.get("app", "/-/operator/tenants?q=acme").await.expect(200);
    let here = format!("/-/operator/tenants/{}", acme.id());
    assert!(list.body.contains(&format!("href=\"{here}\"")), "{}", list.body);
    let page = staff.get("app", &here).await.expect(200);
    for told in ["owner@acme.example", "Requests: 1. none before", "Created", "/suspend"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    let refused =
        staff.post("app", &format!("{here}/suspend"), &[("reason", " "), ("confirm", "acme")]).await.expect(422);
    assert!(refused.body.contains("Say why"), "{}", refused.body);
    staff
        .post("app", &format!("{here}/suspend"), &[("reason", "Unpaid since May"), ("confirm", "acme")])
        .await
        .expect(303);
    let page = staff.get("app", &here).await.expect(200);
    assert!(page.body.matches("Unpaid since May").count() == 2 && page.body.contains("/reactivate"), "{}", page.body);
}

#[tokio::test]
async fn staff_finds_a_person_by_the_whole_address_or_the_id_and_never_a_password() {
    let app = TestApp::new().await;
    let (acme, mut staff) = (app.tenant("acme").await, app.operator().await);
    acme.owner().await;
    for wanted in ["OWNER@acme.example".to_owned(), acme.person().id.to_string()] {
        let page = staff.get("app", &format!("/-/operator/people?q={wanted}")).await.expect(200);
        for told in ["Ada Example", "owner@acme.example", "acme Works", "<dt>Sessions open</dt><dd>1</dd>"] {
            assert!(page.body.contains(told), "{wanted}: {told}: {}", page.body);
        }
        assert!(!page.body.contains("argon2"), "{wanted}");
    }
    for wanted in ["owner@acme", "acme.example", "owner", "%25", "Ada"] {
        let page = staff.get("app", &format!("/-/operator/people?q={wanted}")).await.expect(200);
        assert!(page.body.contains("Nobody has this address or id"), "{wanted}: {}", page.body);
    }
}

/// [ID-11]
#[tokio::test]
async fn a_person_is_signed_out_and_kept_out_until_staff_lets_them_in_again() {
    let app = TestApp::new().await;
    let (acme, mut staff) = (app.tenant("acme").await, app.operator().await);
    // A workspace keeps an owner who can sign in: the one who goes is a member.
    let (mut member, email) = (acme.member("MEMBER").await, "owner@acme-member.example");
    member.get("app", "/-/console/acme/live").await.expect(200);
    let sql = "delete from control.memberships where role = 'OWNER' and person_id = (select person_id from control.emails where email_lower = $1)";
    app.db.administrator().await.execute("alter table control.memberships disable trigger user", &[]).await.unwrap();
    app.db.administrator().await.execute(sql, &[&email]).await.unwrap();
    let found = staff.get("app", &format!("/-/operator/people?q={email}")).await.expect(200);
    let path = found.body.split('"').find(|text| text.ends_with("/deactivate")).expect("the act").to_owned();
    for (reason, confirm, told) in [(" ", email, "Say why"), ("Left the company", "somebody", "This is not the name")] {
        let again = staff.post("app", &path, &[("reason", reason), ("confirm", confirm)]).await.expect(422);
        assert!(again.body.contains(told), "{told}: {}", again.body);
    }
    let done = staff.post("app", &path, &[("reason", "Left the company"), ("confirm", email)]).await;
    assert!(done.location().ends_with("&done=deactivated"), "{done:?}");
    member.get("app", "/-/console/acme/live").await.expect(303);
    member.sign_in(email, PASSWORD).await.expect(422);
    staff.post::<&str>("app", &path.replace("deactivate", "reactivate"), &[]).await.expect(303);
    member.sign_in(email, PASSWORD).await.expect(303);
    let row = "select actor_kind || ' ' || (metadata->>'reason') from control.audit where action = 'user.deactivated'";
    let row: String = app.db.administrator().await.query_one(row, &[]).await.unwrap().get(0);
    assert_eq!(row, "operator Left the company");
}

/// [AC-3, ID-11]
#[tokio::test]
async fn of_a_sole_owner_staff_is_told_which_workspace_needs_another_one_and_what_to_do() {
    let app = TestApp::new().await;
    let (acme, mut staff) = (app.tenant("acme").await, app.operator().await);
    let path = format!("/-/operator/people/{}/deactivate", acme.person().id);
    let workspace = format!("href=\"/-/operator/tenants/{}\">acme Works<", acme.id());
    let page = staff.get("app", &path).await.expect(200);
    let form = [("reason", "Left the company"), ("confirm", "owner@acme.example")];
    let refused = staff.post("app", &path, &form).await.expect(409);
    for answer in [page, refused] {
        for told in [workspace.as_str(), "handed to somebody else first", "suspend the workspace"] {
            assert!(answer.body.contains(told), "{told}: {}", answer.body);
        }
        assert!(!answer.body.contains("name=\"reason\""), "no form that can only be refused");
    }
    acme.owner().await.get("app", "/-/account").await.expect(200);
}

#[tokio::test]
async fn a_mail_that_failed_is_sent_again_or_discarded_and_its_text_is_never_shown() {
    let app = TestApp::new().await;
    let (mut staff, administrator) = (app.operator().await, app.db.administrator().await);
    // A twin of the queue's table catches the job before any runner sees it.
    let aside = "create table kept (like control.jobs);
        create function aside() returns trigger language plpgsql as 'begin insert into public.kept select new.*; return null; end';
        create trigger aside before insert on control.jobs for each row when (new.attempts = 0) execute function aside();
        grant insert on kept to public; grant execute on function aside() to public; grant usage on schema public to public";
    administrator.batch_execute(aside).await.unwrap();
    let id = app.write_mail().await;
    app.fail(&id).await;
    for list in ["mails", "jobs", "mails?state=failed", "jobs?state=failed&kind=mail.send"] {
        let page = staff.get("app", &format!("/-/operator/{list}")).await.expect(200);
        assert!(page.body.contains(&id) && page.body.contains("the mail server answered 550"), "{list}: {}", page.body);
        for hidden in ["the-secret-link", "grace@globex.example"] {
            assert!(!page.body.contains(hidden), "{list}: {hidden}");
        }
    }
    assert!(staff.get("app", "/-/operator/mails").await.body.contains("g…@globex.example"));
    assert!(!staff.get("app", "/-/operator/mails?state=waiting").await.body.contains(&id));
    staff.get("app", &format!("/-/operator/jobs/{id}/discard")).await.expect(200);
    staff.post::<&str>("app", &format!("/-/operator/jobs/{id}/discard"), &[]).await.expect(303);
    assert_eq!(app.count("control.jobs").await, 0);
    let gone = staff.post::<&str>("app", &format!("/-/operator/jobs/{id}/retry"), &[]).await.expect(409);
    assert!(gone.text().contains("Load the list again"), "{}", gone.body);
    app.fail(&id).await;
    let again = staff.post::<&str>("app", &format!("/-/operator/jobs/{id}/retry"), &[]).await;
    assert_eq!(again.location(), "/-/operator/mails?done=retried");
    app.mail.mailbox().next_to("grace@globex.example").await;
    let told = app.count(&format!("control.platform_log where subject = '{id}' and detail->>'by' is not null")).await;
    assert_eq!(told, 2, "the platform's log tells of both acts");
}

/// [AC-4]
#[tokio::test]
async fn staff_sees_that_a_mail_went_out_and_neither_to_whom_quite_nor_what_it_said() {
    let app = TestApp::new().await;
    let (mut staff, mut nora) = (app.operator().await, app.browser());
    assert!(staff.get("app", "/-/operator/mails").await.body.contains("No mail was sent in the last 14 days."));
    nora.post("app", "/-/forgot-password", &[("email", "operator@nowhere.example")]).await.expect(200);
    nora.post("app", "/-/forgot-password", &[("email", "owner@staffroom.example")]).await.expect(200);
    let mail = app.mail.mailbox().next_to("owner@staffroom.example").await;
    app.queue_is_empty().await;
    for list in ["mails", "mails?state=sent"] {
        let page = staff.get("app", &format!("/-/operator/{list}")).await.expect(200).body;
        for told in ["o…@staffroom.example", "<code>reset_password</code>", "in the last 24 hours"] {
            assert!(page.contains(told), "{list}: {told}: {page}");
        }
        for hidden in [mail.subject.as_str(), mail.links[0].rsplit('=').next().unwrap()] {
            assert!(!page.contains(hidden), "{list}: {hidden}");
        }
    }
    let others = staff.get("app", "/-/operator/mails?state=failed").await.expect(200).body;
    assert!(!others.contains("o…@staffroom.example") && others.contains("Nothing in the queue"), "{others}");
    assert!(!staff.get("app", "/-/operator/jobs").await.expect(200).body.contains("o…@staffroom.example"));
}

#[tokio::test]
async fn the_queue_says_how_many_jobs_stand_where() {
    let app = TestApp::new().await;
    let mut staff = app.operator().await;
    let sql = "insert into control.jobs (id, kind, payload, due_at, created_at, attempts, claimed_until, failed_at) values
        (gen_random_uuid(), 'a', '', now() + interval '90 years', now(), 0, null, null),
        (gen_random_uuid(), 'a', '', now() + interval '90 years', now(), 3, null, null),
        (gen_random_uuid(), 'b', '', now() + interval '90 years', now(), 1, now() + interval '90 years', null),
        (gen_random_uuid(), 'b', '', now(), now(), 8, null, now()), (gen_random_uuid(), 'b', '', now(), now(), 8, null, now())";
    app.db.administrator().await.batch_execute(sql).await.unwrap();
    let permit = app.db.administrator().await;
    let rows = permit
        .query(
            "select state, sum(jobs)::bigint from doors.operator_job_counts($1) group by state order by state",
            &[&app.db.ground.now()],
        )
        .await
        .unwrap();
    let states: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [("failed", 2), ("retrying", 1), ("running", 1), ("waiting", 1)];
    assert_eq!(states, expected.map(|(state, jobs)| (state.to_owned(), jobs)));
    let page = staff.get("app", "/-/operator/jobs?kind=b").await.expect(200);
    assert_eq!(page.body.matches("/discard\"").count(), 2, "{}", page.body);
}

#[tokio::test]
async fn for_nobody_else_is_there_anything_of_the_operators() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut owner, id) = (acme.owner().await, acme.id());
    for path in ["tenants", "people?q=owner@acme.example", "jobs", "mails"] {
        owner.get("app", &format!("/-/operator/{path}")).await.expect(404);
    }
    owner.get("app", &format!("/-/operator/tenants/{id}")).await.expect(404);
    let me = acme.person().id;
    owner
        .post("app", &format!("/-/operator/people/{me}/deactivate"), &[("reason", "x"), ("confirm", "x")])
        .await
        .expect(404);
    owner.post::<&str>("app", &format!("/-/operator/jobs/{id}/retry"), &[]).await.expect(404);
    owner.post::<&str>("app", &format!("/-/operator/jobs/{id}/discard"), &[]).await.expect(404);
}
