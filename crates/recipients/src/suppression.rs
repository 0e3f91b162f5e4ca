//! Lists of people who get nothing, whatever file they are in.

use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use sinch_batch_models::{Channel, Fingerprint, Recipient};
use thiserror::Error;

use crate::finding::{Finding, FindingKind, Place, Where};
use crate::fingerprint;
use crate::identity::{comparable, comparable_of_any, fault_of_any, tidied};
#[cfg(feature = "csv")]
use crate::lists::List;
#[cfg(feature = "csv")]
use crate::lists::suppressed::names_people;
use crate::opt_outs::{Followed, IdentityKey, OptOutFileError, comparable_on_any};
use crate::source::SourceError;

/// How a list of opt-outs begins, which is read on as it grows.
const OPT_OUTS: &[u8] = crate::opt_outs::MAGIC.as_bytes();

/// Bytes at the beginning that show what a file is.
const HEAD: u64 = 64 * 1024;

/// How many mistakes of a list are kept, to be shown.
const SHOWN: usize = 5;

/// The name of a channel that stands for all of them, and for the ids of contacts. No channel is called that.
const ANY: &str = "*";
const CONTACT: &str = "";

/// One name of somebody who gets nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Suppressed {
    pub(crate) on: On,
    /// As it is compared.
    pub(crate) identity: String,
}

/// Where a name counts.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum On {
    /// On this channel.
    Channel(Channel),
    /// As the id of a contact.
    Contact,
    /// Wherever it comes up.
    Any,
}

/// Why a suppression list cannot be used. Nobody on it would be left out, so nothing may be sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SuppressionError {
    /// The file could not be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is not text, or not a table.
    #[error("it cannot be read as a list")]
    Unreadable(#[source] SourceError),
    /// Some lines name nobody who could be compared.
    #[error("it has invalid lines ({n}): {}", first(.findings))]
    Invalid {
        /// How many.
        n: u64,
        /// The first of them.
        findings: Vec<Finding>,
    },
    /// A list of opt-outs cannot be read without the key under which it was written.
    #[error("it is a list of opt-outs, which cannot be read without its identity key")]
    NoKey,
    /// A list of opt-outs cannot be read.
    #[error("the list of opt-outs cannot be used")]
    OptOuts(#[from] OptOutFileError),
}

fn first(findings: &[Finding]) -> String {
    findings.first().map(ToString::to_string).unwrap_or_default()
}

/// One list of people who get nothing.
///
/// It is one of three: CSV with the columns of recipients (others mean nothing), one identity a line, or a list of
/// opt-outs as [`OptOutFile`](crate::opt_outs::OptOutFile) writes it. An entry is compared like a repeated identity:
/// by its channel and the identity without what people write between digits; or by the identity alone, on any
/// channel, if the list names no channel for it. It takes 8 bytes of memory, and some 80 in a list of opt-outs.
pub struct SuppressionList {
    name: String,
    fingerprint: Option<Fingerprint>,
    people: People,
}

enum People {
    Fixed(Fixed),
    OptOuts(Mutex<Followed>),
}

/// Keyed hashes of identities, in order.
///
/// Two identities of `n` are taken for one with odds of about `n / 2^64` for each row that is compared.
struct Fixed {
    key: RandomState,
    hashes: Vec<u64>,
}

impl Fixed {
    fn hash(&self, channel: &str, identity: &str) -> u64 {
        let mut hasher = self.key.build_hasher();
        hasher.write(channel.as_bytes());
        hasher.write_u8(0);
        hasher.write(identity.as_bytes());
        hasher.finish()
    }

    fn has(&self, channel: &str, identity: &str) -> bool {
        self.hashes.binary_search(&self.hash(channel, identity)).is_ok()
    }

    fn add(&mut self, one: &Suppressed) {
        let channel = match &one.on {
            On::Channel(channel) => channel.as_str(),
            On::Contact => CONTACT,
            On::Any => ANY,
        };
        self.hashes.push(self.hash(channel, &one.identity));
    }
}

impl SuppressionList {
    /// Reads a file. `name` is what it is called in counts; `key` is needed for a list of opt-outs.
    ///
    /// # Errors
    /// [`SuppressionError`]: a list that is not understood as a whole is not used at all.
    pub fn open(
        path: impl AsRef<Path>,
        name: impl Into<String>,
        key: Option<&IdentityKey>,
    ) -> Result<Self, SuppressionError> {
        let path = path.as_ref();
        let mut file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder").into());
        }
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head)?;
        if head.starts_with(OPT_OUTS) {
            let key = key.ok_or(SuppressionError::NoKey)?;
            let mut followed = Followed::new(path.to_owned(), key.clone());
            followed.refresh()?;
            return Ok(Self { name: name.into(), fingerprint: None, people: People::OptOuts(Mutex::new(followed)) });
        }
        Self::of(head, file, name.into())
    }

    /// Reads a list that is not a file: CSV, or one identity a line.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(mut reader: impl Read + Send + 'static, name: impl Into<String>) -> Result<Self, SuppressionError> {
        let mut head = Vec::new();
        reader.by_ref().take(HEAD).read_to_end(&mut head)?;
        Self::of(head, reader, name.into())
    }

    fn of(head: Vec<u8>, rest: impl Read + Send + 'static, name: String) -> Result<Self, SuppressionError> {
        let mut people = Fixed { key: RandomState::new(), hashes: Vec::new() };
        let is_table = is_table(&head);
        let all = Cursor::new(head).chain(rest);
        let fingerprint = match is_table {
            #[cfg(feature = "csv")]
            true => read_table(all, &mut people)?,
            _ => read_lines(all, &mut people)?,
        };
        people.hashes.sort_unstable();
        people.hashes.dedup();
        people.hashes.shrink_to_fit();
        Ok(Self { name, fingerprint: Some(fingerprint), people: People::Fixed(people) })
    }

    /// The list's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fingerprint of its bytes; none of a list of opt-outs, which grows.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// Number of different entries, or of opt-out events.
    pub fn n_entries(&self) -> u64 {
        match &self.people {
            People::Fixed(fixed) => fixed.hashes.len() as u64,
            People::OptOuts(followed) => lock(followed).n_events(),
        }
    }

    fn refresh(&self) -> Result<(), SuppressionError> {
        match &self.people {
            People::Fixed(_) => Ok(()),
            People::OptOuts(followed) => Ok(lock(followed).refresh()?),
        }
    }

    /// Whether an identity is in it, as it is compared; no channel stands for a contact's id.
    fn has(&self, channel: &str, comparable: &str) -> bool {
        match &self.people {
            People::Fixed(fixed) if fixed.hashes.is_empty() => false,
            People::Fixed(fixed) => fixed.has(channel, comparable) || fixed.has(ANY, &comparable_on_any(comparable)),
            People::OptOuts(followed) => {
                let on = Some(channel).filter(|name| *name != CONTACT).map(Channel::from);
                lock(followed).is_out(on.as_ref(), comparable)
            }
        }
    }
}

fn lock(followed: &Mutex<Followed>) -> std::sync::MutexGuard<'_, Followed> {
    followed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SuppressionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuppressionList")
            .field("name", &self.name)
            .field("entries", &self.n_entries())
            .finish_non_exhaustive()
    }
}

/// People who get nothing: any number of lists. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Suppression(Arc<[SuppressionList]>);

impl Suppression {
    /// These lists together.
    pub fn new(lists: impl IntoIterator<Item = SuppressionList>) -> Self {
        Self(lists.into_iter().collect())
    }

    /// The lists.
    pub fn lists(&self) -> &[SuppressionList] {
        &self.0
    }

    /// Whether there are no lists.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads on in lists of opt-outs. To be called before anything is decided to be sent.
    ///
    /// # Errors
    /// [`SuppressionError`]: what is not known to be wanted must not be sent.
    pub fn refresh(&self) -> Result<(), SuppressionError> {
        self.0.iter().try_for_each(SuppressionList::refresh)
    }

    /// Whether somebody is on a list, by the contact or by any of the identities.
    pub fn suppresses(&self, recipient: &Recipient) -> bool {
        let has = |channel: &str, identity: &str| self.0.iter().any(|list| list.has(channel, identity));
        recipient.contact_id().is_some_and(|id| has(CONTACT, &comparable(None, id.as_str())))
            || recipient
                .channel_identities()
                .iter()
                .any(|one| has(one.channel.as_str(), &comparable(Some(&one.channel), one.identity.as_str())))
    }

    /// The lists that an identity is on, as it is compared.
    pub(crate) fn having<'a>(&'a self, channel: &'a str, comparable: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.0.iter().enumerate().filter(|(_, list)| list.has(channel, comparable)).map(|(index, _)| index)
    }
}

impl PartialEq for Suppression {
    /// Whether they are the same lists, not only equal ones.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.is_empty() && other.is_empty())
    }
}

/// How many valid rows of a file one list suppresses. A row on several lists counts in each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SuppressedRows {
    /// The list.
    pub list: String,
    /// Number of different entries, or of opt-out events.
    pub entries: u64,
    /// The rows.
    pub rows: u64,
}

/// What people call an identity, which is as untidy as they left it: it only has to be compared.
pub(crate) fn any(identity: &str) -> Result<Suppressed, (FindingKind, String)> {
    match fault_of_any(&tidied(identity)) {
        Some(found) => Err((found.kind, found.message)),
        None => Ok(Suppressed { on: On::Any, identity: comparable_of_any(identity) }),
    }
}

/// Whether the first line names a column of people.
#[cfg(feature = "csv")]
fn is_table(head: &[u8]) -> bool {
    let text = head.strip_prefix(crate::look::MARK).unwrap_or(head);
    if text.starts_with(b"sep=") {
        return true;
    }
    let (separator, _) = crate::source::dialect::separator(text);
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    crate::source::dialect::cells_of(line, separator)
        .iter()
        .any(|cell| std::str::from_utf8(cell).is_ok_and(|cell| names_people(crate::source::text::trimmed(cell))))
}

#[cfg(not(feature = "csv"))]
fn is_table(_: &[u8]) -> bool {
    false
}

/// Mistakes of a list.
#[derive(Default)]
struct Mistakes {
    n: u64,
    findings: Vec<Finding>,
}

impl Mistakes {
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.n += 1;
        let room = SHOWN.saturating_sub(self.findings.len());
        self.findings.extend(findings.into_iter().take(room));
    }

    fn end(self) -> Result<(), SuppressionError> {
        match self.n {
            0 => Ok(()),
            n => Err(SuppressionError::Invalid { n, findings: self.findings }),
        }
    }
}

#[cfg(feature = "csv")]
fn read_table(reader: impl Read + Send + 'static, people: &mut Fixed) -> Result<Fingerprint, SuppressionError> {
    let mut list = List::suppressed(reader).map_err(SuppressionError::Unreadable)?;
    let mut mistakes = Mistakes::default();
    if !list.header_findings().is_empty() {
        mistakes.add(list.header_findings().iter().cloned());
        mistakes.end()?;
        mistakes = Mistakes::default();
    }
    while let Some(row) = list.next_row().map_err(SuppressionError::Unreadable)? {
        match row.entry {
            Ok(entries) => entries.iter().for_each(|one| people.add(one)),
            Err(findings) => mistakes.add(findings),
        }
    }
    mistakes.end()?;
    list.finish().map_err(SuppressionError::Unreadable)
}

/// One identity a line; blank lines and those that begin with `#` mean nothing.
fn read_lines(reader: impl Read, people: &mut Fixed) -> Result<Fingerprint, SuppressionError> {
    let mut reader = BufReader::with_capacity(HEAD as usize, reader);
    let mut hash = fingerprint::Hasher::default();
    let mut mistakes = Mistakes::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // A line that has no end must not take all memory.
        if reader.by_ref().take(HEAD).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        hash.update(&line);
        let place = Place { row: number, line: number };
        match identity_of(&line, number == 1) {
            Ok(Some(one)) => people.add(&one),
            Ok(None) => {}
            Err((kind, message)) => mistakes.add([place.finding(Where::ROW, kind, message)]),
        }
    }
    mistakes.end()?;
    Ok(hash.fingerprint())
}

fn identity_of(line: &[u8], is_first: bool) -> Result<Option<Suppressed>, (FindingKind, String)> {
    let line = if is_first { line.strip_prefix(crate::look::MARK).unwrap_or(line) } else { line };
    let text = std::str::from_utf8(line).map_err(|_| (FindingKind::NotUtf8, "the line is not UTF-8".to_owned()))?;
    let text = crate::source::text::trimmed(text);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.contains([',', ';', '|', '\t', '{', '"']) {
        let message = if is_first {
            "no column is called `identity`, `contact_id` or like a channel, such as `SMS`; without such a header \
             there is one identity a line"
        } else {
            "there is more than one identity in the line"
        };
        return Err((FindingKind::BadIdentity, message.to_owned()));
    }
    if text.contains(char::is_whitespace) && !crate::identity::is_like_a_number(text) {
        return Err((FindingKind::BadIdentity, "an identity has no white space in it".to_owned()));
    }
    any(text).map(Some)
}

#[cfg(all(test, feature = "csv"))]
mod tests {
    use sinch_batch_models::ContactId;

    use super::*;

    fn list(text: &'static str) -> Result<Suppression, SuppressionError> {
        Ok(Suppression::new([SuppressionList::read(text.as_bytes(), "list")?]))
    }

    #[track_caller]
    fn check(text: &'static str, recipient: &Recipient, expected: bool) {
        assert_eq!(list(text).unwrap().suppresses(recipient), expected, "{text}");
    }

    fn sms() -> Recipient {
        Recipient::identity(Channel::Sms, "+15550100001")
    }

    #[test]
    fn identities_are_compared_like_repeated_ones() {
        let whatsapp = Recipient::identity(Channel::WhatsApp, "15550100001");
        let contact = Recipient::contact(ContactId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"));
        for everywhere in
            ["+15550100001\n", "# no\n\n1 555 010-0001", "identity\n+15550100001\n", "identification\n15550100001\n"]
        {
            check(everywhere, &sms(), true);
            check(everywhere, &whatsapp, true);
            check(everywhere, &contact, false);
        }
        for on_sms in
            ["channel,identity\nsms,+15550100001\n", "Name;SMS\nBob;+1 (555) 010-0001\n", "\u{feff}SMS\n15550100001"]
        {
            check(on_sms, &sms(), true);
            check(on_sms, &whatsapp, false);
        }
        check("channel,identity\n,+15550100001\n", &whatsapp, true);
        for of_contact in ["contact_id,name\n01KZ4EBHKN27EZJ4Q91V5C36G1,Bob\n", "01KZ4EBHKN27EZJ4Q91V5C36G1"] {
            check(of_contact, &contact, true);
            check(of_contact, &sms(), false);
        }
        let second = Recipient::identities(vec![
            sinch_batch_models::ChannelIdentity::new(Channel::Rcs, "+15550100009"),
            sinch_batch_models::ChannelIdentity::new(Channel::Sms, "+15550100001"),
        ]);
        check("SMS\n15550100001", &second, true);
        check("", &sms(), false);
    }

    #[test]
    fn list_with_an_invalid_line_is_refused_without_quoting_it() {
        for (text, line) in [
            ("name,phone\nBob,+15550100001\n", "line 1: "),
            ("+15550100002\n0770 0900123\n", "line 2: "),
            ("+15550100002\n+15550100003,+15550100001\n", "line 2: "),
            ("SMS,name\n+15550100002,Bob\ncall me,Ann\n", "line 3, column SMS: "),
            ("identity\n1.5E+10\n", "line 2, column identity: "),
            ("channel\nSMS\n", "line 1: "),
            ("channel,identity\npigeon,15550100001\n", "line 2, column channel: "),
            ("contact_id,name\n,Bob\n", "line 2: "),
            ("Bob Smith\n", "line 1: "),
        ] {
            let Err(error) = list(text) else { panic!("{text}") };
            let told = error.to_string();
            assert!(told.contains(line), "{told}");
            for name in ["Bob", "0900123", "0100001", "call me", "pigeon"] {
                assert!(!told.contains(name), "{told}");
            }
        }
    }

    #[test]
    fn debug_shows_counts_alone() {
        let lists = list("+15550100001\n+15550100001\n15550100002\n").unwrap();
        assert_eq!(lists.lists()[0].n_entries(), 2);
        assert!(!format!("{lists:?}").contains("5550"), "{lists:?}");
    }
}
