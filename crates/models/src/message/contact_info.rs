use crate::object::object;
use crate::wire::PrivateText;

object! {
    /// `contact_info_message`: a business card. Source: the published Conversation API description.
    pub struct ContactInfoMessage {
        /// The name.
        pub name: PersonName,
        /// Phone numbers.
        pub phone_numbers: Vec<PhoneNumber>,
        /// Postal addresses.
        pub addresses: Option<Vec<PostalAddress>> => with_addresses(Vec<PostalAddress>),
        /// Mail addresses.
        pub email_addresses: Option<Vec<EmailAddress>> => with_email_addresses(Vec<EmailAddress>),
        /// The organization.
        pub organization: Option<Organization> => with_organization(Organization),
        /// Pages.
        pub urls: Option<Vec<PageUrl>> => with_urls(Vec<PageUrl>),
        /// The birthday, as `YYYY-MM-DD`.
        pub birthday: Option<PrivateText> => with_birthday(PrivateText),
    }
}

impl ContactInfoMessage {
    /// A person with phone numbers.
    pub fn new(name: PersonName, phone_numbers: impl Into<Vec<PhoneNumber>>) -> Self {
        Self {
            name,
            phone_numbers: phone_numbers.into(),
            addresses: None,
            email_addresses: None,
            organization: None,
            urls: None,
            birthday: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// The name of a person.
    pub struct PersonName {
        /// The whole name.
        pub full_name: PrivateText,
        /// The first name.
        pub first_name: Option<PrivateText> => with_first_name(PrivateText),
        /// The middle name.
        pub middle_name: Option<PrivateText> => with_middle_name(PrivateText),
        /// The last name.
        pub last_name: Option<PrivateText> => with_last_name(PrivateText),
        /// What stands before it, such as `Dr`.
        pub prefix: Option<PrivateText> => with_prefix(PrivateText),
        /// What stands behind it, such as `Jr`.
        pub suffix: Option<PrivateText> => with_suffix(PrivateText),
    }
}

impl PersonName {
    /// A whole name.
    pub fn new(full_name: impl Into<PrivateText>) -> Self {
        Self {
            full_name: full_name.into(),
            first_name: None,
            middle_name: None,
            last_name: None,
            prefix: None,
            suffix: None,
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// A phone number.
    pub struct PhoneNumber {
        /// The number.
        pub phone_number: PrivateText,
        /// What it is for, such as `WORK` or `HOME`.
        pub kind as "type": Option<PrivateText> => with_kind(PrivateText),
    }
}

impl PhoneNumber {
    /// A phone number.
    pub fn new(phone_number: impl Into<PrivateText>) -> Self {
        Self { phone_number: phone_number.into(), kind: None, unknown_fields: Default::default() }
    }
}

object! {
    /// A postal address.
    #[derive(Default)]
    pub struct PostalAddress {
        /// The city.
        pub city: Option<PrivateText> => with_city(PrivateText),
        /// The country.
        pub country: Option<PrivateText> => with_country(PrivateText),
        /// The code of the country, such as `US`.
        pub country_code: Option<PrivateText> => with_country_code(PrivateText),
        /// The state or province.
        pub state: Option<PrivateText> => with_state(PrivateText),
        /// The postal code.
        pub zip: Option<PrivateText> => with_zip(PrivateText),
        /// What it is for, such as `WORK` or `HOME`.
        pub kind as "type": Option<PrivateText> => with_kind(PrivateText),
    }
}

object! {
    /// A mail address.
    pub struct EmailAddress {
        /// The address.
        pub email_address: PrivateText,
        /// What it is for, such as `WORK` or `HOME`.
        pub kind as "type": Option<PrivateText> => with_kind(PrivateText),
    }
}

impl EmailAddress {
    /// A mail address.
    pub fn new(email_address: impl Into<PrivateText>) -> Self {
        Self { email_address: email_address.into(), kind: None, unknown_fields: Default::default() }
    }
}

object! {
    /// An organization, and a place in it.
    #[derive(Default)]
    pub struct Organization {
        /// The company.
        pub company: Option<PrivateText> => with_company(PrivateText),
        /// The department.
        pub department: Option<PrivateText> => with_department(PrivateText),
        /// What the person is there.
        pub title: Option<PrivateText> => with_title(PrivateText),
    }
}

object! {
    /// A page.
    pub struct PageUrl {
        /// Its address.
        pub url: PrivateText,
        /// What it is for.
        pub kind as "type": Option<PrivateText> => with_kind(PrivateText),
    }
}

impl PageUrl {
    /// A page.
    pub fn new(url: impl Into<PrivateText>) -> Self {
        Self { url: url.into(), kind: None, unknown_fields: Default::default() }
    }
}
