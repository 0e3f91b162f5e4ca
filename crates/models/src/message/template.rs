use std::sync::Arc;

use serde::de::Error;

use crate::Channel;
use crate::object::object;
use crate::wire::{Parameters, PrivateText, WireMap};

object! {
    /// `template_message`: a template that was made before, by reference; at least one of the two.
    ///
    /// Template parameters and the parameters of a batch are different things: the *value* of a
    /// template parameter may hold a placeholder of the batch.
    /// Source: the published Conversation API description.
    pub struct TemplateMessage {
        /// A template of the service, for every channel without one of its own.
        pub omni_template: Option<OmniTemplate> => with_omni(OmniTemplate),
        /// Templates of the channels, by channel; each wins over the omni template.
        pub channel_template: Option<WireMap<ChannelTemplate>>,
    }
    check has_a_template;
}

fn has_a_template<E: Error>(message: &TemplateMessage) -> Result<(), E> {
    if message.omni_template.is_none() && message.channel_template.is_none() && message.unknown_fields.is_empty() {
        return Err(E::custom("one of `omni_template` or `channel_template` is required"));
    }
    Ok(())
}

impl TemplateMessage {
    /// A template of the service.
    pub fn omni(template: OmniTemplate) -> Self {
        Self { omni_template: Some(template), channel_template: None, unknown_fields: Default::default() }
    }

    /// A template of one channel.
    pub fn channel(channel: Channel, template: ChannelTemplate) -> Self {
        let none = Self { omni_template: None, channel_template: None, unknown_fields: Default::default() };
        none.with_channel(channel, template)
    }

    /// Sets the template of one channel.
    #[must_use]
    pub fn with_channel(mut self, channel: Channel, template: ChannelTemplate) -> Self {
        self.channel_template.get_or_insert_default().insert(channel.as_str(), template);
        self
    }
}

object! {
    /// A template of the service.
    pub struct OmniTemplate {
        /// The template's id.
        pub template_id: PrivateText,
        /// The version, or `latest`; required for templates of the service.
        pub version: PrivateText,
        /// The language, in BCP 47, such as `en-US`; if left out, the template's default.
        pub language_code: Option<PrivateText> => with_language(PrivateText),
        /// Values of the template's parameters.
        pub parameters: Parameters,
    }
}

impl OmniTemplate {
    /// A template in a version, such as `latest`.
    pub fn new(template_id: impl Into<PrivateText>, version: impl Into<PrivateText>) -> Self {
        Self {
            template_id: template_id.into(),
            version: version.into(),
            language_code: None,
            parameters: Parameters::new(),
            unknown_fields: Default::default(),
        }
    }

    /// Sets the value of one parameter of the template; a placeholder of the batch may stand in it.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<Arc<str>>, value: impl Into<PrivateText>) -> Self {
        self.parameters.insert(name, value.into());
        self
    }
}

object! {
    /// A template of a channel.
    pub struct ChannelTemplate {
        /// The template's id; on WhatsApp its name.
        pub template_id: PrivateText,
        /// The version, where the channel knows any.
        pub version: Option<PrivateText> => with_version(PrivateText),
        /// The language, in BCP 47; WhatsApp needs it, with an underscore: `pt_BR`.
        pub language_code: Option<PrivateText> => with_language(PrivateText),
        /// Values of the template's parameters, such as `body[1]text` on WhatsApp.
        pub parameters: Parameters,
    }
}

impl ChannelTemplate {
    /// A template of a channel.
    pub fn new(template_id: impl Into<PrivateText>) -> Self {
        Self {
            template_id: template_id.into(),
            version: None,
            language_code: None,
            parameters: Parameters::new(),
            unknown_fields: Default::default(),
        }
    }

    /// Sets the value of one parameter of the template; a placeholder of the batch may stand in it.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<Arc<str>>, value: impl Into<PrivateText>) -> Self {
        self.parameters.insert(name, value.into());
        self
    }
}
