//! Where secrets come from: the environment and a file.

use std::path::Path;

use sinch_batch::models::Timestamp;
use sinch_batch::webhook::{Verifier, WebhookSecret};

use crate::args::SecretArgs;
use crate::fail::Failure;
use crate::{environment, exit, say};

/// One secret, as it is.
pub(crate) const SECRET: &str = "SINCH_WEBHOOK_SECRET";
/// Several, in the lines of a secret file.
const SECRETS: &str = "SINCH_WEBHOOK_SECRETS";
/// The secret that signs what is sent on.
pub(crate) const FORWARD_SECRET: &str = "SINCH_WEBHOOK_FORWARD_SECRET";

/// The secret from the environment.
pub(crate) fn secret() -> Result<WebhookSecret, Failure> {
    one(SECRET, "export the secret that the webhook was made with")
}

/// One secret from a variable, as it is.
pub(crate) fn one(name: &str, hint: &str) -> Result<WebhookSecret, Failure> {
    match variable(name)? {
        Some(secret) => Ok(WebhookSecret::new(secret).with_name(name)),
        None => Err(Failure::new(exit::BAD_CREDENTIALS, format!("{name} is not set")).hint(hint)),
    }
}

/// All secrets there are, the one that signs first.
pub(crate) fn all(args: &SecretArgs) -> Result<Vec<WebhookSecret>, Failure> {
    let mut secrets = Vec::new();
    secrets.extend(variable(SECRET)?.map(|secret| WebhookSecret::new(secret).with_name(SECRET)));
    if let Some(lines) = variable(SECRETS)? {
        secrets.extend(read(&lines, SECRETS).map_err(|line| bad_line(SECRETS, line))?);
    }
    if let Some(path) = &args.secret_file {
        secrets.extend(read_file(path)?);
    }
    if secrets.is_empty() {
        let sentence = match &args.secret_file {
            Some(path) => format!("{SECRET} is not set, and {} holds no secret", path.display()),
            None => format!("{SECRET} is not set"),
        };
        return Err(Failure::new(exit::BAD_CREDENTIALS, sentence)
            .hint("export the secret that the webhook was made with, or name a file with --secret-file"));
    }
    if secrets.iter().all(|secret| secret.end().is_some_and(|end| end <= Timestamp::now())) {
        say!("every webhook secret has ended, so nothing signed with them is accepted");
    }
    Ok(secrets)
}

/// A verifier of all secrets there are.
pub(crate) fn verifier(secrets: Vec<WebhookSecret>) -> Result<Verifier, Failure> {
    Verifier::any_of(secrets).map_err(|error| {
        Failure::because(exit::BAD_CREDENTIALS, "the secrets cannot be used", &error)
            .hint(format!("set {SECRET}, or name a file with --secret-file"))
    })
}

/// A variable that is set to something.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    environment::text(name)
}

fn read_file(path: &Path) -> Result<Vec<WebhookSecret>, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::because(exit::BAD_CREDENTIALS, format!("the secrets in {shown} cannot be read"), &error)
            .hint("check the path, and who may read it")
    })?;
    read(&text, &shown).map_err(|line| bad_line(&shown, line))
}

/// The end of a line is said to be no time: it is named by number alone, for it may be a secret's own.
fn bad_line(source: &str, line: usize) -> Failure {
    Failure::new(exit::BAD_CREDENTIALS, format!("line {line} of {source} does not end in a time"))
        .hint("a line is a secret, or `SECRET until 2031-09-14T10:00:00Z`")
}

/// One secret a line, each with an end if it has one; or the number of a line that is wrong.
fn read(text: &str, source: &str) -> Result<Vec<WebhookSecret>, usize> {
    let mut secrets = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (secret, end) = match line.rsplit_once(" until ") {
            Some((secret, end)) => (secret.trim(), Some(end.trim().parse::<Timestamp>().map_err(|_| number)?)),
            None => (line, None),
        };
        let secret = WebhookSecret::new(secret).with_name(format!("{source}:{number}"));
        secrets.push(match end {
            Some(end) => secret.with_end(end),
            None => secret,
        });
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_a_secret_and_may_have_an_end() {
        let text = "\u{20}\n# old ones\n  first  \nsecond until 2031-09-14T10:00:00Z\r\nwith spaces until \
                    2031-09-14T12:00:00+02:00\n\nuntil\n";
        let secrets = read(text, "f").unwrap();
        let end: Timestamp = "2031-09-14T10:00:00Z".parse().unwrap();
        let seen: Vec<_> = secrets.iter().map(|secret| (secret.name().unwrap(), secret.end())).collect();
        assert_eq!(seen, [("f:3", None), ("f:4", Some(end)), ("f:5", Some(end)), ("f:7", None)]);
        for (secret, text) in secrets.iter().zip(["first", "second", "with spaces", "until"]) {
            assert_eq!(secret.sign(b"{}", "n", 1), WebhookSecret::new(text).sign(b"{}", "n", 1), "{text}");
        }
    }

    #[test]
    fn invalid_end_of_a_secret_is_named_by_its_line() {
        for text in ["good\nbad until tomorrow\n", "\nbad until 2031-09-14\n"] {
            assert_eq!(read(text, "f").unwrap_err(), 2, "{text}");
        }
    }
}
