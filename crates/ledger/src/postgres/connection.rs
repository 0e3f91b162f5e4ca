//! One connection, with statements that need nothing of the session: typed, unnamed, with the schema in them.

use std::future::poll_fn;
use std::task::Poll;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::fault::Fault;
use super::fetch::in_schema;
use super::need::text;
use crate::ledger::BoxFuture;

/// The parameters of a statement, each with its type, so that nothing has to be asked before.
#[derive(Default)]
pub(super) struct Params(Vec<(Box<dyn ToSql + Sync + Send>, Type)>);

impl Params {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn with(mut self, value: impl ToSql + Sync + Send + 'static, of: Type) -> Self {
        self.0.push((Box::new(value), of));
        self
    }

    pub(super) fn integer(self, value: i64) -> Self {
        self.with(value, Type::INT8)
    }

    pub(super) fn integers(self, values: Vec<i64>) -> Self {
        self.with(values, Type::INT8_ARRAY)
    }

    pub(super) fn maybe_integers(self, values: Vec<Option<i64>>) -> Self {
        self.with(values, Type::INT8_ARRAY)
    }

    pub(super) fn smalls(self, values: Vec<i16>) -> Self {
        self.with(values, Type::INT2_ARRAY)
    }

    pub(super) fn flags(self, values: Vec<bool>) -> Self {
        self.with(values, Type::BOOL_ARRAY)
    }

    pub(super) fn float(self, value: f64) -> Self {
        self.with(value, Type::FLOAT8)
    }

    pub(super) fn text(self, value: &str) -> Self {
        self.with(text(value), Type::TEXT)
    }

    pub(super) fn texts(self, values: Vec<String>) -> Self {
        self.with(values, Type::TEXT_ARRAY)
    }

    pub(super) fn maybe_texts(self, values: Vec<Option<String>>) -> Self {
        self.with(values, Type::TEXT_ARRAY)
    }

    pub(super) fn bytes(self, values: Vec<Vec<u8>>) -> Self {
        self.with(values, Type::BYTEA_ARRAY)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.0.iter().map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone())).collect()
    }
}

/// A connection, and the schema of the ledger.
#[derive(Clone, Copy)]
pub(super) struct Connection<'a> {
    pub(super) client: &'a Client,
    pub(super) schema: &'a str,
}

impl Connection<'_> {
    pub(super) async fn query(&self, sql: &str, params: &Params) -> Result<Vec<Row>, Error> {
        self.client.query_typed(&in_schema(sql, self.schema), &params.typed()).await
    }

    pub(super) async fn execute(&self, sql: &str, params: &Params) -> Result<u64, Error> {
        self.client.execute_typed(&in_schema(sql, self.schema), &params.typed()).await
    }

    /// Statements without parameters, several at once.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(&in_schema(sql, self.schema)).await
    }

    /// Several queries on their way at once, in order.
    pub(super) async fn query_all(&self, queries: &[(&str, &Params)]) -> Result<Vec<Vec<Row>>, Fault> {
        let mut waiting: Vec<BoxFuture<'_, Result<Vec<Row>, Error>>> = Vec::with_capacity(queries.len());
        for (sql, params) in queries {
            waiting.push(Box::pin(self.query(sql, params)));
        }
        let rows: Result<Vec<_>, Error> = all(waiting).await.into_iter().collect();
        Ok(rows?)
    }

    /// Several statements on their way at once, in order, and then a commit.
    pub(super) async fn commit(&self, statements: &[(String, Params)]) -> Result<(), Fault> {
        let mut waiting: Vec<BoxFuture<'_, Result<(), Error>>> = Vec::with_capacity(statements.len() + 1);
        for (sql, params) in statements {
            waiting.push(Box::pin(async move { self.execute(sql, params).await.map(drop) }));
        }
        // After a statement that failed it is a rollback, and that statement tells.
        waiting.push(Box::pin(self.batch("COMMIT")));
        let outcome: Result<(), Error> = all(waiting).await.into_iter().collect();
        Ok(outcome?)
    }
}

/// Waits for all of them at once; they begin in order.
async fn all<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut waiting: Vec<(Option<T>, BoxFuture<'_, T>)> = futures.into_iter().map(|future| (None, future)).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (output, future) in &mut waiting {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(output, _)| output).collect()
}
