//! Fetches what decisions need: one statement a kind of record, all of them on their way at once.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::connection::{Connection, Params};
use super::fault::Fault;
use super::need::{Base, FreeOf, Need, Place, READ_AHEAD, Span, key, text};
use super::records::{
    BATCH, CAMPAIGN, STATE, SUMS, WORKER, campaign, get, number, read_batch, read_campaign, read_deferred, read_orphan,
    read_stage, read_state, read_sums, read_worker, small,
};
use crate::campaign::CampaignId;
use crate::error::LedgerError;
use crate::plan::Digest;
use crate::store::{LeftInMinute, Outstanding, Recount};

/// How many batches without an id are looked at.
pub(super) const WITHOUT_ID: usize = 64;

/// A kind of record.
#[derive(Clone, Debug)]
enum Kind {
    Campaigns,
    Records,
    Keys,
    Names,
    Family(CampaignId),
    Like(Need),
    NextCampaign,
    Recount(CampaignId),
    LastEvent(CampaignId),
    Removable(CampaignId, u32),
    Batches,
    Before,
    Of,
    Digests,
    WithoutId,
    Doubles,
    Workers,
    HoldsAny,
    Held(CampaignId),
    Free(FreeOf, u32),
    Outstanding(Need),
    LeftSince(Need),
    Messages,
    Deferred,
    DeferredCount,
    Orphan,
    Orphans,
}

/// What is asked for, by kind: lists become the parameters of one statement.
#[derive(Default)]
struct Asked {
    campaigns: Vec<i64>,
    records: Vec<i64>,
    keys: Vec<String>,
    names: Vec<String>,
    batches: (Vec<i64>, Vec<i64>),
    before: (Vec<i64>, Vec<i64>),
    of: Vec<String>,
    doubles: (Vec<i64>, Vec<i64>, Vec<String>),
    workers: Vec<String>,
    holds: Vec<String>,
    messages: (Vec<i64>, Vec<i64>),
    deferred: Vec<String>,
    orphan: (Vec<String>, Vec<i64>),
    orphans: Vec<String>,
    others: Vec<(Kind, String, Params)>,
}

/// Fetches what is needed. What is not there is known afterwards too.
pub(super) async fn fetch(connection: &Connection<'_>, base: &mut Base, needs: &[Need]) -> Result<(), Fault> {
    let asked = ask(base, needs);
    let statements = statements(asked);
    let queries: Vec<_> = statements.iter().map(|(_, sql, params)| (sql.as_str(), params)).collect();
    let answers = connection.query_all(&queries).await?;
    for ((kind, ..), rows) in statements.iter().zip(&answers) {
        absorb(base, kind, rows)?;
    }
    Ok(())
}

/// Takes the sums of locked campaigns.
pub(super) fn absorb_sums(base: &mut Base, rows: &[Row]) -> Result<(), LedgerError> {
    for row in rows {
        base.sums.insert(campaign(row, 0)?, Some(read_sums(row)?));
    }
    Ok(())
}

/// Sorts needs by kind, and notes for each that it was asked for.
fn ask(base: &mut Base, needs: &[Need]) -> Asked {
    let mut asked = Asked::default();
    for need in needs {
        match need {
            Need::Global => {}
            Need::Campaign(id) => {
                base.sums.entry(*id).or_default();
                asked.campaigns.push(id.get());
            }
            Need::Record(id) => {
                base.records.entry(*id).or_default();
                asked.records.push(id.get());
            }
            Need::Key(key) => {
                base.keys.entry(key.clone()).or_default();
                asked.keys.push(key.to_string());
            }
            Need::Name(name) => {
                base.names.entry(name.clone()).or_default();
                asked.names.push(name.to_string());
            }
            Need::Batch(id, number) => {
                base.batches.entry((*id, *number)).or_default();
                asked.batches.0.push(id.get());
                asked.batches.1.push((*number).into());
            }
            Need::Before(id, row) => {
                asked.before.0.push(id.get());
                asked.before.1.push(i64::try_from(*row).unwrap_or(i64::MAX));
            }
            Need::Of(id) => {
                base.ids.entry(id.clone()).or_default();
                asked.of.push(id.to_string());
            }
            Need::Double(id, number, batch_id) => {
                base.doubles.insert((*id, *number, batch_id.clone()), false);
                asked.doubles.0.push(id.get());
                asked.doubles.1.push((*number).into());
                asked.doubles.2.push(batch_id.to_string());
            }
            Need::Worker(name) => {
                base.workers.entry(name.clone()).or_default();
                asked.workers.push(name.to_string());
            }
            Need::HoldsAny(name) => {
                base.holds.entry(name.clone()).or_default();
                asked.holds.push(name.to_string());
            }
            Need::Message(id, row) => {
                base.messages.entry((*id, *row)).or_default();
                asked.messages.0.push(id.get());
                asked.messages.1.push(i64::try_from(*row).unwrap_or(i64::MAX));
            }
            Need::Deferred(id) => {
                base.deferred.entry(id.clone()).or_default();
                asked.deferred.push(id.to_string());
            }
            Need::Orphan(key, row) => {
                base.orphan.entry((key.clone(), *row)).or_default();
                asked.orphan.0.push(key.to_string());
                asked.orphan.1.push(i64::try_from(*row).unwrap_or(i64::MAX));
            }
            Need::Orphans(key) => {
                base.orphans.entry(key.clone()).or_default();
                asked.orphans.push(key.to_string());
            }
            other => asked.others.extend(alone(base, other)),
        }
    }
    asked
}

/// The statement for a need that shares it with no other.
fn alone(base: &mut Base, need: &Need) -> Option<(Kind, String, Params)> {
    let params = Params::new();
    Some(match need {
        Need::Family(root) => {
            base.families.entry(*root).or_default();
            let sql = "SELECT id FROM @.campaign WHERE id = $1 OR root = $1 ORDER BY id";
            (Kind::Family(*root), sql.to_owned(), params.integer(root.get()))
        }
        Need::Like(words) => {
            base.like.entry(need.clone()).or_default();
            let sql = format!(
                "SELECT {CAMPAIGN} FROM @.campaign WHERE project = $1 AND app = $2 AND service = $3 \
                 AND message_fingerprint = $4 AND NOT practice ORDER BY id"
            );
            (Kind::Like(need.clone()), sql, words.iter().fold(params, |params, word| params.text(word)))
        }
        Need::Over(words) => {
            base.like.entry(need.clone()).or_default();
            let sql = format!(
                "SELECT {CAMPAIGN} FROM @.campaign WHERE NOT practice AND (($1 <> '' AND input = $1) \
                 OR ($2 <> '' AND input_fingerprint = $2)) ORDER BY id"
            );
            (Kind::Like(need.clone()), sql, words.iter().fold(params, |params, word| params.text(word)))
        }
        Need::NextCampaign => {
            let sql = "SELECT coalesce(max(id), 0) + 1 FROM @.campaign";
            (Kind::NextCampaign, sql.to_owned(), params)
        }
        Need::Recount(id) => {
            base.recounts.entry(*id).or_default();
            let sql = "SELECT stage, count(*), sum(n_rows)::bigint, sum(CASE WHEN doubled > 0 THEN n_rows ELSE 0 END)::bigint \
                 FROM @.batch WHERE campaign = $1 GROUP BY stage";
            (Kind::Recount(*id), sql.to_owned(), params.integer(id.get()))
        }
        Need::LastEvent(id) => {
            base.last_events.entry(*id).or_default();
            let sql = "SELECT max(at) FROM (SELECT max(last_attempt) AS at FROM @.batch WHERE campaign = $1 \
                 UNION ALL SELECT max(send_after) FROM @.batch WHERE campaign = $1 \
                 UNION ALL SELECT max(minute) * 60000000 FROM @.pulse WHERE campaign = $1) AS event";
            (Kind::LastEvent(*id), sql.to_owned(), params.integer(id.get()))
        }
        Need::Removable(id, limit) => {
            base.removable.entry((*id, *limit)).or_default();
            let sql = "SELECT count(*) FROM (SELECT 1 FROM @.message WHERE campaign = $1 LIMIT $2) AS removable";
            (Kind::Removable(*id, *limit), sql.to_owned(), params.integer(id.get()).integer((*limit).into()))
        }
        Need::Digests(digests) => {
            base.digests.get_or_insert_default();
            let sql = "SELECT digest, campaign, uncertain OR stage IN (1, 3) FROM @.batch WHERE digest = ANY($1)";
            let digests = digests.iter().map(|digest| digest.to_vec()).collect();
            (Kind::Digests, sql.to_owned(), params.bytes(digests))
        }
        Need::AnyWithoutId => {
            base.without_id.get_or_insert_default();
            let sql = format!(
                "SELECT campaign, number FROM @.batch WHERE batch_id IS NULL AND (uncertain OR stage IN (1, 3)) \
                 LIMIT {WITHOUT_ID}"
            );
            (Kind::WithoutId, sql, params)
        }
        Need::Held(id) => {
            base.held.entry(*id).or_default();
            let sql = format!(
                "SELECT {BATCH} FROM @.batch b WHERE campaign = $1 AND (lease_until IS NOT NULL \
                 OR lapsed_worker IS NOT NULL)"
            );
            (Kind::Held(*id), sql, params.integer(id.get()))
        }
        Need::Free(of, limit) => {
            base.free.entry(((**of).clone(), *limit)).or_default();
            let sql = format!(
                "SELECT {BATCH} FROM @.batch b WHERE campaign = $1 AND stage < 3 \
                 AND (lease_until IS NULL OR lease_until <= $2) AND number <> ALL($3) {} ORDER BY number LIMIT $4",
                if of.only_unknown { "AND stage = 1" } else { "" }
            );
            let except = of.except.iter().map(|number| i64::from(*number)).collect();
            let params = params.integer(of.campaign.get()).integer(of.now).integers(except).integer((*limit).into());
            (Kind::Free((**of).clone(), *limit), sql, params)
        }
        Need::Outstanding(words, practice) => {
            base.outstanding.entry(need.clone()).or_default();
            let sql = "SELECT c.id, s.pending, s.n_unknown FROM @.campaign c JOIN @.standing s ON s.campaign = c.id \
                 WHERE c.project = $1 AND c.app = $2 AND c.service = $3 AND c.practice = ($4 <> 0) \
                 AND (s.pending > 0 OR s.n_unknown > 0)";
            let params = words.iter().fold(params, |params, word| params.text(word)).integer((*practice).into());
            (Kind::Outstanding(need.clone()), sql.to_owned(), params)
        }
        Need::LeftSince(id, from, to) => {
            base.left.entry(need.clone()).or_default();
            let sql = "SELECT at / 60000000, sum(n_rows)::bigint FROM (SELECT n_rows, \
                 greatest(last_attempt, send_after) AS at FROM @.batch WHERE campaign = $1 AND stage IN (1, 3)) AS departure \
                 WHERE at BETWEEN $2 AND $3 GROUP BY 1 ORDER BY 1";
            (Kind::LeftSince(need.clone()), sql.to_owned(), params.integer(id.get()).integer(*from).integer(*to))
        }
        Need::Messages(id, from) => {
            base.ranges.insert((*id, *from));
            let sql =
                format!("SELECT campaign, row, {STATE} FROM @.message WHERE campaign = $1 AND row >= $2 AND row < $3");
            let from = i64::try_from(*from).unwrap_or(i64::MAX);
            let to = from.saturating_add(i64::try_from(READ_AHEAD).unwrap_or(i64::MAX));
            (Kind::Messages, sql, params.integer(id.get()).integer(from).integer(to))
        }
        Need::DeferredCount => {
            base.deferred_count.get_or_insert_default();
            (Kind::DeferredCount, "SELECT count(*) FROM @.deferred".to_owned(), params)
        }
        _ => return None,
    })
}

fn statements(asked: Asked) -> Vec<(Kind, String, Params)> {
    let mut all = asked.others;
    let mut add = |kind: Kind, is_empty: bool, sql: String, params: Params| {
        if !is_empty {
            all.push((kind, sql, params));
        }
    };
    let p = Params::new;
    add(
        Kind::Campaigns,
        asked.campaigns.is_empty(),
        format!("SELECT {SUMS} FROM @.standing WHERE campaign = ANY($1)"),
        p().integers(asked.campaigns),
    );
    add(
        Kind::Records,
        asked.records.is_empty(),
        format!("SELECT {CAMPAIGN} FROM @.campaign WHERE id = ANY($1)"),
        p().integers(asked.records),
    );
    add(
        Kind::Keys,
        asked.keys.is_empty(),
        "SELECT key, id FROM @.campaign WHERE key = ANY($1)".to_owned(),
        p().texts(asked.keys),
    );
    add(
        Kind::Names,
        asked.names.is_empty(),
        "SELECT name, id FROM @.campaign WHERE name = ANY($1)".to_owned(),
        p().texts(asked.names),
    );
    add(
        Kind::Batches,
        asked.batches.0.is_empty(),
        format!(
            "SELECT {BATCH} FROM unnest($1, $2) AS w (campaign, number) \
             JOIN @.batch b ON b.campaign = w.campaign AND b.number = w.number"
        ),
        p().integers(asked.batches.0).integers(asked.batches.1),
    );
    // Also from where to where it is the last that begins, so that the next row need not ask again.
    add(
        Kind::Before,
        asked.before.0.is_empty(),
        format!(
            "SELECT w.campaign, b.first_row, (SELECT min(n.first_row) FROM @.batch n WHERE n.campaign = w.campaign \
             AND n.first_row > w.row), {BATCH} FROM unnest($1, $2) AS w (campaign, row) \
             LEFT JOIN LATERAL (SELECT * FROM @.batch l WHERE l.campaign = w.campaign AND l.first_row <= w.row \
             ORDER BY l.first_row DESC LIMIT 1) b ON true"
        ),
        p().integers(asked.before.0).integers(asked.before.1),
    );
    add(
        Kind::Of,
        asked.of.is_empty(),
        format!("SELECT {BATCH} FROM @.batch b WHERE batch_id = ANY($1)"),
        p().texts(asked.of),
    );
    add(
        Kind::Doubles,
        asked.doubles.0.is_empty(),
        "SELECT d.campaign, d.number, d.batch_id FROM unnest($1, $2, $3) AS w (campaign, number, batch_id) \
         JOIN @.double d ON d.campaign = w.campaign AND d.number = w.number AND d.batch_id = w.batch_id"
            .to_owned(),
        p().integers(asked.doubles.0).integers(asked.doubles.1).texts(asked.doubles.2),
    );
    add(
        Kind::Workers,
        asked.workers.is_empty(),
        format!("SELECT {WORKER} FROM @.worker WHERE name = ANY($1)"),
        p().texts(asked.workers),
    );
    add(
        Kind::HoldsAny,
        asked.holds.is_empty(),
        "SELECT campaign, number, CASE WHEN lease_until IS NOT NULL THEN worker END, lapsed_worker FROM @.batch \
         WHERE (lease_until IS NOT NULL OR lapsed_worker IS NOT NULL) AND (worker = ANY($1) OR lapsed_worker = ANY($1))"
            .to_owned(),
        p().texts(asked.holds),
    );
    add(
        Kind::Messages,
        asked.messages.0.is_empty(),
        format!(
            "SELECT w.campaign, w.row, {STATE} FROM unnest($1, $2) AS w (campaign, row) \
             JOIN @.message m ON m.campaign = w.campaign AND m.row = w.row"
        ),
        p().integers(asked.messages.0).integers(asked.messages.1),
    );
    add(
        Kind::Deferred,
        asked.deferred.is_empty(),
        format!("SELECT batch_id, position, {STATE}, state FROM @.deferred WHERE batch_id = ANY($1)"),
        p().texts(asked.deferred),
    );
    add(
        Kind::Orphan,
        asked.orphan.0.is_empty(),
        format!(
            "SELECT o.key, o.row, o.batch_id, {STATE} FROM unnest($1, $2) AS w (key, row) \
             JOIN @.orphan o ON o.key = w.key AND o.row = w.row"
        ),
        p().texts(asked.orphan.0).integers(asked.orphan.1),
    );
    add(
        Kind::Orphans,
        asked.orphans.is_empty(),
        format!("SELECT key, row, batch_id, {STATE} FROM @.orphan WHERE key = ANY($1) ORDER BY row"),
        p().texts(asked.orphans),
    );
    all
}

fn absorb(base: &mut Base, kind: &Kind, rows: &[Row]) -> Result<(), LedgerError> {
    match kind {
        Kind::Campaigns => absorb_sums(base, rows)?,
        Kind::Records => {
            for row in rows {
                let record = read_campaign(row)?;
                base.records.insert(record.id, Some(record));
            }
        }
        Kind::Keys => {
            for row in rows {
                let (key, id) = (Box::from(get::<&str>(row, 0)?), campaign(row, 1)?);
                base.keys.insert(Box::clone(&key), Some(id));
                base.cache.keys.insert(key, id);
            }
        }
        Kind::Names => {
            for row in rows {
                base.names.insert(get::<&str>(row, 0)?.into(), Some(campaign(row, 1)?));
            }
        }
        Kind::Family(root) => {
            let family: Result<Vec<_>, _> = rows.iter().map(|row| campaign(row, 0)).collect();
            base.families.insert(*root, family?);
        }
        Kind::Like(need) => {
            let like: Result<Vec<_>, _> = rows.iter().map(read_campaign).collect();
            let like = like?;
            for record in &like {
                base.records.insert(record.id, Some(record.clone()));
            }
            base.like.insert(need.clone(), like);
        }
        Kind::NextCampaign => base.next_campaign = rows.first().map(|row| campaign(row, 0)).transpose()?,
        Kind::Recount(id) => {
            let mut recount = Recount::default();
            for row in rows {
                recount.add(read_stage(get(row, 0)?)?, number(row, 1)?, number(row, 2)?, number(row, 3)?);
            }
            base.recounts.insert(*id, recount);
        }
        Kind::LastEvent(id) => {
            let at = rows.first().map(|row| get::<Option<i64>>(row, 0)).transpose()?.flatten();
            base.last_events.insert(*id, at);
        }
        Kind::Removable(id, limit) => {
            let count = rows.first().map(|row| number(row, 0)).transpose()?.unwrap_or_default();
            base.removable.insert((*id, *limit), count);
        }
        Kind::Batches | Kind::Of => {
            for row in rows {
                base.put_batch(read_batch(row, 0)?);
            }
        }
        Kind::Before => absorb_before(base, rows)?,
        Kind::Digests => {
            let mut digests: HashMap<Digest, Vec<(CampaignId, bool)>> = HashMap::new();
            for row in rows {
                let digest = get::<&[u8]>(row, 0)?.try_into().map_err(|_| super::records::damaged())?;
                digests.entry(digest).or_default().push((campaign(row, 1)?, get(row, 2)?));
            }
            base.digests = Some(digests);
        }
        Kind::WithoutId => {
            let places: Result<Vec<Place>, _> =
                rows.iter().map(|row| Ok::<_, LedgerError>((campaign(row, 0)?, small(row, 1)?))).collect();
            base.without_id = Some(places?);
        }
        Kind::Doubles => {
            for row in rows {
                base.doubles.insert((campaign(row, 0)?, small(row, 1)?, get::<&str>(row, 2)?.into()), true);
            }
        }
        Kind::Workers => {
            for row in rows {
                let worker = read_worker(row)?;
                base.workers.insert(worker.name().into(), Some(worker));
            }
        }
        Kind::HoldsAny => {
            for row in rows {
                let place = (campaign(row, 0)?, small(row, 1)?);
                for name in [get::<Option<&str>>(row, 2)?, get::<Option<&str>>(row, 3)?].into_iter().flatten() {
                    if let Some(places) = base.holds.get_mut(name) {
                        places.push(place);
                    }
                }
            }
        }
        Kind::Held(id) => {
            let numbers = absorb_batches(base, rows)?;
            base.held.insert(*id, numbers);
        }
        Kind::Free(of, limit) => {
            let numbers = absorb_batches(base, rows)?;
            base.free.insert((of.clone(), *limit), numbers);
        }
        Kind::Outstanding(need) => {
            let read = |row: &Row| {
                let campaign = campaign(row, 0)?;
                Ok::<_, LedgerError>(Outstanding { campaign, pending: number(row, 1)?, unknown: number(row, 2)? })
            };
            base.outstanding.insert(need.clone(), rows.iter().map(read).collect::<Result<_, _>>()?);
        }
        Kind::LeftSince(need) => {
            let read = |row: &Row| Ok::<_, LedgerError>(LeftInMinute { minute: get(row, 0)?, rows: number(row, 1)? });
            base.left.insert(need.clone(), rows.iter().map(read).collect::<Result<_, _>>()?);
        }
        Kind::Messages => {
            for row in rows {
                base.messages.insert((campaign(row, 0)?, number(row, 1)?), Some(read_state(row, 2)?));
            }
        }
        Kind::Deferred => {
            for row in rows {
                let deferred = read_deferred(row, 1)?;
                base.deferred.entry(get::<&str>(row, 0)?.into()).or_default().push(deferred);
            }
        }
        Kind::DeferredCount => base.deferred_count = rows.first().map(|row| number(row, 0)).transpose()?,
        Kind::Orphan => {
            for row in rows {
                let orphan = read_orphan(row)?;
                base.orphan.insert((key(&orphan.key.campaign), orphan.key.row), Some(orphan));
            }
        }
        Kind::Orphans => {
            for row in rows {
                let orphan = read_orphan(row)?;
                base.orphans.entry(key(&orphan.key.campaign)).or_default().push(orphan);
            }
        }
    }
    Ok(())
}

fn absorb_batches(base: &mut Base, rows: &[Row]) -> Result<Vec<u32>, LedgerError> {
    let mut numbers = Vec::with_capacity(rows.len());
    for row in rows {
        let batch = read_batch(row, 0)?;
        numbers.push(batch.number);
        base.put_batch(batch);
    }
    Ok(numbers)
}

fn absorb_before(base: &mut Base, rows: &[Row]) -> Result<(), LedgerError> {
    for row in rows {
        let id = campaign(row, 0)?;
        let next = get::<Option<i64>>(row, 2)?.map_or(u64::MAX, |next| u64::try_from(next).unwrap_or(0));
        let Some(from) = get::<Option<i64>>(row, 1)? else {
            base.cache.spans.put(id, 0, Span { to: next, number: None });
            continue;
        };
        let batch = read_batch(row, 3)?;
        let from = u64::try_from(from).unwrap_or(0);
        base.cache.spans.put(id, from, Span { to: next, number: Some(batch.number) });
        base.put_batch(batch);
    }
    Ok(())
}

/// Statements are written for a schema that is put in where it says `@`.
pub(super) fn in_schema(sql: &str, schema: &str) -> String {
    sql.replace("@.", &format!("\"{}\".", text(schema)))
}
