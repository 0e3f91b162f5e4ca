use std::convert::Infallible;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MediaMessage;
use crate::object::{object, one_of};
use crate::unknown::{Part, Pointer};
use crate::wire::{Number, PrivateText, list};

object! {
    /// `list_message`: sections of choices, or of products, behind a menu.
    ///
    /// Source: the published Conversation API description.
    pub struct ListMessage {
        /// The title.
        pub title: PrivateText,
        /// The text below the title.
        pub description: Option<PrivateText> => with_description(PrivateText),
        /// Media above the list.
        pub media: Option<MediaMessage> => with_media(MediaMessage),
        /// The sections; all items of one message are of the same kind.
        pub sections: ListSections,
        /// What only some lists or channels know.
        pub message_properties: Option<ListProperties> => with_properties(ListProperties),
    }
}

impl ListMessage {
    /// A list of choices: sections, each with a title and its choices.
    ///
    /// ```
    /// use sinch_batch_models::message::{ListChoice, ListMessage};
    ///
    /// let list = ListMessage::choices("Pick a flavour", [("Fruit", vec![
    ///     ListChoice::new("Lemon").with_postback_data("lemon"),
    ///     ListChoice::new("Cherry"),
    /// ])]);
    /// # let _ = list;
    /// ```
    pub fn choices<S, T, C>(title: impl Into<PrivateText>, sections: S) -> Self
    where
        S: IntoIterator<Item = (T, C)>,
        T: Into<PrivateText>,
        C: IntoIterator<Item = ListChoice>,
    {
        Self::of(title, sections)
    }

    /// A list of products out of a catalog: sections, each with a title and its products.
    pub fn products<S, T, P>(title: impl Into<PrivateText>, catalog_id: impl Into<PrivateText>, sections: S) -> Self
    where
        S: IntoIterator<Item = (T, P)>,
        T: Into<PrivateText>,
        P: IntoIterator<Item = Product>,
    {
        let properties = ListProperties { catalog_id: Some(catalog_id.into()), ..ListProperties::default() };
        Self::of(title, sections).with_properties(properties)
    }

    fn of<S, T, I>(title: impl Into<PrivateText>, sections: S) -> Self
    where
        S: IntoIterator<Item = (T, I)>,
        T: Into<PrivateText>,
        I: IntoIterator<Item: Into<ListItem>>,
    {
        let section = |(title, items): (T, I)| ListSection {
            title: Some(title.into()),
            items: items.into_iter().map(Into::into).collect(),
            unknown_fields: Default::default(),
        };
        Self {
            title: title.into(),
            description: None,
            media: None,
            sections: ListSections(sections.into_iter().map(section).collect()),
            message_properties: None,
            unknown_fields: Default::default(),
        }
    }

    /// Sets the words on the button that opens the list.
    #[must_use]
    pub fn with_menu(mut self, menu: impl Into<PrivateText>) -> Self {
        self.message_properties.get_or_insert_default().menu = Some(menu.into());
        self
    }

    /// Sets the header shown on WhatsApp.
    #[must_use]
    pub fn with_whatsapp_header(mut self, header: impl Into<PrivateText>) -> Self {
        self.message_properties.get_or_insert_default().whatsapp_header = Some(header.into());
        self
    }
}

object! {
    /// What only some lists or channels know.
    #[derive(Default)]
    pub struct ListProperties {
        /// The catalog that the products are in; needed for products.
        pub catalog_id: Option<PrivateText>,
        /// The words on the button that opens the list.
        pub menu: Option<PrivateText>,
        /// The header shown on WhatsApp.
        pub whatsapp_header: Option<PrivateText>,
    }
}

object! {
    /// A section of a list.
    pub struct ListSection {
        /// The title.
        pub title: Option<PrivateText> => with_title(PrivateText),
        /// The items.
        pub items: Vec<ListItem>,
    }
}

impl ListSection {
    /// A section without a title.
    pub fn new<I: IntoIterator<Item: Into<ListItem>>>(items: I) -> Self {
        Self { title: None, items: items.into_iter().map(Into::into).collect(), unknown_fields: Default::default() }
    }
}

/// Sections whose items are of one kind: all choices, or all products.
///
/// Those that were read from JSON are kept as they are, like a [`Bounded`](crate::wire::Bounded) list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListSections(Vec<ListSection>);

/// A list has choices as well as products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected choices or products in one list, not both")]
pub struct MixedItems;

impl TryFrom<Vec<ListSection>> for ListSections {
    type Error = MixedItems;

    fn try_from(sections: Vec<ListSection>) -> Result<Self, MixedItems> {
        let sections = Self(sections);
        sections.check().map(|()| sections)
    }
}

impl ListSections {
    fn check(&self) -> Result<(), MixedItems> {
        let items = self.0.iter().flat_map(|section| &section.items);
        let mut kinds = items.filter_map(|item| item.body.as_ref().map(ListItemBody::key));
        let first = kinds.next();
        if kinds.all(|kind| Some(kind) == first) { Ok(()) } else { Err(MixedItems) }
    }
}

impl Deref for ListSections {
    type Target = [ListSection];
    fn deref(&self) -> &[ListSection] {
        &self.0
    }
}

impl Serialize for ListSections {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ListSections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list(deserializer, |sections| Ok::<_, Infallible>(Self(sections)))
    }
}

impl Part for ListSections {
    fn walk(&self, at: &mut Pointer) {
        if let Err(error) = self.check() {
            at.breaks(error);
        }
        self.0.walk(at);
    }
}

one_of! {
    /// An item of a list.
    pub struct ListItem;
    /// What an item of a list is.
    strict enum ListItemBody {
        /// `choice`: something to choose.
        Choice(ListChoice) = "choice",
        /// `product`: something to buy.
        Product(Product) = "product",
    }
    beside {}
}

impl ListItem {
    /// An item of either kind.
    pub fn new(body: impl Into<ListItemBody>) -> Self {
        Self { body: Some(body.into()), unknown_fields: Default::default() }
    }
}

object! {
    /// Something to choose in a list.
    pub struct ListChoice {
        /// What is shown.
        pub title: PrivateText,
        /// The text below the title.
        pub description: Option<PrivateText> => with_description(PrivateText),
        /// Media beside it.
        pub media: Option<MediaMessage> => with_media(MediaMessage),
        /// Comes back when it is chosen.
        pub postback_data: Option<PrivateText> => with_postback_data(PrivateText),
    }
}

impl ListChoice {
    /// Something to choose.
    pub fn new(title: impl Into<PrivateText>) -> Self {
        Self {
            title: title.into(),
            description: None,
            media: None,
            postback_data: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// Something to buy: in lists, and in the answers of contacts.
    pub struct Product {
        /// Its id in the marketplace.
        pub id: PrivateText,
        /// The marketplace, such as `FACEBOOK`.
        pub marketplace: PrivateText,
        /// How many; only in callbacks.
        pub quantity: Option<Number>,
        /// The price of one; only in callbacks.
        pub item_price: Option<Number>,
        /// The currency of the price; only in callbacks.
        pub currency: Option<PrivateText>,
    }
}

impl Product {
    /// A product of a marketplace, such as `FACEBOOK`.
    pub fn new(id: impl Into<PrivateText>, marketplace: impl Into<PrivateText>) -> Self {
        Self {
            id: id.into(),
            marketplace: marketplace.into(),
            quantity: None,
            item_price: None,
            currency: None,
            unknown_fields: Default::default(),
        }
    }
}
