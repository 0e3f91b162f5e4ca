use crate::object::object;
use crate::open_enum::open_enum;
use crate::wire::{Number, PrivateText, WireMap};
use crate::{Channel, ContactId, ConversationId, MessageId};

object! {
    /// `smart_conversation_notification`: what the service made out of a contact's message.
    ///
    /// Source: the published Conversation API description; the fields of the analyses from Sinch's
    /// Node SDK.
    #[derive(Default)]
    pub struct SmartConversation {
        /// The contact that wrote.
        pub contact_id: Option<ContactId>,
        /// The sender's identity: a string here, not an object.
        pub channel_identity: Option<PrivateText>,
        /// The channel.
        pub channel: Option<Channel>,
        /// The message.
        pub message_id: Option<MessageId>,
        /// The conversation.
        pub conversation_id: Option<ConversationId>,
        /// What was made out of it; which parts there are depends on what is switched on.
        pub analysis_results: Option<AnalysisResults>,
    }
}

object! {
    /// What was made out of a message.
    #[derive(Default)]
    pub struct AnalysisResults {
        /// The moods.
        pub ml_sentiment_result: Option<Vec<SentimentAnalysis>>,
        /// The intentions.
        pub ml_nlu_result: Option<Vec<IntentAnalysis>>,
        /// What is on the pictures.
        pub ml_image_recognition_result: Option<Vec<ImageAnalysis>>,
        /// The personal data.
        pub ml_pii_result: Option<Vec<PiiAnalysis>>,
        /// The offences.
        pub ml_offensive_analysis_result: Option<Vec<OffenseAnalysis>>,
    }
}

object! {
    /// The mood of a message.
    #[derive(Default)]
    pub struct SentimentAnalysis {
        /// The text.
        pub message: Option<PrivateText>,
        /// Each mood and how likely it is.
        pub results: Option<Vec<SentimentScore>>,
        /// The most likely mood.
        pub sentiment: Option<Sentiment>,
        /// How likely it is: 0 to 1.
        pub score: Option<Number>,
    }
}

object! {
    /// A mood and how likely it is.
    #[derive(Default)]
    pub struct SentimentScore {
        /// The mood.
        pub sentiment: Option<Sentiment>,
        /// How likely it is: 0 to 1.
        pub score: Option<Number>,
    }
}

open_enum! {
    /// A mood.
    pub enum Sentiment {
        /// Good.
        Positive = "positive",
        /// Bad.
        Negative = "negative",
        /// Neither.
        Neutral = "neutral",
    }
}

object! {
    /// The intention of a message.
    #[derive(Default)]
    pub struct IntentAnalysis {
        /// The text.
        pub message: Option<PrivateText>,
        /// Each intention and how likely it is.
        pub results: Option<Vec<IntentScore>>,
        /// The most likely intention, such as `chitchat.greeting`.
        pub intent: Option<Box<str>>,
        /// How likely it is: 0 to 1.
        pub score: Option<Number>,
    }
}

object! {
    /// An intention and how likely it is.
    #[derive(Default)]
    pub struct IntentScore {
        /// The intention.
        pub intent: Option<Box<str>>,
        /// How likely it is: 0 to 1.
        pub score: Option<Number>,
    }
}

object! {
    /// What is on a picture.
    #[derive(Default)]
    pub struct ImageAnalysis {
        /// Where the picture is.
        pub url: Option<PrivateText>,
        /// What kind of document it is.
        pub document_image_classification: Option<DocumentClass>,
        /// What is written on it.
        pub optical_character_recognition: Option<CharacterRecognition>,
        /// The fields of the document.
        pub document_field_classification: Option<FieldClassification>,
    }
}

object! {
    /// What kind of document is on a picture.
    #[derive(Default)]
    pub struct DocumentClass {
        /// The kind.
        pub doc_type: Option<PrivateText>,
        /// How likely it is: 0 to 1.
        pub confidence: Option<Number>,
    }
}

object! {
    /// What is written on a picture.
    #[derive(Default)]
    pub struct CharacterRecognition {
        /// The parts of the picture.
        pub result: Option<Vec<RecognizedText>>,
    }
}

object! {
    /// What is written in one part of a picture, or in one field of a document.
    #[derive(Default)]
    pub struct RecognizedText {
        /// The texts.
        pub data: Option<Vec<PrivateText>>,
    }
}

object! {
    /// The fields of a document.
    #[derive(Default)]
    pub struct FieldClassification {
        /// What is written in each field, by the field's name; one map for each document.
        pub result: Option<Vec<Option<WireMap<RecognizedText>>>>,
    }
}

object! {
    /// The personal data in a message.
    #[derive(Default)]
    pub struct PiiAnalysis {
        /// The text.
        pub message: Option<PrivateText>,
        /// The text with masks in place of personal data.
        pub masked: Option<PrivateText>,
    }
}

object! {
    /// Whether a message or a picture offends.
    #[derive(Default)]
    pub struct OffenseAnalysis {
        /// The text.
        pub message: Option<PrivateText>,
        /// Where the picture is.
        pub url: Option<PrivateText>,
        /// Whether it offends.
        pub evaluation: Option<Evaluation>,
        /// How likely that is: 0 to 1.
        pub score: Option<Number>,
    }
}

open_enum! {
    /// Whether something offends.
    pub enum Evaluation {
        /// It does not.
        Safe = "SAFE",
        /// It does.
        Unsafe = "UNSAFE",
    }
}
