use sinch_batch_models::wire::parse;
use sinch_batch_models::{BatchRecipient, Metadata, UnknownFields};

use super::feed::Buffer;
use super::rules::{
    BLANK, Length, RESERVED, Rules, channel_named, comparable, identity_fault, is_blank, is_reserved, value_fault,
};
use super::{Broken, MAX_ROW_BYTES, Observer, Verdict};
use crate::finding::{FindingKind, Place, Where, quoted};
use crate::repeats::{MAX_IDENTITIES, Ordinal};

/// The rows of a file with one JSON object a line.
pub(super) struct JsonRows {
    raw: usize,
    taken: usize,
    line: u64,
    next_line: u64,
}

impl JsonRows {
    pub(super) fn new() -> Self {
        Self { raw: 0, taken: 0, line: 1, next_line: 1 }
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Raw length of the row with its line break.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) fn raw<'a>(&self, feed: &'a Buffer) -> &'a [u8] {
        feed.bytes().get(..self.raw).unwrap_or_default()
    }

    /// The recipient of the row, if nothing is wrong with it.
    pub(super) fn recipient(&self, feed: &Buffer, place: Place, rules: &Rules) -> Option<BatchRecipient> {
        let mut verdict = Verdict::default();
        let recipient = self.read(feed, place, rules, &mut verdict)?;
        verdict.is_good().then_some(recipient)
    }

    /// Goes to the next line that is neither blank nor a remark; false at the end.
    pub(super) fn advance(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        loop {
            if !self.next_line(feed)? {
                return Ok(false);
            }
            match self.raw(feed).trim_ascii_start().first() {
                None | Some(b'#') => {}
                Some(_) => return Ok(true),
            }
        }
    }

    fn next_line(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        feed.drop_first(self.taken);
        (self.taken, self.raw) = (0, 0);
        self.line = self.next_line;
        let mut searched = 0;
        loop {
            if let Some(at) = feed.bytes()[searched..].iter().position(|byte| *byte == b'\n') {
                self.raw = searched + at;
                self.taken = self.raw + 1;
                break;
            }
            searched = feed.bytes().len();
            if searched > MAX_ROW_BYTES {
                return Err(Broken::TooLarge);
            }
            if !feed.more()? {
                if searched == 0 {
                    return Ok(false);
                }
                (self.raw, self.taken) = (searched, searched);
                break;
            }
        }
        if self.raw > MAX_ROW_BYTES {
            return Err(Broken::TooLarge);
        }
        if self.raw(feed).ends_with(b"\r") {
            self.raw -= 1;
        }
        self.next_line += 1;
        Ok(true)
    }

    pub(super) fn check(&self, feed: &Buffer, place: Place, rules: &Rules, observer: &mut impl Observer) {
        self.read(feed, place, rules, observer);
    }

    /// Reads the row and tells what is wrong with it; `None` if it is no recipient at all.
    fn read(&self, feed: &Buffer, place: Place, rules: &Rules, observer: &mut impl Observer) -> Option<BatchRecipient> {
        let raw = self.raw(feed);
        if let Err(error) = std::str::from_utf8(raw) {
            let at = error.valid_up_to() + 1;
            let column = Where { name: None, number: u32::try_from(at).ok() };
            let message = format!("the line is not UTF-8 from its byte {at} on");
            observer.finding(place.finding(column, FindingKind::NotUtf8, message));
            return None;
        }
        match parse::<BatchRecipient>(raw) {
            Ok(recipient) => {
                check(&recipient, place, rules, observer);
                Some(recipient)
            }
            Err(error) => {
                let name = Some(error.path()).filter(|path| !path.is_empty());
                let column = Where { name, number: u32::try_from(error.column().max(1)).ok() };
                let message = format!("the line is no recipient: {}", error.message());
                observer.finding(place.finding(column, FindingKind::BadJson, message));
                None
            }
        }
    }
}

fn check(recipient: &BatchRecipient, place: Place, rules: &Rules, observer: &mut impl Observer) {
    check_extra(&recipient.unknown_fields, "", place, observer);
    check_recipient(recipient, place, observer);
    for name in &rules.names {
        let fault = match recipient.parameters.get(name) {
            None => Some((FindingKind::MissingValue, format!("the message needs a value for {}", quoted(name)))),
            Some(value) => value_fault(value, name),
        };
        if let Some((kind, message)) = fault {
            observer.finding(place.finding(Where::name(&pointer("/parameters", name)), kind, message));
        }
    }
    for name in recipient.parameters.keys() {
        if is_blank(name) {
            observer.finding(place.finding(
                Where::name("/parameters"),
                FindingKind::BlankKey,
                "a parameter has no name",
            ));
        } else if !rules.uses(name) {
            let message = "the message has no placeholder of this name";
            let column = pointer("/parameters", name);
            observer.finding(place.finding(Where::name(&column), FindingKind::UnknownColumn, message));
        }
    }
    check_metadata(&recipient.message_metadata, "message_metadata", rules.message_metadata, place, observer);
    check_metadata(
        &recipient.conversation_metadata,
        "conversation_metadata",
        rules.conversation_metadata,
        place,
        observer,
    );
}

fn check_recipient(recipient: &BatchRecipient, place: Place, observer: &mut impl Observer) {
    const IDENTITIES: &str = "/recipient/identified_by/channel_identities";
    let person = &recipient.recipient;
    check_extra(&person.unknown_fields, "/recipient", place, observer);
    if let Some(id) = person.contact_id() {
        let column = identity_pointer(0, "");
        if id.is_empty() {
            let message = "it is empty, so there is nobody to send to";
            observer.finding(place.finding(Where::name(&column), FindingKind::MissingIdentity, message));
        } else if is_blank(id.as_str()) {
            observer.finding(place.finding(Where::name(&column), FindingKind::BlankValue, BLANK));
        } else {
            observer.identity(place, 0, "", id.as_str());
        }
        return;
    }
    if let sinch_batch_models::recipient::RecipientBy::Identities(identities) = &person.by {
        check_extra(&identities.unknown_fields, "/recipient/identified_by", place, observer);
    }
    let identities = person.channel_identities();
    if identities.is_empty() {
        let message = "there is no identity, so there is nobody to send to";
        observer.finding(place.finding(Where::name(IDENTITIES), FindingKind::MissingIdentity, message));
    }
    if identities.len() > MAX_IDENTITIES {
        let message = format!("there are {} identities; {MAX_IDENTITIES} can be checked", identities.len());
        observer.finding(place.finding(Where::name(IDENTITIES), FindingKind::TooLarge, message));
        return;
    }
    for (ordinal, identity) in (1..).zip(identities) {
        let at = identity_pointer(ordinal, "");
        check_extra(&identity.unknown_fields, &at, place, observer);
        if !identity.channel.is_known() {
            let hint = match channel_named(identity.channel.as_str()) {
                Some(channel) => format!("; `{channel}` is written in capitals"),
                None => String::new(),
            };
            let message = format!("this names no channel that is known{hint}");
            let column = identity_pointer(ordinal, "channel");
            observer.finding(place.finding(Where::name(&column), FindingKind::UnknownChannel, message));
        }
        let fault = if identity.identity.is_empty() {
            Some((FindingKind::MissingIdentity, "it is empty, so there is nobody to send to".to_owned()))
        } else {
            identity_fault(&identity.channel, &identity.identity)
        };
        match fault {
            Some((kind, message)) => {
                let column = identity_pointer(ordinal, "identity");
                observer.finding(place.finding(Where::name(&column), kind, message));
            }
            None => {
                let id = comparable(&identity.channel, &identity.identity);
                observer.identity(place, ordinal, identity.channel.as_str(), id);
            }
        }
    }
}

fn check_metadata(metadata: &Metadata, name: &str, limit: usize, place: Place, observer: &mut impl Observer) {
    if metadata.is_empty() {
        return;
    }
    let at = format!("/{name}");
    for key in metadata.keys() {
        if is_blank(key) {
            observer.finding(place.finding(Where::name(&at), FindingKind::BlankKey, "a metadata key is blank"));
        } else if is_reserved(key) {
            let column = pointer(&at, key);
            observer.finding(place.finding(Where::name(&column), FindingKind::ReservedKey, RESERVED));
        }
    }
    if let Some(message) = Length::of(metadata).fault(name, limit) {
        observer.finding(place.finding(Where::name(&at), FindingKind::TooLong, message));
    }
}

fn check_extra(extra: &UnknownFields, at: &str, place: Place, observer: &mut impl Observer) {
    for (name, _) in extra.iter() {
        let column = pointer(at, name);
        let message = "the service knows no field of this name here";
        observer.finding(place.finding(Where::name(&column), FindingKind::UnknownColumn, message));
    }
}

/// The JSON pointer of the contact (0) or of the `n`-th identity, or of a field of it.
pub(super) fn identity_pointer(ordinal: Ordinal, field: &str) -> String {
    let Some(index) = ordinal.checked_sub(1) else { return "/recipient/contact_id".to_owned() };
    let slash = if field.is_empty() { "" } else { "/" };
    format!("/recipient/identified_by/channel_identities/{index}{slash}{field}")
}

fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}
