//! What programs ask besides the decisions.

use std::sync::Arc;

use rusqlite::{Params, params};
use sinch_batch_tracking::MessageState;

use super::super::sums;
use crate::callback::{CallbackCount, DeferredCounts};
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::entry::{BatchRecord, MessageFailure};
use crate::error::LedgerError;
use crate::store::{Batch, Store, Sums};
use crate::sums::{Pulse, ReasonCount};

use super::super::columns::{
    batch_sql, damaged, fingerprint, get, microsecond, number, read_batch, read_rows, read_state, time,
};
use super::Tables;

impl Tables {
    pub(in crate::sqlite) fn campaign(&self, name: &str) -> Result<Option<CampaignRecord>, LedgerError> {
        Ok(self.campaigns_where("WHERE name = ?1", [name])?.pop())
    }

    pub(in crate::sqlite) fn campaigns(&self) -> Result<Vec<CampaignRecord>, LedgerError> {
        self.campaigns_where("ORDER BY id", [])
    }

    pub(super) fn campaigns_where(
        &self,
        clause: &str,
        params: impl Params,
    ) -> Result<Vec<CampaignRecord>, LedgerError> {
        let sql = format!(
            "SELECT id, name, key, project, app, service, input, input_fingerprint, message, message_fingerprint, \
             request, request_fingerprint, n_rows, n_skipped, batch_size, practice, settings, created, parent, root \
             FROM campaign {clause}"
        );
        self.all(&sql, params, |row| {
            let mut new =
                NewCampaign::new(get::<String>(row, 1)?, get::<String>(row, 2)?, number(row, 12)?, time(row, 17)?);
            new.project = get(row, 3)?;
            new.app = get(row, 4)?;
            new.service = get(row, 5)?;
            new.input = get(row, 6)?;
            new.input_fingerprint = fingerprint(row, 7)?;
            new.message = get(row, 8)?;
            new.message_fingerprint = fingerprint(row, 9)?;
            new.request = get(row, 10)?;
            new.request_fingerprint = fingerprint(row, 11)?;
            new.skipped = number(row, 13)?;
            new.batch_size = get(row, 14)?;
            new.practice = get(row, 15)?;
            new.settings = get(row, 16)?;
            new.parent = get::<Option<i64>>(row, 18)?.map(CampaignId::new);
            new.root = get::<Option<i64>>(row, 19)?.map(CampaignId::new);
            Ok(new.with_id(CampaignId::new(get(row, 0)?)))
        })
    }

    pub(in crate::sqlite) fn deferred(&self) -> Result<DeferredCounts, LedgerError> {
        let count = |sql| Ok(self.one(sql, [], |row| number(row, 0))?.unwrap_or(0));
        Ok(DeferredCounts::new(
            count("SELECT count(*) FROM deferred")?,
            count("SELECT count(*) FROM orphan")?,
            count("SELECT count FROM dropped WHERE what = 'orphan'")?,
        ))
    }

    pub(in crate::sqlite) fn reasons(&mut self, campaign: CampaignId) -> Result<Vec<ReasonCount>, LedgerError> {
        self.known_sums(campaign)?;
        sums::reasons(&self.connection, campaign)
    }

    pub(in crate::sqlite) fn pulse(
        &mut self,
        campaign: CampaignId,
        minutes: (i64, i64),
    ) -> Result<Vec<Pulse>, LedgerError> {
        self.known_sums(campaign)?;
        sums::pulse(&self.connection, campaign, minutes)
    }

    pub(in crate::sqlite) fn callbacks(&self) -> Result<Vec<CallbackCount>, LedgerError> {
        self.all("SELECT kind, count, first, last FROM callback ORDER BY kind", [], |row| {
            Ok(CallbackCount {
                kind: get(row, 0)?,
                count: number(row, 1)?,
                first: microsecond(row, 2)?,
                last: microsecond(row, 3)?,
            })
        })
    }

    /// The sums of a campaign that has to exist.
    pub(in crate::sqlite) fn known_sums(&mut self, campaign: CampaignId) -> Result<Sums, LedgerError> {
        self.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)
    }

    pub(in crate::sqlite) fn batches(
        &mut self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<BatchRecord>, LedgerError> {
        self.known_sums(campaign)?;
        self.records("number > ?2 ORDER BY number LIMIT ?3", params![campaign.get(), after, limit])
    }

    fn records(&self, clause: &str, params: impl Params) -> Result<Vec<BatchRecord>, LedgerError> {
        self.all(&batch_sql(&format!("WHERE campaign = ?1 AND {clause}")), params, |row| {
            Ok(read_batch(row, Arc::new(read_rows(row)?))?.into_record())
        })
    }

    pub(in crate::sqlite) fn messages(
        &mut self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<(u64, MessageState)>, LedgerError> {
        self.known_sums(campaign)?;
        let Ok(after_row) = i64::try_from(after_row) else { return Ok(Vec::new()) };
        self.all(
            "SELECT row, progress, code, description, at FROM message \
             WHERE campaign = ?1 AND row > ?2 ORDER BY row LIMIT ?3",
            params![campaign.get(), after_row, limit],
            |row| Ok((number(row, 0)?, read_state(row, 1)?)),
        )
    }

    pub(in crate::sqlite) fn failures(
        &mut self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<MessageFailure>, LedgerError> {
        self.known_sums(campaign)?;
        let Ok(after_row) = i64::try_from(after_row) else { return Ok(Vec::new()) };
        let mut failures = self.all(
            "SELECT row, code, description FROM message \
             WHERE campaign = ?1 AND progress = 3 AND row > ?2 ORDER BY row LIMIT ?3",
            params![campaign.get(), after_row, limit],
            |row| {
                let description = get::<Option<String>>(row, 2)?.filter(|description| !description.is_empty());
                Ok(MessageFailure { row: number(row, 0)?, line: 0, code: get(row, 1)?, description })
            },
        )?;
        let mut batch = None;
        for failure in &mut failures {
            // They come by row, so one batch serves many.
            if batch.as_ref().is_none_or(|batch: &Batch| !batch.rows.contains(failure.row)) {
                batch = self.batch_before(campaign, failure.row)?;
            }
            failure.line = batch.as_ref().and_then(|batch| batch.rows.line_of(failure.row)).ok_or_else(damaged)?;
        }
        Ok(failures)
    }
}
