//! The operations of the API, and what repeating each does.

/// One operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `POST /messages`: one message for up to 1000 recipients.
    SendBatch,
    /// `DELETE /messages`: cancels batches that wait for their time.
    CancelBatch,
    /// `GET /messages/{batch_id}`: the status of one batch.
    BatchStatus,
    /// `GET /messages`: the batches with some batch metadata.
    FindBatches,
    /// `POST /contacts`: makes up to 1000 contacts.
    CreateContacts,
    /// `DELETE /contacts`: deletes up to 1000 contacts.
    DeleteContacts,
    /// `POST /consents`: records opt-outs.
    InsertConsents,
}

/// What repeating an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Idempotency {
    /// Nothing that matters.
    Safe,
    /// People get the message again: there is no idempotency key.
    SendsMessages,
    /// Contacts may be there twice.
    CreatesContacts,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::SendBatch,
        Self::CancelBatch,
        Self::BatchStatus,
        Self::FindBatches,
        Self::CreateContacts,
        Self::DeleteContacts,
        Self::InsertConsents,
    ];

    /// The effect of repeating the call. The reference names no key for it; that cancels, deletes and opt-outs
    /// can be repeated freely, and that contacts may be made twice, is inferred from what they do.
    pub fn idempotency(self) -> Idempotency {
        match self {
            Self::SendBatch => Idempotency::SendsMessages,
            Self::CreateContacts => Idempotency::CreatesContacts,
            Self::CancelBatch | Self::BatchStatus | Self::FindBatches | Self::DeleteContacts | Self::InsertConsents => {
                Idempotency::Safe
            }
        }
    }

    /// Its name in logs and counts, such as `send_batch`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendBatch => "send_batch",
            Self::CancelBatch => "cancel_batch",
            Self::BatchStatus => "batch_status",
            Self::FindBatches => "find_batches",
            Self::CreateContacts => "create_contacts",
            Self::DeleteContacts => "delete_contacts",
            Self::InsertConsents => "insert_consents",
        }
    }

    /// The path with names in place of ids, fit for logs.
    pub fn path_template(self) -> &'static str {
        match self {
            Self::SendBatch | Self::CancelBatch | Self::FindBatches => "/v1/projects/{project_id}/messages",
            Self::BatchStatus => "/v1/projects/{project_id}/messages/{batch_id}",
            Self::CreateContacts | Self::DeleteContacts => "/v1/projects/{project_id}/contacts",
            Self::InsertConsents => "/v1/projects/{project_id}/consents",
        }
    }

    pub(crate) fn method(self) -> http::Method {
        match self {
            Self::SendBatch | Self::CreateContacts | Self::InsertConsents => http::Method::POST,
            Self::BatchStatus | Self::FindBatches => http::Method::GET,
            Self::CancelBatch | Self::DeleteContacts => http::Method::DELETE,
        }
    }

    /// The operation of a request, by its method and path.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn of(request: &http::Request<bytes::Bytes>) -> Option<Self> {
        let mut path = request.uri().path().split('/').skip_while(|part| *part != "projects").skip(2);
        let (what, id) = (path.next()?, path.next());
        Self::ALL.into_iter().find(|operation| {
            let mut template = operation.path_template().split('/').skip(4);
            operation.method() == *request.method()
                && template.next() == Some(what)
                && template.next().is_some() == id.is_some()
        })
    }

    /// What we were doing, as the middle of a sentence.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            Self::SendBatch => "sending a batch",
            Self::CancelBatch => "cancelling",
            Self::BatchStatus => "asking for the status of a batch",
            Self::FindBatches => "looking batches up by metadata",
            Self::CreateContacts => "creating contacts",
            Self::DeleteContacts => "deleting contacts",
            Self::InsertConsents => "recording opt-outs",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_has_its_class() {
        let messages = "/v1/projects/{project_id}/messages";
        let contacts = "/v1/projects/{project_id}/contacts";
        let table = [
            (Operation::SendBatch, "POST", messages, Idempotency::SendsMessages),
            (Operation::CancelBatch, "DELETE", messages, Idempotency::Safe),
            (Operation::BatchStatus, "GET", "/v1/projects/{project_id}/messages/{batch_id}", Idempotency::Safe),
            (Operation::FindBatches, "GET", messages, Idempotency::Safe),
            (Operation::CreateContacts, "POST", contacts, Idempotency::CreatesContacts),
            (Operation::DeleteContacts, "DELETE", contacts, Idempotency::Safe),
            (Operation::InsertConsents, "POST", "/v1/projects/{project_id}/consents", Idempotency::Safe),
        ];
        assert_eq!(table.map(|(operation, ..)| operation), Operation::ALL);
        for (operation, method, path, class) in table {
            assert_eq!(
                (operation.method().as_str(), operation.path_template(), operation.idempotency()),
                (method, path, class)
            );
        }
    }
}
