use crate::object::object;
use crate::wire::PrivateText;

object! {
    /// `media_message`: a picture, a film, a sound or a document, by its address.
    ///
    /// The same object stands in cards as `media_message` and in lists as `media`.
    /// Source: the published Conversation API description.
    pub struct MediaMessage {
        /// Where the media are; the service and the channels fetch them from there.
        pub url: PrivateText,
        /// Where a small picture of them is, for channels that want one.
        pub thumbnail_url: Option<PrivateText> => with_thumbnail_url(PrivateText),
        /// The file name shown in place of the one in the address.
        pub filename_override: Option<PrivateText> => with_filename_override(PrivateText),
    }
}

impl MediaMessage {
    /// The media at an address.
    pub fn new(url: impl Into<PrivateText>) -> Self {
        Self { url: url.into(), thumbnail_url: None, filename_override: None, unknown_fields: Default::default() }
    }
}
