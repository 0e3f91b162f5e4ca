//! Environment variables: the one place where they are read.
//!
//! A variable that is empty or blank is not set, and white space around a value is not part of it. A file of
//! `--env-file` fills in what the environment does not set.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use sinch_batch::recipients::{is_blank, text as utf8};

use crate::exit;
use crate::fail::Failure;

/// What an `--env-file` sets.
static FILE: OnceLock<EnvFile> = OnceLock::new();
/// Variables whose place a flag took.
static FLAGS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// The value of a variable; none if it is empty, blank or not UTF-8.
pub(crate) fn var(name: &str) -> Option<String> {
    from_process(name).or_else(|| FILE.get()?.value(name))
}

/// The same, and an error if it is set to something that is not UTF-8.
pub(crate) fn text(name: &str) -> Result<Option<String>, Failure> {
    if std::env::var_os(name).is_some_and(|value| value.to_str().is_none()) {
        return Err(Failure::new(exit::BAD_CREDENTIALS, format!("{name} is not UTF-8, as values of the service are"))
            .hint("export the value as it was typed in the Sinch dashboard"));
    }
    Ok(var(name))
}

/// The value for a flag that was not given; paths need not be UTF-8.
pub(crate) fn for_flag(name: &OsStr) -> Option<OsString> {
    match std::env::var_os(name) {
        Some(value) if value.to_str().is_none() => Some(value),
        _ => var(name.to_str()?).map(OsString::from),
    }
}

fn from_process(name: &str) -> Option<String> {
    std::env::var(name).ok().as_deref().and_then(value)
}

fn value(text: &str) -> Option<String> {
    let text = text.trim_matches(|letter: char| is_blank(letter.encode_utf8(&mut [0; 4])));
    (!text.is_empty()).then(|| text.to_owned())
}

/// Remembers that a flag was given instead of a variable.
pub(crate) fn note_flag(name: &str, flag: &str) {
    FLAGS.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), flag.to_owned());
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(String),
    Environment,
    File { path: PathBuf, line: usize },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Environment => f.write_str("the environment"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
        }
    }
}

/// Where the value of a variable comes from; none if it has none.
pub(crate) fn origin(name: &str) -> Option<Origin> {
    if let Some(flag) = FLAGS.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Some(Origin::Flag(flag.clone()));
    }
    if from_process(name).is_some() {
        return Some(Origin::Environment);
    }
    let file = FILE.get()?;
    let (line, _) = file.values.get(name)?;
    file.value(name)?;
    Some(Origin::File { path: file.path.clone(), line: *line })
}

/// Whether a value has quotes around it, which a shell removes and a container's environment file keeps.
pub(crate) fn is_quoted(value: &str) -> bool {
    unquoted(value).is_some()
}

fn unquoted(value: &str) -> Option<&str> {
    // A word processor makes the curly ones.
    let pairs = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('„', '“'), ('«', '»')];
    pairs.into_iter().find_map(|(open, close)| value.strip_prefix(open)?.strip_suffix(close))
}

#[derive(Debug, Default)]
struct EnvFile {
    path: PathBuf,
    /// Each with its line.
    values: BTreeMap<String, (usize, String)>,
}

impl EnvFile {
    fn value(&self, name: &str) -> Option<String> {
        self.values.get(name).and_then(|(_, text)| value(text))
    }
}

/// The file that the arguments name, read before anything else: it has values for flags.
pub(crate) fn read_file_of(args: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let Some(path) = file_of(args) else { return Ok(()) };
    let hint = "name a file of lines such as SINCH_REGION=eu";
    let bytes = std::fs::read(&path).map_err(|error| {
        Failure::because(exit::USAGE, format!("--env-file {} cannot be read", path.display()), &error).hint(hint)
    })?;
    let text = utf8(&bytes).map_err(|kind| {
        Failure::because(exit::USAGE, format!("--env-file {}", path.display()), &kind).hint(kind.hint(path.display()))
    })?;
    let values = parse(text).map_err(|(line, what)| {
        Failure::new(exit::USAGE, format!("--env-file {}, line {line}: {what}", path.display())).hint(hint)
    })?;
    FILE.get_or_init(|| EnvFile { path: PathBuf::from(&path), values });
    Ok(())
}

fn file_of(args: impl IntoIterator<Item = OsString>) -> Option<PathBuf> {
    let mut args = args.into_iter().take_while(|argument| argument != "--");
    while let Some(argument) = args.next() {
        if argument == "--env-file" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|argument| argument.strip_prefix("--env-file=")) {
            return Some(Path::new(path).to_owned());
        }
    }
    None
}

/// Lines `NAME=VALUE`, with `export` before and quotes around the value as in a shell; or the number of a line
/// that is neither one of these nor blank nor a comment, and what is wrong with it. The value itself is never shown.
fn parse(text: &str) -> Result<BTreeMap<String, (usize, String)>, (usize, String)> {
    let mut values: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Line feeds, carriage returns, or both.
    for (number, line) in (1..).zip(text.split('\n').flat_map(|line| line.trim_end_matches('\r').split('\r'))) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let fault = |what: &str| (number, what.to_owned());
        let (name, value) = line.split_once('=').ok_or_else(|| fault("expected NAME=VALUE"))?;
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(fault("expected NAME=VALUE"));
        }
        let value = without_comment(value.trim());
        if value.starts_with(['"', '\'']) && !value[1..].contains(&value[..1]) {
            return Err(fault("the quote before the value is not closed"));
        }
        // Of two values only one would be used, and nobody would hear of the other.
        match values.get(name) {
            Some((before, other)) if other != value => {
                return Err(fault(&format!(
                    "{name} has another value than in line {before}; only one of the two may stay"
                )));
            }
            _ => values.insert(name.to_owned(), (number, value.to_owned())),
        };
    }
    Ok(values)
}

/// A value without the quotes around it, or else without a comment behind it, which begins with ` #`.
fn without_comment(value: &str) -> &str {
    let is_comment =
        |rest: &str| rest.trim().is_empty() || rest.starts_with([' ', '\t']) && rest.trim().starts_with('#');
    for quote in ['"', '\''] {
        if let Some((inside, rest)) = value.strip_prefix(quote).and_then(|value| value.rsplit_once(quote))
            && is_comment(rest)
        {
            return inside;
        }
    }
    let comment = value.match_indices('#').find(|(at, _)| value[..*at].ends_with([' ', '\t']));
    comment.map_or(value, |(at, _)| value[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_values_are_not_set_and_white_space_is_not_part_of_them() {
        for (text, expected) in [
            ("", None),
            (" \t\r\n", None),
            (" eu\r\n", Some("eu")),
            ("a b", Some("a b")),
            ("\u{200b}", None),
            ("\u{feff}s\u{a0}", Some("s")),
        ] {
            assert_eq!(value(text).as_deref(), expected);
        }
    }

    #[test]
    fn lines_of_an_environment_file_are_read_as_a_shell_does() {
        let values = parse("\u{feff}# ours\n\nexport SINCH_REGION='eu'\r\nA = \"b c\"\nB=x=y\nC=\nD=a#b # note\nE=\"a # b\" # note\rF=1\n").unwrap();
        let value = |name: &str| values.get(name).map(|(line, value)| (*line, value.as_str()));
        assert_eq!(value("SINCH_REGION"), Some((3, "eu")));
        assert_eq!(value("A"), Some((4, "b c")));
        assert_eq!(value("B"), Some((5, "x=y")));
        assert_eq!(value("C"), Some((6, "")));
        assert_eq!((value("D"), value("E"), value("F")), (Some((7, "a#b")), Some((8, "a # b")), Some((9, "1"))));
        for (text, line, what) in [
            ("A=b\nsecret", 2, "expected NAME=VALUE"),
            ("=x", 1, "expected NAME=VALUE"),
            ("a b=c", 1, "expected NAME=VALUE"),
            ("A=b\nB=\"secret", 2, "the quote before the value is not closed"),
            ("A='secret # note", 1, "the quote before the value is not closed"),
            ("A=b\n\nexport A=secret", 3, "A has another value than in line 1; only one of the two may stay"),
        ] {
            assert_eq!(parse(text), Err((line, what.to_owned())), "{text}");
        }
        assert_eq!(parse("A=b\nA='b'").map(|values| values.len()), Ok(1), "the same again");
    }

    #[test]
    fn file_is_found_wherever_it_stands_among_the_arguments() {
        let file = |args: &[&str]| file_of(args.iter().map(OsString::from));
        assert_eq!(file(&["send", "--env-file", "a", "x"]), Some("a".into()));
        assert_eq!(file(&["--env-file=a", "send"]), Some("a".into()));
        assert_eq!(file(&["send", "--", "--env-file", "a"]), None);
    }
}
