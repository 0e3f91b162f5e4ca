use sinch_batch_models::wire::parse_strict;
use sinch_batch_models::{ConsentRecord, ConsentType};

#[cfg(feature = "csv")]
use super::cells::{Cells, Role};
use super::{Notes, Rules};
use crate::finding::FindingKind;
use crate::identity::{comparable_of_any, fault_of_any};
use crate::source::text::is_blank;

pub(super) const RULES: Rules<ConsentRecord> = Rules {
    list: "consent_records",
    #[cfg(feature = "csv")]
    role: |name| match name {
        "identification" => Some(Role::Identification),
        "consent_type" => Some(Role::ConsentType),
        _ => None,
    },
    #[cfg(feature = "csv")]
    columns: "`identification` and `consent_type`",
    #[cfg(feature = "csv")]
    check_header,
    #[cfg(feature = "csv")]
    of_cells,
    of_json,
    keys: |record, each| {
        let kind = record.consent_type.as_ref().map_or("", ConsentType::as_str);
        each(kind, &comparable_of_any(record.identification.as_str()));
    },
};

/// What the names can be, for a person.
fn no_opt_out() -> String {
    format!("not an opt-out; there are {}", ConsentType::KNOWN.join(", "))
}

#[cfg(feature = "csv")]
fn check_header(cells: &Cells) -> Vec<(FindingKind, &'static str)> {
    let mut faults = Vec::new();
    if cells.column(&Role::Identification).is_none() {
        let message = "there is no column `identification`, so nobody is named";
        faults.push((FindingKind::NoRecipientColumn, message));
    }
    if cells.column(&Role::ConsentType).is_none() {
        let message = "there is no column `consent_type`, which names the opt-out";
        faults.push((FindingKind::MissingColumn, message));
    }
    faults
}

#[cfg(feature = "csv")]
fn of_cells(cells: &Cells, notes: &mut Notes) -> Option<ConsentRecord> {
    let identification = cells.needed(&Role::Identification, notes);
    if let Some((index, id)) = identification
        && let Some(fault) = fault_of_any(id)
    {
        notes.add(cells.place(index), fault.kind, fault.message);
    }
    let kind = cells.needed(&Role::ConsentType, notes).and_then(|(index, text)| {
        let kind = ConsentType::from(&*text.to_ascii_uppercase());
        if !kind.is_known() {
            notes.add(cells.place(index), FindingKind::UnknownName, no_opt_out());
        }
        kind.is_known().then_some(kind)
    });
    Some(ConsentRecord::new(identification?.1, kind?))
}

fn of_json(json: &[u8], notes: &mut Notes) -> Option<ConsentRecord> {
    let record: ConsentRecord = match parse_strict(json) {
        Ok(record) => record,
        Err(error) => {
            notes.unreadable(&error, "an opt-out");
            return None;
        }
    };
    notes.unknown_fields(&record.unknown_fields());
    if is_blank(record.identification.as_str()) {
        notes.at("/identification", FindingKind::MissingIdentity, "empty identity");
    } else if let Some(fault) = fault_of_any(record.identification.as_str()) {
        notes.at("/identification", fault.kind, fault.message);
    }
    match &record.consent_type {
        None => notes.at("/consent_type", FindingKind::MissingValue, "the opt-out is missing"),
        Some(kind) if !kind.is_known() => notes.at("/consent_type", FindingKind::UnknownName, no_opt_out()),
        Some(_) => {}
    }
    Some(record)
}
