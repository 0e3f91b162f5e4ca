use super::payment::{OrderPayment, StatusPayment};
use crate::object::{object, tagged};
use crate::open_enum::open_enum;
use crate::wire::{AnyJson, Metadata, PrivateText};

/// The parts that all interactive messages of WhatsApp have.
macro_rules! interactive {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($fields:tt)* }
    ) => {
        object! {
            $(#[$meta])*
            pub struct $name {
                /// What stands above the text.
                pub header: Option<Header> => with_header(Header),
                /// The text.
                pub body: Option<InteractiveBody> => with_body(InteractiveBody),
                /// What stands below the text.
                pub footer: Option<InteractiveFooter> => with_footer(InteractiveFooter),
                $($fields)*
            }
        }
    };
}

interactive! {
    /// `FLOWS`: a form of several screens.
    pub struct Flow {
        /// The flow.
        pub flow_id: PrivateText,
        /// The words on the button (20); no emoji.
        pub flow_cta: PrivateText,
        /// A token of yours that the flow gets.
        pub flow_token: Option<PrivateText> => with_flow_token(PrivateText),
        /// Whether a draft of the flow is used; the default is the published one.
        pub flow_mode: Option<FlowMode> => with_flow_mode(FlowMode),
        /// How the flow begins; the default is `navigate`.
        pub flow_action: Option<FlowAction> => with_flow_action(FlowAction),
        /// What the flow begins with.
        pub flow_action_payload: Option<FlowActionPayload> => with_flow_action_payload(FlowActionPayload),
    }
}

impl Flow {
    /// A flow, and the words on the button that opens it.
    pub fn new(flow_id: impl Into<PrivateText>, flow_cta: impl Into<PrivateText>) -> Self {
        Self {
            header: None,
            body: None,
            footer: None,
            flow_id: flow_id.into(),
            flow_cta: flow_cta.into(),
            flow_token: None,
            flow_mode: None,
            flow_action: None,
            flow_action_payload: None,
            unknown_fields: Default::default(),
        }
    }
}

open_enum! {
    /// Whether a draft of a flow is used.
    pub enum FlowMode {
        /// The published one.
        Published = "published",
        /// The draft.
        Draft = "draft",
    }
}

open_enum! {
    /// How a flow begins.
    pub enum FlowAction {
        /// With a screen.
        Navigate = "navigate",
        /// With a question to your endpoint.
        DataExchange = "data_exchange",
    }
}

object! {
    /// What a flow begins with.
    #[derive(Default)]
    pub struct FlowActionPayload {
        /// The first screen.
        pub screen: Option<PrivateText> => with_screen(PrivateText),
        /// What the screen gets; any JSON, an object in all published examples.
        pub data: Option<AnyJson> => with_data(AnyJson),
    }
}

impl FlowActionPayload {
    /// The first screen, and what it gets.
    pub fn new(screen: impl Into<PrivateText>, data: Metadata) -> Self {
        let data = data.iter().map(|(name, value)| (name.to_owned(), value.clone()));
        Self::default().with_screen(screen).with_data(data.collect::<serde_json::Map<_, _>>())
    }
}

interactive! {
    /// `ORDER_DETAILS`: an order to pay.
    pub struct OrderDetails {
        /// The order, and how it is paid.
        pub payment: OrderPayment,
    }
}

impl OrderDetails {
    /// An order to pay.
    pub fn new(payment: OrderPayment) -> Self {
        Self { header: None, body: None, footer: None, payment, unknown_fields: Default::default() }
    }
}

interactive! {
    /// `ORDER_STATUS`: how an order fares.
    pub struct OrderStatusMessage {
        /// Which order, and how it fares.
        pub payment: StatusPayment,
    }
}

impl OrderStatusMessage {
    /// The state of an order.
    pub fn new(payment: StatusPayment) -> Self {
        Self { header: None, body: None, footer: None, payment, unknown_fields: Default::default() }
    }
}

object! {
    /// The text of an interactive message.
    pub struct InteractiveBody {
        /// The words (1024).
        pub text: PrivateText,
    }
}

impl<T: Into<PrivateText>> From<T> for InteractiveBody {
    fn from(text: T) -> Self {
        Self { text: text.into(), unknown_fields: Default::default() }
    }
}

object! {
    /// What stands below the text of an interactive message.
    pub struct InteractiveFooter {
        /// The words (60).
        pub text: PrivateText,
    }
}

impl<T: Into<PrivateText>> From<T> for InteractiveFooter {
    fn from(text: T) -> Self {
        Self { text: text.into(), unknown_fields: Default::default() }
    }
}

tagged! {
    /// What stands above the text of an interactive message.
    pub enum Header by "type" {
        /// Words.
        Text(TextHeader) = "text",
        /// A picture.
        Image(ImageHeader) = "image",
        /// A document.
        Document(DocumentHeader) = "document",
        /// A film.
        Video(VideoHeader) = "video",
    }
}

object! {
    /// Words above an interactive message.
    pub struct TextHeader {
        /// The words.
        pub text: PrivateText,
    }
}

object! {
    /// A picture above an interactive message.
    pub struct ImageHeader {
        /// Where it is.
        pub image: MediaLink,
    }
}

object! {
    /// A document above an interactive message.
    pub struct DocumentHeader {
        /// Where it is.
        pub document: MediaLink,
    }
}

object! {
    /// A film above an interactive message.
    pub struct VideoHeader {
        /// Where it is.
        pub video: MediaLink,
    }
}

object! {
    /// Where something is.
    pub struct MediaLink {
        /// The address.
        pub link: PrivateText,
    }
}

impl MediaLink {
    fn new(link: impl Into<PrivateText>) -> Self {
        Self { link: link.into(), unknown_fields: Default::default() }
    }
}

impl Header {
    /// Words.
    pub fn text(text: impl Into<PrivateText>) -> Self {
        Self::Text(TextHeader { text: text.into(), unknown_fields: Default::default() })
    }

    /// The picture at an address.
    pub fn image(link: impl Into<PrivateText>) -> Self {
        Self::Image(ImageHeader { image: MediaLink::new(link), unknown_fields: Default::default() })
    }

    /// The document at an address.
    pub fn document(link: impl Into<PrivateText>) -> Self {
        Self::Document(DocumentHeader { document: MediaLink::new(link), unknown_fields: Default::default() })
    }

    /// The film at an address.
    pub fn video(link: impl Into<PrivateText>) -> Self {
        Self::Video(VideoHeader { video: MediaLink::new(link), unknown_fields: Default::default() })
    }
}
