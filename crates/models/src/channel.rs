//! The channels a message can go over.

use crate::open_enum::open_enum;

open_enum! {
    /// A channel. Requests take the names known here; callbacks may carry others.
    ///
    /// Source: the published Conversation API description.
    pub enum Channel {
        /// PrivateText messages.
        Sms = "SMS",
        /// Rich Communication Services.
        Rcs = "RCS",
        /// WhatsApp.
        WhatsApp = "WHATSAPP",
        /// Multimedia messages.
        Mms = "MMS",
        /// KakaoTalk, business messages.
        KakaoTalk = "KAKAOTALK",
        /// KakaoTalk, chat.
        KakaoTalkChat = "KAKAOTALKCHAT",
        /// Viber Business Messages.
        ViberBm = "VIBERBM",
        /// LINE.
        Line = "LINE",
        /// Instagram.
        Instagram = "INSTAGRAM",
        /// Messenger.
        Messenger = "MESSENGER",
        /// WeChat.
        WeChat = "WECHAT",
        /// Telegram.
        Telegram = "TELEGRAM",
        /// Apple Messages for Business.
        AppleBc = "APPLEBC",
    }
}

impl Channel {
    /// Whether identities on this channel are phone numbers.
    ///
    /// Source: the contact pages name SMS, MMS, RCS, WhatsApp and Viber Business.
    pub fn has_phone_numbers(&self) -> bool {
        matches!(self, Self::Sms | Self::Mms | Self::Rcs | Self::WhatsApp | Self::ViberBm)
    }
}
