//! The tables: a connection with its transactions and statements. What the decisions ask is in
//! `store.rs`, what programs ask in `read.rs`, how a column becomes a value in `../columns.rs`.

mod read;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use sinch_batch_tracking::CampaignKey;

use super::storage;
use super::sums::Added;
use crate::campaign::CampaignId;
use crate::error::LedgerError;
use crate::rows::RowSpans;
use crate::store::{Batch, StoreLimits};

#[cfg(test)]
use super::columns::batch_sql;
use super::columns::{get, integer, number, read_batch, read_rows};

/// How many batches' rows are kept read.
const ROWS_KEPT: usize = 4096;

// The indexes are named where SQLite would go through all batches of a campaign instead.

/// Batches that may be claimed.
const FREE: &str = "INDEXED BY batch_open WHERE campaign = ?1 AND stage NOT IN ('accepted', 'skipped') \
     AND (lease_until IS NULL OR lease_until <= ?2) ORDER BY number";

/// The batch whose rows begin at or last before a row.
const BEFORE: &str = "WHERE campaign = ?1 AND first_row <= ?2 ORDER BY first_row DESC LIMIT 1";

/// Batches that a worker holds.
const HELD_BY: &str = "INDEXED BY batch_by_worker WHERE campaign = ?1 AND worker = ?2 AND lease_until IS NOT NULL";

/// Batches that wait by a worker's silence.
const SILENT: &str = "INDEXED BY batch_lapsed WHERE campaign = ?1 AND lapsed_worker = ?2";

const HOLDERS: &str = "SELECT name, boot, namespace, pid, started FROM worker WHERE name IN \
     (SELECT worker FROM batch WHERE campaign = ?1 AND lease_until IS NOT NULL \
      UNION SELECT lapsed_worker FROM batch WHERE campaign = ?1 AND lapsed_worker IS NOT NULL)";

const HELD_BY_OTHERS: &str = "SELECT worker, count(*), max(lease_until) FROM batch WHERE campaign = ?1 \
     AND worker <> ?2 AND lease_until IS NOT NULL AND lease_until > ?3 AND stage NOT IN ('accepted', 'skipped') GROUP BY worker";

const ANY_WITHOUT_ID: &str = "SELECT 1 FROM batch INDEXED BY batch_without_id \
     WHERE batch_id IS NULL AND (uncertain OR stage IN ('unknown', 'accepted')) LIMIT 1";

const LIKE: &str = "SELECT campaign, uncertain OR stage IN ('unknown', 'accepted') FROM batch WHERE digest = ?1";

/// A connection, and what was read over it and can never change.
#[derive(Debug)]
pub(super) struct Tables {
    connection: Connection,
    campaigns: HashMap<CampaignKey, CampaignId>,
    rows: HashMap<(CampaignId, u32), Arc<RowSpans>>,
    counted: Counted,
    added: Added,
    limits: StoreLimits,
}

/// Callbacks that were counted in this transaction. They are written with its end, which is one write
/// a kind and not one a callback.
#[derive(Debug, Default)]
struct Counted {
    callbacks: Vec<(&'static str, i64)>,
    /// How many there were at the savepoint.
    safe: usize,
}

/// Transactions.
impl Tables {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            campaigns: HashMap::new(),
            rows: HashMap::new(),
            counted: Counted::default(),
            added: Added::default(),
            limits: StoreLimits::default(),
        }
    }

    /// The connection itself, for what is no decision.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn begin(&self) -> Result<(), LedgerError> {
        self.execute("BEGIN IMMEDIATE", [])
    }

    pub(super) fn commit(&mut self) -> Result<(), LedgerError> {
        self.write_counts()?;
        self.added.write(&self.connection)?;
        self.execute("COMMIT", [])
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(super) fn savepoint(&mut self) -> Result<(), LedgerError> {
        self.counted.safe = self.counted.callbacks.len();
        self.added.savepoint();
        self.execute("SAVEPOINT job", [])
    }

    pub(super) fn release(&self) -> Result<(), LedgerError> {
        self.execute("RELEASE job", [])
    }

    pub(super) fn undo_savepoint(&mut self) -> Result<(), LedgerError> {
        self.forget();
        self.counted.callbacks.truncate(self.counted.safe);
        self.added.undo_savepoint();
        self.execute("ROLLBACK TO job", [])?;
        self.release()
    }

    /// Undoes the transaction, if SQLite has not done so by itself.
    pub(super) fn roll_back(&mut self) {
        self.forget();
        self.counted.callbacks.clear();
        self.added.clear();
        if self.in_transaction() {
            // Nothing better can be done; the next transaction will tell.
            let _ = self.execute("ROLLBACK", []);
        }
    }

    fn write_counts(&mut self) -> Result<(), LedgerError> {
        let mut callbacks = std::mem::take(&mut self.counted.callbacks);
        callbacks.sort_unstable();
        for of_kind in callbacks.chunk_by(|one, next| one.0 == next.0) {
            // By kind, then by time.
            let [(kind, first), ..] = of_kind else { continue };
            let last = of_kind.last().map_or(first, |(_, last)| last);
            self.execute(
                "INSERT INTO callback (kind, count, first, last) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count, \
                 first = min(first, excluded.first), last = max(last, excluded.last)",
                params![kind, integer(of_kind.len() as u64)?, first, last],
            )?;
        }
        callbacks.clear();
        self.counted.callbacks = callbacks;
        Ok(())
    }

    /// What was read in a transaction that is undone may never have been.
    fn forget(&mut self) {
        self.campaigns.clear();
        self.rows.clear();
    }
}

#[cfg(test)]
impl Tables {
    /// The plans of statements that are run for every claim, renewal or callback.
    pub(super) fn query_plans(&self) -> Result<Vec<(String, String)>, LedgerError> {
        let statements = [
            batch_sql(FREE),
            batch_sql("WHERE campaign = ?1 AND number = ?2"),
            batch_sql(BEFORE),
            batch_sql("WHERE batch_id = ?1"),
            batch_sql(HELD_BY),
            batch_sql(SILENT),
            HOLDERS.to_owned(),
            HELD_BY_OTHERS.to_owned(),
            ANY_WITHOUT_ID.to_owned(),
            LIKE.to_owned(),
        ];
        let explain = |sql: String| {
            let n_params = (1..=3).filter(|number| sql.contains(&format!("?{number}"))).count();
            let params = rusqlite::params_from_iter(vec![0; n_params]);
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let plan = self.all(&explain, params, |row| get::<String>(row, 3))?;
            Ok((sql, plan.join("\n")))
        };
        statements.into_iter().map(explain).collect()
    }

    pub(super) fn set_limits(&mut self, limits: StoreLimits) -> Result<(), LedgerError> {
        self.limits = limits;
        Ok(())
    }

    /// Lets the file grow no further than that many pages, or than it has grown already.
    pub(super) fn limit_pages(&self, n_pages: u32) -> Result<(), LedgerError> {
        self.connection.query_row(&format!("PRAGMA max_page_count = {n_pages}"), [], |_| Ok(())).map_err(storage)
    }
}

/// Statements.
impl Tables {
    fn execute(&self, sql: &str, params: impl Params) -> Result<(), LedgerError> {
        self.connection.prepare_cached(sql).and_then(|mut sql| sql.execute(params)).map(|_| ()).map_err(storage)
    }

    fn exists(&self, sql: &str, params: impl Params) -> Result<bool, LedgerError> {
        self.connection.prepare_cached(sql).and_then(|mut sql| sql.exists(params)).map_err(storage)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, LedgerError>,
    ) -> Result<Option<T>, LedgerError> {
        let mut sql = self.connection.prepare_cached(sql).map_err(storage)?;
        sql.query_row(params, |row| Ok(read(row))).optional().map_err(storage)?.transpose()
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, LedgerError>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut sql = self.connection.prepare_cached(sql).map_err(storage)?;
        let mut rows = sql.query(params).map_err(storage)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(storage)? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// One batch; its rows, which only become fewer, are read once for each number of them.
    fn find_batch(&mut self, sql: &str, params: impl Params) -> Result<Option<Batch>, LedgerError> {
        let mut sql = self.connection.prepare_cached(sql).map_err(storage)?;
        let mut found = sql.query(params).map_err(storage)?;
        let Some(row) = found.next().map_err(storage)? else { return Ok(None) };
        let place = (CampaignId::new(get(row, 0)?), get(row, 1)?);
        let n_rows = number(row, 22)?;
        let rows = match self.rows.get(&place).filter(|rows| rows.len() == n_rows) {
            Some(rows) => Arc::clone(rows),
            None => {
                if self.rows.len() >= ROWS_KEPT {
                    self.rows.clear();
                }
                let rows = Arc::new(read_rows(row)?);
                self.rows.insert(place, Arc::clone(&rows));
                rows
            }
        };
        read_batch(row, rows).map(Some)
    }
}
