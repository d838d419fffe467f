//! One transaction on a connection. Statements are sent in order and answered in order; what nobody
//! waits for travels with the next statement, and so do BEGIN and COMMIT.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_util::TryStreamExt;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::{Connection, Permits, Pool};
use crate::engine::error::{DbError, EngineError};
use crate::engine::value::{Param, Row, Source};

/// Statements that wait for the next at most.
const AHEAD: usize = 64;

const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// One statement on its way; the answer is a count, or the number asked for.
type Sent<'a> = Pin<Box<dyn Future<Output = Result<i64, Error>> + Send + 'a>>;
type Take<'a> = dyn FnMut(&Row<'_>) + Send + 'a;

/// A transaction at work. Dropped without [`Work::commit`] it leaves nothing behind.
pub struct Work<'db> {
    pool: &'db Pool,
    /// `None` once it is given back.
    connection: Option<Connection>,
    _permits: Permits<'db>,
    /// Still to be sent, with the first statement.
    begin: Option<&'static str>,
    waiting: Vec<(String, Vec<Param<'static>>)>,
    /// True from the moment a statement is sent until its answer is good.
    failed: bool,
    /// True from the moment a statement is sent until it is answered.
    unanswered: bool,
}

impl<'db> Work<'db> {
    pub(super) fn new(
        pool: &'db Pool,
        connection: Connection,
        permits: Permits<'db>,
        writes: bool,
    ) -> Work<'db> {
        let begin = Some(if writes { BEGIN_WRITE } else { BEGIN_READ });
        let connection = Some(connection);
        Work {
            pool,
            connection,
            _permits: permits,
            begin,
            waiting: Vec::new(),
            failed: false,
            unanswered: false,
        }
    }

    /// Queues a statement.
    pub async fn later(&mut self, sql: &str, params: Vec<Param<'_>>) -> Result<(), DbError> {
        let params = params.into_iter().map(Param::into_owned).collect();
        self.waiting.push((sql.to_owned(), params));
        if self.waiting.len() < AHEAD { Ok(()) } else { self.send(None, None).await.map(drop) }
    }

    /// Runs a statement and hands over its rows; returns how many it touched.
    pub async fn rows(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        take: &mut Take<'_>,
    ) -> Result<usize, DbError> {
        let count = self.send(Some((sql, params, take)), None).await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Sends what waits, `last` and COMMIT in one go; the number that `last` asks for.
    pub async fn commit(mut self, last: Option<&'static str>) -> Result<i64, DbError> {
        if self.failed {
            return Err(DbError::Failed);
        }
        if self.begin.is_some() && self.waiting.is_empty() && last.is_none() {
            return Ok(0);
        }
        let mut number = 0;
        let mut take = |row: &Row<'_>| number = row.int(0);
        let last = last.map(|sql| (sql, [].as_slice(), &mut take as &mut Take<'_>));
        self.send(last, Some(COMMIT)).await.map_err(|error| match error {
            DbError::Unavailable { what, source } => DbError::Uncertain { what, source },
            error => error,
        })?;
        if let Some(connection) = self.connection.take() {
            self.pool.give_back(connection);
        }
        Ok(number)
    }

    async fn send(
        &mut self,
        statement: Option<(&str, &[Param<'_>], &mut Take<'_>)>,
        end: Option<&'static str>,
    ) -> Result<i64, DbError> {
        if self.failed {
            return Err(DbError::Failed);
        }
        self.failed = true;
        self.unanswered = true;
        let patience = self.pool.patience;
        let outcome = match timeout(patience, self.send_all(statement, end)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DbError::Unavailable {
                what: "a statement".into(),
                source: EngineError::Said(format!("no answer in {patience:?}")),
            }),
        };
        self.unanswered = false;
        match &outcome {
            Ok(_) => self.failed = false,
            // It may lead to a server that hangs or only reads: the next one shall not get it.
            Err(DbError::Unavailable { .. }) => {
                if let Some(connection) = self.connection.take() {
                    connection.carrier.abort();
                }
            }
            Err(_) => {}
        }
        outcome
    }

    async fn send_all(
        &mut self,
        statement: Option<(&str, &[Param<'_>], &mut Take<'_>)>,
        end: Option<&'static str>,
    ) -> Result<i64, DbError> {
        let Some(connection) = &mut self.connection else { return Err(DbError::Failed) };
        let waiting = std::mem::take(&mut self.waiting);
        let mut prepared = Vec::with_capacity(waiting.len());
        for (sql, _) in &waiting {
            prepared.push(prepare(self.pool, connection, sql).await?);
        }
        let own = match &statement {
            Some((sql, ..)) => Some(prepare(self.pool, connection, sql).await?),
            None => None,
        };
        let client = &connection.client;
        let mut names: Vec<&str> = Vec::new();
        let mut sent: Vec<Sent<'_>> = Vec::new();
        if let Some(begin) = self.begin.take() {
            names.push(begin);
            sent.push(Box::pin(plain(client, begin)));
        }
        for ((sql, params), prepared) in waiting.iter().zip(&prepared) {
            names.push(sql);
            sent.push(Box::pin(execute(client, prepared, params)));
        }
        if let (Some((sql, params, take)), Some(own)) = (statement, &own) {
            names.push(sql);
            sent.push(Box::pin(query(client, own, params, take)));
        }
        if let Some(end) = end {
            names.push(end);
            sent.push(Box::pin(plain(client, end)));
        }
        self.pool.count_trip();
        let mut last = 0;
        for (name, answer) in names.iter().zip(in_order(sent).await) {
            last = answer.map_err(|error| DbError::from_postgres(name, error))?;
        }
        Ok(last)
    }
}

async fn prepare(pool: &Pool, connection: &mut Connection, sql: &str) -> Result<Statement, DbError> {
    if let Some(known) = connection.known(sql) {
        return Ok(known);
    }
    pool.count_trip();
    connection.prepare(sql).await.map_err(|error| DbError::from_postgres(sql, error))
}

async fn plain(client: &Client, sql: &str) -> Result<i64, Error> {
    client.batch_execute(sql).await.map(|()| 0)
}

async fn execute(client: &Client, statement: &Statement, params: &[Param<'_>]) -> Result<i64, Error> {
    let count = client.execute_raw(statement, params.iter().map(bound)).await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

async fn query(
    client: &Client,
    statement: &Statement,
    params: &[Param<'_>],
    take: &mut Take<'_>,
) -> Result<i64, Error> {
    let mut rows = pin!(client.query_raw(statement, params.iter().map(bound)).await?);
    while let Some(row) = rows.try_next().await? {
        take(&Row(Source::Postgres(&row)));
    }
    Ok(rows.rows_affected().and_then(|count| i64::try_from(count).ok()).unwrap_or(0))
}

fn bound<'a>(param: &'a Param<'a>) -> &'a (dyn ToSql + Sync) {
    param
}

/// Starts all in order before it waits for the first answer.
async fn in_order(mut sent: Vec<Sent<'_>>) -> Vec<Result<i64, Error>> {
    let mut answers: Vec<Option<Result<i64, Error>>> = sent.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut all = true;
        for (statement, answer) in sent.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match statement.as_mut().poll(context) {
                    Poll::Ready(result) => *answer = Some(result),
                    Poll::Pending => all = false,
                }
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.unanswered {
            // Whoever asked has gone, and the answer may be long in coming: nobody should wait behind it.
            self.pool.cancel(connection);
            return;
        }
        if self.begin.is_none() {
            // Polled once it is on its way; whoever uses the connection next comes after it.
            let rollback = pin!(connection.client.batch_execute(ROLLBACK));
            let _ = rollback.poll(&mut Context::from_waker(Waker::noop()));
        }
        self.pool.give_back(connection);
    }
}
