//! A failure as a person reads it: one sentence, its causes, and what to type now.

use std::error::Error;
use std::fmt;

use serde::Serialize;
use sinch_batch::client::error::chain;
use sinch_batch::tracking::scrub;

use crate::exit;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    sentence: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), hint: None }
    }

    /// A failure with the error that caused it, and the causes of that.
    pub(crate) fn because(code: u8, what: impl fmt::Display, error: &dyn Error) -> Self {
        Self::new(code, format!("{what}: {}", sentence(error)))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// A failure as a program reads it.
#[derive(Serialize)]
pub(crate) struct JsonFailure<'a> {
    error: JsonError<'a>,
}

#[derive(Serialize)]
struct JsonError<'a> {
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
    exit: u8,
}

impl Failure {
    /// `{"error": {"kind", "message", "hint", "exit"}}`
    pub(crate) fn json(&self) -> JsonFailure<'_> {
        let Self { code, sentence, hint } = self;
        let error = JsonError { kind: exit::kind(*code), message: sentence, hint: hint.as_deref(), exit: *code };
        JsonFailure { error }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.sentence)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The error and its causes, in one sentence.
pub(crate) fn sentence(error: &dyn Error) -> String {
    chain(error).to_string()
}

/// A failed call in one sentence, with what the service wrote about it, but nothing in it that could name a person.
pub(crate) fn call_sentence(error: &sinch_batch::client::Error) -> String {
    match error.service_message().map(|message| scrub(message, None)).filter(|message| !message.is_empty()) {
        Some(message) => format!("{}, \"{}\"", error.chain(), message.trim_end_matches('.')),
        None => error.chain().to_string(),
    }
}

/// Standard output went away or is full.
pub(crate) fn output(error: std::io::Error) -> Failure {
    Failure::because(exit::UNEXPECTED, "the output could not be written", &error)
}
