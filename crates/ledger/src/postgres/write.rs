//! Writes what a group has changed: one statement a table.

use super::connection::Params;
use super::need::{print, text};
use super::overlay::Changes;
use super::records::{
    STATE, SUMS, WHOLE_BATCH, integer, maybe_text, micros, phase_number, progress_number, stage_number,
};
use crate::campaign::{CampaignId, CampaignRecord};
use crate::store::{Batch, Deferred, StoreLimits};
use sinch_batch_models::Timestamp;
use sinch_batch_tracking::MessageState;

/// The columns of a batch that may change, in the order of the parameters.
const CHANGING: [&str; 20] = [
    "n_rows",
    "rows",
    "stage",
    "attempts",
    "uncertain",
    "batch_id",
    "state",
    "last_attempt",
    "why",
    "doubled",
    "recalled",
    "send_after",
    "worker",
    "token",
    "lease_until",
    "may_leave_until",
    "in_call",
    "lapsed_worker",
    "lapsed_at",
    "first_row",
];

/// Statements with their parameters, in the order in which they have to run.
#[derive(Default)]
pub(super) struct Writes(pub(super) Vec<(String, Params)>);

impl Writes {
    /// What writes these changes.
    pub(super) fn of(changes: Changes, limits: StoreLimits) -> Self {
        let mut writes = Self::default();
        let created = changes.created.as_ref().map(|created| created.id);
        if let Some(record) = &changes.created {
            writes.campaign(record);
        }
        writes.sums(&changes);
        let (new, old): (Vec<_>, Vec<_>) = changes.batches.values().partition(|batch| created == Some(batch.campaign));
        writes.new_batches(&new);
        writes.batches(&old);
        writes.messages(&changes);
        writes.removed(&changes);
        writes.reasons(&changes);
        writes.pulse(&changes);
        writes.doubles(&changes);
        writes.deferred(&changes);
        writes.orphans(&changes, limits);
        writes.workers(&changes);
        writes.cursors(&changes);
        writes.callbacks(&changes);
        writes
    }

    fn add(&mut self, sql: impl Into<String>, params: Params) {
        self.0.push((sql.into(), params));
    }

    /// Rows of arrays, in the place of those that are there by the same key.
    fn upsert(&mut self, table: &str, key: &str, columns: &str, update: &str, params: Params) {
        let sql = format!(
            "INSERT INTO @.{table} AS t ({columns}) SELECT * FROM unnest({}) ON CONFLICT ({key}) DO UPDATE SET {update}",
            numbered(&params)
        );
        self.add(sql, params);
    }

    fn campaign(&mut self, record: &CampaignRecord) {
        let texts = [
            &record.name,
            record.key.as_str(),
            &record.project,
            &record.app,
            &record.service,
            &record.input,
            &print(record.input_fingerprint),
            &record.message,
            &print(record.message_fingerprint),
            &record.request,
            &print(record.request_fingerprint),
            &record.settings,
            &record.created.to_string(),
        ];
        let mut params = Params::new();
        for value in texts {
            params = params.text(value);
        }
        params = params
            .integers(vec![record.id.get(), integer(record.rows), integer(record.skipped), record.batch_size.into()])
            .flags(vec![record.practice])
            .maybe_integers(vec![record.parent.map(CampaignId::get), record.root.map(CampaignId::get)]);
        self.add(
            "INSERT INTO @.campaign (name, key, project, app, service, input, input_fingerprint, message, \
             message_fingerprint, request, request_fingerprint, settings, created, id, n_rows, n_skipped, batch_size, \
             practice, parent, root) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14[1], $14[2], \
             $14[3], $14[4], $15[1], $16[1], $16[2])",
            params,
        );
    }

    fn sums(&mut self, changes: &Changes) {
        if changes.sums.is_empty() {
            return;
        }
        let all = &changes.sums;
        let numbers = |of: fn(&crate::store::Sums) -> u64| all.values().map(|sums| integer(of(sums))).collect();
        let params = Params::new()
            .integers(all.keys().map(|campaign| campaign.get()).collect())
            .smalls(all.values().map(|sums| phase_number(sums.phase)).collect())
            .flags(all.values().map(|sums| sums.behind).collect())
            .flags(all.values().map(|sums| sums.pruned).collect())
            .integers(numbers(|sums| sums.rows))
            .integers(numbers(|sums| sums.skipped))
            .integers(numbers(|sums| sums.suppressed))
            .integers(numbers(|sums| sums.accepted))
            .integers(numbers(|sums| sums.unknown))
            .integers(numbers(|sums| sums.doubled))
            .integers(numbers(|sums| sums.systemic))
            .integers(numbers(|sums| sums.batches.planned))
            .integers(numbers(|sums| sums.batches.accepted))
            .integers(numbers(|sums| sums.batches.unknown))
            .integers(numbers(|sums| sums.batches.refused))
            .integers(numbers(|sums| sums.batches.skipped))
            .integers(numbers(|sums| sums.messages.pending))
            .integers(numbers(|sums| sums.messages.queued))
            .integers(numbers(|sums| sums.messages.delivered))
            .integers(numbers(|sums| sums.messages.read))
            .integers(numbers(|sums| sums.messages.failed))
            .integers(numbers(|sums| sums.messages.cancelled))
            .integers(numbers(|sums| sums.runs))
            // Longer than any wait that makes sense.
            .integers(numbers(|sums| u64::try_from(sums.resend_after.as_micros()).unwrap_or(u64::MAX)));
        let update: Vec<String> =
            SUMS.split(',').skip(1).map(|column| format!("{0} = excluded.{0}", column.trim())).collect();
        self.upsert("standing", "campaign", SUMS, &update.join(", "), params);
    }

    fn new_batches(&mut self, batches: &[&Batch]) {
        for some in batches.chunks(10_000) {
            let columns = format!("campaign, number, {}, at_byte, n_bytes, digest", CHANGING.join(", "));
            let params = changing(some)
                .integers(some.iter().map(|batch| integer(batch.at_byte)).collect())
                .integers(some.iter().map(|batch| integer(batch.n_bytes)).collect())
                .bytes(some.iter().map(|batch| batch.digest.to_vec()).collect());
            let sql = format!("INSERT INTO @.batch ({columns}) SELECT * FROM unnest({})", numbered(&params));
            self.add(sql, params);
        }
    }

    fn batches(&mut self, batches: &[&Batch]) {
        for some in batches.chunks(10_000) {
            let params = changing(some);
            let set: Vec<String> = CHANGING.iter().map(|column| format!("{column} = n.{column}")).collect();
            let sql = format!(
                "UPDATE @.batch b SET {} FROM unnest({}) AS n (campaign, number, {}) \
                 WHERE b.campaign = n.campaign AND b.number = n.number",
                set.join(", "),
                numbered(&params),
                CHANGING.join(", ")
            );
            self.add(sql, params);
        }
    }

    fn messages(&mut self, changes: &Changes) {
        let all: Vec<_> = changes.messages.iter().collect();
        for some in all.chunks(10_000) {
            let params = Params::new()
                .integers(some.iter().map(|((campaign, _), _)| campaign.get()).collect())
                .integers(some.iter().map(|((_, row), _)| integer(*row)).collect());
            let params = states(params, some.iter().map(|(_, state)| *state));
            self.upsert(
                "message",
                "campaign, row",
                &format!("campaign, row, {STATE}"),
                "progress = excluded.progress, code = excluded.code, description = excluded.description, \
                 at = excluded.at",
                params,
            );
        }
    }

    fn reasons(&mut self, changes: &Changes) {
        let all: Vec<_> = changes.reasons.iter().filter(|(_, by)| **by != 0).collect();
        if all.is_empty() {
            return;
        }
        let params = Params::new()
            .integers(all.iter().map(|((campaign, _), _)| campaign.get()).collect())
            .texts(all.iter().map(|((_, code), _)| text(code)).collect())
            .integers(all.iter().map(|(_, by)| **by).collect());
        self.upsert("reason", "campaign, code", "campaign, code, n", "n = t.n + excluded.n", params);
    }

    fn removed(&mut self, changes: &Changes) {
        if let Some((campaign, limit)) = changes.removed {
            self.add(
                "DELETE FROM @.message WHERE campaign = $1 AND row IN \
                 (SELECT row FROM @.message WHERE campaign = $1 ORDER BY row LIMIT $2)",
                Params::new().integer(campaign.get()).integer(limit.into()),
            );
        }
    }

    fn pulse(&mut self, changes: &Changes) {
        let all = &changes.pulse;
        if all.is_empty() {
            return;
        }
        let numbers = |of: fn(&crate::sums::Pulse) -> u64| all.values().map(|pulse| integer(of(pulse))).collect();
        let params = Params::new()
            .integers(all.keys().map(|(campaign, _)| campaign.get()).collect())
            .integers(all.keys().map(|(_, minute)| *minute).collect())
            .integers(numbers(|pulse| pulse.accepted))
            .integers(numbers(|pulse| pulse.queued))
            .integers(numbers(|pulse| pulse.delivered))
            .integers(numbers(|pulse| pulse.read))
            .integers(numbers(|pulse| pulse.failed));
        self.upsert(
            "pulse",
            "campaign, minute",
            "campaign, minute, accepted, queued, delivered, read, failed",
            "accepted = t.accepted + excluded.accepted, queued = t.queued + excluded.queued, \
             delivered = t.delivered + excluded.delivered, read = t.read + excluded.read, \
             failed = t.failed + excluded.failed",
            params,
        );
    }

    fn doubles(&mut self, changes: &Changes) {
        let all = &changes.doubles;
        if all.is_empty() {
            return;
        }
        let params = Params::new()
            .integers(all.iter().map(|(campaign, ..)| campaign.get()).collect())
            .integers(all.iter().map(|(_, number, _)| (*number).into()).collect())
            .texts(all.iter().map(|(.., id)| id.to_string()).collect());
        self.add(
            "INSERT INTO @.double (campaign, number, batch_id) SELECT * FROM unnest($1, $2, $3) ON CONFLICT DO NOTHING",
            params,
        );
    }

    fn deferred(&mut self, changes: &Changes) {
        if changes.deferred_cleared {
            self.add("DELETE FROM @.deferred", Params::new());
        }
        let position = |index: Option<u32>| index.map_or(WHOLE_BATCH, i64::from);
        let gone: Vec<_> = changes.deferred.iter().filter(|(_, deferred)| deferred.is_none()).collect();
        if !gone.is_empty() && !changes.deferred_cleared {
            let params = Params::new()
                .texts(gone.iter().map(|((id, _), _)| id.to_string()).collect())
                .integers(gone.iter().map(|((_, index), _)| position(*index)).collect());
            self.add(
                "DELETE FROM @.deferred d USING unnest($1, $2) AS n (batch_id, position) \
                 WHERE d.batch_id = n.batch_id AND d.position = n.position",
                params,
            );
        }
        let kept: Vec<_> =
            changes.deferred.iter().filter_map(|(at, deferred)| Some((at, deferred.as_ref()?))).collect();
        if kept.is_empty() {
            return;
        }
        let silent = MessageState::default();
        let params = Params::new()
            .texts(kept.iter().map(|((id, _), _)| id.to_string()).collect())
            .integers(kept.iter().map(|((_, index), _)| position(*index)).collect());
        let params = states(
            params,
            kept.iter().map(|(_, deferred)| match deferred {
                Deferred::Message(_, state) => state,
                Deferred::Batch(_) => &silent,
            }),
        )
        .maybe_texts(
            kept.iter()
                .map(|(_, deferred)| match deferred {
                    Deferred::Message(..) => None,
                    Deferred::Batch(state) => Some(text(state.as_str())),
                })
                .collect(),
        );
        self.upsert(
            "deferred",
            "batch_id, position",
            &format!("batch_id, position, {STATE}, state"),
            "progress = excluded.progress, code = excluded.code, description = excluded.description, \
             at = excluded.at, state = excluded.state",
            params,
        );
    }

    fn orphans(&mut self, changes: &Changes, limits: StoreLimits) {
        if !changes.orphans_taken.is_empty() {
            let keys = changes.orphans_taken.iter().map(|key| key.to_string()).collect();
            self.add("DELETE FROM @.orphan WHERE key = ANY($1)", Params::new().texts(keys));
        }
        let all = &changes.orphans;
        if all.is_empty() {
            return;
        }
        let params = Params::new()
            .texts(all.iter().map(|orphan| text(orphan.key.campaign.as_str())).collect())
            .integers(all.iter().map(|orphan| integer(orphan.key.row)).collect())
            .maybe_texts(all.iter().map(|orphan| maybe_text(orphan.batch_id.as_ref().map(|id| id.as_str()))).collect());
        let params = states(params, all.iter().map(|orphan| &orphan.state));
        // Ages are given in the order of the rows.
        self.add(
            format!(
                "INSERT INTO @.orphan (key, row, batch_id, {STATE}) SELECT key, row, batch_id, {STATE} \
                 FROM unnest({}) WITH ORDINALITY AS n (key, row, batch_id, {STATE}, nth) ORDER BY nth \
                 ON CONFLICT (key, row) DO UPDATE SET batch_id = excluded.batch_id, progress = excluded.progress, \
                 code = excluded.code, description = excluded.description, at = excluded.at",
                numbered(&params)
            ),
            params,
        );
        // Nothing is counted as long as the ages, which have gaps, are close together.
        self.add(
            "WITH gone AS (DELETE FROM @.orphan WHERE (SELECT max(age) - min(age) FROM @.orphan) >= $1 AND age IN \
             (SELECT age FROM @.orphan ORDER BY age LIMIT greatest(0, (SELECT count(*) FROM @.orphan) - $1)) RETURNING 1) \
             INSERT INTO @.dropped AS t (what, count) SELECT 'orphan', count(*) FROM gone HAVING count(*) > 0 \
             ON CONFLICT (what) DO UPDATE SET count = t.count + excluded.count",
            Params::new().integer(integer(limits.orphans)),
        );
    }

    fn workers(&mut self, changes: &Changes) {
        let all = &changes.workers;
        if all.is_empty() {
            return;
        }
        let of = |with: fn(&crate::worker::ProcessId) -> String| {
            all.values().map(|worker| worker.process().map(with)).collect()
        };
        let numbers = |with: fn(&crate::worker::ProcessId) -> u64| {
            all.values().map(|worker| worker.process().map(|process| integer(with(process)))).collect()
        };
        let params = Params::new()
            .texts(all.keys().map(|name| name.to_string()).collect())
            .maybe_texts(of(|process| text(&process.boot)))
            .maybe_texts(of(|process| text(&process.namespace)))
            .maybe_integers(numbers(|process| process.pid.into()))
            .maybe_integers(numbers(|process| process.started));
        self.upsert(
            "worker",
            "name",
            "name, boot, namespace, pid, started",
            "boot = excluded.boot, namespace = excluded.namespace, pid = excluded.pid, started = excluded.started",
            params,
        );
    }

    fn cursors(&mut self, changes: &Changes) {
        let all = &changes.cursors;
        if all.is_empty() {
            return;
        }
        let params = Params::new()
            .texts(all.keys().map(|receiver| text(receiver)).collect())
            .integers(all.values().map(|(file, _)| integer(*file)).collect())
            .integers(all.values().map(|(_, at_byte)| integer(*at_byte)).collect());
        let update = "file = excluded.file, at_byte = excluded.at_byte";
        self.upsert("cursor", "receiver", "receiver, file, at_byte", update, params);
    }

    /// Last of all: these rows are every writer's.
    fn callbacks(&mut self, changes: &Changes) {
        let all = &changes.callbacks;
        if all.is_empty() {
            return;
        }
        let params = Params::new()
            .texts(all.keys().map(|kind| (*kind).to_owned()).collect())
            .integers(all.values().map(|count| integer(count.count)).collect())
            .integers(all.values().map(|count| count.first.as_microsecond()).collect())
            .integers(all.values().map(|count| count.last.as_microsecond()).collect());
        self.upsert(
            "callback",
            "kind",
            "kind, count, first, last",
            "count = t.count + excluded.count, first = least(t.first, excluded.first), \
             last = greatest(t.last, excluded.last)",
            params,
        );
    }
}

/// `$1, $2, …` for all parameters.
fn numbered(params: &Params) -> String {
    let numbers: Vec<String> = (1..=params.len()).map(|number| format!("${number}")).collect();
    numbers.join(", ")
}

/// Campaign, number and [`CHANGING`] columns of batches.
fn changing(some: &[&Batch]) -> Params {
    fn each<T>(some: &[&Batch], of: impl Fn(&Batch) -> T) -> Vec<T> {
        some.iter().map(|batch| of(batch)).collect()
    }
    let time = |time: Option<Timestamp>| micros(time);
    Params::new()
        .integers(each(some, |batch| batch.campaign.get()))
        .integers(each(some, |batch| batch.number.into()))
        .integers(each(some, |batch| integer(batch.rows.len())))
        .texts(each(some, |batch| batch.rows.to_string()))
        .smalls(each(some, |batch| stage_number(batch.stage)))
        .integers(each(some, |batch| batch.attempts.into()))
        .flags(each(some, |batch| batch.uncertain))
        .maybe_texts(each(some, |batch| maybe_text(batch.batch_id.as_ref().map(|id| id.as_str()))))
        .maybe_texts(each(some, |batch| maybe_text(batch.state.as_ref().map(|state| state.as_str()))))
        .maybe_integers(each(some, |batch| time(batch.last_attempt)))
        .maybe_texts(each(some, |batch| maybe_text(batch.why.as_deref())))
        .integers(each(some, |batch| batch.doubled.into()))
        .flags(each(some, |batch| batch.recalled))
        .maybe_integers(each(some, |batch| time(batch.send_after)))
        .maybe_texts(each(some, |batch| maybe_text(batch.hold.worker.as_deref())))
        .integers(each(some, |batch| integer(batch.hold.token)))
        .maybe_integers(each(some, |batch| time(batch.hold.until)))
        .maybe_integers(each(some, |batch| time(batch.hold.may_leave_until)))
        .flags(each(some, |batch| batch.hold.in_call))
        .maybe_texts(each(some, |batch| maybe_text(batch.hold.lapsed.as_ref().map(|(worker, _)| &**worker))))
        .maybe_integers(each(some, |batch| time(batch.hold.lapsed.as_ref().map(|(_, at)| *at))))
        .integers(each(some, |batch| integer(batch.first_row)))
}

/// The columns of [`STATE`].
fn states<'a>(params: Params, states: impl Iterator<Item = &'a MessageState> + Clone) -> Params {
    params
        .smalls(states.clone().map(|state| progress_number(state.progress)).collect())
        .maybe_texts(states.clone().map(|state| maybe_text(state.code.as_deref())).collect())
        .maybe_texts(states.clone().map(|state| maybe_text(state.description.as_deref())).collect())
        .maybe_integers(states.map(|state| micros(state.at)).collect())
}
