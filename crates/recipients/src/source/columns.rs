use std::collections::HashMap;
use std::sync::Arc;

use sinch_batch_models::Channel;

use super::records::Records;
use super::rules::{RESERVED, Rules, is_reserved};
use super::text::{is_blank, trimmed};
use super::wording::Piece;
use crate::finding::{Finding, FindingKind, Severity, Where, of_file, quoted, shown};
use crate::reading::{ReadOptions, channel_named};

/// What a column is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    /// A remark, or a column that cannot be used and was reported.
    Ignored,
    ContactId,
    /// The channel of the identity in the other column.
    Channel,
    Identity,
    /// Identities on this channel.
    On(Channel),
    Parameter(Arc<str>),
    MessageMetadata(Arc<str>),
    ConversationMetadata(Arc<str>),
}

impl Role {
    /// What a column is for, where the header does not decide alone.
    fn read(name: &str, reading: &ReadOptions) -> Self {
        if reading.ignore_columns.iter().any(|ignored| trimmed(ignored) == name) {
            return Self::Ignored;
        }
        match (&reading.identity, Self::of(name)) {
            (None, role) => role,
            (Some(identity), _) if trimmed(&identity.column) == name => Self::On(identity.channel.clone()),
            (Some(_), Self::ContactId | Self::Channel | Self::Identity | Self::On(_)) => Self::Parameter(name.into()),
            (Some(_), role) => role,
        }
    }

    fn of(name: &str) -> Self {
        if name.starts_with('#') {
            Self::Ignored
        } else if let Some(name) = name.strip_prefix("param.") {
            Self::Parameter(name.into())
        } else if let Some(key) = name.strip_prefix("metadata.") {
            Self::MessageMetadata(key.into())
        } else if let Some(key) = name.strip_prefix("conversation_metadata.") {
            Self::ConversationMetadata(key.into())
        } else if name.eq_ignore_ascii_case("contact_id") {
            Self::ContactId
        } else if name.eq_ignore_ascii_case("channel") {
            Self::Channel
        } else if name.eq_ignore_ascii_case("identity") {
            Self::Identity
        } else if let Some(channel) = channel_named(name) {
            Self::On(channel)
        } else {
            Self::Parameter(name.into())
        }
    }
}

/// How the rows name their recipients, by the indexes of columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum By {
    /// Not at all, or in more than one way; the header was reported.
    Nothing,
    Contact(usize),
    Pair {
        channel: usize,
        identity: usize,
    },
    /// Columns named after channels, from left to right.
    Channels(Vec<usize>),
}

/// The columns of a CSV file.
pub(crate) struct Columns {
    pub(crate) names: Vec<Box<str>>,
    pub(crate) roles: Vec<Role>,
    pub(crate) by: By,
    pub(crate) parameters: Keyed,
    /// The placeholder of each column, by its index in the names of the message.
    pub(crate) placeholders: Vec<usize>,
    /// The columns whose values stand in the message's text, once for each time.
    pub(crate) in_text: Vec<usize>,
    pub(crate) message_metadata: Keyed,
    pub(crate) conversation_metadata: Keyed,
}

/// The keys that a row fills, in the order of the map that they go to, and their columns.
pub(crate) type Keyed = Vec<(Arc<str>, usize)>;

impl Columns {
    /// Of a file without a header.
    pub(crate) fn none() -> Self {
        Self {
            names: Vec::new(),
            roles: Vec::new(),
            by: By::Nothing,
            parameters: Vec::new(),
            placeholders: Vec::new(),
            in_text: Vec::new(),
            message_metadata: Vec::new(),
            conversation_metadata: Vec::new(),
        }
    }

    /// Reads the header, and reports every mistake in it. `has_numbers` is whether the first rows have phone
    /// numbers in a column.
    pub(crate) fn of(
        header: &Records,
        rules: &Rules,
        has_numbers: impl Fn(usize) -> bool,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let line = header.line();
        let mut columns = Self::none();
        let mut seen = HashMap::new();
        for index in 0..header.len() {
            let lossy = String::from_utf8_lossy(header.field(index));
            let name = trimmed(&lossy);
            let place = Where::column(name, index);
            let mut role = Role::Ignored;
            if std::str::from_utf8(header.field(index)).is_err() {
                let place = Where { name: None, ..place };
                findings.push(of_file(line, place, FindingKind::NotUtf8, "the column's name is not UTF-8"));
            } else if let Some((kind, message)) = fault(name, rules) {
                findings.push(of_file(line, place, kind, message));
            } else {
                role = used(name, rules);
                if let Some(before) = (role != Role::Ignored).then(|| seen.insert(format!("{role:?}"), index)).flatten()
                {
                    let message = format!("the column repeats column {}", before + 1);
                    findings.push(of_file(line, place, FindingKind::RepeatedColumn, message));
                    role = Role::Ignored;
                }
            }
            columns.names.push(name.into());
            columns.roles.push(role);
        }
        for (index, role) in columns.roles.iter().enumerate() {
            match role {
                Role::Parameter(name) => columns.parameters.push((Arc::clone(name), index)),
                Role::MessageMetadata(key) => columns.message_metadata.push((Arc::clone(key), index)),
                Role::ConversationMetadata(key) => columns.conversation_metadata.push((Arc::clone(key), index)),
                _ => {}
            }
        }
        columns.parameters.sort();
        columns.message_metadata.sort();
        columns.conversation_metadata.sort();
        columns.placeholders = columns
            .roles
            .iter()
            .map(|role| match role {
                Role::Parameter(name) => rules.wording.index(name).unwrap_or(usize::MAX),
                _ => usize::MAX,
            })
            .collect();
        let pieces = rules.wording.text.iter().flat_map(|text| &text.pieces);
        columns.in_text = pieces.filter_map(|piece| columns.of_piece(piece)).collect();
        columns.by = columns.find_recipients(line, rules, has_numbers, findings);
        columns.find_parameters(line, rules, findings);
        columns.find_ignored(line, rules, findings);
        columns.find_foreign(line, rules, findings);
        columns
    }

    /// The column whose values stand in place of a piece of the text.
    pub(crate) fn of_piece(&self, piece: &Piece) -> Option<usize> {
        match piece {
            Piece::Literal(_) => None,
            Piece::Name(name) => self.placeholders.iter().position(|placeholder| placeholder == name),
        }
    }

    /// The header of a file of skipped rows: this one, with `#` before the names of columns that were
    /// left out, so that only the rows are there to be fixed.
    pub(crate) fn header_of_skipped(&self, raw: &[u8], separator: u8) -> Vec<u8> {
        let left_out = |(name, role): (&str, &Role)| *role == Role::Ignored && !name.starts_with('#');
        let columns = || self.names.iter().map(|name| &**name).zip(&self.roles);
        if !columns().any(left_out) {
            return raw.to_vec();
        }
        let named = columns().map(|(name, role)| {
            let mark = if left_out((name, role)) { "#" } else { "" };
            let name = format!("{mark}{name}");
            let separator = char::from(separator);
            if name.contains([separator, '"', '\n', '\r']) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name
            }
        });
        named.collect::<Vec<_>>().join(&*String::from(char::from(separator))).into_bytes()
    }

    fn find_recipients(
        &self,
        line: u64,
        rules: &Rules,
        has_numbers: impl Fn(usize) -> bool,
        findings: &mut Vec<Finding>,
    ) -> By {
        let at = |wanted: Role| self.roles.iter().position(|role| *role == wanted);
        let (contact, channel, identity) = (at(Role::ContactId), at(Role::Channel), at(Role::Identity));
        let on: Vec<usize> =
            self.roles.iter().enumerate().filter(|(_, role)| matches!(role, Role::On(_))).map(|(at, _)| at).collect();
        let message = match (contact, channel, identity, on.is_empty()) {
            (Some(contact), None, None, true) => return By::Contact(contact),
            (None, Some(channel), Some(identity), true) => return By::Pair { channel, identity },
            (None, None, None, false) => return By::Channels(on),
            (None, None, None, true) if rules.reading.identity.is_some() => {
                let names: Vec<_> = self.names.iter().map(|name| quoted(name)).collect();
                let message = format!("no column has the name that `--identity` gives; there are {}", names.join(", "));
                findings.push(of_file(line, Where::ROW, FindingKind::NoRecipientColumn, message));
                return By::Nothing;
            }
            (None, None, None, true) if self.likely_numbers(&has_numbers).is_some() => {
                if let Some(index) = self.likely_numbers(&has_numbers) {
                    self.suggest(index, line, findings);
                }
                return By::Nothing;
            }
            (None, None, None, true) => {
                "no column names the recipient: call one `contact_id`, two `channel` and `identity`, or one after a channel, such as `SMS`"
            }
            (None, Some(_), None, true) => "there is a column `channel` but no column `identity`",
            (None, None, Some(_), true) => "there is a column `identity` but no column `channel`",
            _ => {
                "the recipient is named in more than one way: keep `contact_id`, or `channel` and `identity`, or columns named after channels; a parameter of such a name is called `param.NAME`"
            }
        };
        findings.push(of_file(line, Where::ROW, FindingKind::NoRecipientColumn, message));
        By::Nothing
    }

    /// The first column whose cells look like phone numbers, or whose name says so.
    fn likely_numbers(&self, has_numbers: impl Fn(usize) -> bool) -> Option<usize> {
        const NAMES: [&str; 9] =
            ["phone", "phonenumber", "mobile", "mobilenumber", "msisdn", "cell", "telephone", "handynummer", "number"];
        let is_named = |name: &str| NAMES.iter().any(|known| is_near(known, name));
        (0..self.names.len())
            .find(|index| has_numbers(*index))
            .or_else(|| self.names.iter().position(|name| is_named(name)))
    }

    /// Says what to type for a column of phone numbers, instead of that it has no use.
    fn suggest(&self, index: usize, line: u64, findings: &mut Vec<Finding>) {
        let number = u32::try_from(index + 1).ok();
        findings.retain(|finding| finding.kind != FindingKind::UnknownColumn || finding.column_number != number);
        let name = self.names.get(index).map_or("", |name| name);
        // A file without a header has a number in place of the name.
        let (what, how) = match shown(name) {
            Some(name) => {
                let typed = if name.contains(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.')) {
                    format!("'{}'", name.replace('\'', "'\\''"))
                } else {
                    name.clone()
                };
                (
                    format!("column {} `{name}` looks", index + 1),
                    format!("--identity {typed} --channel SMS, or rename it to `SMS`"),
                )
            }
            None => ("this one looks".to_owned(), "the first line must name the columns, such as `SMS`".to_owned()),
        };
        let message = format!("no column names the recipient; {what} like phone numbers: {how}");
        findings.push(of_file(line, Where::column(name, index), FindingKind::NoRecipientColumn, message));
    }

    /// Columns that are to be ignored and are not there: a name may be misspelled.
    fn find_ignored(&self, line: u64, rules: &Rules, findings: &mut Vec<Finding>) {
        for name in &rules.reading.ignore_columns {
            if !self.names.iter().any(|have| **have == *trimmed(name)) {
                let message = format!("there is no column {} to ignore", quoted(name));
                let finding = of_file(line, Where::name(name), FindingKind::MissingColumn, message);
                findings.push(Finding { severity: Severity::Warning, ..finding });
            }
        }
    }

    /// What in the message looks like a placeholder of another tool for one of the columns.
    fn find_foreign(&self, line: u64, rules: &Rules, findings: &mut Vec<Finding>) {
        for (index, name) in self.names.iter().enumerate() {
            let bare = name.strip_prefix("param.").unwrap_or(name);
            if bare.is_empty() || shown(bare).is_none() {
                continue;
            }
            if let Some(seen) = rules.wording.foreign(bare) {
                let message =
                    format!("`{seen}` in the message looks like a placeholder of another tool; ours is `${{{bare}}}`");
                findings.push(of_file(line, Where::column(name, index), FindingKind::ForeignPlaceholder, message));
            }
        }
    }

    fn find_parameters(&self, line: u64, rules: &Rules, findings: &mut Vec<Finding>) {
        for name in rules.names() {
            if self.roles.iter().any(|role| matches!(role, Role::Parameter(have) if **have == **name)) {
                continue;
            }
            let hint = if self.names.contains(name) {
                format!(
                    "; the column of that name says who gets the message, so call the parameter {}",
                    quoted(&format!("param.{name}"))
                )
            } else if let Some(near) = self.names.iter().find(|have| is_near(have, name)) {
                format!("; {} is spelled differently", quoted(near))
            } else {
                String::new()
            };
            let message = format!("the message has a placeholder {}, and no column is for it{hint}", quoted(name));
            findings.push(of_file(line, Where::name(name), FindingKind::MissingColumn, message));
        }
    }
}

/// What a column is for, if it is for anything.
fn used(name: &str, rules: &Rules) -> Role {
    match Role::read(name, &rules.reading) {
        Role::Parameter(parameter) if rules.reading.ignore_unused && !rules.uses(&parameter) => Role::Ignored,
        role => role,
    }
}

/// What is wrong with a column's name.
fn fault(name: &str, rules: &Rules) -> Option<(FindingKind, String)> {
    Some(match used(name, rules) {
        Role::Parameter(name) | Role::MessageMetadata(name) | Role::ConversationMetadata(name) if is_blank(&name) => {
            (FindingKind::BlankKey, "the column has no name".to_owned())
        }
        Role::MessageMetadata(key) | Role::ConversationMetadata(key) if is_reserved(&key) => {
            (FindingKind::ReservedKey, RESERVED.to_owned())
        }
        Role::Parameter(name) if !rules.uses(&name) => {
            let hint = match rules.names().iter().find(|used| is_near(used, &name)) {
                Some(near) => format!("; it has {}", quoted(near)),
                None => "; leave it out with `--ignore-columns`, or put `#` before its name".to_owned(),
            };
            (FindingKind::UnknownColumn, format!("the message has no placeholder of this name{hint}"))
        }
        _ => return None,
    })
}

/// Whether two names differ only in spaces, dashes, underscores and capitals.
fn is_near(one: &str, other: &str) -> bool {
    let bare = |name: &str| -> String {
        name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    bare(one) == bare(other)
}
