use sinch_batch_models::recipient::RecipientBy;
use sinch_batch_models::wire::parse_strict;
use sinch_batch_models::{BatchRecipient, Channel, Metadata, SmsLength, UnknownFields};

use super::feed::Buffer;
use super::rules::{Length, RESERVED, Rules, is_reserved};
use super::text::{control, control_message, is_blank, may_have_control};
use super::wording::Piece;
use super::{Broken, MAX_ROW_BYTES, Measured, Observer, Verdict};
use crate::finding::{FindingKind, Place, Where, quoted};
use crate::identity::{IdentityFault, comparable, fault, fault_on, of_send, tidied};
use crate::reading::channel_named;
use crate::repeats::{MAX_IDENTITIES, Ordinal};
use crate::sms::culprit;

/// The rows of a JSON file: one object a line, or the entries of one array.
pub(crate) struct JsonRows {
    raw: usize,
    taken: usize,
    line: u64,
    next_line: u64,
    array: Option<Array>,
    /// Why the entry is none, where the text around it says so.
    misplaced: Option<&'static str>,
}

/// How far an array is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Array {
    /// The first entry comes next, if there is one.
    Begin,
    /// An entry comes next: a comma was read.
    Entry,
    /// A comma or the end of the array comes next.
    Next,
    /// Nothing may come any more.
    Ended,
}

impl JsonRows {
    pub(crate) fn new() -> Self {
        Self { raw: 0, taken: 0, line: 1, next_line: 1, array: None, misplaced: None }
    }

    /// The entries of an array, if the text begins with one; its bracket belongs to the head of the file.
    pub(crate) fn of(feed: &mut Buffer) -> std::io::Result<Self> {
        let mut rows = Self::new();
        let mut at = 0;
        loop {
            feed.fill(at + 1)?;
            match feed.bytes().get(at) {
                Some(b'\n') => rows.next_line += 1,
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(b'[') => {
                    rows.taken = at + 1;
                    rows.array = Some(Array::Begin);
                    rows.line = rows.next_line;
                    return Ok(rows);
                }
                _ => return Ok(Self::new()),
            }
            at += 1;
            if at > MAX_ROW_BYTES {
                return Ok(Self::new());
            }
        }
    }

    /// Goes to the next entry of the array. What is between two entries belongs to neither; what cannot be an
    /// entry is one all the same, and cannot be read.
    fn next_entry(&mut self, feed: &mut Buffer, state: Array) -> Result<bool, Broken> {
        feed.drop_first(self.taken);
        (self.taken, self.raw) = (0, 0);
        let mut state = state;
        loop {
            feed.fill(1)?;
            match feed.bytes().first() {
                None => {
                    self.line = self.next_line;
                    return Ok(false);
                }
                Some(b'\n') => self.next_line += 1,
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(b',') if state == Array::Next => state = Array::Entry,
                Some(b']') if matches!(state, Array::Next | Array::Begin) => state = Array::Ended,
                Some(_) => break,
            }
            self.array = Some(state);
            feed.drop_first(1);
        }
        self.line = self.next_line;
        let length = self.entry_length(feed)?;
        self.misplaced = match state {
            Array::Begin | Array::Entry => None,
            Array::Next => Some("a comma is missing before this entry"),
            Array::Ended => Some("this stands behind the end of the array"),
        };
        self.raw = length;
        self.taken = length;
        self.next_line += feed.bytes()[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.array = Some(if state == Array::Ended { Array::Ended } else { Array::Next });
        Ok(true)
    }

    /// Whether the file ended before its array did.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.array.is_some_and(|array| array != Array::Ended)
    }

    /// The length of the value that begins here, or of what stands in its place.
    fn entry_length(&mut self, feed: &mut Buffer) -> Result<usize, Broken> {
        let (mut depth, mut quoted, mut escaped, mut at) = (0_u32, false, false, 0);
        loop {
            if at == feed.bytes().len() {
                if at > MAX_ROW_BYTES {
                    return Err(Broken::TooLarge);
                }
                if !feed.more()? {
                    return Ok(at);
                }
            }
            let Some(byte) = feed.bytes().get(at).copied() else { return Ok(at) };
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 1 => depth -= 1,
                b'}' | b']' if depth == 1 => return Ok(at + 1),
                // Anything that cannot be in a value: one byte of it is an entry that cannot be read.
                b',' | b'}' | b']' if depth == 0 => return Ok(at.max(1)),
                _ => {}
            }
            at += 1;
        }
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Raw length of the row with its line break.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    pub(crate) fn raw<'a>(&self, feed: &'a Buffer) -> &'a [u8] {
        feed.bytes().get(..self.raw).unwrap_or_default()
    }

    /// The recipient of the row, if nothing is wrong with it.
    pub(crate) fn recipient(&self, feed: &Buffer, place: Place, rules: &Rules) -> Option<BatchRecipient> {
        let mut verdict = Verdict::default();
        let recipient = self.read(feed, place, rules, &mut verdict)?;
        verdict.is_good().then_some(recipient)
    }

    /// Goes to the next line that is neither blank nor a remark; false at the end.
    pub(crate) fn advance(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        if let Some(state) = self.array {
            return self.next_entry(feed, state);
        }
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

    pub(crate) fn check(&self, feed: &Buffer, place: Place, rules: &Rules, observer: &mut impl Observer) {
        let recipient = self.read(feed, place, rules, observer);
        if observer.measures()
            && let Some(recipient) = recipient
        {
            measure(&recipient, place, rules, observer);
        }
    }

    /// Reads the row and reports what is wrong with it; `None` if it is not a recipient.
    fn read(&self, feed: &Buffer, place: Place, rules: &Rules, observer: &mut impl Observer) -> Option<BatchRecipient> {
        let raw = self.raw(feed);
        if let Err(error) = std::str::from_utf8(raw) {
            let at = error.valid_up_to() + 1;
            let column = Where { name: None, number: u32::try_from(at).ok() };
            let message = format!("the line is not UTF-8 from its byte {at} on");
            observer.finding(place.finding(column, FindingKind::NotUtf8, message));
            return None;
        }
        if let Some(message) = self.misplaced {
            observer.finding(place.finding(Where { name: None, number: Some(1) }, FindingKind::BadJson, message));
            return None;
        }
        match parse_strict::<BatchRecipient>(raw) {
            Ok(mut recipient) => {
                make_tidy(&mut recipient, rules);
                check(&recipient, place, rules, observer);
                flatten(&mut recipient, rules);
                Some(recipient)
            }
            Err(error) => {
                let name = Some(error.path()).filter(|path| !path.is_empty());
                let column = Where { name, number: u32::try_from(error.column().max(1)).ok() };
                let what = if self.array.is_some() { "entry" } else { "line" };
                let is_request = raw.windows(WHOLE_LIST.len()).any(|part| part == WHOLE_LIST.as_bytes());
                let message = match error.message() {
                    _ if is_request => {
                        format!("the {what} is a whole request: give the array in its {WHOLE_LIST} alone")
                    }
                    cause => format!("the {what} is not a recipient: {cause}"),
                };
                // An entry of an array may have lines of its own.
                let line = place.line + (error.line().max(1) - 1) as u64;
                observer.finding(Place { line, ..place }.finding(column, FindingKind::BadJson, message));
                None
            }
        }
    }
}

/// The name of the recipients in a request.
const WHOLE_LIST: &str = "\"recipient_and_params\"";

fn check(recipient: &BatchRecipient, place: Place, rules: &Rules, observer: &mut impl Observer) {
    check_extra(&recipient.unknown_fields, "", place, observer);
    check_recipient(recipient, place, observer);
    for (index, name) in rules.names().iter().enumerate() {
        let mut note = |kind, message| {
            observer.finding(place.finding(Where::name(&pointer("/parameters", name)), kind, message));
        };
        match recipient.parameters.get(name) {
            None => note(FindingKind::MissingValue, format!("the message needs a value for {}", quoted(name))),
            Some(value) => {
                let to_whatsapp = || goes_to_whatsapp(recipient);
                rules.check_value((value, index), may_have_control(value.as_bytes()), to_whatsapp, note);
            }
        }
    }
    for name in recipient.parameters.keys() {
        if is_blank(name) {
            observer.finding(place.finding(
                Where::name("/parameters"),
                FindingKind::BlankKey,
                "a parameter has no name",
            ));
        } else if !rules.uses(name) && !is_ignored(name, rules) {
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
            return;
        }
        let fault = fault(id.as_str());
        let is_comparable = fault.as_ref().is_none_or(|fault| fault.names_somebody(id.as_str()));
        if let Some(IdentityFault { kind, message }) = fault {
            observer.finding(place.finding(Where::name(&column), kind, message));
        }
        if is_comparable {
            observer.identity(place, 0, "", &comparable(None, id.as_str()));
        }
        return;
    }
    if let RecipientBy::Identities(identities) = &person.by {
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
                None => format!("; there are {}", Channel::KNOWN.join(", ")),
            };
            let message = format!("not a known channel{hint}");
            let column = identity_pointer(ordinal, "channel");
            observer.finding(place.finding(Where::name(&column), FindingKind::UnknownChannel, message));
        }
        let id = &*identity.identity;
        let fault = if id.is_empty() {
            let message = "it is empty, so there is nobody to send to".to_owned();
            Some(IdentityFault { kind: FindingKind::MissingIdentity, message })
        } else {
            fault_on(&identity.channel, id)
        };
        let is_comparable = !id.is_empty() && fault.as_ref().is_none_or(|fault| fault.names_somebody(id));
        if let Some(IdentityFault { kind, message }) = fault.map(of_send) {
            let column = identity_pointer(ordinal, "identity");
            observer.finding(place.finding(Where::name(&column), kind, message));
        }
        if is_comparable {
            let id = comparable(Some(&identity.channel), id);
            observer.identity(place, ordinal, identity.channel.as_str(), &id);
        }
    }
}

/// Whether a parameter without a use counts as a remark.
fn is_ignored(name: &str, rules: &Rules) -> bool {
    rules.reading.ignore_unused || rules.reading.ignore_columns.iter().any(|ignored| ignored == name)
}

/// Whether the row may be sent on WhatsApp; of a contact it is unknown.
fn goes_to_whatsapp(recipient: &BatchRecipient) -> bool {
    recipient.recipient.contact_id().is_some()
        || recipient.recipient.channel_identities().iter().any(|identity| identity.channel == Channel::WhatsApp)
}

/// Removes from phone numbers what cannot be part of them, if that is wanted.
fn make_tidy(recipient: &mut BatchRecipient, rules: &Rules) {
    if !rules.reading.tidy_numbers {
        return;
    }
    let RecipientBy::Identities(identities) = &mut recipient.recipient.by else { return };
    let mut all = identities.channel_identities.to_vec();
    for identity in all.iter_mut().filter(|identity| identity.channel.has_phone_numbers()) {
        identity.identity = (&*tidied(&identity.identity)).into();
    }
    identities.channel_identities = all.into();
}

/// Writes template parameters on one line, if that is wanted; takes away parameters without a use.
fn flatten(recipient: &mut BatchRecipient, rules: &Rules) {
    if rules.reading.is_default() {
        return;
    }
    let parameters = std::mem::take(&mut recipient.parameters);
    recipient.parameters = parameters
        .iter()
        .filter(|(name, _)| rules.uses(name) || !is_ignored(name, rules))
        .map(|(name, value)| (std::sync::Arc::from(name), (&*rules.as_sent(value, name)).into()))
        .collect();
}

/// Reports the length of the row's text.
fn measure(recipient: &BatchRecipient, place: Place, rules: &Rules, observer: &mut impl Observer) {
    let Some(text) = &rules.wording.text else { return };
    let mut whole = String::new();
    let mut blamed = None;
    for piece in &text.pieces {
        let (name, piece) = match piece {
            Piece::Literal(text) => (None, &**text),
            Piece::Name(index) => {
                let Some(name) = rules.names().get(*index) else { continue };
                (Some(name), recipient.parameters.get(name).map_or("", |value| value))
            }
        };
        if blamed.is_none() && culprit(piece).is_some() {
            blamed = Some(name.map(|name| pointer("/parameters", name)));
        }
        whole.push_str(piece);
    }
    let first = recipient.recipient.channel_identities().first();
    let number = first.filter(|identity| identity.channel == Channel::Sms).map(|identity| &*identity.identity);
    let blamed = blamed.as_ref().map(|name| name.as_deref().map_or(Where::ROW, Where::name));
    observer
        .measured(place, Measured { number, length: SmsLength::of(&whole), characters: whole.chars().count(), blamed });
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
    for (key, value) in metadata.iter() {
        let text = value.as_str().unwrap_or_default();
        if may_have_control(text.as_bytes())
            && let Some(found) = control(text)
        {
            let column = pointer(&at, key);
            let message = control_message(found);
            observer.finding(place.finding(Where::name(&column), FindingKind::ControlCharacter, message));
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
pub(crate) fn identity_pointer(ordinal: Ordinal, field: &str) -> String {
    let Some(index) = ordinal.checked_sub(1) else { return "/recipient/contact_id".to_owned() };
    let slash = if field.is_empty() { "" } else { "/" };
    format!("/recipient/identified_by/channel_identities/{index}{slash}{field}")
}

fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}
