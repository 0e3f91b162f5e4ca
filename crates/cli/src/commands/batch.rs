//! `batch status`: one batch, as the service tells it.

use sinch_batch::models::BatchId;

use crate::args::{Json, ServiceArgs};
use crate::fail::{Failure, output};
use crate::output::{out, write_json_line};
use crate::service::{Service, call_failed};

pub(crate) async fn status(id: String, service: &ServiceArgs, json: &Json) -> Result<u8, Failure> {
    let client = Service::read(service)?.connect().await?;
    let status = client
        .batch_status(&BatchId::new(id))
        .await
        .map_err(|error| call_failed("the batch's status could not be read", &error))?;
    if json.json {
        write_json_line(&status.body)?;
        return Ok(crate::exit::OK);
    }
    let mut text = String::new();
    if let Some(id) = &status.batch_id {
        text.push_str(&format!("batch       {id}\n"));
    }
    if let Some(state) = &status.status {
        text.push_str(&format!("status      {state}\n"));
    }
    if let Some(at) = &status.send_after {
        text.push_str(&format!("send after  {at}\n"));
    }
    out(text.as_bytes()).map_err(output)?;
    Ok(crate::exit::OK)
}
