//! A transaction of one permit: context first, in the same flush as the first statement.

mod each;

pub use each::Step;

use deadpool_postgres::Object;
use tenantry_core::ids::{PersonId, TenantId};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::Group;
use super::fault::DbFault;
use super::plane::{In, Plane};
use super::statement::{Binds, Scope, Sql};
use super::store::Store;
use crate::feed::Change;
use crate::permit::{Acting, Permit, SystemPermission};

/// A statement's own parameters, from `$2` on (or from `$1` for a door).
pub type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Whose rows the transaction can see. What is missing stays empty, and the walls then refuse loudly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// For tables of tenants.
    pub tenant: Option<TenantId>,
    /// For tables of persons.
    pub person: Option<PersonId>,
}

/// Where the transaction stands with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was sent.
    Idle,
    /// BEGIN and context are there.
    Open,
    /// A call is under way: a drop now leaves the connection in an unknown state.
    Busy,
    /// Committed or rolled back.
    Over,
}

/// An open transaction of plane `M`, under the context of the permit that opened it.
///
/// Nothing is sent before the first statement. Dropped before its end, it closes its connection.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct TenantTx<M: Plane> {
    store: Store<M>,
    connection: Option<Object>,
    context: Context,
    acting: Acting,
    /// By the ids under which the table tells of them.
    changes: Vec<(uuid::Uuid, Change)>,
    /// The transaction's number, once it has announced a change.
    number: Option<String>,
    /// Something that caches believe was taken away.
    has_taken: bool,
    new_subjects: Vec<uuid::Uuid>,
    state: State,
}

impl<M: Plane> std::fmt::Debug for TenantTx<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TenantTx<{}>({:?}, {:?})", M::LOGIN, self.context, self.state)
    }
}

/// Both settings at once. `true`: for this transaction only.
pub(super) const CONTEXT: &str =
    "select set_config('tenantry.tenant', $1, true), set_config('tenantry.person', $2, true)";

impl<M: Plane> TenantTx<M> {
    /// Only [`Permit::begin`](crate::permit::Permit::begin) calls this.
    pub(crate) fn new(store: &Store<M>, context: Context, acting: Acting) -> Self {
        Self {
            store: store.clone(),
            connection: None,
            context,
            acting,
            changes: Vec::new(),
            number: None,
            has_taken: false,
            new_subjects: Vec::new(),
            state: State::Idle,
        }
    }

    /// Who acts, and where from.
    pub const fn acting(&self) -> &Acting {
        &self.acting
    }

    /// A change that was announced in this transaction, to be applied after it.
    pub(crate) fn push_change(&mut self, change: (uuid::Uuid, Change), number: String) {
        self.changes.push(change);
        self.number = Some(number);
    }

    /// What was announced so far, and the transaction's number, by which other nodes know it.
    pub(crate) fn announced(&self) -> (Vec<(uuid::Uuid, Change)>, Option<String>) {
        (self.changes.clone(), self.number.clone())
    }

    /// Subjects whose keys this transaction made: not to be trusted beyond it before it commits.
    pub(crate) fn new_subjects(&mut self) -> &mut Vec<uuid::Uuid> {
        &mut self.new_subjects
    }

    /// The context that every statement runs under.
    pub const fn context(&self) -> Context {
        self.context
    }

    /// Goes on under the context of another permit of the system: rows of several tenants in one commit. Who
    /// acts stays the same, and the walls follow: `$1` and the policies' settings change together.
    pub async fn turn_to<P: SystemPermission>(&mut self, permit: &Permit<P, M>) -> Result<(), DbFault> {
        let next = permit.context();
        if self.state == State::Open {
            let (tenant, person) = next.settings();
            self.run(CONTEXT, &[&tenant, &person]).await?;
        }
        self.context = next;
        Ok(())
    }

    /// Runs a statement and answers all its rows.
    pub async fn query<S: Scope, G: Group>(
        &mut self,
        sql: &'static Sql<S, G>,
        args: Args<'_>,
    ) -> Result<Vec<Row>, DbFault>
    where
        M: In<G>,
    {
        let first = bind::<S>(self.context)?;
        let rows = self.run(sql.text(), &bound(first.as_ref(), args)).await?;
        self.has_taken |= sql.has_taken(&rows);
        Ok(rows)
    }

    /// Runs a statement that answers one row, or none.
    pub async fn query_opt<S: Scope, G: Group>(
        &mut self,
        sql: &'static Sql<S, G>,
        args: Args<'_>,
    ) -> Result<Option<Row>, DbFault>
    where
        M: In<G>,
    {
        Ok(self.query(sql, args).await?.into_iter().next())
    }

    /// Runs a statement that always answers one row.
    pub async fn query_one<S: Scope, G: Group>(
        &mut self,
        sql: &'static Sql<S, G>,
        args: Args<'_>,
    ) -> Result<Row, DbFault>
    where
        M: In<G>,
    {
        self.query_opt(sql, args).await?.ok_or_else(|| DbFault::Refused("a row was expected".to_owned()))
    }

    /// Runs a statement for its effect. Statements say `returning` where the number of rows matters.
    pub async fn execute<S: Scope, G: Group>(&mut self, sql: &'static Sql<S, G>, args: Args<'_>) -> Result<(), DbFault>
    where
        M: In<G>,
    {
        self.query(sql, args).await.map(drop)
    }

    /// Commits. Without a statement there is nothing to commit, and nothing is sent.
    ///
    /// # Errors
    /// Also where something was taken away, or announced that caches depend on: that ends with
    /// [`commit_and_fence`](TenantTx::commit_and_fence), and is rolled back here.
    pub async fn commit(mut self) -> Result<(), DbFault> {
        if self.has_taken || self.changes.iter().any(|(_, change)| change.kind.voids()) {
            return self.refuse_to_end("what takes something away ends with commit_and_fence").await;
        }
        self.end("commit").await
    }

    /// Commits what was announced.
    ///
    /// # Errors
    /// Also where something was taken away and nothing announced: no cache would hear of it.
    pub(crate) async fn commit_announced(mut self) -> Result<(), DbFault> {
        if self.has_taken && self.changes.is_empty() {
            return self.refuse_to_end("what takes something away announces it").await;
        }
        self.end("commit").await
    }

    /// A defect of ours, which must not become an open door: nothing is changed.
    async fn refuse_to_end(&mut self, why: &str) -> Result<(), DbFault> {
        self.end("rollback").await?;
        Err(DbFault::Refused(why.to_owned()))
    }

    /// Gives the transaction up and its connection back.
    pub async fn rollback(mut self) -> Result<(), DbFault> {
        self.end("rollback").await
    }

    /// Gives up what was begun and keeps the connection clean, while somebody else still holds the transaction.
    pub(crate) async fn abandon(&mut self) -> Result<(), DbFault> {
        self.end("rollback").await
    }

    /// One statement in a transaction of its own: BEGIN, context, statement and COMMIT in one flush.
    pub(crate) async fn read<S: Scope, G: Group>(
        store: &Store<M>,
        context: Context,
        acting: Acting,
        sql: &'static Sql<S, G>,
        args: Args<'_>,
    ) -> Result<Vec<Row>, DbFault>
    where
        M: In<G>,
    {
        let mut tx = Self::new(store, context, acting);
        let first = bind::<S>(context)?;
        let both = tx.prepare(sql.text()).await?;
        tx.state = State::Busy;
        let answers = tx.open("begin read only", &both, &bound(first.as_ref(), args), Some("commit")).await?;
        // COMMIT of a failed transaction is its rollback: either way the connection is clean again.
        if answers.begun.is_ok() && answers.ended.is_ok() {
            tx.state = State::Over;
        }
        answers.rows()
    }

    async fn run(&mut self, text: &'static str, params: Args<'_>) -> Result<Vec<Row>, DbFault> {
        if matches!(self.state, State::Over | State::Busy) {
            return Err(DbFault::Over);
        }
        let fresh = self.state == State::Idle;
        match self.prepare_and_send(fresh, text, params).await {
            Ok(rows) => {
                self.state = State::Open;
                Ok(rows)
            }
            Err(fault) => {
                self.give_up(&fault).await;
                Err(fault)
            }
        }
    }

    async fn prepare_and_send(
        &mut self,
        fresh: bool,
        text: &'static str,
        params: Args<'_>,
    ) -> Result<Vec<Row>, DbFault> {
        let both = self.prepare(text).await?;
        self.state = State::Busy;
        if fresh {
            return self.open("begin", &both, params, None).await?.rows();
        }
        self.store.count_flush(1);
        Ok(self.store.answered(self.open_connection()?.query(&both.1, params)).await??)
    }

    /// BEGIN, context and the first statement in one flush; with an `end`, that as well.
    async fn open(
        &self,
        begin: &'static str,
        (set, statement): &(Statement, Statement),
        params: Args<'_>,
        end: Option<&'static str>,
    ) -> Result<Answers, DbFault> {
        self.store.count_flush(1);
        let connection = self.open_connection()?;
        let (tenant, person) = self.context.settings();
        let settings: [&(dyn ToSql + Sync); 2] = [&tenant, &person];
        let ending = async {
            match end {
                Some(verb) => connection.batch_execute(verb).await,
                None => Ok(()),
            }
        };
        let all = async {
            futures_util::join!(
                connection.batch_execute(begin),
                connection.query(set, &settings),
                connection.query(statement, params),
                ending,
            )
        };
        let (begun, scoped, rows, ended) = self.store.answered(all).await?;
        Ok(Answers { begun, scoped: scoped.map(drop), rows, ended })
    }

    /// Both statements prepared on this transaction's connection. Their plans are kept with the connection.
    async fn prepare(&mut self, text: &'static str) -> Result<(Statement, Statement), DbFault> {
        if self.connection.is_none() {
            self.connection = Some(self.store.connection().await?);
        }
        let before = self.state;
        self.state = State::Busy;
        let connection = self.open_connection()?;
        let preparing =
            async { futures_util::join!(connection.prepare_cached(CONTEXT), connection.prepare_cached(text)) };
        let (set, statement) = self.store.answered(preparing).await?;
        let both = (set?, statement?);
        self.state = before;
        Ok(both)
    }

    fn open_connection(&self) -> Result<&Object, DbFault> {
        self.connection.as_ref().ok_or(DbFault::Over)
    }

    /// After an error the server ignores all but ROLLBACK; sending it now lets the connection live on. Whatever
    /// happens, this transaction takes no further statement and can never commit. A server that is away or silent is not
    /// waited for once more: its connection is closed.
    async fn give_up(&mut self, fault: &DbFault) {
        self.state = State::Busy;
        if let Some(connection) = self.connection.as_ref().filter(|_| !matches!(fault, DbFault::Unavailable(_)))
            && self.store.answered(connection.batch_execute("rollback")).await.is_ok_and(|done| done.is_ok())
        {
            self.state = State::Over;
        }
    }

    async fn end(&mut self, verb: &'static str) -> Result<(), DbFault> {
        match self.state {
            State::Idle => {
                self.state = State::Over;
                Ok(())
            }
            State::Open => {
                self.state = State::Busy;
                let ended = self.store.answered(self.open_connection()?.batch_execute(verb)).await;
                let ended = ended.and_then(|done| Ok(done?));
                ended.map_err(|fault| if verb == "commit" { fault.of_commit() } else { fault })?;
                self.state = State::Over;
                Ok(())
            }
            State::Busy | State::Over => Err(DbFault::Over),
        }
    }
}

/// What came back of one flush, in its order.
struct Answers {
    begun: Result<(), tokio_postgres::Error>,
    scoped: Result<(), tokio_postgres::Error>,
    rows: Result<Vec<Row>, tokio_postgres::Error>,
    ended: Result<(), tokio_postgres::Error>,
}

impl Answers {
    /// The rows, or the first thing that failed: what follows it failed because of it.
    fn rows(self) -> Result<Vec<Row>, DbFault> {
        self.begun?;
        self.scoped?;
        let rows = self.rows?;
        self.ended?;
        Ok(rows)
    }
}

impl<M: Plane> Drop for TenantTx<M> {
    fn drop(&mut self) {
        let clean = matches!(self.state, State::Idle | State::Over);
        if let (false, Some(connection)) = (clean, self.connection.take()) {
            // Taken out of the pool and closed: the server rolls back, and no later tenant can meet its context.
            drop(Object::take(connection));
        }
    }
}

impl Context {
    /// Both settings as text; an empty one makes every policy that needs it fail.
    pub(super) fn settings(self) -> (String, String) {
        (
            self.tenant.map(|id| id.to_string()).unwrap_or_default(),
            self.person.map(|id| id.to_string()).unwrap_or_default(),
        )
    }
}

/// `$1`, by the statement's scope.
fn bind<S: Scope>(context: Context) -> Result<Option<uuid::Uuid>, DbFault> {
    let missing = |whose: &str| DbFault::Refused(format!("the permit names no {whose}"));
    match S::BINDS {
        Binds::Tenant => context.tenant.map(|id| Some(id.uuid())).ok_or_else(|| missing("tenant")),
        Binds::Person => context.person.map(|id| Some(id.uuid())).ok_or_else(|| missing("person")),
        Binds::Nothing => Ok(None),
    }
}

/// All parameters of a statement: its scope's, and its own.
fn bound<'a>(first: Option<&'a uuid::Uuid>, args: Args<'a>) -> Vec<&'a (dyn ToSql + Sync)> {
    first.map(|id| id as &(dyn ToSql + Sync)).into_iter().chain(args.iter().copied()).collect()
}
