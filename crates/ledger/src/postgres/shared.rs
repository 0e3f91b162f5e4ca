//! What receivers and workers on several machines share besides campaigns: nonces and pace; and how far each receiver
//! has got in its journal.
//!
//! Nonces and pace go by the server's clock alone.

use std::time::Duration;

use sinch_batch_models::Timestamp;
use tokio_postgres::Row;

use super::PostgresLedger;
use super::connection::{Connection, Params};
use super::fault::Fault;
use super::group::{Tries, in_time};
use super::predict::Hint;
use super::records::{damaged, get};
use crate::callback::{Applied, ReceivedCallback};
use crate::decide;
use crate::error::{LedgerError, LedgerErrorKind};

/// A crash of the server may forget a nonce: then a repeated callback is applied twice, and changes nothing.
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off";

/// How many nonces are forgotten at once.
const SWEEP: i64 = 10_000;

/// A callback as receivers that share a load know it: digests of its nonce and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedNonce {
    /// By which it is found.
    pub key: [u8; 16],
    /// By which a repeated one is told from another.
    pub body: [u8; 16],
    /// Until when it has to be known.
    pub until: Timestamp,
}

impl SharedNonce {
    /// A callback with these digests, which cannot come again after that time.
    pub fn new(key: [u8; 16], body: [u8; 16], until: Timestamp) -> Self {
        Self { key, body, until }
    }
}

/// How far a receiver has got in a journal of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedCursor {
    /// Whose it is, among all that share the ledger.
    pub receiver: String,
    /// The number of the journal's file.
    pub file: u64,
    /// How many bytes of that file are applied.
    pub at_byte: u64,
}

impl SharedCursor {
    /// The cursor of a receiver at that place.
    pub fn new(receiver: impl Into<String>, file: u64, at_byte: u64) -> Self {
        Self { receiver: receiver.into(), file, at_byte }
    }
}

/// What receivers know of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedNonceState {
    /// First time. It is the caller's, until it is kept, released, or its hold lapses.
    New,
    /// Another receiver is applying it.
    InProgress,
    /// Applied before.
    Duplicate,
    /// Used before with another body.
    Conflict,
}

impl PostgresLedger {
    /// Claims a callback before it is applied. A receiver that dies in the middle holds it no longer than
    /// `hold`.
    ///
    /// # Errors
    /// The kinds that speak of the storage: ask for another delivery.
    pub async fn claim_once(&self, nonce: &SharedNonce, hold: Duration) -> Result<SharedNonceState, LedgerError> {
        let claim = nonce_params(nonce).float(hold.as_secs_f64());
        let claimed = self
            .unhurried(
                "INSERT INTO @.nonce AS n (key, body, until, kept, lapses) VALUES ($1[1], $1[2], \
                 to_timestamp($2 / 1000000.0), false, clock_timestamp() + $3 * interval '1 s') \
                 ON CONFLICT (key) DO UPDATE SET body = excluded.body, until = excluded.until, kept = false, \
                 lapses = excluded.lapses WHERE (n.kept AND n.until < clock_timestamp()) \
                 OR (NOT n.kept AND n.lapses < clock_timestamp()) RETURNING key",
                &claim,
            )
            .await?;
        if !claimed.is_empty() {
            return Ok(SharedNonceState::New);
        }
        let known = self.unhurried("SELECT body = $1[2], kept FROM @.nonce WHERE key = $1[1]", &bytes(nonce)).await?;
        // Released just now: then it comes again.
        let Some(row) = known.first() else { return Ok(SharedNonceState::InProgress) };
        Ok(match (get(row, 0)?, get(row, 1)?) {
            (false, _) => SharedNonceState::Conflict,
            (true, true) => SharedNonceState::Duplicate,
            (true, false) => SharedNonceState::InProgress,
        })
    }

    /// Remembers a callback that was applied.
    ///
    /// # Errors
    /// The kinds that speak of the storage.
    pub async fn keep_once(&self, nonce: &SharedNonce) -> Result<(), LedgerError> {
        self.unhurried(
            "INSERT INTO @.nonce AS n (key, body, until, kept, lapses) VALUES ($1[1], $1[2], \
             to_timestamp($2 / 1000000.0), true, clock_timestamp()) \
             ON CONFLICT (key) DO UPDATE SET kept = true WHERE n.body = excluded.body",
            &nonce_params(nonce),
        )
        .await
        .map(drop)
    }

    /// Frees the claim of a callback that could not be applied. One that was kept stays.
    ///
    /// # Errors
    /// The kinds that speak of the storage.
    pub async fn release_once(&self, nonce: &SharedNonce) -> Result<(), LedgerError> {
        let sql = "DELETE FROM @.nonce WHERE key = $1[1] AND body = $1[2] AND NOT kept";
        self.unhurried(sql, &bytes(nonce)).await.map(drop)
    }

    /// Forgets callbacks whose time was over an hour ago, 10,000 at most; how many it were. Any receiver may do it,
    /// once a minute.
    ///
    /// # Errors
    /// The kinds that speak of the storage.
    pub async fn sweep_once(&self) -> Result<u64, LedgerError> {
        let gone = self
            .unhurried(
                "DELETE FROM @.nonce WHERE key IN (SELECT key FROM @.nonce \
                 WHERE until < clock_timestamp() - interval '1 h' AND lapses < clock_timestamp() LIMIT $1) RETURNING 1",
                &Params::new().integer(SWEEP),
            )
            .await?;
        Ok(gone.len() as u64)
    }

    /// Reserves requests of a project, which are `gap` apart on average over all workers; how long to wait before
    /// the first of them. Up to a second's worth may leave at once after a rest.
    ///
    /// # Errors
    /// The kinds that speak of the storage: send nothing.
    pub async fn reserve(&self, project: &str, requests: u32, gap: Duration) -> Result<Duration, LedgerError> {
        let time = gap.saturating_mul(requests).as_secs_f64();
        let rows = self
            .unhurried(
                "INSERT INTO @.pace AS p (project, next) \
                 VALUES ($1, clock_timestamp() - interval '1 s' + $2 * interval '1 s') \
                 ON CONFLICT (project) DO UPDATE \
                 SET next = greatest(p.next, clock_timestamp() - interval '1 s') + $2 * interval '1 s' \
                 RETURNING extract(epoch FROM greatest(p.next - $2 * interval '1 s' - clock_timestamp(), \
                 p.hold_until - clock_timestamp(), interval '0'))::float8",
                &Params::new().text(project).float(time),
            )
            .await?;
        let wait: f64 = get(rows.first().ok_or_else(damaged)?, 0)?;
        Duration::try_from_secs_f64(wait).map_err(|_| damaged())
    }

    /// Holds all requests of a project for a time: the service said that there are too many.
    ///
    /// # Errors
    /// The kinds that speak of the storage.
    pub async fn hold_pace(&self, project: &str, retry_after: Duration) -> Result<(), LedgerError> {
        self.unhurried(
            "INSERT INTO @.pace AS p (project, next, hold_until) \
             VALUES ($1, clock_timestamp() - interval '1 s', clock_timestamp() + $2 * interval '1 s') \
             ON CONFLICT (project) DO UPDATE SET hold_until = greatest(p.hold_until, excluded.hold_until)",
            &Params::new().text(project).float(retry_after.as_secs_f64()),
        )
        .await
        .map(drop)
    }

    /// Until when all requests of a project are held, because the service said that there are too many; `None` if they
    /// are not.
    ///
    /// # Errors
    /// The kinds that speak of the storage.
    pub async fn pace_held_until(&self, project: &str) -> Result<Option<Timestamp>, LedgerError> {
        let rows = self
            .unhurried(
                "SELECT (extract(epoch FROM hold_until) * 1000000)::bigint FROM @.pace \
                 WHERE project = $1 AND hold_until > clock_timestamp()",
                &Params::new().text(project),
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Timestamp::from_microsecond(get(row, 0)?).map(Some).map_err(|_| damaged())
    }

    /// Applies callbacks as [`apply_callbacks`](crate::Ledger::apply_callbacks) does, and moves the cursor of the
    /// journal they were read from in the same transaction: all of it, or after an error nothing or all of it.
    ///
    /// # Errors
    /// As [`apply_callbacks`](crate::Ledger::apply_callbacks). `Busy` also if the connection was lost in the commit:
    /// ask where the [cursor](Self::cursor) is, and go on from there, so that nothing is counted twice.
    pub async fn apply_callbacks_at(
        &self,
        callbacks: Vec<ReceivedCallback>,
        cursor: SharedCursor,
    ) -> Result<Vec<Option<Applied>>, LedgerError> {
        let hints = callbacks.iter().filter_map(|callback| Hint::of(callback.observation()?)).collect();
        self.write_alone(hints, move |overlay| {
            if overlay.repeated {
                let why = "the connection was lost in the commit, so the group may be written";
                return Err(LedgerError::new(LedgerErrorKind::Busy, why));
            }
            let applied = callbacks.iter().map(|callback| decide::apply_callback(overlay, callback)).collect();
            overlay.put_cursor(&cursor.receiver, cursor.file, cursor.at_byte);
            applied
        })
        .await
    }

    /// The cursor of a receiver; none if it never applied anything.
    ///
    /// # Errors
    /// The kinds that speak of the storage.
    pub async fn cursor(&self, receiver: &str) -> Result<Option<SharedCursor>, LedgerError> {
        let sql = "SELECT file, at_byte FROM @.cursor WHERE receiver = $1";
        let rows = self.unhurried(sql, &Params::new().text(receiver)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let number = |n| u64::try_from(get::<i64>(row, n)?).map_err(|_| damaged());
        Ok(Some(SharedCursor::new(receiver, number(0)?, number(1)?)))
    }

    /// One statement, whose commit does not wait for the disk.
    async fn unhurried(&self, sql: &str, params: &Params) -> Result<Vec<Row>, LedgerError> {
        let mut tries = Tries::new(&self.place);
        loop {
            let client = tries.client().await.map_err(Fault::into_error)?;
            let connection = Connection { client: &client, schema: &self.place.schema };
            match in_time(one(connection, sql, params)).await {
                Ok(rows) => return Ok(rows),
                Err(fault) => tries.after(client, fault).await.map_err(Fault::into_error)?,
            }
        }
    }
}

async fn one(connection: Connection<'_>, sql: &str, params: &Params) -> Result<Vec<Row>, Fault> {
    connection.batch(BEGIN).await?;
    let rows = connection.query(sql, params).await?;
    connection.batch("COMMIT").await?;
    Ok(rows)
}

fn bytes(nonce: &SharedNonce) -> Params {
    Params::new().bytes(vec![nonce.key.to_vec(), nonce.body.to_vec()])
}

fn nonce_params(nonce: &SharedNonce) -> Params {
    // Microseconds of any year have room in it.
    bytes(nonce).float(nonce.until.as_microsecond() as f64)
}
