//! What a campaign's request says besides its message.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sinch_batch::models::Channel;

use super::duration::duration;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Request options")]
pub(crate) struct RequestArgs {
    /// SMS sender: the channel property SMS_SENDER
    #[arg(long, value_name = "NAME", value_parser = not_blank)]
    pub(crate) sender: Option<String>,
    /// Channel property, such as MMS_SENDER=Acme; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) channel_property: Vec<(String, String)>,
    /// Time to live of the messages, whole seconds, at least 3s
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) ttl: Option<Duration>,
    /// Processing strategy: default or dispatch-only
    #[arg(long, value_name = "STRATEGY", value_parser = ["default", "dispatch-only"], ignore_case = true)]
    pub(crate) strategy: Option<String>,
    /// Channels in order of preference, such as RCS,SMS
    #[arg(long, value_name = "CHANNELS", value_delimiter = ',', value_parser = channel)]
    pub(crate) channel_order: Vec<Channel>,
    /// URL for receipts, instead of the app's webhooks
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(crate) callback_url: Option<String>,
    /// Correlation id, repeated in callbacks; at most 128 characters
    #[arg(long, value_name = "ID", value_parser = not_blank)]
    pub(crate) correlation_id: Option<String>,
    /// Metadata of every batch and message; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// Send request as JSON, without recipients; flags override its fields
    #[arg(long, value_name = "FILE", group = "words")]
    pub(crate) request: Option<PathBuf>,
}

fn not_blank(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("expected some text".to_owned()) } else { Ok(text.to_owned()) }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn channel(text: &str) -> Result<Channel, String> {
    let name = text.trim();
    match Channel::KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        Some(known) => Ok(Channel::from(*known)),
        None => Err(format!("there is no channel {name:?}; the channels are {}", Channel::KNOWN.join(", "))),
    }
}

fn url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text.to_owned()),
        _ => Err("expected a URL such as https://example.com/sinch".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_channels_and_urls_are_read() {
        assert_eq!(pair("SMS_SENDER=A=B"), Ok(("SMS_SENDER".to_owned(), "A=B".to_owned())));
        assert!(["", "=", "A", "A=", "=B", " =B"].iter().all(|text| pair(text).is_err()));
        assert_eq!(channel(" rcs"), Ok(Channel::from("RCS")));
        assert!(channel("SMOKE").unwrap_err().contains("WHATSAPP"));
        assert!(url("https://example.com/x").is_ok());
        assert!(["", "example.com", "ftp://example.com/", "https://"].iter().all(|text| url(text).is_err()));
    }
}
