use crate::object::{object, tagged};
use crate::wire::{Bounded, PrivateText};

/// The buttons of a commerce message: 1 or 2.
pub type CommerceButtons = Bounded<CommerceButton, 1, 2>;

/// The commerce messages of a carousel: 2 to 10.
pub type CommerceItems = Bounded<CommerceItem, 2, 10>;

/// The parts that every commerce message has, alone or in a carousel.
macro_rules! commerce {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($fields:tt)* } $($none:ident)*
    ) => {
        object! {
            $(#[$meta])*
            pub struct $name {
                $($fields)*
                /// The buttons: 1 or 2.
                pub buttons: CommerceButtons,
                /// A line below it (34).
                pub additional_content: Option<PrivateText> => with_additional_content(PrivateText),
                /// The picture.
                pub image: CommerceImage,
                /// What it is and what it costs.
                pub commerce: CommercePrice,
                /// A coupon.
                pub coupon: Option<Coupon> => with_coupon(Coupon),
            }
        }

        impl $name {
            /// Something to buy: 1 or 2 buttons, a picture, and what it costs.
            pub fn new(
                buttons: impl Into<CommerceButtons>,
                image: impl Into<CommerceImage>,
                commerce: impl Into<CommercePrice>,
            ) -> Self {
                Self {
                    $( $none: None, )*
                    buttons: buttons.into(),
                    additional_content: None,
                    image: image.into(),
                    commerce: commerce.into(),
                    coupon: None,
                    unknown_fields: Default::default(),
                }
            }
        }
    };
}

commerce! {
    /// `COMMERCE`: something to buy.
    pub struct Commerce {
        /// Whether the phone makes a sound; the default is yes.
        pub push_alarm: Option<bool> => with_push_alarm(bool),
        /// Whether it is for adults alone; the default is no.
        pub adult: Option<bool> => with_adult(bool),
    } push_alarm adult
}

commerce! {
    /// One of several things to buy.
    pub struct CommerceItem {}
}

object! {
    /// `CAROUSEL_COMMERCE`: several things to buy.
    pub struct CarouselCommerce {
        /// Whether the phone makes a sound; the default is yes.
        pub push_alarm: Option<bool> => with_push_alarm(bool),
        /// Whether it is for adults alone; the default is no.
        pub adult: Option<bool> => with_adult(bool),
        /// The things to buy.
        pub carousel: Carousel,
    }
}

impl CarouselCommerce {
    /// Several things to buy.
    pub fn new(carousel: Carousel) -> Self {
        Self { push_alarm: None, adult: None, carousel, unknown_fields: Default::default() }
    }
}

object! {
    /// Several things to buy, with a beginning and an end.
    pub struct Carousel {
        /// What stands in front.
        pub head: Option<CarouselHead> => with_head(CarouselHead),
        /// The things to buy: 2 to 10.
        pub list: CommerceItems,
        /// What stands behind.
        pub tail: Option<CarouselTail> => with_tail(CarouselTail),
    }
}

impl Carousel {
    /// 2 to 10 things to buy.
    pub fn new(list: impl Into<CommerceItems>) -> Self {
        Self { head: None, list: list.into(), tail: None, unknown_fields: Default::default() }
    }
}

object! {
    /// What stands in front of a carousel.
    pub struct CarouselHead {
        /// The title (20).
        pub header: PrivateText,
        /// The text (50).
        pub content: PrivateText,
        /// Where the picture is.
        pub image_url: PrivateText,
        /// The page that opens on a phone.
        pub link_mo: Option<PrivateText> => with_link_mo(PrivateText),
        /// The page that opens on a computer.
        pub link_pc: Option<PrivateText> => with_link_pc(PrivateText),
        /// The link into an app on iOS.
        pub scheme_ios: Option<PrivateText> => with_scheme_ios(PrivateText),
        /// The link into an app on Android.
        pub scheme_android: Option<PrivateText> => with_scheme_android(PrivateText),
    }
}

impl CarouselHead {
    /// A title, a text and a picture.
    pub fn new(
        header: impl Into<PrivateText>,
        content: impl Into<PrivateText>,
        image_url: impl Into<PrivateText>,
    ) -> Self {
        Self {
            header: header.into(),
            content: content.into(),
            image_url: image_url.into(),
            link_mo: None,
            link_pc: None,
            scheme_ios: None,
            scheme_android: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// What stands behind a carousel.
    pub struct CarouselTail {
        /// The page that opens on a phone.
        pub link_mo: PrivateText,
        /// The page that opens on a computer.
        pub link_pc: Option<PrivateText> => with_link_pc(PrivateText),
        /// The link into an app on iOS.
        pub scheme_ios: Option<PrivateText> => with_scheme_ios(PrivateText),
        /// The link into an app on Android.
        pub scheme_android: Option<PrivateText> => with_scheme_android(PrivateText),
    }
}

impl CarouselTail {
    /// The page that opens on a phone.
    pub fn new(link_mo: impl Into<PrivateText>) -> Self {
        Self {
            link_mo: link_mo.into(),
            link_pc: None,
            scheme_ios: None,
            scheme_android: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// The picture of a commerce message.
    pub struct CommerceImage {
        /// Where it is.
        pub image_url: PrivateText,
        /// The page that opens when it is touched.
        pub image_link: Option<PrivateText> => with_image_link(PrivateText),
    }
}

impl<T: Into<PrivateText>> From<T> for CommerceImage {
    fn from(image_url: T) -> Self {
        Self { image_url: image_url.into(), image_link: None, unknown_fields: Default::default() }
    }
}

tagged! {
    /// A button of a commerce message.
    pub enum CommerceButton by "type" {
        /// Opens a page.
        Web(WebLink) = "WL",
        /// Opens an app.
        App(AppLink) = "AL",
        /// Sends its own name.
        Reply(Reply) = "BK",
    }
}

object! {
    /// A button that opens a page.
    pub struct WebLink {
        /// The words on it (8).
        pub name: PrivateText,
        /// The page that opens on a phone.
        pub link_mo: PrivateText,
        /// The page that opens on a computer.
        pub link_pc: Option<PrivateText> => with_link_pc(PrivateText),
    }
}

object! {
    /// A button that opens an app.
    pub struct AppLink {
        /// The words on it.
        pub name: PrivateText,
        /// The link into the app on iOS.
        pub scheme_ios: PrivateText,
        /// The link into the app on Android.
        pub scheme_android: PrivateText,
    }
}

object! {
    /// A button that sends its own name.
    pub struct Reply {
        /// The words on it.
        pub name: PrivateText,
    }
}

impl CommerceButton {
    /// A button that opens a page.
    pub fn web(name: impl Into<PrivateText>, link_mo: impl Into<PrivateText>) -> Self {
        Self::Web(WebLink {
            name: name.into(),
            link_mo: link_mo.into(),
            link_pc: None,
            unknown_fields: Default::default(),
        })
    }

    /// A button that opens an app, on iOS and on Android.
    pub fn app(
        name: impl Into<PrivateText>,
        scheme_ios: impl Into<PrivateText>,
        scheme_android: impl Into<PrivateText>,
    ) -> Self {
        Self::App(AppLink {
            name: name.into(),
            scheme_ios: scheme_ios.into(),
            scheme_android: scheme_android.into(),
            unknown_fields: Default::default(),
        })
    }

    /// A button that sends its own name.
    pub fn reply(name: impl Into<PrivateText>) -> Self {
        Self::Reply(Reply { name: name.into(), unknown_fields: Default::default() })
    }
}

tagged! {
    /// What something is and what it costs. Prices are integers from 0 to 99 999 999.
    pub enum CommercePrice by "type" {
        /// The usual price.
        Regular(RegularPrice) = "REGULAR_PRICE_COMMERCE",
        /// Less by an amount.
        Fixed(FixedDiscount) = "FIXED_DISCOUNT_COMMERCE",
        /// Less by a part.
        Percentage(PercentageDiscount) = "PERCENTAGE_DISCOUNT_COMMERCE",
    }
}

object! {
    /// The usual price.
    pub struct RegularPrice {
        /// What it is (30).
        pub title: PrivateText,
        /// The usual price: 0 to 99 999 999.
        pub regular_price: i64,
    }
}

impl RegularPrice {
    /// Something at its usual price.
    pub fn new(title: impl Into<PrivateText>, regular_price: i64) -> Self {
        Self { title: title.into(), regular_price, unknown_fields: Default::default() }
    }
}

object! {
    /// A price that is less by an amount.
    pub struct FixedDiscount {
        /// What it is (30).
        pub title: PrivateText,
        /// The usual price: 0 to 99 999 999.
        pub regular_price: i64,
        /// The price now: 0 to 99 999 999.
        pub discount_price: i64,
        /// The difference: 0 to 999 999.
        pub discount_fixed: i64,
    }
}

impl FixedDiscount {
    /// Something at a price that is less by an amount.
    pub fn new(title: impl Into<PrivateText>, regular_price: i64, discount_price: i64, discount_fixed: i64) -> Self {
        Self { title: title.into(), regular_price, discount_price, discount_fixed, unknown_fields: Default::default() }
    }
}

object! {
    /// A price that is less by a part.
    pub struct PercentageDiscount {
        /// What it is (30).
        pub title: PrivateText,
        /// The usual price: 0 to 99 999 999.
        pub regular_price: i64,
        /// The price now: 0 to 99 999 999.
        pub discount_price: i64,
        /// The part in hundredths: 0 to 100.
        pub discount_rate: i64,
    }
}

impl PercentageDiscount {
    /// Something at a price that is less by a part, in hundredths.
    pub fn new(title: impl Into<PrivateText>, regular_price: i64, discount_price: i64, discount_rate: i64) -> Self {
        Self { title: title.into(), regular_price, discount_price, discount_rate, unknown_fields: Default::default() }
    }
}

/// The parts that every coupon has; one of `link_mo`, `scheme_android` and `scheme_ios` is needed.
macro_rules! coupon {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$fmeta:meta])* pub $field:ident: $ty:ty, )? }
    ) => {
        object! {
            $(#[$meta])*
            pub struct $name {
                $( $(#[$fmeta])* pub $field: $ty, )?
                /// About it (12).
                pub description: Option<PrivateText> => with_description(PrivateText),
                /// The page that opens on a phone.
                pub link_mo: Option<PrivateText> => with_link_mo(PrivateText),
                /// The page that opens on a computer.
                pub link_pc: Option<PrivateText> => with_link_pc(PrivateText),
                /// The link into an app on Android.
                pub scheme_android: Option<PrivateText> => with_scheme_android(PrivateText),
                /// The link into an app on iOS.
                pub scheme_ios: Option<PrivateText> => with_scheme_ios(PrivateText),
            }
        }

        impl $name {
            /// A coupon, and the page that it opens on a phone.
            pub fn new($( $field: impl Into<$ty>, )? link_mo: impl Into<PrivateText>) -> Self {
                Self {
                    $( $field: $field.into(), )?
                    description: None,
                    link_mo: Some(link_mo.into()),
                    link_pc: None,
                    scheme_android: None,
                    scheme_ios: None,
                    unknown_fields: Default::default(),
                }
            }
        }
    };
}

tagged! {
    /// A coupon. One of `link_mo`, `scheme_android` and `scheme_ios` is needed.
    pub enum Coupon by "type" {
        /// Less by an amount.
        Fixed(FixedDiscountCoupon) = "FIXED_DISCOUNT_COUPON",
        /// Less by a part.
        Percentage(PercentageDiscountCoupon) = "PERCENTAGE_DISCOUNT_COUPON",
        /// No shipping to pay.
        Shipping(ShippingDiscountCoupon) = "SHIPPING_DISCOUNT_COUPON",
        /// Something for nothing.
        Free(FreeCoupon) = "FREE_COUPON",
        /// Something better for the same.
        Up(UpCoupon) = "UP_COUPON",
    }
}

coupon! {
    /// Less by an amount.
    pub struct FixedDiscountCoupon {
        /// The amount.
        pub discount_fixed: i64,
    }
}

coupon! {
    /// Less by a part.
    pub struct PercentageDiscountCoupon {
        /// The part in hundredths: 0 to 100.
        pub discount_rate: i64,
    }
}

coupon! {
    /// No shipping to pay.
    pub struct ShippingDiscountCoupon {}
}

coupon! {
    /// Something for nothing.
    pub struct FreeCoupon {
        /// What it is (7).
        pub title: PrivateText,
    }
}

coupon! {
    /// Something better for the same.
    pub struct UpCoupon {
        /// What it is (7).
        pub title: PrivateText,
    }
}
