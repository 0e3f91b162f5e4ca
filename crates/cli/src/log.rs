//! The log on standard error: sentences for an operator; from `debug` on with time, target and fields.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::output;

/// Starts the log.
pub(crate) fn start(filter: EnvFilter) {
    let in_detail = filter.max_level_hint().is_none_or(|level| level >= LevelFilter::DEBUG);
    let log = tracing_subscriber::fmt().with_writer(|| output::LogWriter).with_env_filter(filter);
    if in_detail {
        log.init();
    } else {
        log.event_format(Sentences).init();
    }
}

/// `warning: batch 2 (rows 1,001–2,000): no response; checking whether it arrived (why)`
struct Sentences;

impl<S, N> FormatEvent<S, N> for Sentences
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut sentence = Sentence::default();
        event.record(&mut sentence);
        let word = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            _ => "",
        };
        writeln!(writer, "{}", output::dressed(&sentence.text(word)))
    }
}

#[derive(Debug, Default)]
struct Sentence {
    message: String,
    reasons: Vec<String>,
}

impl Sentence {
    fn text(&self, word: &str) -> String {
        let Self { message, reasons } = self;
        let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        format!("{word}{message}{reasons}")
    }
}

impl Visit for Sentence {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "why" | "error" => self.reasons.push(format!("{value:?}")),
            name => self.reasons.push(format!("{name} {value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sentences_with_their_reasons_at_the_end() {
        let mut sentence = Sentence { message: "batch 2: refused".to_owned(), reasons: Vec::new() };
        assert_eq!(sentence.text("warning: "), "warning: batch 2: refused");
        sentence.reasons = vec!["no such app".to_owned(), "count 3".to_owned()];
        assert_eq!(sentence.text(""), "batch 2: refused (no such app, count 3)");
    }
}
