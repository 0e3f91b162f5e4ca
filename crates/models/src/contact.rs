//! Contacts: made and deleted in bulk. Only callbacks report the result of each.

use serde::de::Error;

use crate::language::Language;
use crate::object::object;
use crate::unknown::keeps_rules;
use crate::wire::inside;
use crate::wire::{Bounded, PrivateText};
use crate::{AppId, Channel, ContactId};

object! {
    /// `POST /contacts`: makes contacts. Each one really made causes one `CONTACT_CREATE` callback;
    /// there is no result per contact, so compare the `external_id`s.
    pub struct CreateContactsRequest {
        /// The contacts: 1 to 1000. Source: the Batch reference.
        pub contacts: Bounded<NewContact, 1, 1000>,
    }
    check contacts_keep_rules;
}

fn contacts_keep_rules<E: Error>(request: &CreateContactsRequest) -> Result<(), E> {
    keeps_rules("contacts", &request.contacts)
}

impl CreateContactsRequest {
    /// Makes 1 to 1000 contacts.
    pub fn new(contacts: impl Into<Bounded<NewContact, 1, 1000>>) -> Self {
        Self { contacts: contacts.into(), unknown_fields: Default::default() }
    }
}

object! {
    /// A contact to make. Source: the Batch reference and the published Conversation API description.
    pub struct NewContact {
        /// How the contact is reached: at least one identity.
        pub channel_identities: Bounded<ContactIdentity, 1, { usize::MAX }>,
        /// The language; required by this API.
        pub language: Language,
        /// The channels, the one tried first in front.
        pub channel_priority: Option<Vec<Channel>> => with_channel_priority(Vec<Channel>),
        /// Stored as `Unknown` if left out.
        pub display_name: Option<PrivateText> => with_display_name(PrivateText),
        /// A mail address.
        pub email: Option<PrivateText> => with_email(PrivateText),
        /// Your own id; it comes back in the callback about the contact.
        pub external_id: Option<PrivateText> => with_external_id(PrivateText),
        /// At most 1024 characters of text; a string here, not an object.
        pub metadata: Option<PrivateText> => with_metadata(PrivateText),
    }
    check within_limits;
}

/// The most characters of the metadata of a contact.
const METADATA: usize = 1024;

fn within_limits<E: Error>(contact: &NewContact) -> Result<(), E> {
    match &contact.metadata {
        Some(text) if text.is_longer_than(METADATA) => {
            Err(inside("/metadata", format_args!("expected at most {METADATA} characters")))
        }
        _ => Ok(()),
    }
}

impl NewContact {
    /// A contact with identities and a language.
    pub fn new(channel_identities: impl Into<Bounded<ContactIdentity, 1, { usize::MAX }>>, language: Language) -> Self {
        Self {
            channel_identities: channel_identities.into(),
            language,
            channel_priority: None,
            display_name: None,
            email: None,
            external_id: None,
            metadata: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// A channel, the identity on it, and the app it belongs to where identities belong to one.
    pub struct ContactIdentity {
        /// The channel.
        pub channel: Channel,
        /// The identity; a phone number on SMS, MMS, RCS, WhatsApp and Viber Business.
        pub identity: PrivateText,
        /// Needed on MESSENGER, INSTAGRAM, LINE and WECHAT, whose identities belong to one app.
        pub app_id: Option<AppId> => with_app_id(AppId),
    }
}

impl ContactIdentity {
    /// A channel and the identity on it.
    pub fn new(channel: Channel, identity: impl Into<PrivateText>) -> Self {
        Self { channel, identity: identity.into(), app_id: None, unknown_fields: Default::default() }
    }
}

object! {
    /// `DELETE /contacts`: deletes contacts. Each one really deleted causes one `CONTACT_DELETE`
    /// callback that carries the whole former contact.
    pub struct DeleteContactsRequest {
        /// The contacts: 1 to 1000. Source: the Batch reference.
        pub contact_ids: Bounded<ContactId, 1, 1000>,
    }
    check ids_keep_rules;
}

fn ids_keep_rules<E: Error>(request: &DeleteContactsRequest) -> Result<(), E> {
    keeps_rules("contact_ids", &request.contact_ids)
}

impl DeleteContactsRequest {
    /// Deletes 1 to 1000 contacts.
    pub fn new(contact_ids: impl Into<Bounded<ContactId, 1, 1000>>) -> Self {
        Self { contact_ids: contact_ids.into(), unknown_fields: Default::default() }
    }
}
