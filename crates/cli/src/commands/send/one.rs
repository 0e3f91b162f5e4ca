//! `send --to`: one message to one number, as a row would see it; no campaign, no ledger.

use serde::Serialize;
use serde_json::Value;
use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::wire::parse;
use sinch_batch::models::{AppId, BatchRecipient, Channel, Recipient, SendBatchRequest, Template};
use sinch_batch::recipients::{Row, identity_fault};

use super::PRACTICE_APP;
use crate::args::SendArgs;
use crate::commands::batch::not_sent;
use crate::fail::{Failure, output};
use crate::ledgers::Place;
use crate::output::{out, write_json_line};
use crate::service::{Service, app_id};
use crate::{exit, input, ledgers};

#[derive(Serialize)]
struct Sent<'a> {
    batch_id: &'a str,
    row: u64,
}

pub(super) async fn run(args: &SendArgs, number: &str) -> Result<u8, Failure> {
    let app = if args.simulate { AppId::new(PRACTICE_APP) } else { app_id(&args.service)? };
    let request = input::request(&args.message, &args.request, &app)?;
    let row = row(args, &request)?;
    let channel =
        row.recipient.recipient.channel_identities().first().map_or(Channel::Sms, |first| first.channel.clone());
    check(number, &channel)?;
    let body = body(&request, &row, channel, number)?;
    let sent = if args.simulate {
        let folder = tempfile::tempdir()
            .map_err(|error| Failure::because(exit::LEDGER, "no temporary folder for the ledger", &error))?;
        let stage = super::try_locally(&ledgers::open(&Place::File(folder.path().join("ledger.db"))).await?).await?;
        let sent = stage.service.connect().await?.send_batch(&body).await;
        if let Some(simulator) = stage.simulator {
            simulator.shutdown().await;
        }
        sent
    } else {
        Service::read(&args.service)?.connect().await?.send_batch(&body).await
    };
    let sent = sent.map_err(|error| not_sent(&body, &error))?;
    if args.json.json {
        write_json_line(&Sent { batch_id: sent.batch_id.as_str(), row: row.number })?;
    } else {
        let text = format!("accepted: one message with the values of row {}\nbatch {}\n", row.number, sent.batch_id);
        out(text.as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}

/// The row whose values the message gets.
fn row(args: &SendArgs, request: &CampaignRequest) -> Result<Row, Failure> {
    let file = &args.input.file;
    let number = args.row.unwrap_or(1);
    let template = Template::new(request.message().clone());
    input::open(file)?.with_reading(args.read.options()).row(&template, number).map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("{}, row {number}", file.display()), &error)
            .hint("see every mistake with: sinch-batch check; rows count from 1, after the header; nothing was sent")
    })
}

/// By the rule for a column of that channel.
fn check(number: &str, channel: &Channel) -> Result<(), Failure> {
    let wrong = |why: String| {
        Failure::new(exit::USAGE, format!("--to cannot be used: {why}"))
            .hint("give a number with its country, such as +15550100001; nothing was sent")
    };
    match identity_fault(channel, number) {
        Some(fault) => Err(wrong(fault)),
        None => Ok(()),
    }
}

/// The request with this one recipient.
fn body(request: &CampaignRequest, row: &Row, channel: Channel, number: &str) -> Result<SendBatchRequest, Failure> {
    let unexpected =
        |error: &dyn std::error::Error| Failure::because(exit::UNEXPECTED, "the request cannot be made", error);
    let mut recipient = BatchRecipient::new(Recipient::identity(channel, number));
    recipient.parameters = row.recipient.parameters.clone();
    let mut body: Value = serde_json::from_str(&request.to_json()).map_err(|error| unexpected(&error))?;
    body["recipient_and_params"] = serde_json::to_value([recipient]).map_err(|error| unexpected(&error))?;
    parse(body.to_string().as_bytes()).map_err(|error| unexpected(&error))
}
