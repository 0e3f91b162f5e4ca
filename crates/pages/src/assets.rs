//! The stylesheets and the one module, by names that change with their content.

use std::fmt::Write;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The stylesheet, which a report holds in itself.
pub(crate) const STYLE: &str = include_str!("style.css");
const INBOX: &str = include_str!("inbox.css");
const MODULE: &str = include_str!("live.js");

/// A file that pages refer to. It never changes under its path, so it may be kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is served: `/assets/style-1a2b3c4d.css`.
    pub path: String,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// What it holds.
    pub body: &'static str,
}

/// The `Cache-Control` of an asset.
pub const FOR_EVER: &str = "public, max-age=31536000, immutable";

static STYLESHEET: LazyLock<Asset> = LazyLock::new(|| asset("style", "css", "text/css; charset=utf-8", STYLE));
static INBOX_STYLE: LazyLock<Asset> = LazyLock::new(|| asset("inbox", "css", "text/css; charset=utf-8", INBOX));
static LIVE: LazyLock<Asset> = LazyLock::new(|| asset("live", "js", "text/javascript; charset=utf-8", MODULE));

fn asset(name: &str, ending: &str, content_type: &'static str, body: &'static str) -> Asset {
    let digest = Sha256::digest(body);
    let digits = digest.iter().take(4).fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    Asset { path: format!("/assets/{name}-{digits}.{ending}"), content_type, body }
}

/// The stylesheet of all pages.
pub fn stylesheet() -> &'static Asset {
    &STYLESHEET
}

/// What pages of the inbox need beside it: phones, forms, the list.
pub fn inbox() -> &'static Asset {
    &INBOX_STYLE
}

/// The module that keeps a page live.
pub fn module() -> &'static Asset {
    &LIVE
}

/// The asset of a path.
pub fn find(path: &str) -> Option<&'static Asset> {
    [stylesheet(), inbox(), module()].into_iter().find(|asset| asset.path == path)
}

/// The source that allows the stylesheet within a page: `'sha256-…'`.
pub(crate) fn style_source() -> String {
    format!("'sha256-{}'", base64(&Sha256::digest(STYLE)))
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| bits << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[bits >> (18 - 6 * at) & 63];
            text.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_published_examples() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn assets_are_small_and_found_by_their_path() {
        assert!(STYLE.len() <= 8 * 1024, "{}", STYLE.len());
        assert!(INBOX.len() <= 8 * 1024, "{}", INBOX.len());
        assert!(MODULE.lines().count() <= 200);
        for asset in [stylesheet(), inbox(), module()] {
            assert_eq!(find(&asset.path), Some(asset));
        }
        assert_eq!(find("/assets/style.css"), None);
        assert_ne!(asset("a", "css", "", "one").path, asset("a", "css", "", "two").path);
    }
}
