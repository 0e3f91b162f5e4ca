//! Copies a ledger into another: all of it, so that nothing that guards a campaign is forgotten.
//!
//! ```text
//! export: one snapshot ──▶ pages of rows ──▶ import: one transaction
//!         any live lease? refused                name or key taken? refused; no end? rolled back
//! ```
//!
//! **Receipts that wait for what they belong to** are put into the other ledger as if they came there now, so that what
//! both have of one message is joined by the one rule for it. What waited there for a batch or a campaign that the copy
//! brings is applied to it at the end.
//!
//! **A copy is like an old backup as soon as the original goes on sending.** Use one of the two. The next run of a
//! copied campaign looks up batches that were never tried, as every run but the first does, and sends nothing if the
//! service has one of them ([`Behind`](LedgerErrorKind::Behind)).

use std::future::poll_fn;
use std::task::Poll;

use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, Progress, RowKey};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::error::{LedgerError, LedgerErrorKind};
use crate::ledger::{BoxFuture, Ledger};
use crate::store::{Deferred, Orphan, Store};

/// How many rows are under way at once.
pub(crate) const PAGE: usize = 1000;

/// How many pages may wait.
const WAITING: usize = 4;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Campaigns.
    pub campaigns: u64,
    /// Batches of these.
    pub batches: u64,
    /// Messages of which something was received.
    pub messages: u64,
}

impl Copied {
    pub(crate) fn count(&mut self, table: &Table, rows: usize) {
        let rows = rows as u64;
        match table.name {
            "campaign" => self.campaigns += rows,
            "batch" => self.batches += rows,
            "message" => self.messages += rows,
            _ => {}
        }
    }
}

/// Rows of one table on their way from a ledger to another. Only the ledgers of this crate know what is in it.
#[derive(Debug)]
pub struct Page(pub(crate) Part);

/// What is on the way.
#[derive(Debug)]
pub(crate) enum Part {
    /// Rows of a table, in the order of its columns.
    Rows(&'static Table, Vec<Vec<Value>>),
    /// All is said.
    End,
}

/// A ledger that can be copied, and be copied into. Those of this crate that are kept on a disk are.
pub trait WholeLedger: Ledger {
    /// Gives away everything it holds, as it is at one moment.
    ///
    /// # Errors
    /// `Busy` if a worker holds batches at that moment: let it end first. Or a kind that speaks of the storage.
    #[doc(hidden)]
    fn export(&self, pages: Sender<Page>) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Takes in everything that another gives away, or nothing.
    ///
    /// # Errors
    /// `NameTaken` or `Impossible` if it holds one of the campaigns. Or a kind that speaks of the storage.
    #[doc(hidden)]
    fn import(&self, pages: Receiver<Page>) -> BoxFuture<'_, Result<Copied, LedgerError>>;
}

/// Copies all that one ledger holds into another: campaigns, plans, batches, messages, and what waits for any of them.
///
/// The other may hold campaigns, as long as they are not the same. A ledger in Postgres takes no other writes meanwhile.
///
/// # Errors
/// `DeferredFull` if the other has no room for the receipts that wait. `Busy` if a worker is sending from it: let it end first. `NameTaken` or `Impossible` if the other holds a campaign of
/// that name, key or batch already. Or a kind that speaks of the storage. Then nothing was copied.
pub async fn copy(from: &dyn WholeLedger, to: &dyn WholeLedger) -> Result<Copied, LedgerError> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let (mut export, mut import) = (from.export(sender), to.import(receiver));
    let (mut exported, mut imported) = (None, None);
    poll_fn(|context| {
        if exported.is_none()
            && let Poll::Ready(result) = export.as_mut().poll(context)
        {
            exported = Some(result);
        }
        if imported.is_none()
            && let Poll::Ready(result) = import.as_mut().poll(context)
        {
            imported = Some(result);
        }
        if exported.is_some() && imported.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    // Without its end nothing is taken in, and why there is none is what to tell.
    if let Some(Err(error)) = exported {
        return Err(error);
    }
    imported.unwrap_or_else(|| Err(cut_short()))
}

/// The other end went away; that end knows why.
pub(crate) fn cut_short() -> LedgerError {
    LedgerError::new(LedgerErrorKind::Other, "the copy was cut short")
}

/// Somebody sends from the ledger that is to be copied.
pub(crate) fn in_use() -> LedgerError {
    LedgerError::new(LedgerErrorKind::Busy, "a worker is sending from the ledger; a copy of it would be old at once")
}

/// A campaign is in both.
pub(crate) fn both_have(name: &str) -> LedgerError {
    LedgerError::new(LedgerErrorKind::NameTaken, format!("both ledgers have campaign {name:?}"))
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    pub(crate) fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// What a column holds, in both formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The number of a campaign, which is another in another ledger.
    Campaign,
    Integer,
    /// A small number in Postgres.
    Small,
    /// 0 or 1 in SQLite.
    Flag,
    /// A word in SQLite, a number in Postgres and on the way.
    Stage,
    Text,
    Bytes,
}

/// A table that both formats have, with the same names.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    pub(crate) order: &'static str,
    /// What becomes of a row that the other ledger has already; none if it cannot have it, or if it is a receipt, which
    /// is put as one that has just come: see [`Kept`].
    pub(crate) conflict: &'static str,
}

impl Table {
    /// The names of the columns, each as `shape` says.
    pub(crate) fn list(&self, shape: impl Fn(&str, Kind) -> String) -> String {
        self.columns.iter().map(|(name, kind)| shape(name, *kind)).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| *name == column)
    }
}

/// A receipt that waits for what it belongs to.
#[derive(Debug)]
pub(crate) enum Kept {
    Deferred(BatchId, Deferred),
    Orphan(Orphan),
}

impl Kept {
    /// The receipt that is in a row of this table; `None` if it is a table of other things.
    pub(crate) fn of(table: &Table, row: &[Value]) -> Option<Result<Self, LedgerError>> {
        let read = match table.name {
            "deferred" => Self::deferred,
            "orphan" => Self::orphan,
            _ => return None,
        };
        let wrong = || LedgerError::new(LedgerErrorKind::Other, "the ledger that is copied is damaged");
        Some(read(&|column| table.place(column).and_then(|at| row.get(at))).ok_or_else(wrong))
    }

    fn deferred<'a>(column: &dyn Fn(&str) -> Option<&'a Value>) -> Option<Self> {
        let deferred = match column("position")?.integer()? {
            WHOLE_BATCH => Deferred::Batch(BatchState::from(column("state")?.text()?)),
            index => Deferred::Message(index.try_into().ok()?, state(column)?),
        };
        Some(Self::Deferred(BatchId::new(column("batch_id")?.text()?), deferred))
    }

    fn orphan<'a>(column: &dyn Fn(&str) -> Option<&'a Value>) -> Option<Self> {
        let key = RowKey::new(column("key")?.text()?, column("row")?.integer()?.try_into().ok()?);
        Some(Self::Orphan(Orphan::new(key, column("batch_id")?.text().map(BatchId::new), state(column)?)))
    }

    /// Keeps it in the other ledger, joined with what that has of the same message.
    pub(crate) fn put<S: Store>(&self, store: &mut S) -> Result<(), LedgerError> {
        match self {
            Self::Deferred(batch_id, deferred) => store.put_deferred(batch_id, deferred.clone()),
            Self::Orphan(orphan) => store.put_orphan(orphan.clone()),
        }
    }
}

/// The place of what is said about a batch as a whole among what is deferred, in both formats.
const WHOLE_BATCH: i64 = -1;

/// The state of a message; its progress has the same numbers in both formats.
fn state<'a>(column: &dyn Fn(&str) -> Option<&'a Value>) -> Option<MessageState> {
    use Progress::{Accepted, Delivered, Failed, Planned, Queued, Read};

    let all = [Planned, Accepted, Queued, Failed, Delivered, Read];
    let mut state = MessageState::new(*all.get(usize::try_from(column("progress")?.integer()?).ok()?)?);
    state.code = column("code")?.text().map(Into::into);
    state.description = column("description")?.text().map(Into::into);
    state.at = column("at")?.integer().and_then(|at| Timestamp::from_microsecond(at).ok());
    Some(state)
}

/// Batches that are there now and for which receipts were kept: those came early.
pub(crate) const EARLY_BATCHES: &str =
    "SELECT DISTINCT d.batch_id FROM @.deferred d JOIN @.batch b ON b.batch_id = d.batch_id ORDER BY 1";

/// Campaigns that are there now and for which receipts were kept.
pub(crate) const EARLY_CAMPAIGNS: &str =
    "SELECT DISTINCT o.key FROM @.orphan o JOIN @.campaign c ON c.key = o.key ORDER BY 1";

/// Makes rows those of the other ledger: its numbers of campaigns, and the marks of a copy.
pub(crate) fn moved(table: &Table, rows: &mut [Vec<Value>], by: i64) {
    for row in rows {
        for ((name, kind), value) in table.columns.iter().zip(row) {
            if let Value::Integer(number) = value {
                if *kind == Kind::Campaign {
                    *number += by;
                }
                // A copy is never on its first run: what seems untried is looked up, for it may be old.
                if table.name == "standing" && *name == "runs" {
                    *number = (*number).max(1);
                }
            }
        }
    }
}

/// The tables, in the order in which they are copied.
pub(crate) static TABLES: [Table; 12] = {
    use Kind::{Bytes, Campaign, Flag, Integer, Small, Stage, Text};

    const STATE: [(&str, Kind); 4] = [("progress", Small), ("code", Text), ("description", Text), ("at", Integer)];
    [
        Table {
            name: "campaign",
            columns: &[
                ("id", Campaign),
                ("name", Text),
                ("key", Text),
                ("project", Text),
                ("app", Text),
                ("service", Text),
                ("input", Text),
                ("input_fingerprint", Text),
                ("message", Text),
                ("message_fingerprint", Text),
                ("request", Text),
                ("request_fingerprint", Text),
                ("n_rows", Integer),
                ("n_skipped", Integer),
                ("batch_size", Integer),
                ("practice", Flag),
                ("settings", Text),
                ("created", Text),
                ("parent", Campaign),
                ("root", Campaign),
            ],
            order: "id",
            conflict: "",
        },
        Table {
            name: "standing",
            columns: &[
                ("campaign", Campaign),
                ("phase", Small),
                ("behind", Flag),
                ("pruned", Flag),
                ("n_rows", Integer),
                ("n_skipped", Integer),
                ("n_suppressed", Integer),
                ("n_accepted", Integer),
                ("n_unknown", Integer),
                ("n_doubled", Integer),
                ("n_systemic", Integer),
                ("batches_planned", Integer),
                ("batches_accepted", Integer),
                ("batches_unknown", Integer),
                ("batches_refused", Integer),
                ("batches_skipped", Integer),
                ("pending", Integer),
                ("queued", Integer),
                ("delivered", Integer),
                ("read", Integer),
                ("failed", Integer),
                ("cancelled", Integer),
                ("runs", Integer),
                ("resend_after", Integer),
            ],
            order: "campaign",
            conflict: "",
        },
        Table {
            name: "batch",
            columns: &[
                ("campaign", Campaign),
                ("number", Integer),
                ("first_row", Integer),
                ("n_rows", Integer),
                ("rows", Text),
                ("at_byte", Integer),
                ("n_bytes", Integer),
                ("digest", Bytes),
                ("stage", Stage),
                ("attempts", Integer),
                ("uncertain", Flag),
                ("batch_id", Text),
                ("state", Text),
                ("last_attempt", Integer),
                ("why", Text),
                ("doubled", Integer),
                ("recalled", Flag),
                ("send_after", Integer),
                ("worker", Text),
                ("token", Integer),
                ("lease_until", Integer),
                ("may_leave_until", Integer),
                ("in_call", Flag),
                ("lapsed_worker", Text),
                ("lapsed_at", Integer),
            ],
            order: "campaign, number",
            conflict: "",
        },
        Table {
            name: "double",
            columns: &[("campaign", Campaign), ("number", Integer), ("batch_id", Text)],
            order: "campaign, number, batch_id",
            conflict: "",
        },
        Table {
            name: "message",
            columns: &[("campaign", Campaign), ("row", Integer), STATE[0], STATE[1], STATE[2], STATE[3]],
            order: "campaign, row",
            conflict: "",
        },
        Table {
            name: "reason",
            columns: &[("campaign", Campaign), ("code", Text), ("n", Integer)],
            order: "campaign, code",
            conflict: "",
        },
        Table {
            name: "pulse",
            columns: &[
                ("campaign", Campaign),
                ("minute", Integer),
                ("accepted", Integer),
                ("queued", Integer),
                ("delivered", Integer),
                ("read", Integer),
                ("failed", Integer),
            ],
            order: "campaign, minute",
            conflict: "",
        },
        Table {
            name: "worker",
            columns: &[("name", Text), ("boot", Text), ("namespace", Text), ("pid", Integer), ("started", Integer)],
            order: "name",
            conflict: "ON CONFLICT (name) DO NOTHING",
        },
        Table {
            name: "deferred",
            columns: &[
                ("batch_id", Text),
                ("position", Integer),
                STATE[0],
                STATE[1],
                STATE[2],
                STATE[3],
                ("state", Text),
            ],
            order: "batch_id, position",
            conflict: "",
        },
        Table {
            name: "orphan",
            columns: &[("key", Text), ("row", Integer), ("batch_id", Text), STATE[0], STATE[1], STATE[2], STATE[3]],
            order: "key, row",
            conflict: "",
        },
        Table {
            name: "callback",
            columns: &[("kind", Text), ("count", Integer), ("first", Integer), ("last", Integer)],
            order: "kind",
            conflict: "ON CONFLICT (kind) DO UPDATE SET count = t.count + excluded.count, \
                       first = CASE WHEN excluded.first < t.first THEN excluded.first ELSE t.first END, \
                       last = CASE WHEN excluded.last > t.last THEN excluded.last ELSE t.last END",
        },
        Table {
            name: "dropped",
            columns: &[("what", Text), ("count", Integer)],
            order: "what",
            conflict: "ON CONFLICT (what) DO UPDATE SET count = t.count + excluded.count",
        },
    ]
};

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::sqlite::SqliteLedger;

    /// A column that were forgotten here would be lost without a word.
    #[test]
    fn copy_names_every_column_of_every_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        drop(SqliteLedger::open(&path).unwrap());
        let file = rusqlite::Connection::open(path).unwrap();
        let names = |sql: &str| -> Vec<String> {
            let mut sql = file.prepare(sql).unwrap();
            let names = sql.query_map([], |row| row.get(0)).unwrap();
            names.map(Result::unwrap).collect()
        };
        let mut tables: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        tables.sort_unstable();
        assert_eq!(
            names("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1"),
            tables
        );
        for table in &TABLES {
            let mut copied: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            copied.sort_unstable();
            // The order of arrival is the other ledger's own.
            let all = format!("SELECT name FROM pragma_table_info('{}') WHERE name <> 'age' ORDER BY 1", table.name);
            assert_eq!(names(&all), copied, "{}", table.name);
        }
    }
}
