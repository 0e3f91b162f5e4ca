//! `batch cancel`: asks for it, and then looks what came of it.

use std::time::Duration;

use serde::Serialize;
use sinch_batch::client::{Client, Error};
use sinch_batch::models::{BatchId, BatchState, BatchStatus, CancelBatchRequest};
use tokio::time::Instant;

use crate::args::CancelArgs;
use crate::exit;
use crate::fail::{Failure, output};
use crate::output::{out, write_json_line};
use crate::service::{Service, call_failed};

/// The pauses between two looks, the last one again and again.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Nobody gets it.
    Cancelled,
    /// Its messages were handed on before.
    TooLate,
    /// Some batches were cancelled, and others were not in time.
    Partly,
    /// Neither yet.
    Pending,
    /// There is no such batch.
    NotFound,
}

#[derive(Serialize)]
struct Report<'a> {
    outcome: Outcome,
    /// What the service says of the one batch that was named.
    #[serde(flatten)]
    one: Option<&'a BatchStatus>,
    batches: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    outcome: Outcome,
    #[serde(flatten)]
    status: &'a BatchStatus,
}

pub(crate) async fn run(args: CancelArgs) -> Result<u8, Failure> {
    let which = match (args.id, &*args.metadata) {
        (Some(id), _) => Which::Batch(BatchId::new(id)),
        (None, [key, value]) => Which::Metadata(key.clone(), value.clone()),
        (None, _) => {
            return Err(Failure::new(exit::USAGE, "no batch is named").hint("name its id, or --metadata KEY VALUE"));
        }
    };
    let client = Service::read(&args.service)?.connect().await?;
    client
        .cancel_batch(&which.request())
        .await
        .map_err(|error| call_failed("cancelling could not be asked for", &error))?;

    let until = Instant::now() + args.wait;
    let mut pauses = PAUSES.iter().chain(std::iter::repeat(&PAUSES[PAUSES.len() - 1]));
    let (batches, outcome) = loop {
        let batches = which.look(&client).await.map_err(|error| {
            call_failed("cancelling was asked for, but what came of it could not be read", &error)
                .hint(format!("look again: {}", which.look_again()))
        })?;
        let outcome = judge(&batches);
        let pause = pauses.next().copied().unwrap_or_default();
        // What was accepted a moment ago may not be found yet.
        let may_change = matches!(outcome, Outcome::Pending | Outcome::NotFound);
        if !may_change || Instant::now() + pause > until {
            break (batches, outcome);
        }
        tokio::time::sleep(pause).await;
    };
    if args.json.json {
        let lines = batches.iter().map(|status| Line { outcome: of(status), status }).collect();
        let one = batches.first().filter(|_| matches!(which, Which::Batch(_)));
        write_json_line(&Report { outcome, one, batches: lines })?;
    } else {
        out(text(&batches).as_bytes()).map_err(output)?;
    }
    end(outcome, &batches, &which)
}

enum Which {
    Batch(BatchId),
    Metadata(String, String),
}

impl Which {
    fn request(&self) -> CancelBatchRequest {
        match self {
            Self::Batch(id) => CancelBatchRequest::batch(id.clone()),
            Self::Metadata(key, value) => CancelBatchRequest::metadata(key.as_str(), value.as_str()),
        }
    }

    async fn look(&self, client: &Client) -> Result<Vec<BatchStatus>, Error> {
        match self {
            Self::Batch(id) => match client.batch_status(id).await {
                Ok(status) => Ok(vec![status.body]),
                Err(error) if error.is_not_found() => Ok(Vec::new()),
                Err(error) => Err(error),
            },
            Self::Metadata(key, value) => client.find_batches(key, value).await.map(|found| found.body.0),
        }
    }

    fn look_again(&self) -> String {
        match self {
            Self::Batch(id) => format!("sinch-batch batch status {id}"),
            Self::Metadata(..) => "sinch-batch batch find KEY VALUE".to_owned(),
        }
    }
}

/// What came of one batch.
fn of(status: &BatchStatus) -> Outcome {
    match status.status {
        Some(BatchState::Cancelled) => Outcome::Cancelled,
        Some(BatchState::Processed) => Outcome::TooLate,
        // READY is about to be processed, and a status newer than this release may be anything.
        _ => Outcome::Pending,
    }
}

/// What came of all.
fn judge(batches: &[BatchStatus]) -> Outcome {
    let any = |outcome| batches.iter().any(|status| of(status) == outcome);
    match (any(Outcome::Pending), any(Outcome::Cancelled), any(Outcome::TooLate)) {
        (true, ..) => Outcome::Pending,
        (false, true, true) => Outcome::Partly,
        (false, true, false) => Outcome::Cancelled,
        (false, false, true) => Outcome::TooLate,
        (false, false, false) => Outcome::NotFound,
    }
}

fn text(batches: &[BatchStatus]) -> String {
    let mut text = String::new();
    for status in batches {
        let id = status.batch_id.as_ref().map_or("(without an id)", BatchId::as_str);
        let said = match of(status) {
            Outcome::Cancelled => "cancelled, nobody gets it",
            Outcome::TooLate => "too late, its messages were handed on before",
            _ if status.status == Some(BatchState::Scheduled) => "still scheduled",
            _ if status.status == Some(BatchState::Ready) => "being sent, so it is too late",
            _ => "neither cancelled nor sent yet",
        };
        text.push_str(&format!("{id}  {said}\n"));
    }
    text
}

fn end(outcome: Outcome, batches: &[BatchStatus], which: &Which) -> Result<u8, Failure> {
    let count = |outcome| batches.iter().filter(|status| of(status) == outcome).count();
    match outcome {
        Outcome::Cancelled => Ok(exit::OK),
        Outcome::TooLate => {
            Err(Failure::new(exit::SERVICE, "nothing was cancelled: the messages were handed on before")
                .hint("only a batch with a `send_after` that has not come can be cancelled"))
        }
        Outcome::Partly => Err(Failure::new(
            exit::SERVICE,
            format!(
                "{} of {} batches were cancelled, the others not in time",
                count(Outcome::Cancelled),
                batches.len()
            ),
        )
        .hint("see which: the list above; what was handed on cannot be taken back")),
        Outcome::Pending => Err(Failure::new(
            exit::LOOK,
            format!(
                "cancelling was asked for, and {} of {} batches are still open",
                count(Outcome::Pending),
                batches.len()
            ),
        )
        .hint(format!("look again, or wait longer with --wait: {}", which.look_again()))),
        Outcome::NotFound => Err(match which {
            Which::Batch(_) => Failure::new(exit::SERVICE, "there is no such batch in this project and region"),
            Which::Metadata(..) => {
                Failure::new(exit::SERVICE, "no batch in this project and region has that value under that key")
            }
        }
        .hint("check what you typed, SINCH_PROJECT_ID and SINCH_REGION")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_of_many_lists_the_outcome_of_each() {
        use Outcome::{Cancelled, NotFound, Partly, Pending, TooLate};
        for (states, expected) in [
            (&[][..], NotFound),
            (&["CANCELLED"], Cancelled),
            (&["CANCELLED", "CANCELLED"], Cancelled),
            (&["PROCESSED"], TooLate),
            (&["PROCESSED", "CANCELLED"], Partly),
            (&["SCHEDULED", "CANCELLED"], Pending),
            (&["READY"], Pending),
            (&["PAUSED", "PROCESSED"], Pending),
        ] {
            let batches: Vec<BatchStatus> = states
                .iter()
                .map(|state| {
                    let mut status = BatchStatus::default();
                    status.status = Some((*state).into());
                    status
                })
                .collect();
            assert_eq!(judge(&batches), expected, "{states:?}");
        }
        assert_eq!(judge(&[BatchStatus::default()]), Pending);
    }
}
