//! What can be asked of the service, and what asking twice does.

/// One operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `POST /messages`: one message for up to 1000 recipients.
    SendBatch,
    /// `GET /messages/{batch_id}`: the status of one batch.
    BatchStatus,
    /// `GET /messages`: the batches with some batch metadata.
    FindBatches,
}

/// What repeating an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Idempotency {
    /// Nothing that matters.
    Safe,
    /// People get the message again: there is no idempotency key.
    SendsMessages,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SendBatch, Self::BatchStatus, Self::FindBatches];

    /// What repeating it does.
    pub fn idempotency(self) -> Idempotency {
        match self {
            Self::SendBatch => Idempotency::SendsMessages,
            Self::BatchStatus | Self::FindBatches => Idempotency::Safe,
        }
    }

    /// The path with names in place of ids, fit for logs.
    pub fn path_template(self) -> &'static str {
        match self {
            Self::SendBatch | Self::FindBatches => "/v1/projects/{project_id}/messages",
            Self::BatchStatus => "/v1/projects/{project_id}/messages/{batch_id}",
        }
    }

    pub(crate) fn method(self) -> http::Method {
        match self {
            Self::SendBatch => http::Method::POST,
            Self::BatchStatus | Self::FindBatches => http::Method::GET,
        }
    }

    /// What we were doing, as the middle of a sentence.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            Self::SendBatch => "sending a batch",
            Self::BatchStatus => "asking for the status of a batch",
            Self::FindBatches => "looking batches up by metadata",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_class() {
        let table = [
            (Operation::SendBatch, "POST", "/v1/projects/{project_id}/messages", Idempotency::SendsMessages),
            (Operation::BatchStatus, "GET", "/v1/projects/{project_id}/messages/{batch_id}", Idempotency::Safe),
            (Operation::FindBatches, "GET", "/v1/projects/{project_id}/messages", Idempotency::Safe),
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
