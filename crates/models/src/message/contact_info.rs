use crate::object::object;
use crate::wire::Text;

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
        pub birthday: Option<Text> => with_birthday(Text),
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
            extra: Default::default(),
        }
    }
}

object! {
    /// The name of a person.
    pub struct PersonName {
        /// The whole name.
        pub full_name: Text,
        /// The first name.
        pub first_name: Option<Text> => with_first_name(Text),
        /// The middle name.
        pub middle_name: Option<Text> => with_middle_name(Text),
        /// The last name.
        pub last_name: Option<Text> => with_last_name(Text),
        /// What stands before it, such as `Dr`.
        pub prefix: Option<Text> => with_prefix(Text),
        /// What stands behind it, such as `Jr`.
        pub suffix: Option<Text> => with_suffix(Text),
    }
}

impl PersonName {
    /// A whole name.
    pub fn new(full_name: impl Into<Text>) -> Self {
        Self {
            full_name: full_name.into(),
            first_name: None,
            middle_name: None,
            last_name: None,
            prefix: None,
            suffix: None,
            extra: Default::default(),
        }
    }
}

object! {
    /// A phone number.
    pub struct PhoneNumber {
        /// The number.
        pub phone_number: Text,
        /// What it is for, such as `WORK` or `HOME`.
        pub kind as "type": Option<Text> => with_kind(Text),
    }
}

impl PhoneNumber {
    /// A phone number.
    pub fn new(phone_number: impl Into<Text>) -> Self {
        Self { phone_number: phone_number.into(), kind: None, extra: Default::default() }
    }
}

object! {
    /// A postal address.
    #[derive(Default)]
    pub struct PostalAddress {
        /// The city.
        pub city: Option<Text> => with_city(Text),
        /// The country.
        pub country: Option<Text> => with_country(Text),
        /// The code of the country, such as `US`.
        pub country_code: Option<Text> => with_country_code(Text),
        /// The state or province.
        pub state: Option<Text> => with_state(Text),
        /// The postal code.
        pub zip: Option<Text> => with_zip(Text),
        /// What it is for, such as `WORK` or `HOME`.
        pub kind as "type": Option<Text> => with_kind(Text),
    }
}

object! {
    /// A mail address.
    pub struct EmailAddress {
        /// The address.
        pub email_address: Text,
        /// What it is for, such as `WORK` or `HOME`.
        pub kind as "type": Option<Text> => with_kind(Text),
    }
}

impl EmailAddress {
    /// A mail address.
    pub fn new(email_address: impl Into<Text>) -> Self {
        Self { email_address: email_address.into(), kind: None, extra: Default::default() }
    }
}

object! {
    /// An organization, and a place in it.
    #[derive(Default)]
    pub struct Organization {
        /// The company.
        pub company: Option<Text> => with_company(Text),
        /// The department.
        pub department: Option<Text> => with_department(Text),
        /// What the person is there.
        pub title: Option<Text> => with_title(Text),
    }
}

object! {
    /// A page.
    pub struct PageUrl {
        /// Its address.
        pub url: Text,
        /// What it is for.
        pub kind as "type": Option<Text> => with_kind(Text),
    }
}

impl PageUrl {
    /// A page.
    pub fn new(url: impl Into<Text>) -> Self {
        Self { url: url.into(), kind: None, extra: Default::default() }
    }
}
