//! The regions of the Batch API.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The region of an app. An app of another region is answered 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Region {
    /// United States.
    Us,
    /// European Union.
    Eu,
    /// Brazil.
    Br,
}

impl Region {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Us, Self::Eu, Self::Br];

    /// The name as in `SINCH_REGION`: `us`, `eu` or `br`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Br => "br",
        }
    }

    /// The base URL of the region, such as `https://eu.conversationbatch.api.sinch.com`.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Us => "https://us.conversationbatch.api.sinch.com",
            Self::Eu => "https://eu.conversationbatch.api.sinch.com",
            Self::Br => "https://br.conversationbatch.api.sinch.com",
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'_, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is not the name of a region.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown region `{name}`: expected us, eu or br")]
pub struct UnknownRegion {
    /// The text, cut after 20 characters.
    pub name: String,
}

impl FromStr for Region {
    type Err = UnknownRegion;

    /// Reads `us`, `eu` or `br`, in either case.
    fn from_str(name: &str) -> Result<Self, UnknownRegion> {
        Self::ALL
            .into_iter()
            .find(|region| region.as_str().eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| UnknownRegion { name: name.chars().take(20).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_is_read_in_either_case_and_names_its_host() {
        for region in Region::ALL {
            assert_eq!(region.to_string().parse(), Ok(region));
            assert_eq!(region.as_str().to_uppercase().parse(), Ok(region));
            let json = serde_json::to_string(&region).unwrap();
            assert_eq!((json.as_str(), serde_json::from_str(&json).unwrap()), (&*format!("\"{region}\""), region));
            assert_eq!(region.base_url(), format!("https://{region}.conversationbatch.api.sinch.com"));
        }
        assert_eq!(
            "Europe".parse::<Region>().unwrap_err().to_string(),
            "unknown region `Europe`: expected us, eu or br"
        );
    }
}
