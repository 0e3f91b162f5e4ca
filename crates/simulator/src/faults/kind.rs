//! Which operations can have faults, and which faults there are.

use serde::{Deserialize, Serialize};

/// Writes an enum whose names on the wire are listed once.
macro_rules! named {
    ($(#[$of:meta])* $type:ident { $( $(#[$meta:meta])* $variant:ident = $name:literal, )+ }) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $type {$(
            $(#[$meta])*
            #[serde(rename = $name)]
            $variant,
        )+}

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in JSON and on the command line.
            pub fn name(self) -> &'static str {
                match self {$( Self::$variant => $name, )+}
            }
        }
    };
}

named! {
    /// What a fault happens to.
    SimulatedOperation {
        /// `POST /oauth2/token`.
        Token = "token",
        /// `POST /messages`.
        SendBatch = "send_batch",
        /// `GET /messages/{batch_id}`.
        BatchStatus = "batch_status",
        /// `GET /messages?metadataKey=…&metadataValue=…`.
        FindBatches = "find_batches",
        /// `DELETE /messages`.
        CancelBatch = "cancel_batch",
        /// `POST /contacts`.
        CreateContacts = "create_contacts",
        /// `DELETE /contacts`.
        DeleteContacts = "delete_contacts",
        /// `POST /consents`.
        InsertConsents = "insert_consents",
        /// Callbacks to the webhook.
        Callback = "callback",
    }
}

named! {
    /// What goes wrong.
    ///
    /// For a callback, every *accept then* means: it is sent, and then again as if it had failed.
    FaultKind {
        /// The request is done, and answered 500.
        AcceptThen500 = "accept_then_500",
        /// The request is done, and answered 503.
        AcceptThen503 = "accept_then_503",
        /// The request is done, and answered 429; on the wire `accept_then_429` too.
        #[serde(alias = "accept_then_429")]
        AcceptThenRateLimit = "accept_then_rate_limit",
        /// The request is done, and answered 400.
        AcceptThen400 = "accept_then_400",
        /// The request is done, and answered 401, without the word expired.
        AcceptThen401 = "accept_then_401",
        /// The request is done, and answered 404.
        AcceptThen404 = "accept_then_404",
        /// The request is done, and answered 408.
        AcceptThen408 = "accept_then_408",
        /// The request is done, and answered 200 with an HTML page, as a proxy does.
        AcceptThenHtml = "accept_then_html",
        /// The request is done, and answered 200 with an empty body.
        AcceptThenEmpty = "accept_then_empty",
        /// The request is done, and answered 200 with its JSON cut off in the middle.
        AcceptThenCut = "accept_then_cut",
        /// The request is done, and answered 200 with `{}`.
        AcceptThenNoId = "accept_then_no_id",
        /// The batch is accepted, and the response names the batch accepted before it. Without an
        /// earlier batch in the project, the fault waits for the next send.
        AcceptThenSameId = "accept_then_same_id",
        /// The request is done, and the connection closed without a response.
        AcceptThenDrop = "accept_then_drop",
        /// The request is done, and its response never comes; the connection stays open until the
        /// simulator stops.
        AcceptThenHang = "accept_then_hang",
        /// Answered 400, not done. A callback is not sent and not tried again.
        Refuse400 = "refuse_400",
        /// Answered 401 without the word expired, not done. Callbacks as with 400.
        Refuse401 = "refuse_401",
        /// Answered 403, not done. Callbacks as with 400.
        Refuse403 = "refuse_403",
        /// Answered 404, not done. Callbacks as with 400.
        Refuse404 = "refuse_404",
        /// Answered 408, not done. Callbacks as with 400.
        Refuse408 = "refuse_408",
        /// Answered 500, not done. A callback is not sent, but tried again later.
        Refuse500 = "refuse_500",
        /// Answered 503, not done. Callbacks as with 500.
        Refuse503 = "refuse_503",
        /// Answered 429, not done. Callbacks as with 500.
        RateLimit = "rate_limit",
        /// The connection is closed without a response, the request not done. A callback is lost.
        Drop = "drop",
        /// The token of the request expires now, and the response says so. A token that is asked for
        /// is expired from the start.
        ExpireToken = "expire_token",
        /// No response ever; the connection stays open until the simulator stops. A callback is lost.
        Hang = "hang",
        /// The request is done as it arrives, and its response leaves [`seconds`](super::Fault::seconds)
        /// later: a look-up answers with what was true when it was asked. A callback leaves later.
        Delay = "delay",
        /// A look-up is answered as it would have been [`seconds`](super::Fault::seconds) ago.
        Stale = "stale",
        /// The batch of a send shows up in look-ups only [`seconds`](super::Fault::seconds) later.
        VisibleAfter = "visible_after",
        /// A look-up is answered 200 with `{}`.
        ShapeEmptyObject = "shape_empty_object",
        /// A look-up is answered 200 with `null`.
        ShapeNull = "shape_null",
        /// A look-up is answered 200 with `{"error": {…}}`.
        ShapeError = "shape_error",
        /// A look-up is answered 200 with plain text.
        ShapeText = "shape_text",
        /// A look-up is answered 200 with an empty body.
        ShapeEmpty = "shape_empty",
        /// Entries lack `batch_id`. Without a match, one is made up that shows the key.
        ShapeNoId = "shape_no_id",
        /// Entries lack `meta_data`. Without a match, the entry of another batch does.
        ShapeNoMetadata = "shape_no_metadata",
        /// Entries have an empty `meta_data`. Without a match, the entry of another batch does.
        ShapeEmptyMetadata = "shape_empty_metadata",
        /// The one entry is that of another batch, with other metadata.
        ShapeOtherMetadata = "shape_other_metadata",
        /// The array stands in an object, `{"batches": […]}`.
        ShapeWrapped = "shape_wrapped",
        /// The first entry alone, not in an array. Without a match, the fault waits for the next.
        ShapeOne = "shape_one",
        /// The first entry, and the same under another batch id. Without a match, the fault waits for
        /// the next.
        ShapeTwice = "shape_twice",
    }
}

impl FaultKind {
    /// Whether the request is done, and only its response is not what it should be.
    pub(crate) fn accepts(self) -> bool {
        self.name().starts_with("accept_then_")
    }

    /// Whether the response has another shape than it should have.
    pub(crate) fn is_shape(self) -> bool {
        self.name().starts_with("shape_")
    }

    /// Whether it means nothing without a time.
    pub(crate) fn needs_seconds(self) -> bool {
        matches!(self, Self::Delay | Self::Stale | Self::VisibleAfter)
    }

    /// Whether this can happen to that operation.
    pub(crate) fn fits(self, operation: SimulatedOperation) -> bool {
        use SimulatedOperation::{BatchStatus, Callback, FindBatches, SendBatch};
        match self {
            Self::AcceptThenSameId | Self::VisibleAfter => operation == SendBatch,
            Self::Stale
            | Self::ShapeEmptyObject
            | Self::ShapeNull
            | Self::ShapeError
            | Self::ShapeText
            | Self::ShapeEmpty => matches!(operation, FindBatches | BatchStatus),
            shape if shape.is_shape() => operation == FindBatches,
            Self::ExpireToken => operation != Callback,
            _ => true,
        }
    }
}
