//! The languages of contacts.

use crate::open_enum::open_enum;

open_enum! {
    /// The language of a contact. Source: the published Conversation API description, all 70 values.
    pub enum Language {
        /// Afrikaans.
        Af = "AF",
        /// Albanian.
        Sq = "SQ",
        /// Arabic.
        Ar = "AR",
        /// Azerbaijani.
        Az = "AZ",
        /// Bengali.
        Bn = "BN",
        /// Bulgarian.
        Bg = "BG",
        /// Catalan.
        Ca = "CA",
        /// Chinese.
        Zh = "ZH",
        /// Chinese (China).
        ZhCn = "ZH_CN",
        /// Chinese (Hong Kong).
        ZhHk = "ZH_HK",
        /// Chinese (Taiwan).
        ZhTw = "ZH_TW",
        /// Croatian.
        Hr = "HR",
        /// Czech.
        Cs = "CS",
        /// Danish.
        Da = "DA",
        /// Dutch.
        Nl = "NL",
        /// English.
        En = "EN",
        /// English (United Kingdom).
        EnGb = "EN_GB",
        /// English (United States).
        EnUs = "EN_US",
        /// Estonian.
        Et = "ET",
        /// Filipino.
        Fil = "FIL",
        /// Finnish.
        Fi = "FI",
        /// French.
        Fr = "FR",
        /// German.
        De = "DE",
        /// Greek.
        El = "EL",
        /// Gujarati.
        Gu = "GU",
        /// Hausa.
        Ha = "HA",
        /// Hebrew.
        He = "HE",
        /// Hindi.
        Hi = "HI",
        /// Hungarian.
        Hu = "HU",
        /// Indonesian.
        Id = "ID",
        /// Irish.
        Ga = "GA",
        /// Italian.
        It = "IT",
        /// Japanese.
        Ja = "JA",
        /// Kannada.
        Kn = "KN",
        /// Kazakh.
        Kk = "KK",
        /// Korean.
        Ko = "KO",
        /// Lao.
        Lo = "LO",
        /// Latvian.
        Lv = "LV",
        /// Lithuanian.
        Lt = "LT",
        /// Macedonian.
        Mk = "MK",
        /// Malay.
        Ms = "MS",
        /// Malayalam.
        Ml = "ML",
        /// Marathi.
        Mr = "MR",
        /// Norwegian Bokmål.
        Nb = "NB",
        /// Persian.
        Fa = "FA",
        /// Polish.
        Pl = "PL",
        /// Portuguese.
        Pt = "PT",
        /// Portuguese (Brazil).
        PtBr = "PT_BR",
        /// Portuguese (Portugal).
        PtPt = "PT_PT",
        /// Punjabi.
        Pa = "PA",
        /// Romanian.
        Ro = "RO",
        /// Russian.
        Ru = "RU",
        /// Serbian.
        Sr = "SR",
        /// Slovak.
        Sk = "SK",
        /// Slovenian.
        Sl = "SL",
        /// Spanish.
        Es = "ES",
        /// Spanish (Argentina).
        EsAr = "ES_AR",
        /// Spanish (Spain).
        EsEs = "ES_ES",
        /// Spanish (Mexico).
        EsMx = "ES_MX",
        /// Swahili.
        Sw = "SW",
        /// Swedish.
        Sv = "SV",
        /// Tamil.
        Ta = "TA",
        /// Telugu.
        Te = "TE",
        /// Thai.
        Th = "TH",
        /// Turkish.
        Tr = "TR",
        /// Ukrainian.
        Uk = "UK",
        /// Urdu.
        Ur = "UR",
        /// Uzbek.
        Uz = "UZ",
        /// Vietnamese.
        Vi = "VI",
        /// Zulu.
        Zu = "ZU",
        /// Not said. Callbacks and stored contacts carry it; requests may not.
        Unspecified = "UNSPECIFIED",
    }
}
