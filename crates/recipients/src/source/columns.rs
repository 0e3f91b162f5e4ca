use std::collections::HashMap;
use std::sync::Arc;

use sinch_batch_models::Channel;

use super::records::Records;
use super::rules::{RESERVED, Rules, channel_named, is_blank, is_reserved};
use crate::finding::{Finding, FindingKind, Where, of_file, quoted};

/// What a column is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
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
pub(super) enum By {
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
pub(super) struct Columns {
    pub(super) names: Vec<Box<str>>,
    pub(super) roles: Vec<Role>,
    pub(super) by: By,
    pub(super) parameters: Keyed,
    pub(super) message_metadata: Keyed,
    pub(super) conversation_metadata: Keyed,
}

/// The keys that a row fills, in the order of the map that they go to, and their columns.
pub(super) type Keyed = Vec<(Arc<str>, usize)>;

impl Columns {
    /// Of a file without a header.
    pub(super) fn none() -> Self {
        Self {
            names: Vec::new(),
            roles: Vec::new(),
            by: By::Nothing,
            parameters: Vec::new(),
            message_metadata: Vec::new(),
            conversation_metadata: Vec::new(),
        }
    }

    /// Reads the header, and reports every mistake in it.
    pub(super) fn of(header: &Records, rules: &Rules, findings: &mut Vec<Finding>) -> Self {
        let line = header.line();
        let mut columns = Self::none();
        let mut seen = HashMap::new();
        for index in 0..header.len() {
            let name = String::from_utf8_lossy(header.field(index));
            let place = Where::column(&name, index);
            let mut role = Role::Ignored;
            if std::str::from_utf8(header.field(index)).is_err() {
                let place = Where { name: None, ..place };
                findings.push(of_file(line, place, FindingKind::NotUtf8, "the column's name is not UTF-8"));
            } else if let Some((kind, message)) = fault(&name, rules) {
                findings.push(of_file(line, place, kind, message));
            } else {
                role = Role::of(&name);
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
        columns.by = columns.find_recipients(line, findings);
        columns.find_parameters(line, rules, findings);
        columns
    }

    /// The header of a file of skipped rows: this one, with `#` before the names of columns that were
    /// left out, so that only the rows are there to be mended.
    pub(super) fn header_of_skipped(&self, raw: &[u8]) -> Vec<u8> {
        let left_out = |(name, role): (&str, &Role)| *role == Role::Ignored && !name.starts_with('#');
        let columns = || self.names.iter().map(|name| &**name).zip(&self.roles);
        if !columns().any(left_out) {
            return raw.to_vec();
        }
        let named = columns().map(|(name, role)| {
            let mark = if left_out((name, role)) { "#" } else { "" };
            let name = format!("{mark}{name}");
            if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name }
        });
        named.collect::<Vec<_>>().join(",").into_bytes()
    }

    fn find_recipients(&self, line: u64, findings: &mut Vec<Finding>) -> By {
        let at = |wanted: Role| self.roles.iter().position(|role| *role == wanted);
        let (contact, channel, identity) = (at(Role::ContactId), at(Role::Channel), at(Role::Identity));
        let on: Vec<usize> =
            self.roles.iter().enumerate().filter(|(_, role)| matches!(role, Role::On(_))).map(|(at, _)| at).collect();
        let message = match (contact, channel, identity, on.is_empty()) {
            (Some(contact), None, None, true) => return By::Contact(contact),
            (None, Some(channel), Some(identity), true) => return By::Pair { channel, identity },
            (None, None, None, false) => return By::Channels(on),
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

    fn find_parameters(&self, line: u64, rules: &Rules, findings: &mut Vec<Finding>) {
        for name in &rules.names {
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

/// What is wrong with a column's name.
fn fault(name: &str, rules: &Rules) -> Option<(FindingKind, String)> {
    Some(match Role::of(name) {
        Role::Parameter(name) | Role::MessageMetadata(name) | Role::ConversationMetadata(name) if is_blank(&name) => {
            (FindingKind::BlankKey, "the column has no name".to_owned())
        }
        Role::MessageMetadata(key) | Role::ConversationMetadata(key) if is_reserved(&key) => {
            (FindingKind::ReservedKey, RESERVED.to_owned())
        }
        Role::Parameter(name) if !rules.uses(&name) => {
            let hint = match rules.names.iter().find(|used| is_near(used, &name)) {
                Some(near) => format!("; it has {}", quoted(near)),
                None => "; put `#` before the name of a column that is only a remark".to_owned(),
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
