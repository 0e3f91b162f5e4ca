//! Messages that only one channel knows.
//!
//! Numbers in parentheses are maximum lengths in characters of what the recipient sees.
//! Source of everything in here: the published Conversation API description.

mod kakao;
mod line;
mod payment;
mod whatsapp;

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use kakao::{
    AppLink, Carousel, CarouselCommerce, CarouselHead, CarouselTail, Commerce, CommerceButton, CommerceButtons,
    CommerceImage, CommerceItem, CommerceItems, CommercePrice, Coupon, FixedDiscount, FixedDiscountCoupon, FreeCoupon,
    PercentageDiscount, PercentageDiscountCoupon, RegularPrice, Reply, ShippingDiscountCoupon, UpCoupon, WebLink,
};
pub use line::{LineBody, LineButton, LineItem, LineNotification};
pub use payment::{
    Boleto, DynamicPix, GoodsKind, Order, OrderItem, OrderPayment, OrderState, OrderStatus, PaymentButton,
    PaymentButtons, PaymentCountry, PaymentLink, PaymentSetting, PaymentSettingBody, PixKeyKind, StatusPayment,
};
pub use whatsapp::{
    DocumentHeader, Flow, FlowAction, FlowActionPayload, FlowMode, Header, ImageHeader, InteractiveBody,
    InteractiveFooter, MediaLink, OrderDetails, OrderStatusMessage, TextHeader, VideoHeader,
};

use crate::object::{Key, from_value};
use crate::unknown::{Part, Pointer};
use crate::wire::UnknownFields;
use crate::wire::inside;

/// An entry of `channel_specific_message`: `{"message_type": …, "message": {…}}`, both required.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChannelSpecificMessage {
    /// The message, of the kind that `message_type` names.
    pub body: ChannelSpecificBody,
    /// Fields that this release does not know; they are written back unchanged.
    pub unknown_fields: UnknownFields,
}

/// A kind newer than this release, whole. It can only be made by reading.
#[derive(Clone, PartialEq)]
pub struct UnknownMessage {
    kind: Box<str>,
    message: Value,
}

impl UnknownMessage {
    /// The kind, as it stood in `message_type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The contents of `message`.
    pub fn message(&self) -> &Value {
        &self.message
    }
}

impl fmt::Debug for UnknownMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnknownMessage").field(&self.kind).finish()
    }
}

macro_rules! kinds {
    ($( $(#[$meta:meta])* $variant:ident($ty:ty) = $kind:literal, )+) => {
        /// A message that only one channel knows.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum ChannelSpecificBody {
            $( $(#[$meta])* $variant(Box<$ty>), )+
            /// A kind newer than this release; it is kept whole and written back unchanged.
            Unknown(UnknownMessage),
        }

        impl ChannelSpecificBody {
            /// The name of the kind, as it stands in `message_type`.
            pub fn kind(&self) -> &str {
                match self {
                    $( Self::$variant(_) => $kind, )+
                    Self::Unknown(message) => message.kind(),
                }
            }

            fn read<E: Error>(kind: String, message: Value) -> Result<Self, E> {
                match kind.as_str() {
                    $( $kind => from_value("/message", &message).map(Self::$variant), )+
                    _ => Ok(Self::Unknown(UnknownMessage { kind: kind.into(), message })),
                }
            }

            fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                match self {
                    $( Self::$variant(message) => map.serialize_entry("message", message), )+
                    Self::Unknown(message) => map.serialize_entry("message", &message.message),
                }
            }
        }

        impl Part for ChannelSpecificMessage {
            fn walk(&self, at: &mut Pointer) {
                match &self.body {
                    $( ChannelSpecificBody::$variant(message) => at.enter("message", message), )+
                    ChannelSpecificBody::Unknown(_) => at.enter("message", &Whole),
                }
                at.unknown_fields(&self.unknown_fields);
            }
        }

        $(
            impl From<$ty> for ChannelSpecificMessage {
                fn from(message: $ty) -> Self {
                    Self { body: ChannelSpecificBody::$variant(Box::new(message)), unknown_fields: UnknownFields::default() }
                }
            }
        )+
    };
}

kinds! {
    /// `FLOWS` on WhatsApp: a form of several screens.
    Flow(Flow) = "FLOWS",
    /// `ORDER_DETAILS` on WhatsApp: an order to pay.
    OrderDetails(OrderDetails) = "ORDER_DETAILS",
    /// `ORDER_STATUS` on WhatsApp: how an order fares.
    OrderStatus(OrderStatusMessage) = "ORDER_STATUS",
    /// `COMMERCE` on KakaoTalk: something to buy.
    Commerce(Commerce) = "COMMERCE",
    /// `CAROUSEL_COMMERCE` on KakaoTalk: several things to buy.
    CarouselCommerce(CarouselCommerce) = "CAROUSEL_COMMERCE",
    /// `NOTIFICATION_MESSAGE_TEMPLATE` on LINE: a notification by template.
    Notification(LineNotification) = "NOTIFICATION_MESSAGE_TEMPLATE",
}

/// A place that is unknown as a whole.
struct Whole;

impl Part for Whole {
    fn walk(&self, at: &mut Pointer) {
        at.here();
    }
}

impl ChannelSpecificMessage {
    /// JSON pointers, from here, of the fields that this release does not know.
    pub fn unknown_fields(&self) -> Vec<String> {
        crate::unknown::unknown_fields(self)
    }
}

impl Serialize for ChannelSpecificMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message_type", self.body.kind())?;
        self.body.write(&mut map)?;
        self.unknown_fields.write(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for ChannelSpecificMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = ChannelSpecificMessage;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `message_type` and `message`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ChannelSpecificMessage, A::Error> {
                let (mut kind, mut message) = (None, None);
                let mut unknown_fields = UnknownFields::default();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    match key.as_str() {
                        "message_type" => kind = Some(map.next_value::<String>()?),
                        // The kind may stand behind it.
                        "message" => message = Some(map.next_value::<Value>()?),
                        _ => unknown_fields.read(key, &mut map)?,
                    }
                }
                let kind = kind.ok_or_else(|| A::Error::missing_field("message_type"))?;
                let message = message.ok_or_else(|| A::Error::missing_field("message"))?;
                if !message.is_object() {
                    return Err(inside("/message", "expected an object"));
                }
                Ok(ChannelSpecificMessage { body: ChannelSpecificBody::read(kind, message)?, unknown_fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
