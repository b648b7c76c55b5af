//! Statements of many tenants in one transaction and few flushes: for an act that each of them hears of.

use std::marker::PhantomData;

use deadpool_postgres::Object;
use futures_util::future::BoxFuture;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

use super::{Context, State, TenantTx, bind};
use crate::db::fault::DbFault;
use crate::db::flush::in_order;
use crate::db::plane::{Group, In, Plane};
use crate::db::statement::{Scope, Sql, has_done};
use crate::permit::{Permit, SystemPermission};

/// Statements that wait for their answers together: what a connection carries at a time.
const STEPS_A_FLUSH: usize = 500;

/// A statement under the context of a permit of its own.
#[derive(Debug)]
pub struct Step<'a, M> {
    context: Context,
    text: &'static str,
    is_taking: bool,
    first: Option<Uuid>,
    args: Vec<&'a (dyn ToSql + Sync)>,
    of: PhantomData<fn() -> M>,
}

type Answer = Result<Vec<Row>, tokio_postgres::Error>;

impl<'a, M: Plane> Step<'a, M> {
    /// What `$1` is follows from the permit, as in a transaction of its own.
    ///
    /// # Errors
    /// Where the permit names nobody whom the statement is about.
    pub fn new<P: SystemPermission, S: Scope, G: Group>(
        permit: &Permit<P, M>,
        sql: &'static Sql<S, G>,
        args: &[&'a (dyn ToSql + Sync)],
    ) -> Result<Self, DbFault>
    where
        M: In<G>,
    {
        let context = permit.context();
        let (text, is_taking) = (sql.text(), sql.is_taking());
        Ok(Self { context, text, is_taking, first: bind::<S>(context)?, args: args.to_vec(), of: PhantomData })
    }

    fn call<'c>(
        &'c self,
        connection: &'c Object,
        set: Option<&'c Statement>,
        statement: &'c Statement,
    ) -> BoxFuture<'c, Answer> {
        Box::pin(async move {
            let (tenant, person) = self.context.settings();
            let settings: [&(dyn ToSql + Sync); 2] = [&tenant, &person];
            let first = self.first.iter().map(|first| first as &(dyn ToSql + Sync));
            let params: Vec<&(dyn ToSql + Sync)> = first.chain(self.args.iter().copied()).collect();
            let scope = async {
                match set {
                    Some(set) => connection.query(set, &settings).await,
                    None => Ok(Vec::new()),
                }
            };
            let (scoped, rows) = futures_util::join!(scope, connection.query(statement, &params));
            scoped.and(rows)
        })
    }
}

impl<M: Plane> TenantTx<M> {
    /// Runs each step in its own context, in this order, and answers the rows of each. Afterwards the transaction is
    /// in the context that it was in. Who acts stays the same, and no step is built on another one's answer.
    ///
    /// # Errors
    /// The first fault; the transaction is over then.
    pub async fn each(&mut self, steps: &[Step<'_, M>]) -> Result<Vec<Vec<Row>>, DbFault> {
        let mut found = Vec::with_capacity(steps.len());
        for some in steps.chunks(STEPS_A_FLUSH) {
            found.extend(self.flush(some).await?);
        }
        let has_taken = |(step, rows): (&Step<'_, M>, &Vec<Row>)| step.is_taking && has_done(step.text, rows);
        self.has_taken |= steps.iter().zip(&found).any(has_taken);
        Ok(found)
    }

    async fn flush(&mut self, steps: &[Step<'_, M>]) -> Result<Vec<Vec<Row>>, DbFault> {
        if matches!(self.state, State::Over | State::Busy) {
            return Err(DbFault::Over);
        }
        let is_fresh = self.state == State::Idle;
        match self.send_all(is_fresh, steps).await {
            Ok(found) => {
                self.state = State::Open;
                Ok(found)
            }
            Err(fault) => {
                self.give_up(&fault).await;
                Err(fault)
            }
        }
    }

    async fn send_all(&mut self, is_fresh: bool, steps: &[Step<'_, M>]) -> Result<Vec<Vec<Row>>, DbFault> {
        let mut prepared = Vec::with_capacity(steps.len());
        for step in steps {
            // Kept with the connection: only the first of its text asks the server.
            prepared.push(self.prepare(step.text).await?);
        }
        self.state = State::Busy;
        self.store.count_flush(steps.len());
        let connection = self.open_connection()?;
        let mut calls: Vec<BoxFuture<'_, Answer>> = Vec::with_capacity(steps.len() + 2);
        if is_fresh {
            calls.push(Box::pin(async { connection.batch_execute("begin").await.map(|()| Vec::new()) }));
        }
        let mut here = (!is_fresh).then_some(self.context);
        for (step, (set, statement)) in steps.iter().zip(&prepared) {
            calls.push(step.call(connection, (here != Some(step.context)).then_some(set), statement));
            here = Some(step.context);
        }
        if let Some((set, _)) = prepared.last().filter(|_| here != Some(self.context)) {
            let (tenant, person) = self.context.settings();
            calls.push(Box::pin(async move { connection.query(set, &[&tenant, &person]).await }));
        }
        let answers = in_order(self.store.silence(), calls).await?;
        // What follows a failed statement fails for its sake: the first fault is the one.
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(answers.into_iter().skip(usize::from(is_fresh)).take(steps.len()).collect())
    }
}
