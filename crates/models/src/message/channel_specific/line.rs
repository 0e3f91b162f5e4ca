use crate::object::object;
use crate::wire::{Bounded, PrivateText};

object! {
    /// `NOTIFICATION_MESSAGE_TEMPLATE`: a notification by one of LINE's templates.
    pub struct LineNotification {
        /// The template.
        pub template_key: PrivateText,
        /// What is put into it.
        pub body: Option<LineBody> => with_body(LineBody),
    }
}

impl LineNotification {
    /// A notification by a template.
    pub fn new(template_key: impl Into<PrivateText>) -> Self {
        Self { template_key: template_key.into(), body: None, unknown_fields: Default::default() }
    }
}

object! {
    /// What is put into a template of LINE.
    #[derive(Default)]
    pub struct LineBody {
        /// The item that stands out; its content has at most 15 characters.
        pub emphasized_item: Option<LineItem> => with_emphasized_item(LineItem),
        /// The items: at most 15.
        pub items: Option<Bounded<LineItem, 0, 15>> => with_items(Bounded<LineItem, 0, 15>),
        /// The buttons: at most 2.
        pub buttons: Option<Bounded<LineButton, 0, 2>> => with_buttons(Bounded<LineButton, 0, 2>),
    }
}

object! {
    /// One item of a notification.
    pub struct LineItem {
        /// Which item of the template it is.
        pub item_key: PrivateText,
        /// What it says (300; 15 for the one that stands out).
        pub content: PrivateText,
    }
}

impl LineItem {
    /// An item of the template with its content.
    pub fn new(item_key: impl Into<PrivateText>, content: impl Into<PrivateText>) -> Self {
        Self { item_key: item_key.into(), content: content.into(), unknown_fields: Default::default() }
    }
}

object! {
    /// A button of a notification.
    pub struct LineButton {
        /// Which button of the template it is.
        pub button_key: PrivateText,
        /// The page that opens (1000).
        pub url: PrivateText,
    }
}

impl LineButton {
    /// The page that a button of the template opens.
    pub fn new(button_key: impl Into<PrivateText>, url: impl Into<PrivateText>) -> Self {
        Self { button_key: button_key.into(), url: url.into(), unknown_fields: Default::default() }
    }
}
