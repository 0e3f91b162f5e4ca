use crate::object::{object, one_of, tagged};
use crate::open_enum::open_enum;
use crate::wire::{Bounded, PrivateText};

/// The buttons of an order to pay: 1 or 2.
pub type PaymentButtons = Bounded<PaymentButton, 1, 2>;

object! {
    /// An order, and how it is paid.
    pub struct OrderPayment {
        /// The country whose ways to pay are used.
        pub country as "type": PaymentCountry,
        /// Your id of the order.
        pub reference_id: PrivateText,
        /// Whether something is shipped.
        pub type_of_goods: GoodsKind,
        /// How it can be paid: 1 or 2 ways.
        pub payment_buttons: Option<PaymentButtons> => with_buttons(PaymentButtons),
        /// How it can be paid, in the older form. Deprecated: use `payment_buttons`.
        pub payment_settings: Option<PaymentSetting>,
        /// What is to be paid: an integer in the smallest unit of the currency.
        pub total_amount_value: i64,
        /// What is bought.
        pub order: Order,
    }
}

impl OrderPayment {
    /// An order to pay, with its total in the smallest unit of the currency.
    pub fn new(
        country: PaymentCountry,
        reference_id: impl Into<PrivateText>,
        type_of_goods: GoodsKind,
        total_amount_value: i64,
        order: Order,
    ) -> Self {
        Self {
            country,
            reference_id: reference_id.into(),
            type_of_goods,
            payment_buttons: None,
            payment_settings: None,
            total_amount_value,
            order,
            unknown_fields: Default::default(),
        }
    }
}

open_enum! {
    /// The country whose ways to pay are used.
    pub enum PaymentCountry {
        /// Brazil.
        Brazil = "br",
        /// Singapore.
        Singapore = "sg",
    }
}

open_enum! {
    /// Whether something is shipped.
    pub enum GoodsKind {
        /// Nothing is.
        Digital = "digital-goods",
        /// Something is.
        Physical = "physical-goods",
    }
}

tagged! {
    /// One way to pay.
    pub enum PaymentButton by "type" {
        /// A Pix code made for this order.
        DynamicPix(DynamicPix) = "pix_dynamic_code",
        /// A page to pay on.
        PaymentLink(PaymentLink) = "payment_link",
        /// A boleto.
        Boleto(Boleto) = "boleto",
    }
}

one_of! {
    /// One way to pay, in the older form.
    pub struct PaymentSetting;
    /// One way to pay, named by its key.
    strict enum PaymentSettingBody {
        /// `dynamic_pix`.
        DynamicPix(DynamicPix) = "dynamic_pix",
        /// `payment_link`.
        PaymentLink(PaymentLink) = "payment_link",
        /// `boleto`.
        Boleto(Boleto) = "boleto",
    }
    beside {}
}

impl PaymentSetting {
    /// One way to pay, in the older form.
    pub fn new(body: impl Into<PaymentSettingBody>) -> Self {
        Self { body: Some(body.into()), unknown_fields: Default::default() }
    }
}

object! {
    /// A Pix code made for this order.
    pub struct DynamicPix {
        /// The code.
        pub code: PrivateText,
        /// Who is paid.
        pub merchant_name: PrivateText,
        /// The Pix key.
        pub key: PrivateText,
        /// What the key is.
        pub key_type: PixKeyKind,
    }
}

impl DynamicPix {
    /// A Pix code of a merchant, with the merchant's key.
    pub fn new(
        code: impl Into<PrivateText>,
        merchant_name: impl Into<PrivateText>,
        key: impl Into<PrivateText>,
        key_type: PixKeyKind,
    ) -> Self {
        Self {
            code: code.into(),
            merchant_name: merchant_name.into(),
            key: key.into(),
            key_type,
            unknown_fields: Default::default(),
        }
    }
}

open_enum! {
    /// What a Pix key is.
    pub enum PixKeyKind {
        /// A person's tax number.
        Cpf = "CPF",
        /// A company's tax number.
        Cnpj = "CNPJ",
        /// A mail address.
        Email = "EMAIL",
        /// A phone number.
        Phone = "PHONE",
        /// A random key.
        Evp = "EVP",
    }
}

object! {
    /// A page to pay on.
    pub struct PaymentLink {
        /// Its address.
        pub uri: PrivateText,
    }
}

impl PaymentLink {
    /// The page at an address.
    pub fn new(uri: impl Into<PrivateText>) -> Self {
        Self { uri: uri.into(), unknown_fields: Default::default() }
    }
}

object! {
    /// A boleto.
    pub struct Boleto {
        /// Its line of digits.
        pub digitable_line: PrivateText,
    }
}

impl Boleto {
    /// A boleto by its line of digits.
    pub fn new(digitable_line: impl Into<PrivateText>) -> Self {
        Self { digitable_line: digitable_line.into(), unknown_fields: Default::default() }
    }
}

object! {
    /// What is bought. All amounts are integers in the smallest unit of the currency.
    pub struct Order {
        /// The things that are bought.
        pub items: Vec<OrderItem>,
        /// What they cost together.
        pub subtotal_value: i64,
        /// The tax.
        pub tax_value: i64,
        /// About the tax.
        pub tax_description: Option<PrivateText> => with_tax_description(PrivateText),
        /// The shipping.
        pub shipping_value: Option<i64> => with_shipping(i64),
        /// About the shipping.
        pub shipping_description: Option<PrivateText> => with_shipping_description(PrivateText),
        /// The discount.
        pub discount_value: Option<i64> => with_discount(i64),
        /// About the discount.
        pub discount_description: Option<PrivateText> => with_discount_description(PrivateText),
        /// The program that the discount comes from.
        pub discount_program_name: Option<PrivateText> => with_discount_program(PrivateText),
        /// The catalog that the things are in.
        pub catalog_id: Option<PrivateText> => with_catalog(PrivateText),
        /// When the order can no longer be paid: seconds since 1970, **as a string**, at least 300 s
        /// ahead.
        pub expiration_time: Option<PrivateText> => with_expiration_time(PrivateText),
        /// About that.
        pub expiration_description: Option<PrivateText> => with_expiration_description(PrivateText),
    }
}

impl Order {
    /// Things that are bought, what they cost together, and the tax.
    pub fn new(items: impl Into<Vec<OrderItem>>, subtotal_value: i64, tax_value: i64) -> Self {
        Self {
            items: items.into(),
            subtotal_value,
            tax_value,
            tax_description: None,
            shipping_value: None,
            shipping_description: None,
            discount_value: None,
            discount_description: None,
            discount_program_name: None,
            catalog_id: None,
            expiration_time: None,
            expiration_description: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// A thing that is bought.
    pub struct OrderItem {
        /// Your id of it.
        pub retailer_id: PrivateText,
        /// Its name.
        pub name: PrivateText,
        /// What one costs: an integer in the smallest unit of the currency.
        pub amount_value: i64,
        /// How many.
        pub quantity: i64,
        /// What one costs now: an integer in the smallest unit of the currency.
        pub sale_amount_value: Option<i64> => with_sale_amount(i64),
    }
}

impl OrderItem {
    /// Some of a thing, and what one costs in the smallest unit of the currency.
    pub fn new(
        retailer_id: impl Into<PrivateText>,
        name: impl Into<PrivateText>,
        amount_value: i64,
        quantity: i64,
    ) -> Self {
        Self {
            retailer_id: retailer_id.into(),
            name: name.into(),
            amount_value,
            quantity,
            sale_amount_value: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// Which order, and how it fares.
    pub struct StatusPayment {
        /// Your id of the order, as it was in the order to pay.
        pub reference_id: PrivateText,
        /// How it fares.
        pub order: OrderStatus,
    }
}

impl StatusPayment {
    /// The state of an order.
    pub fn new(reference_id: impl Into<PrivateText>, status: OrderState) -> Self {
        let order = OrderStatus { status, description: None, unknown_fields: Default::default() };
        Self { reference_id: reference_id.into(), order, unknown_fields: Default::default() }
    }

    /// Sets a word about how the order fares (120).
    #[must_use]
    pub fn with_description(mut self, description: impl Into<PrivateText>) -> Self {
        self.order.description = Some(description.into());
        self
    }
}

object! {
    /// The state of an order.
    pub struct OrderStatus {
        /// How far it has got.
        pub status: OrderState,
        /// A word about it (120).
        pub description: Option<PrivateText>,
    }
}

open_enum! {
    /// How far an order has got. Note the lower case and the hyphen.
    pub enum OrderState {
        /// Not begun.
        Pending = "pending",
        /// Begun.
        Processing = "processing",
        /// A part is on its way.
        PartiallyShipped = "partially-shipped",
        /// All is on its way.
        Shipped = "shipped",
        /// Done.
        Completed = "completed",
        /// Will not be done.
        Canceled = "canceled",
    }
}
