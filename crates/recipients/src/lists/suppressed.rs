//! People who get nothing, in the columns of recipients.

use std::io::Read;

use sinch_batch_models::Channel;

use super::cells::{Cells, Role};
use super::{List, Notes, Rules};
use crate::finding::FindingKind;
use crate::identity::{comparable, fault, fault_on, tidied};
use crate::reading::channel_named;
use crate::source::table::no_channel;
use crate::source::{Format, SourceError};
use crate::suppression::{On, Suppressed, any};

impl List<Vec<Suppressed>> {
    pub(crate) fn suppressed(reader: impl Read + Send + 'static) -> Result<Self, SourceError> {
        Self::new(Box::new(reader), Format::Csv, RULES)
    }
}

const RULES: Rules<Vec<Suppressed>> = Rules {
    list: "",
    role: |name| Some(role_of(name).unwrap_or(Role::Other)),
    columns: "`identity`, `channel` and `identity`, `contact_id`, or columns named after channels, such as `SMS`",
    check_header,
    of_cells,
    of_json: |_, _| None,
    keys: |_, _| {},
};

/// Whether a column of that name makes a file a table of people.
pub(crate) fn names_people(name: &str) -> bool {
    role_of(name).is_some()
}

fn role_of(name: &str) -> Option<Role> {
    Some(match name {
        _ if name.eq_ignore_ascii_case("contact_id") => Role::ContactId,
        _ if name.eq_ignore_ascii_case("channel") => Role::Channel,
        _ if name.eq_ignore_ascii_case("identity") => Role::Identity,
        _ if name.eq_ignore_ascii_case("identification") => Role::Identification,
        _ => Role::On(channel_named(name)?),
    })
}

fn check_header(cells: &Cells) -> Vec<(FindingKind, &'static str)> {
    let has = |role: &Role| cells.column(role).is_some();
    if has(&Role::Channel) && !has(&Role::Identity) {
        let message = "there is a column `channel` but no column `identity`";
        return vec![(FindingKind::NoRecipientColumn, message)];
    }
    Vec::new()
}

fn of_cells(cells: &Cells, notes: &mut Notes) -> Option<Vec<Suppressed>> {
    let mut people = Vec::with_capacity(1);
    let mut add = |index: usize, found: Result<Suppressed, (FindingKind, String)>| match found {
        Ok(one) => people.push(one),
        Err((kind, message)) => notes.add(cells.place(index), kind, message),
    };
    if let Some((index, id)) = cells.given(&Role::ContactId) {
        add(
            index,
            match fault(id) {
                Some(found) => Err((found.kind, found.message)),
                None => Ok(Suppressed { on: On::Contact, identity: comparable(None, id).into_owned() }),
            },
        );
    }
    if let Some((index, id)) = cells.given(&Role::Identification) {
        add(index, any(id));
    }
    match (cells.given(&Role::Channel), cells.given(&Role::Identity)) {
        (Some((index, name)), Some((at, id))) => match channel_named(name) {
            Some(channel) => add(at, on(channel, id)),
            None => add(index, Err((FindingKind::UnknownChannel, no_channel()))),
        },
        (None, Some((index, id))) => add(index, any(id)),
        (_, None) => {}
    }
    for (index, channel) in cells.on_channels() {
        let id = cells.text(index);
        if !id.is_empty() {
            add(index, on(channel.clone(), id));
        }
    }
    if people.is_empty() && notes.found.is_empty() {
        notes.add(super::Where::ROW, FindingKind::MissingIdentity, "the row names nobody");
    }
    Some(people)
}

fn on(channel: Channel, id: &str) -> Result<Suppressed, (FindingKind, String)> {
    let tidy = if channel.has_phone_numbers() { tidied(id) } else { id.to_owned() };
    match fault_on(&channel, &tidy) {
        Some(found) => Err((found.kind, found.message)),
        None => Ok(Suppressed { identity: comparable(Some(&channel), id).into_owned(), on: On::Channel(channel) }),
    }
}
