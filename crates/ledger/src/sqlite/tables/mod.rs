//! The tables: a connection with its transactions and statements. What the decisions ask is in
//! `store.rs`, what programs ask in `read.rs`, how a column becomes a value in `../columns.rs`.

mod messages;
mod read;
mod recent;
mod standing;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use sinch_batch_tracking::CampaignKey;

use self::messages::Messages;
use self::recent::Recent;
use self::standing::Standing;
use super::storage;
use super::sums::Added;
use crate::campaign::CampaignId;
use crate::error::LedgerError;
use crate::ledger::Reclaimed;
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

/// Of these, batches that have to be looked up.
const FREE_UNKNOWN: &str = "INDEXED BY batch_open WHERE campaign = ?1 AND stage NOT IN ('accepted', 'skipped') \
     AND stage = 'unknown' AND (lease_until IS NULL OR lease_until <= ?2) ORDER BY number";

/// What campaigns of an app have outstanding.
const OUTSTANDING: &str = "SELECT c.id, s.pending, s.n_unknown FROM campaign c JOIN standing s ON s.campaign = c.id \
     WHERE c.project = ?1 AND c.app = ?2 AND c.service = ?3 AND c.practice = ?4 AND (s.pending > 0 OR s.n_unknown > 0)";

/// Rows of batches that are accepted or of unknown outcome, by the minute in which they left.
const LEFT_SINCE: &str = "SELECT at / 60000000, sum(n_rows) FROM (SELECT n_rows, \
     max(coalesce(last_attempt, send_after), coalesce(send_after, last_attempt)) AS at FROM batch \
     WHERE campaign = ?1 AND stage IN ('accepted', 'unknown')) WHERE at BETWEEN ?2 AND ?3 GROUP BY 1 ORDER BY 1";

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
    messages: Messages,
    standing: Standing,
    recent: Recent,
    /// Whether SQLite has a savepoint of the job that runs.
    has_savepoint: bool,
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
            messages: Messages::default(),
            standing: Standing::default(),
            recent: Recent::default(),
            has_savepoint: false,
            limits: StoreLimits::default(),
        }
    }

    /// The connection itself, for what is no decision.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn begin(&mut self) -> Result<(), LedgerError> {
        self.execute("BEGIN IMMEDIATE", [])?;
        // It changes with the commits of other connections, and nobody else commits from here on.
        let version = self.one("PRAGMA data_version", [], |row| get::<i64>(row, 0))?;
        self.recent.begin(version.unwrap_or_default());
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), LedgerError> {
        self.write_messages()?;
        self.write_counts()?;
        self.added.write(&self.connection)?;
        for (campaign, sums) in self.standing.changed() {
            self.write_sums(campaign, sums)?;
        }
        self.execute("COMMIT", [])?;
        self.standing.clear();
        Ok(())
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// A job begins, which can be undone alone. SQLite is asked for a savepoint only when the job writes more than
    /// what is kept here until the end of the transaction: most receipts do not.
    pub(super) fn savepoint(&mut self) -> Result<(), LedgerError> {
        if self.messages.is_full() {
            self.write_messages()?;
        }
        self.counted.safe = self.counted.callbacks.len();
        self.added.savepoint();
        self.standing.savepoint();
        self.messages.savepoint();
        Ok(())
    }

    /// Writes what earlier jobs have changed, so that the statements of this one see it.
    pub(super) fn settle(&mut self) -> Result<(), LedgerError> {
        self.write_messages()?;
        self.open_savepoint()
    }

    pub(super) fn release(&mut self) -> Result<(), LedgerError> {
        if std::mem::take(&mut self.has_savepoint) {
            self.execute("RELEASE job", [])?;
        }
        Ok(())
    }

    pub(super) fn undo_savepoint(&mut self) -> Result<(), LedgerError> {
        self.forget();
        self.counted.callbacks.truncate(self.counted.safe);
        self.added.undo_savepoint();
        self.standing.undo_savepoint();
        self.messages.undo_savepoint();
        if self.has_savepoint {
            self.execute("ROLLBACK TO job", [])?;
        }
        self.release()
    }

    /// Undoes the transaction, if SQLite has not done so by itself.
    pub(super) fn roll_back(&mut self) {
        self.forget();
        self.counted.callbacks.clear();
        self.added.clear();
        self.standing.clear();
        self.messages.clear();
        self.has_savepoint = false;
        if self.in_transaction() {
            // Nothing better can be done; the next transaction will tell.
            let _ = self.execute("ROLLBACK", []);
        }
    }

    /// From now on what this connection removes does not stay in the file as room that nobody uses.
    pub(super) fn overwrite_what_is_removed(&self) -> Result<(), LedgerError> {
        self.connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(())).map_err(storage)
    }

    /// Gives some of the free pages back to the system.
    pub(super) fn reclaim(&mut self) -> Result<Reclaimed, LedgerError> {
        /// How many pages at once: 40 MB in pages of the usual size.
        const PAGES: i64 = 10_000;
        /// SQLite's number for a file that gives pages back when it is asked to.
        const INCREMENTAL: i64 = 2;

        let pragma = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(storage);
        let free = || pragma("PRAGMA freelist_count");
        let page = pragma("PRAGMA page_size")?;
        let bytes = |pages: i64| u64::try_from(pages.saturating_mul(page)).unwrap_or(0);
        let before = free()?;
        if pragma("PRAGMA auto_vacuum")? != INCREMENTAL {
            return Ok(Reclaimed { kept: bytes(before), ..Reclaimed::default() });
        }
        let mut vacuum = self.connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})")).map_err(storage)?;
        let mut steps = vacuum.query([]).map_err(storage)?;
        while steps.next().map_err(storage)?.is_some() {}
        let after = free()?;
        Ok(Reclaimed { bytes: bytes(before - after), left: after > 0 && after < before, kept: 0 })
    }

    fn open_savepoint(&mut self) -> Result<(), LedgerError> {
        if !self.has_savepoint && self.in_transaction() {
            self.execute("SAVEPOINT job", [])?;
            self.has_savepoint = true;
        }
        Ok(())
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
        self.recent.clear();
    }
}

#[cfg(test)]
impl Tables {
    /// The plans of statements that are run for every claim, renewal or callback.
    pub(super) fn query_plans(&self) -> Result<Vec<(String, String)>, LedgerError> {
        let statements = [
            batch_sql(FREE),
            batch_sql(FREE_UNKNOWN),
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

    /// How often the statement that finds the batch of a row was parsed again.
    pub(super) fn parsed_again(&self) -> Result<i32, LedgerError> {
        let statement = self.connection.prepare_cached(&batch_sql(BEFORE)).map_err(storage)?;
        Ok(statement.get_status(rusqlite::StatementStatus::RePrepare))
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
    /// Runs a statement of a job, which is undone with it.
    fn write(&mut self, sql: &str, params: impl Params) -> Result<(), LedgerError> {
        self.open_savepoint()?;
        self.execute(sql, params)
    }

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
