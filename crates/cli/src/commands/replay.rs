//! `replay`: a journal of callbacks again, to a URL or into a ledger.

use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use sinch_batch::auth::backoff::{Backoff, jitter};
use sinch_batch::journal::{JournalError, Record, Records, read};
use sinch_batch::ledger::{Applied, Ledger, ReceivedCallback};
use sinch_batch::models::Timestamp;
use sinch_batch::webhook::Verifier;

use crate::args::ReplayArgs;
use crate::fail::{Failure, output, sentence};
use crate::ledgers::Place;
use crate::output::{out, write_json_line};
use crate::post::Poster;
use crate::receiver::{all_secrets, verifier};
use crate::samples::fresh_id;
use crate::{exit, journals, ledgers, say};

/// How many records the ledger gets at once.
const CHUNK: usize = 1000;

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The wait after an attempt that failed and was not answered with a time.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), factor: 2, max: LONGEST_WAIT };

/// What is in every report.
#[derive(Debug, Default, Serialize)]
struct Seen {
    /// Whole records.
    records: u64,
    /// Records left out by `--since`.
    left_out: u64,
    /// Beginnings of records at the ends of files: they were never answered.
    torn: u64,
    /// Lines that are no records.
    damaged: u64,
}

/// What came of sending.
#[derive(Debug, Default, Serialize)]
struct SentAgain {
    #[serde(flatten)]
    seen: Seen,
    /// Answered 2xx.
    accepted: u64,
    /// Answered otherwise, or not at all.
    refused: u64,
}

/// What applying the records to a ledger did.
#[derive(Debug, Default, Serialize)]
struct Folded {
    #[serde(flatten)]
    seen: Seen,
    /// A message or a batch changed.
    updated: u64,
    /// Nothing new.
    duplicate: u64,
    /// Kept until its batch or campaign is known.
    deferred: u64,
    /// About a message or a batch that this ledger did not send.
    unrelated: u64,
    /// About no message and no batch of a campaign.
    other: u64,
}

pub(crate) async fn run(args: &ReplayArgs) -> Result<u8, Failure> {
    match (&args.target.to, &args.target.ledger) {
        (Some(url), _) => {
            let poster = Poster::new(url, args.connection.timeout, args.connection.tls_ca.as_deref())?;
            let verifier = verifier(all_secrets(&args.secrets)?)?;
            send(args, Source::open(args)?, &poster, &verifier).await
        }
        (None, Some(ledger)) => fold(args, Source::open(args)?, &Place::read(ledger)?).await,
        // The arguments ask for one of them.
        (None, None) => Err(Failure::new(exit::USAGE, "neither --to nor --ledger is given").hint("give one of them")),
    }
}

async fn send(args: &ReplayArgs, mut source: Source, poster: &Poster, verifier: &Verifier) -> Result<u8, Failure> {
    let mut report = SentAgain::default();
    let mut unreached = None;
    while let Some(record) = source.next()? {
        match post(args.attempts, poster, verifier, record).await {
            Ok(true) => report.accepted += 1,
            Ok(false) => report.refused += 1,
            Err(failure) => {
                // What comes after it would meet the same.
                report.refused += 1;
                unreached = Some(failure);
                break;
            }
        }
    }
    let damaged = source.finish(&mut report.seen);
    if args.json.json {
        write_json_line(&report)?;
    } else {
        let SentAgain { seen, accepted, refused } = &report;
        show(seen, &[("accepted", *accepted), ("refused", *refused)])?;
    }
    if let Some(failure) = unreached {
        return Err(failure);
    }
    if report.refused > 0 {
        let sentence = format!("{} of {} records were not answered 2xx", report.refused, report.seen.records);
        return Err(Failure::new(exit::SERVICE, sentence)
            .hint("the receiver's log says why; the same command again does no harm to a ledger"));
    }
    ended(damaged)
}

/// Sends a record until it is answered for good; whether it was accepted.
async fn post(attempts: u32, poster: &Poster, verifier: &Verifier, record: Record) -> Result<bool, Failure> {
    let body = Bytes::from(record.body);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let now = Timestamp::now();
        // A nonce of its own: under the old one a receiver would know it and pass it over.
        let signature = verifier.sign(&body, &fresh_id(now), now.as_second());
        let wait = match poster.post(&signature, body.clone()).await {
            Ok(answer) if answer.is_success() => return Ok(true),
            Ok(answer) if !answer.is_temporary() || attempt >= attempts => {
                tracing::warn!(status = answer.status, "a record was refused");
                return Ok(false);
            }
            Ok(answer) => answer.retry_after.unwrap_or_else(|| BACKOFF.wait(attempt, jitter())),
            Err(error) if attempt >= attempts => {
                let sentence = format!("{} does not answer: {}", poster.shown(), sentence(&error));
                return Err(Failure::new(exit::SERVICE, sentence).hint(if error.is_connect() {
                    "is the receiver there? then the same command again"
                } else {
                    "give it more time with --timeout, then the same command again"
                }));
            }
            Err(_) => BACKOFF.wait(attempt, jitter()),
        };
        tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
    }
}

async fn fold(args: &ReplayArgs, mut source: Source, path: &Place) -> Result<u8, Failure> {
    let ledger = ledgers::open(path).await?;
    let mut report = Folded::default();
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        let record = source.next()?;
        let is_last = record.is_none();
        if let Some(record) = record {
            match sinch_batch::webhook::parse(&record.body) {
                Ok(callback) => chunk.push(ReceivedCallback::of(&callback, record.received)),
                // It is counted, as the receiver does it.
                Err(_) => chunk.push(ReceivedCallback::new(None, record.received)),
            }
        }
        if chunk.len() == CHUNK || is_last && !chunk.is_empty() {
            report.take(&*ledger, std::mem::take(&mut chunk), path).await?;
        }
        if is_last {
            break;
        }
    }
    let damaged = source.finish(&mut report.seen);
    if args.json.json {
        write_json_line(&report)?;
    } else {
        let Folded { seen, updated, duplicate, deferred, unrelated, other } = &report;
        let counts = [
            ("updated", *updated),
            ("duplicate", *duplicate),
            ("deferred", *deferred),
            ("unrelated", *unrelated),
            ("other", *other),
        ];
        show(seen, &counts)?;
    }
    ended(damaged)
}

impl Folded {
    async fn take(&mut self, ledger: &dyn Ledger, chunk: Vec<ReceivedCallback>, path: &Place) -> Result<(), Failure> {
        for applied in ledger.apply_callbacks(chunk).await.map_err(|error| ledgers::failed(path, &error))? {
            match applied {
                Some(Applied::Updated) => self.updated += 1,
                Some(Applied::Duplicate) => self.duplicate += 1,
                Some(Applied::Deferred) => self.deferred += 1,
                Some(Applied::Unrelated) => self.unrelated += 1,
                None => self.other += 1,
            }
        }
        Ok(())
    }
}

/// The records of a journal that were asked for, and what was met on the way.
struct Source {
    records: Records,
    since: Option<Timestamp>,
    seen: Seen,
    damaged: Option<JournalError>,
}

impl Source {
    fn open(args: &ReplayArgs) -> Result<Self, Failure> {
        let records = read(&args.journal).map_err(|error| journals::failed(&error))?;
        Ok(Self { records, since: args.since, seen: Seen::default(), damaged: None })
    }

    fn next(&mut self) -> Result<Option<Record>, Failure> {
        loop {
            match self.records.next() {
                None => return Ok(None),
                Some(Ok(record)) => {
                    self.seen.records += 1;
                    if self.since.is_some_and(|since| record.received < since) {
                        self.seen.left_out += 1;
                        continue;
                    }
                    return Ok(Some(record));
                }
                Some(Err(error @ (JournalError::Damaged { .. } | JournalError::TooNew { .. }))) => {
                    self.seen.damaged += 1;
                    say!("{}", sentence(&error));
                    self.damaged.get_or_insert(error);
                }
                Some(Err(error)) => return Err(journals::failed(&error)),
            }
        }
    }

    fn finish(self, seen: &mut Seen) -> Option<JournalError> {
        *seen = Seen { torn: self.records.torn(), ..self.seen };
        self.damaged
    }
}

fn show(seen: &Seen, counts: &[(&str, u64)]) -> Result<(), Failure> {
    let mut parts = vec![format!("{} records", seen.records)];
    let more = [("left out", seen.left_out), ("torn", seen.torn), ("damaged", seen.damaged)];
    for (word, count) in counts.iter().chain(&more).filter(|(_, count)| *count > 0) {
        parts.push(format!("{count} {word}"));
    }
    out(format!("{}\n", parts.join(", ")).as_bytes()).map_err(output)
}

fn ended(damaged: Option<JournalError>) -> Result<u8, Failure> {
    damaged.map_or(Ok(exit::OK), |error| Err(journals::failed(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_get_longer_and_stay_bounded() {
        let waits: Vec<u64> = (1..=4).map(|attempt| BACKOFF.wait(attempt, 1.0).as_millis() as u64).collect();
        assert_eq!(waits, [100, 200, 400, 800]);
        assert_eq!(BACKOFF.wait(100, 1.0), LONGEST_WAIT);
    }
}
