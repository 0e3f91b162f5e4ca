//! Contacts and opt-outs: what is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::ids::{Kind, seeded};

/// A contact that was made.
pub(crate) struct Contact {
    pub(crate) project_id: String,
    /// As callbacks show it.
    pub(crate) shown: Value,
}

/// One opt-out, as the control side shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Consent {
    batch_id: String,
    app_id: String,
    identification: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_type: Option<String>,
}

#[derive(Default)]
pub(crate) struct People {
    /// Contacts in the order in which they were made.
    contacts: BTreeMap<u64, Arc<Contact>>,
    by_id: HashMap<String, u64>,
    made: u64,
    consents: Vec<Consent>,
    /// Who opted out: the channel, if it is known, and the identity without a leading `+`.
    opted_out: HashSet<(Option<String>, String)>,
    /// The ids of the batches of consents.
    batches: HashSet<String>,
}

impl People {
    /// Makes the contacts of a body that was checked.
    pub(crate) fn create(
        &mut self,
        body: &Value,
        project_id: &str,
        (now, seed): (Timestamp, u64),
        report: &mut impl FnMut(&Arc<Contact>),
    ) {
        for entry in list(body, "contacts") {
            let id = seeded(now, seed, Kind::Contact, self.made);
            let contact = Arc::new(Contact { project_id: project_id.to_owned(), shown: shown(&id, entry) });
            report(&contact);
            self.contacts.insert(self.made, contact);
            self.by_id.insert(id, self.made);
            self.made += 1;
        }
    }

    /// Deletes the contacts of a body that was checked; ids that name none in the project are ignored.
    pub(crate) fn delete(&mut self, body: &Value, project_id: &str, report: &mut impl FnMut(&Arc<Contact>)) {
        for id in list(body, "contact_ids").iter().filter_map(Value::as_str) {
            let Some(number) = self.by_id.get(id) else { continue };
            if self.contacts.get(number).is_none_or(|contact| contact.project_id != project_id) {
                continue;
            }
            if let Some(contact) = self.contacts.remove(number) {
                self.by_id.remove(id);
                report(&contact);
            }
        }
    }

    /// Records the opt-outs of a body that was checked; their batch's id.
    pub(crate) fn insert(&mut self, body: &Value, (now, seed): (Timestamp, u64)) -> String {
        let batch_id = seeded(now, seed, Kind::Consents, self.batches.len() as u64);
        self.batches.insert(batch_id.clone());
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let app_id = text(body, "app_id").unwrap_or_default();
        self.consents.extend(list(body, "consent_records").iter().map(|record| Consent {
            batch_id: batch_id.clone(),
            app_id: app_id.clone(),
            identification: text(record, "identification").unwrap_or_default(),
            consent_type: text(record, "consent_type"),
        }));
        batch_id
    }

    /// Somebody opts out; on all channels if none is named.
    pub(crate) fn opt_out(&mut self, channel: Option<&str>, identity: &str) {
        self.opted_out.insert((channel.map(str::to_owned), bare(identity)));
    }

    /// Whether somebody opted out on a channel, or on all of them.
    pub(crate) fn has_opted_out(&self, channel: &str, identity: &str) -> bool {
        let identity = bare(identity);
        !self.opted_out.is_empty()
            && [Some(channel.to_owned()), None].into_iter().any(|on| self.opted_out.contains(&(on, identity.clone())))
    }

    /// Whether an id is that of a batch of consents.
    pub(crate) fn is_of_consents(&self, batch_id: &str) -> bool {
        self.batches.contains(batch_id)
    }

    /// Every contact that is there, in the order in which they were made.
    pub(crate) fn contacts(&self) -> Vec<Arc<Contact>> {
        self.contacts.values().cloned().collect()
    }

    /// Every opt-out, in the order received.
    pub(crate) fn consents(&self) -> Vec<Consent> {
        self.consents.clone()
    }
}

/// An identity as it is compared.
fn bare(identity: &str) -> String {
    identity.strip_prefix('+').unwrap_or(identity).to_owned()
}

/// The people of a body of consents.
pub(crate) fn identifications(body: &Value) -> impl Iterator<Item = &str> {
    list(body, "consent_records").iter().filter_map(|record| record.get("identification")?.as_str())
}

fn list<'a>(body: &'a Value, name: &str) -> &'a [Value] {
    body.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A contact as callbacks show it: every field is there, and what was not given is empty.
fn shown(id: &str, given: &Value) -> Value {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let identities: Vec<Value> = list(given, "channel_identities")
        .iter()
        .map(|it| {
            json!({"channel": text(it, "channel"), "identity": text(it, "identity"), "app_id": text(it, "app_id")})
        })
        .collect();
    let mut priority = list(given, "channel_priority").to_vec();
    if priority.is_empty() {
        for identity in &identities {
            if !priority.contains(&identity["channel"]) {
                priority.push(identity["channel"].clone());
            }
        }
    }
    let mut shown = Map::new();
    shown.insert("id".to_owned(), id.into());
    shown.insert("channel_identities".to_owned(), identities.into());
    shown.insert("channel_priority".to_owned(), priority.into());
    for name in ["display_name", "email", "external_id", "metadata", "language"] {
        let value = text(given, name);
        let value = if name == "display_name" && value.is_empty() { "Unknown".to_owned() } else { value };
        shown.insert(name.to_owned(), value.into());
    }
    Value::Object(shown)
}
