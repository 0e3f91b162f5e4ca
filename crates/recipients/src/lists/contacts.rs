#[cfg(feature = "csv")]
#[cfg(feature = "csv")]
use super::cells::{Cells, Role};
use super::{Notes, Rules};
use crate::finding::FindingKind;
use crate::identity::{comparable, fault, fault_on};
use crate::reading::channel_named;
#[cfg(feature = "csv")]
use crate::source::table::no_channel;
use serde::Deserialize;
use sinch_batch_models::wire::parse_strict;
use sinch_batch_models::{AppId, Channel, ContactId, ContactIdentity, Language, NewContact, wire::Bounded};

pub(super) const RULES: Rules<NewContact> = Rules {
    list: "contacts",
    #[cfg(feature = "csv")]
    role,
    #[cfg(feature = "csv")]
    columns: "`channel` and `identity`, or columns named after channels, such as `SMS`; and `language`, \
              `display_name`, `email`, `external_id`, `metadata`, `channel_priority`, `app_id`",
    #[cfg(feature = "csv")]
    check_header,
    #[cfg(feature = "csv")]
    of_cells,
    of_json,
    keys: |contact, each| {
        for identity in contact.channel_identities.iter() {
            each(identity.channel.as_str(), &comparable(Some(&identity.channel), &identity.identity));
        }
    },
};

pub(super) const ID_RULES: Rules<ContactId> = Rules {
    list: "contact_ids",
    #[cfg(feature = "csv")]
    role: |name| (name == "contact_id").then_some(Role::ContactId),
    #[cfg(feature = "csv")]
    columns: "`contact_id`",
    #[cfg(feature = "csv")]
    check_header: |cells| match cells.column(&Role::ContactId) {
        Some(_) => Vec::new(),
        None => vec![(FindingKind::NoRecipientColumn, "there is no column `contact_id`, so no contact is named")],
    },
    #[cfg(feature = "csv")]
    of_cells: |cells, notes| {
        let (index, id) = cells.needed(&Role::ContactId, notes)?;
        if let Some(fault) = fault(id) {
            notes.add(cells.place(index), fault.kind, fault.message);
        }
        Some(ContactId::new(id))
    },
    of_json: id_of_json,
    keys: |id, each| each("", &comparable(None, id.as_str())),
};

/// The most characters of a contact's metadata.
#[cfg(feature = "csv")]
const METADATA: usize = 1024;

const NO_LANGUAGE: &str = "not a language; there are names such as EN, EN_US or PT_BR";

/// Whether a request may name the language: callbacks have one more.
fn is_for_requests(language: &Language) -> bool {
    language.is_known() && *language != Language::Unspecified
}

/// Whether an identity on a channel belongs to one app. RowReader: the published Conversation API
/// description.
fn is_of_an_app(channel: &Channel) -> bool {
    matches!(channel, Channel::Messenger | Channel::Instagram | Channel::Line | Channel::WeChat)
}

fn no_app(channel: &Channel) -> String {
    format!("an identity on {channel} belongs to one app, so the app's id is needed")
}

#[cfg(feature = "csv")]
fn role(name: &str) -> Option<Role> {
    Some(match name {
        "app_id" => Role::AppId,
        "channel_priority" => Role::ChannelPriority,
        "display_name" => Role::DisplayName,
        "email" => Role::Email,
        "external_id" => Role::ExternalId,
        "language" => Role::Language,
        "metadata" => Role::Metadata,
        _ if name.eq_ignore_ascii_case("channel") => Role::Channel,
        _ if name.eq_ignore_ascii_case("identity") => Role::Identity,
        _ => Role::On(channel_named(name)?),
    })
}

#[cfg(feature = "csv")]
fn check_header(cells: &Cells) -> Vec<(FindingKind, &'static str)> {
    let mut faults = Vec::new();
    let pair = (cells.column(&Role::Channel), cells.column(&Role::Identity));
    let no_identity = match (pair, cells.on_channels().next()) {
        ((Some(_), Some(_)), None) | ((None, None), Some(_)) => None,
        ((None, None), None) => Some(
            "no column names an identity: call two `channel` and `identity`, or one after a channel, such as `SMS`",
        ),
        ((Some(_), None), None) => Some("there is a column `channel` but no column `identity`"),
        ((None, Some(_)), None) => Some("there is a column `identity` but no column `channel`"),
        (_, Some(_)) => Some("keep `channel` and `identity`, or the columns named after channels, not both"),
    };
    if let Some(message) = no_identity {
        faults.push((FindingKind::NoRecipientColumn, message));
    }
    if cells.column(&Role::Language).is_none() {
        faults.push((FindingKind::MissingColumn, "there is no column `language`, which a contact must have"));
    }
    faults
}

#[cfg(feature = "csv")]
fn of_cells(cells: &Cells, notes: &mut Notes) -> Option<NewContact> {
    let identities = identities(cells, notes);
    let language = cells.needed(&Role::Language, notes).and_then(|(index, text)| {
        let language = Language::from(&*text.to_ascii_uppercase().replace('-', "_"));
        if !is_for_requests(&language) {
            notes.add(cells.place(index), FindingKind::UnknownName, NO_LANGUAGE);
        }
        is_for_requests(&language).then_some(language)
    });
    let priority = priority(cells, notes);
    if let Some((index, text)) = cells.given(&Role::Metadata)
        && text.chars().count() > METADATA
    {
        let message = format!("there are {} characters; at most {METADATA} fit", text.chars().count());
        notes.add(cells.place(index), FindingKind::TooLong, message);
    }
    let mut contact = NewContact::new(Bounded::try_from(identities).ok()?, language?);
    let text = |role| cells.given(&role).map(|(_, text)| text.into());
    contact.channel_priority = priority;
    contact.display_name = text(Role::DisplayName);
    contact.email = text(Role::Email);
    contact.external_id = text(Role::ExternalId);
    contact.metadata = text(Role::Metadata);
    Some(contact)
}

#[cfg(feature = "csv")]
fn identities(cells: &Cells, notes: &mut Notes) -> Vec<ContactIdentity> {
    let mut given = Vec::new();
    if let Some(index) = cells.column(&Role::Channel) {
        let channel = cells.needed(&Role::Channel, notes).and_then(|(_, name)| {
            let channel = channel_named(name);
            if channel.is_none() {
                notes.add(cells.place(index), FindingKind::UnknownChannel, no_channel());
            }
            channel
        });
        if let (Some((index, _)), Some(channel)) = (cells.needed(&Role::Identity, notes), channel) {
            given.push((index, channel));
        }
    } else {
        given.extend(
            cells.on_channels().filter(|(index, _)| !cells.text(*index).is_empty()).map(|(i, c)| (i, c.clone())),
        );
        if given.is_empty() && cells.on_channels().next().is_some() {
            let message = "the row has no identity on any channel, so there is nobody to make a contact of";
            notes.add(crate::finding::Where::ROW, FindingKind::MissingIdentity, message);
        }
    }
    let app_id = cells.given(&Role::AppId);
    given
        .into_iter()
        .map(|(index, channel)| {
            let id = cells.text(index);
            if let Some(fault) = fault_on(&channel, id) {
                notes.add(cells.place(index), fault.kind, fault.message);
            }
            let mut identity = ContactIdentity::new(channel, id);
            if is_of_an_app(&identity.channel) {
                match app_id {
                    Some((_, app_id)) => identity.app_id = Some(AppId::new(app_id)),
                    None => {
                        let column = cells.column(&Role::AppId).unwrap_or(index);
                        let hint = if cells.column(&Role::AppId).is_none() { ", in a column `app_id`" } else { "" };
                        let message = format!("{}{hint}", no_app(&identity.channel));
                        notes.add(cells.place(column), FindingKind::MissingValue, message);
                    }
                }
            }
            identity
        })
        .collect()
}

/// Names of channels, parted by anything that is in none.
#[cfg(feature = "csv")]
fn priority(cells: &Cells, notes: &mut Notes) -> Option<Vec<Channel>> {
    let (index, text) = cells.given(&Role::ChannelPriority)?;
    let names = text.split(|c: char| c.is_whitespace() || ",;|>".contains(c)).filter(|name| !name.is_empty());
    let channels: Vec<_> = names.map(channel_named).collect();
    let known: Vec<_> = channels.iter().flatten().cloned().collect();
    if known.len() < channels.len() {
        let message = "one of the names is not a known channel; channels are separated by spaces or `;`";
        notes.add(cells.place(index), FindingKind::UnknownChannel, message);
    }
    Some(known).filter(|known| !known.is_empty())
}

fn of_json(json: &[u8], notes: &mut Notes) -> Option<NewContact> {
    let contact: NewContact = match parse_strict(json) {
        Ok(contact) => contact,
        Err(error) => {
            notes.unreadable(&error, "a contact");
            return None;
        }
    };
    notes.unknown_fields(&contact.unknown_fields());
    for (index, identity) in contact.channel_identities.iter().enumerate() {
        let at = |field| format!("/channel_identities/{index}/{field}");
        check_channel(&identity.channel, &at("channel"), notes);
        if identity.identity.is_empty() {
            notes.at(&at("identity"), FindingKind::MissingIdentity, "empty identity");
        } else if let Some(fault) = fault_on(&identity.channel, identity.identity.as_str()) {
            notes.at(&at("identity"), fault.kind, fault.message);
        }
        if is_of_an_app(&identity.channel) && identity.app_id.as_ref().is_none_or(AppId::is_empty) {
            notes.at(&at("app_id"), FindingKind::MissingValue, no_app(&identity.channel));
        }
    }
    if !is_for_requests(&contact.language) {
        notes.at("/language", FindingKind::UnknownName, NO_LANGUAGE);
    }
    for (index, channel) in contact.channel_priority.iter().flatten().enumerate() {
        check_channel(channel, &format!("/channel_priority/{index}"), notes);
    }
    Some(contact)
}

fn check_channel(channel: &Channel, at: &str, notes: &mut Notes) {
    if !channel.is_known() {
        let hint = match channel_named(channel.as_str()) {
            Some(channel) => format!("; `{channel}` is written in capitals"),
            None => String::new(),
        };
        notes.at(at, FindingKind::UnknownChannel, format!("not a known channel{hint}"));
    }
}

/// A contact's id: in an object, or alone.
fn id_of_json(json: &[u8], notes: &mut Notes) -> Option<ContactId> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, expecting = "an object with `contact_id`, or the id as a string")]
    struct Line {
        contact_id: ContactId,
    }
    let read = if json.trim_ascii_start().starts_with(b"\"") {
        parse_strict::<ContactId>(json)
    } else {
        parse_strict::<Line>(json).map(|line| line.contact_id)
    };
    match read {
        Ok(id) => {
            if let Some(fault) = fault(id.as_str()) {
                notes.at("/contact_id", fault.kind, fault.message);
                return None;
            }
            Some(id)
        }
        Err(error) => {
            notes.unreadable(&error, "the id of a contact");
            None
        }
    }
}
