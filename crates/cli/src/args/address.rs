//! Addresses to listen on, as people type them.

use std::net::{Ipv4Addr, SocketAddr};

/// Reads `127.0.0.1:8080`, `localhost:8080`, `:8080` or `8080`; a port alone is of this machine only.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    match port.parse::<u16>() {
        Ok(number) if port.bytes().all(|digit| digit.is_ascii_digit()) => {
            Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, number)))
        }
        _ => Err("expected an address such as 127.0.0.1:8080, localhost:8080 or a port alone".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_host() {
        for text in ["127.0.0.1:8080", "localhost:8080", ":8080", "8080"] {
            assert_eq!(address(text), Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))), "{text}");
        }
        assert_eq!(address("0.0.0.0:0"), Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))));
        assert!(address("[::1]:80").is_ok_and(|address| address.is_ipv6()));
        for text in ["", "localhost", "example.com:80", "65536", "+80", "127.0.0.1", "http://localhost:80"] {
            assert!(address(text).unwrap_err().contains("localhost:8080"), "{text}");
        }
    }
}
