//! The token endpoint's response to a granted request, as `oauth2`'s parser reads it into a type of ours.
//!
//! RFC 6749 is read generously: a lifetime may be a text or have a fraction, and a type that is missing is bearer.

use std::fmt;
use std::time::Duration;

use oauth2::basic::BasicTokenType;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// A granted token. `Serialize` is required by `oauth2` and not used.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct GrantedToken {
    access_token: AccessToken,
    #[serde(default = "bearer", deserialize_with = "token_type")]
    token_type: BasicTokenType,
    #[serde(default, deserialize_with = "lifetime", skip_serializing)]
    expires_in: Option<Duration>,
}

impl TokenResponse for GrantedToken {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        None
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

/// In any case of letters; `null` is as good as missing.
fn token_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BasicTokenType, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(match name.map(|name| name.to_ascii_lowercase()) {
        Some(name) if name != "bearer" => BasicTokenType::Extension(name),
        _ => BasicTokenType::Bearer,
    })
}

/// Seconds: a whole number, one with a fraction, or either in a text; `null` is as good as missing.
fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    struct Seconds;

    impl<'de> Visitor<'de> for Seconds {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of seconds")
        }

        fn visit_u64<E>(self, seconds: u64) -> Result<Self::Value, E> {
            Ok(Some(Duration::from_secs(seconds)))
        }

        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom("it is negative"))
        }

        fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Self::Value, E> {
            Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| E::custom("it is out of range"))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            match text.trim().parse() {
                Ok(seconds) => self.visit_u64(seconds),
                Err(_) => self.visit_f64(text.trim().parse().map_err(|_| E::custom("it is not a number"))?),
            }
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Seconds)
}
