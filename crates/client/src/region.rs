//! The regions of the Batch API.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Where the app lives. An app of another region answers 404.
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

    /// Where requests go, such as `https://eu.conversationbatch.api.sinch.com`.
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

/// A text that names no region.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no region `{name}`: it is us, eu or br")]
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
    fn names_are_read_in_either_case_and_name_their_host() {
        for region in Region::ALL {
            assert_eq!(region.to_string().parse(), Ok(region));
            assert_eq!(region.as_str().to_uppercase().parse(), Ok(region));
            assert_eq!(region.base_url(), format!("https://{region}.conversationbatch.api.sinch.com"));
        }
        assert_eq!(
            "Europe".parse::<Region>().unwrap_err().to_string(),
            "there is no region `Europe`: it is us, eu or br"
        );
    }
}
