use std::fmt;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

/// The version of the format that this release writes, and the newest it reads.
const VERSION: u64 = 1;

/// Headers that carry secrets: their values are left out.
const SECRETS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// One callback as received.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// When it was received.
    pub received: Timestamp,
    /// Its headers, without those whose values were left out.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: Vec<u8>,
}

/// What is in it is personal, so only its size is shown.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("received", &self.received)
            .field("headers", &self.headers.len())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Why a line is not a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Damaged,
    Version(u64),
}

/// Appends a record and its line feed to the buffer.
pub(super) fn write(line: &mut Vec<u8>, received: Timestamp, headers: &HeaderMap, body: &[u8]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        v: u64,
        received: Timestamp,
        headers: Headers<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        body_base64: Option<String>,
    }

    let (text, base64) = match std::str::from_utf8(body) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(STANDARD.encode(body))),
    };
    let record = Line { v: VERSION, received, headers: Headers(headers), body: text, body_base64: base64 };
    serde_json::to_writer(&mut *line, &record)?;
    line.push(b'\n');
    Ok(())
}

struct Headers<'a>(&'a HeaderMap);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, value) in self.0 {
            let value = (!SECRETS.contains(name)).then(|| latin_1(value.as_bytes()));
            pairs.serialize_element(&(name.as_str(), value))?;
        }
        pairs.end()
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Reads a line without its line feed.
pub(super) fn read(line: &[u8]) -> Result<Record, Fault> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    #[derive(Deserialize)]
    struct Line {
        received: Timestamp,
        headers: Vec<(String, Option<String>)>,
        body: Option<String>,
        body_base64: Option<String>,
    }

    // The errors of the reader may quote what they met, so they are not passed on.
    let Version { v } = serde_json::from_slice(line).map_err(|_| Fault::Damaged)?;
    if v != VERSION {
        return Err(Fault::Version(v));
    }
    let line: Line = serde_json::from_slice(line).map_err(|_| Fault::Damaged)?;
    let body = match (line.body, line.body_base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(base64)) => STANDARD.decode(base64).map_err(|_| Fault::Damaged)?,
        _ => return Err(Fault::Damaged),
    };
    let mut headers = HeaderMap::with_capacity(line.headers.len());
    for (name, value) in line.headers {
        let Some(value) = value else { continue };
        let bytes: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::Damaged)?;
        let value = bytes.map_err(|_| Fault::Damaged).and_then(|bytes| {
            // What was left out when it was written stays out; all else is what a server let through.
            HeaderValue::from_bytes(&bytes).map_err(|_| Fault::Damaged)
        })?;
        headers.append(name, value);
    }
    Ok(Record { received: line.received, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
        let mut line = Vec::new();
        write(&mut line, Timestamp::UNIX_EPOCH, headers, body).unwrap();
        assert_eq!(line.pop(), Some(b'\n'));
        assert!(!line.contains(&b'\n'), "a record is one line");
        line
    }

    #[test]
    fn any_bytes_come_back_as_they_were() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_bytes(b"one \xe9\xff").unwrap());
        headers.append("x-a", HeaderValue::from_static("two"));
        let all: Vec<u8> = (0..=255).collect();
        for body in [&b""[..], b"{\"a\":\"\\u0041 \xc3\xa9\"}\r\n", b"\xef\xbb\xbf{}", b"\0\x01\x7f", &all] {
            let record = read(&line(&headers, body)).unwrap();
            assert_eq!((record.body.as_slice(), &record.headers), (body, &headers));
        }
    }

    #[test]
    fn line_is_what_the_page_shows() {
        let mut headers = HeaderMap::new();
        headers.append("content-type", HeaderValue::from_static("application/json"));
        headers.append("authorization", HeaderValue::from_static("Bearer secret"));
        let line = line(&headers, br#"{"app_id":""}"#);
        assert_eq!(
            String::from_utf8(line.clone()).unwrap(),
            r#"{"v":1,"received":"1970-01-01T00:00:00Z","headers":[["content-type","application/json"],["authorization",null]],"body":"{\"app_id\":\"\"}"}"#
        );
        assert_eq!(read(&line).unwrap().headers.len(), 1);
        assert!(include_str!("lib.rs").contains(
            r#""headers":[["content-type","application/json"],["authorization",null]],"body":"{\"app_id\":\"\"}"}"#
        ));
    }

    #[test]
    fn records_distinguish_invalid_from_newer() {
        let good = String::from_utf8(line(&HeaderMap::new(), b"{}")).unwrap();
        let newer = good.replacen("{\"v\":1", "{\"v\":2,\"new\":[]", 1);
        assert_eq!(read(newer.as_bytes()), Err(Fault::Version(2)));
        assert!(read(good.replacen("{", "{\"later\":{},", 1).as_bytes()).is_ok(), "keys may be added");
        for n in 0..good.len() {
            assert_eq!(read(&good.as_bytes()[..n]), Err(Fault::Damaged), "{n}");
        }
        for bad in ["{}", "[]", "{\"v\":1}", &good.replace("\"body\"", "\"bodies\""), &good.replace("\"{}\"", "3")] {
            assert_eq!(read(bad.as_bytes()), Err(Fault::Damaged), "{bad}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_record() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("+15550100001"));
        let shown = format!("{:?}", read(&line(&headers, b"+15550100002")).unwrap());
        assert!(!shown.contains("1555"), "{shown}");
    }
}
