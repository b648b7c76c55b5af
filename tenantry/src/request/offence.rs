//! Where a caller stands who was refused before: steps 3 and 5 of the life of a request (RL-4).
//!
//! Whoever shows a good credential answers for themselves: a key, or a person in a workspace. Everybody else answers for
//! their address. So nobody can shut the people of an office out who are signed in there.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_edge::csp::REPORTS_PATH;
use tenantry_edge::limits::Verdict;
use tenantry_edge::offenders::{Ledger, Offence, Offender, Standing};
use tenantry_platform::config::Per;
use tenantry_platform::ground::Ground;
use tenantry_platform::guesses::Guesses;
use tenantry_platform::permit::{Credential, Principal};
use tenantry_platform::problem::{Kind, Problem};

use super::answer::Visit;
use super::guard::Guarded;
use crate::app::App;

/// What an answer says to whoever is about to be slowed.
const WARNING: HeaderName = HeaderName::from_static("tenantry-warning");
const TOO_MUCH_IS_REFUSED: HeaderValue = HeaderValue::from_static(
    "too much of yours is refused; wait as Retry-After says, or you are slowed and then blocked",
);

/// The `code` of a block.
const BLOCKED: &str = "blocked";

impl Visit {
    /// Step 3: whoever is blocked by hand ends here, whatever they show.
    pub(super) fn meet(&self, app: &App) -> Result<(), Problem> {
        match app.offenders.standing(Offender::Address(self.ip), app.ground.clock.now_ms()) {
            standing @ Standing::Blocked { by_hand: true, .. } => Err(self.turn_away(app, None, standing)),
            _ => Ok(()),
        }
    }

    /// The same at a route of the app. Assets are for everybody: a page of whoever is signed in at a blocked address is
    /// whole. Whoever opens a page without a session is led to the sign-in, which is for everybody too.
    pub(super) async fn receive_found(&mut self, app: &App, found: &Guarded) -> Result<(), Problem> {
        self.shown.clone_from(&found.shown);
        match &found.shown {
            None if self.is_spared || self.is_sent_to_sign_in(app, &Problem::unauthorized()) => Ok(()),
            shown => self.receive(app, shown.as_deref()).await,
        }
    }

    /// Step 5: how whoever the guard found is received. What is held back waits here, and holds no thread.
    pub(super) async fn receive(&mut self, app: &App, shown: Option<&Principal>) -> Result<(), Problem> {
        let offender = self.payer(shown);
        if shown.is_some() && offender.address().is_some() {
            // Known, and in no workspace: nobody whom the address speaks for.
            return Ok(());
        }
        match app.offenders.standing(offender, app.ground.clock.now_ms()) {
            Standing::Clear => Ok(()),
            // Whoever is judged again once their body is here was told, and waited, before.
            Standing::Warned | Standing::Slowed if self.is_warned => Ok(()),
            Standing::Warned => {
                self.is_warned = true;
                app.offenders.counters.warn();
                Ok(())
            }
            Standing::Slowed => self.hold_back(app, shown).await,
            standing => Err(self.turn_away(app, shown, standing)),
        }
    }

    async fn hold_back(&mut self, app: &App, shown: Option<&Principal>) -> Result<(), Problem> {
        self.is_warned = true;
        let Some(place) = app.offenders.slow() else { return Err(self.slow_down(app, self.payer(shown), 1)) };
        app.offenders.counters.slow();
        tokio::time::sleep(app.offenders.slowness()).await;
        drop(place);
        Ok(())
    }

    /// A refusal at an address that is blocked says that, and not what was wrong with the credential.
    pub(super) fn veil(&self, app: &App, problem: Problem) -> Problem {
        let is_known = self.principal.is_some() || self.shown.is_some();
        let is_led_on = self.is_spared || self.is_sent_to_sign_in(app, &problem);
        if is_known || is_led_on || problem.code == BLOCKED || problem.status().is_server_error() {
            return problem;
        }
        match app.offenders.standing(self.payer(None), app.ground.clock.now_ms()) {
            standing @ Standing::Blocked { .. } => self.turn_away(app, None, standing),
            _ => problem,
        }
    }

    /// Notes a refused credential. Whose it seems to be pays nothing for it.
    pub(super) fn offend_unknown(&self, app: &App, offence: Offence) {
        app.offenders.note(offence, self.payer(None), app.ground.clock.now_ms());
    }

    /// Notes that a limit was exceeded. Whose limit it is pays: what an address, a workspace or a route has used up is no
    /// offence of the key or person that comes last.
    pub(super) fn exceed(&self, app: &App, verdict: &Verdict) {
        let offence = if self.is_report() { Offence::Reports } else { Offence::Limit };
        let known = self.principal.as_deref().or(self.shown.as_deref());
        let tenant = known.and_then(|known| known.parts().tenant.as_ref());
        let payer = match verdict.tightest().map(|line| app.limiter.limits().tier(line.tier).per) {
            Some(Per::Key | Per::User) => Some(self.payer(known)),
            Some(Per::Ip) => Some(self.payer(None)),
            Some(Per::Tenant) => tenant.map(|tenant| Offender::Tenant(tenant.id)),
            Some(Per::Route) | None => None,
        };
        if let Some(payer) = payer {
            app.offenders.note(offence, payer, app.ground.clock.now_ms());
        }
    }

    /// Tells whoever is warned.
    pub(super) fn say_warning(&self, headers: &mut HeaderMap) {
        if self.is_warned {
            headers.insert(WARNING, TOO_MUCH_IS_REFUSED);
        }
    }

    /// Who pays for what is refused: whoever is known, or else the address. What browsers report is another matter than
    /// what people do there.
    fn payer(&self, known: Option<&Principal>) -> Offender {
        if self.is_report() {
            return Offender::Reporter(self.ip);
        }
        let parts = known.map(Principal::parts);
        let Some((parts, tenant)) = parts.and_then(|parts| Some((parts, parts.tenant.as_ref()?.id))) else {
            return Offender::Address(self.ip);
        };
        match (&parts.credential, &parts.person) {
            (Credential::Key(key), _) => Offender::Key { tenant, key: *key },
            (_, Some(person)) => Offender::Person { tenant, person: person.id },
            _ => Offender::Address(self.ip),
        }
    }

    fn is_report(&self) -> bool {
        self.path() == REPORTS_PATH
    }

    fn turn_away(&self, app: &App, shown: Option<&Principal>, standing: Standing) -> Problem {
        match standing {
            Standing::Blocked { until, retry_after_s, by_hand } => {
                app.offenders.counters.block();
                blocked(self.payer(shown), until, by_hand).retry_after(retry_after_s)
            }
            Standing::Refused { retry_after_s } => self.slow_down(app, self.payer(shown), retry_after_s),
            Standing::Clear | Standing::Warned | Standing::Slowed => self.slow_down(app, self.payer(shown), 1),
        }
    }

    /// Refused until enough is forgiven. Whoever does not wait goes on towards the block.
    fn slow_down(&self, app: &App, offender: Offender, seconds: u64) -> Problem {
        app.offenders.counters.refuse();
        app.offenders.note(Offence::Limit, offender, app.ground.clock.now_ms());
        let text =
            format!("Too much of what you asked for was refused. Wait {seconds} seconds, then go on more slowly.");
        Problem::new(Kind::TooMany, text).code("slow_down").retry_after(seconds)
    }
}

/// Says who can help: whoever manages the workspace, or the operator.
fn blocked(offender: Offender, until: Timestamp, by_hand: bool) -> Problem {
    let until = until.strftime("%H:%M:%S UTC on %-d %B %Y");
    let text = match offender {
        Offender::Key { .. } => format!(
            "This API key is blocked until {until}. Too many of its requests were refused: send fewer, and wait as Retry-After says. Whoever manages the workspace's keys can lift the block in the console, under Blocks."
        ),
        Offender::Person { .. } => format!(
            "You are blocked in this workspace until {until}. Too many of your requests were refused. Somebody else who manages the workspace's keys can lift the block in the console, under Blocks."
        ),
        _ if by_hand => format!(
            "This network address is blocked until {until} by the operator, also for whoever is signed in or has a key that works. The operator can lift the block and wants the request id."
        ),
        _ => format!(
            "This network address is blocked until {until}. Too many requests from it were refused. Sign in, use a key that works, or wait; the operator can lift the block and wants the request id."
        ),
    };
    Problem::new(Kind::Forbidden, text).code(BLOCKED)
}

/// Counts guesses at passwords, for the rooms that compare them (ID-7).
#[derive(Debug)]
pub struct Guessers {
    ledger: Arc<Ledger>,
    ground: Ground,
}

impl Guessers {
    /// In this ledger.
    pub fn new(ledger: &Arc<Ledger>, ground: &Ground) -> Self {
        Self { ledger: Arc::clone(ledger), ground: ground.clone() }
    }
}

impl Guesses for Guessers {
    fn may_guess(&self, account: &EmailAddress, from: IpAddr) -> Result<(), Problem> {
        match self.ledger.standing(self.ledger.account(account, from), self.ground.clock.now_ms()) {
            Standing::Blocked { retry_after_s, .. } => Err(guessed_too_often(retry_after_s)),
            _ => Ok(()),
        }
    }

    fn was_wrong(&self, account: &EmailAddress, from: IpAddr) {
        self.ledger.note(Offence::SignIn, self.ledger.account(account, from), self.ground.clock.now_ms());
    }

    fn was_right(&self, account: &EmailAddress, from: IpAddr) {
        self.ledger.forgive(self.ledger.account(account, from));
    }
}

/// The same for an account that does not exist.
fn guessed_too_often(seconds: u64) -> Problem {
    let text = format!(
        "Too many wrong passwords for this account came from your network. Wait {} minutes, or set a new password under Forgot your password; from another network you can sign in.",
        seconds.div_ceil(60)
    );
    Problem::new(Kind::TooMany, text).code("too_many_guesses").retry_after(seconds)
}
