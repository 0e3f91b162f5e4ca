//! When a scheduled send leaves: a time with a zone, or one of this machine's.

use std::time::Duration;

use clap::Args;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};

use super::duration;

/// When the messages leave, if that is not at once.
#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// Time to send at, up to 7 days ahead: 2031-09-14T10:00, with +02:00 or [Europe/Berlin]
    ///
    /// Without a zone it is this machine's. The service rounds up to 5 minutes.
    #[arg(long, value_name = "TIME", value_parser = send_at)]
    pub(crate) at: Option<SendAt>,
    /// Send the batches evenly over this long, from now or from `--at` on; the service holds them back
    ///
    /// No process needs to run meanwhile. The last batch must leave within 7 days.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) spread: Option<Duration>,
    /// Keep every batch recallable by `sinch-batch cancel` for 2 minutes; messages leave up to 7 minutes later
    #[arg(long, conflicts_with_all = ["at", "spread"])]
    pub(crate) recallable: bool,
}

/// A time that was typed, in the zone in which it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendAt(ZonedDateTime);

impl SendAt {
    pub(crate) fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }

    /// As it was meant, and in UTC.
    pub(crate) fn shown(&self) -> String {
        format!("{} ({})", self.0, self.0.timestamp())
    }
}

/// Reads `2031-09-14T10:00`, with `+02:00`, `Z` or `[Europe/Berlin]` behind it; else this machine's zone.
pub(crate) fn send_at(text: &str) -> Result<SendAt, String> {
    read(text, TimeZone::system)
}

fn read(text: &str, here: impl FnOnce() -> TimeZone) -> Result<SendAt, String> {
    const EXPECTED: &str = "expected a time such as 2031-09-14T10:00, 2031-09-14T10:00+02:00 or \
         2031-09-14T10:00[Europe/Berlin]";
    let pieces = Pieces::parse(text).map_err(|_| EXPECTED.to_owned())?;
    let Some(time) = pieces.time() else { return Err(EXPECTED.to_owned()) };
    let zone = pieces.to_time_zone().map_err(|error| error.to_string())?;
    match (pieces.offset().is_some(), zone) {
        (true, None) => {
            let at: Timestamp = text.parse().map_err(|_| EXPECTED.to_owned())?;
            let zone = pieces.to_numeric_offset().map_or(TimeZone::UTC, TimeZone::fixed);
            Ok(SendAt(at.to_zoned_datetime(zone)))
        }
        // An offset that the zone does not have then is refused.
        (true, Some(_)) => text.parse().map(SendAt).map_err(|error: jiff::Error| error.to_string()),
        (false, zone) => {
            let zone = zone.unwrap_or_else(here);
            unambiguous(DateTime::from_parts(pieces.date(), time), &zone)
        }
    }
}

/// The one instant of a time on the wall; a change of clocks may skip it or make two of it.
fn unambiguous(time: DateTime, zone: &TimeZone) -> Result<SendAt, String> {
    let ambiguous = zone.to_ambiguous_zoned_datetime(time);
    let what = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            return ambiguous.unambiguous().map(SendAt).map_err(|error| error.to_string());
        }
        AmbiguousOffset::Gap { .. } => "is skipped by a change of clocks",
        AmbiguousOffset::Fold { .. } => "comes twice because of a change of clocks",
    };
    let readings: Vec<String> = [ambiguous.clone().earlier(), ambiguous.later()]
        .into_iter()
        .filter_map(|reading| Some(reading.ok()?.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()))
        .collect();
    Err(format!("{time} {what}; type {}", readings.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[track_caller]
    fn check(text: &str, utc: &str) {
        let at = read(text, || zone("Europe/Berlin")).unwrap();
        assert_eq!(at.timestamp(), utc.parse().unwrap(), "{text}");
    }

    #[test]
    fn times_are_read_in_their_zone_or_in_that_of_the_machine() {
        check("2031-07-14T10:00", "2031-07-14T08:00:00Z");
        check("2031-01-14T10:00", "2031-01-14T09:00:00Z");
        check("2031-07-14T10:00+05:30", "2031-07-14T04:30:00Z");
        check("2031-07-14T10:00:30Z", "2031-07-14T10:00:30Z");
        check("2031-07-14T10:00[America/New_York]", "2031-07-14T14:00:00Z");
        check("2031-07-14T10:00-04:00[America/New_York]", "2031-07-14T14:00:00Z");
        let at = read("2031-07-14T10:00", || zone("Europe/Berlin")).unwrap();
        assert_eq!(at.shown(), "2031-07-14T10:00:00+02:00[Europe/Berlin] (2031-07-14T08:00:00Z)");
    }

    #[test]
    fn times_that_a_change_of_clocks_skips_or_doubles_are_refused_with_both_readings() {
        for (text, what, readings) in [
            ("2031-03-30T02:30[Europe/Berlin]", "skipped", ["2031-03-30T01:30:00+01:00", "2031-03-30T03:30:00+02:00"]),
            ("2031-10-26T02:30[Europe/Berlin]", "twice", ["2031-10-26T02:30:00+02:00", "2031-10-26T02:30:00+01:00"]),
            (
                "2031-03-09T02:30[America/New_York]",
                "skipped",
                ["2031-03-09T01:30:00-05:00", "2031-03-09T03:30:00-04:00"],
            ),
            ("2031-11-02T01:30[America/New_York]", "twice", ["2031-11-02T01:30:00-04:00", "2031-11-02T01:30:00-05:00"]),
            // Half an hour.
            (
                "2031-10-05T02:15[Australia/Lord_Howe]",
                "skipped",
                ["2031-10-05T01:45:00+10:30", "2031-10-05T02:45:00+11:00"],
            ),
            (
                "2031-04-06T01:45[Australia/Lord_Howe]",
                "twice",
                ["2031-04-06T01:45:00+11:00", "2031-04-06T01:45:00+10:30"],
            ),
        ] {
            let error = send_at(text).unwrap_err();
            assert!(error.contains(what), "{error}");
            for reading in readings {
                assert!(error.contains(reading), "{text}: {error} lacks {reading}");
                assert!(send_at(reading).is_ok(), "{reading}");
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "tomorrow",
            "2031-09-14",
            "10:00",
            "2031-09-14T10:00[Mars/Base]",
            "2031-07-14T10:00+05:00[Europe/Berlin]",
        ] {
            assert!(send_at(text).is_err(), "{text}");
        }
    }
}
