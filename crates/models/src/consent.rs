//! Consents: opt-outs, recorded in bulk. There is no way to opt in through this API.

use crate::object::object;
use crate::open_enum::open_enum;
use crate::wire::PrivateText;
use crate::{AppId, BatchId};

object! {
    /// `POST /consents`: records opt-outs. Not atomic: after an error none, some or all may be
    /// stored, and sending again is safe. Source: the Batch reference.
    pub struct InsertConsentsRequest {
        /// The app whose consent lists are written.
        pub app_id: AppId,
        /// The records; no limit of their number is published.
        pub consent_records: Vec<ConsentRecord>,
    }
}

impl InsertConsentsRequest {
    /// Records opt-outs in the lists of an app.
    pub fn new(app_id: AppId, consent_records: impl Into<Vec<ConsentRecord>>) -> Self {
        Self { app_id, consent_records: consent_records.into(), unknown_fields: Default::default() }
    }
}

object! {
    /// One opt-out.
    pub struct ConsentRecord {
        /// Whom it is about: a phone number, a contact id or the like.
        pub identification: PrivateText,
        /// What they do not want. Optional in the reference's table, required in its prose: send it.
        pub consent_type: Option<ConsentType> => with_consent_type(ConsentType),
    }
}

impl ConsentRecord {
    /// Somebody does not want something.
    pub fn new(identification: impl Into<PrivateText>, consent_type: ConsentType) -> Self {
        Self {
            identification: identification.into(),
            consent_type: Some(consent_type),
            unknown_fields: Default::default(),
        }
    }
}

open_enum! {
    /// What somebody does not want. The service refuses names that are not known here.
    pub enum ConsentType {
        /// Anything.
        OptOutAll = "OPT_OUT_ALL",
        /// Messages marked as notifications.
        OptOutNotification = "OPT_OUT_NOTIFICATION",
        /// Messages marked as marketing.
        OptOutMarketing = "OPT_OUT_MARKETING",
    }
}

object! {
    /// The answer to recorded opt-outs. That the id works with a status request is not published.
    #[derive(Default)]
    pub struct ConsentsInserted {
        /// The batch of consents.
        pub batch_id: Option<BatchId>,
    }
}
