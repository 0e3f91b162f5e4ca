//! Durations as they are typed.

use std::time::Duration;

/// More than anything here ever takes: some 31 years.
const LONGEST: f64 = 1e9;

/// Reads `30`, `30s`, `10m`, `2h`, `1d`, `500ms` or `1.5h`; a bare number means seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("`{text}` is not a duration; expected one such as 30, 30s, 10m, 2h, 1d or 500ms");
    let start_of_unit = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(start_of_unit);
    let seconds_per_unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(expected()),
    };
    let is_plain = number.bytes().all(|letter| letter.is_ascii_digit() || letter == b'.');
    let number: f64 = number.parse().ok().filter(|_| is_plain).ok_or_else(expected)?;
    let seconds = number * seconds_per_unit;
    if seconds > LONGEST {
        return Err(format!("`{text}` is longer than {LONGEST} seconds"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| expected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_and_without_a_unit() {
        for (text, millis) in [
            ("0", 0),
            ("30", 30_000),
            ("0.5", 500),
            (".5", 500),
            ("30s", 30_000),
            ("500ms", 500),
            ("10m", 600_000),
            ("1.5h", 5_400_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_refused_with_examples() {
        for text in ["", "s", ".", "-1", "+1", "1e3", "inf", "nan", "1 s", "1h30m", "1M", "1.2.3s", "soon", "1µs"] {
            assert!(duration(text).unwrap_err().contains("10m"), "{text}");
        }
        assert!(duration("20000d").unwrap_err().contains("longer than"));
    }
}
