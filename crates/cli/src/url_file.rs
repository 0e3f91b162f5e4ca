//! A file of recipients at a URL: read by ranges, never stored, never shown with its query.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_MATCH, RANGE};
use reqwest::{Client, Response, StatusCode, redirect};
use sinch_batch::auth::endpoint::is_loopback;
use sinch_batch::recipients::{Format, ReadAt, RecipientFile};
use tokio::runtime::Handle;
use url::Url;

use crate::fail::{Failure, sentence};
use crate::{exit, input};

/// How much is asked for at once.
const WINDOW: u64 = 256 * 1024;

/// How many parts are kept: the head of the file, and where the batches are.
const KEPT: usize = 3;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A file that a server gives in parts.
struct UrlFile {
    client: Client,
    url: Url,
    etag: HeaderValue,
    length: u64,
    runtime: Handle,
    /// What was read last, the oldest first.
    kept: Mutex<Vec<(u64, Vec<u8>)>>,
}

/// Whether an input is a URL rather than a file.
pub(crate) fn is_url(input: &str) -> bool {
    input.starts_with("https://") || input.starts_with("http://")
}

/// A URL as it may be shown: its query may be a signature.
pub(crate) fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            url.set_query(None);
            url.set_fragment(None);
            // Neither can fail for a URL with a host.
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.into()
        }
        Err(_) => "the URL".to_owned(),
    }
}

/// Opens recipients at a URL; the first byte shows whether the server can do what is needed.
pub(crate) async fn open(text: &str) -> Result<RecipientFile, Failure> {
    let shown = shown(text);
    let url = Url::parse(text).map_err(|error| {
        Failure::because(exit::USAGE, "--input is not a URL", &error).hint("give https://HOST/FILE, or a file")
    })?;
    if url.scheme() != "https" && !url.host_str().is_some_and(is_loopback) {
        return Err(Failure::new(exit::USAGE, format!("{shown} would come unencrypted; nothing was sent"))
            .hint("recipients are read over https only"));
    }
    let client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| Failure::because(exit::UNEXPECTED, "no client for --input", &error.without_url()))?;
    let answer = client.get(url.clone()).header(RANGE, "bytes=0-0").send().await.map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("{shown} cannot be read"), &error.without_url())
            .hint("check the URL and the network; nothing was sent")
    })?;
    let (etag, length) = identity(&answer).map_err(|why| {
        Failure::new(exit::BAD_INPUT, format!("{shown} cannot be read: {why}; nothing was sent")).hint(
            "the server must answer a range with 206, Content-Range and an ETag, as S3, GCS and Azure do; is the link \
             still valid?",
        )
    })?;
    let file = UrlFile { client, url: url.clone(), etag, length, runtime: Handle::current(), kept: Mutex::default() };
    let name = url.path().to_owned();
    // Looking at the first bytes reads them, on a thread that may block.
    input::blocking(move || {
        RecipientFile::from_bytes(file, Format::of_path(&name))
            .with_format_of(&name)
            .map_err(|error| input::unreadable(Path::new(&shown), &error))
    })
    .await
}

/// What the file is, and how long; or why that cannot be known.
fn identity(answer: &Response) -> Result<(HeaderValue, u64), String> {
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return Err(format!("the server answered {}", answer.status().as_u16()));
    }
    let headers = answer.headers();
    let etag = headers.get(ETAG).filter(|etag| !etag.as_bytes().starts_with(b"W/"));
    let etag = etag.ok_or("it has no strong ETag")?.clone();
    Ok((etag, length_of(headers).ok_or("its length is not known")?))
}

/// The length in `Content-Range: bytes 0-0/LENGTH`.
fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.rsplit_once('/')?.1.trim().parse().ok()
}

impl UrlFile {
    /// Asks for a part, as long as the file is the one that was opened. Nothing if it is not: what a batch says of its
    /// bytes then finds out.
    async fn part(&self, at: u64, end: u64) -> io::Result<Vec<u8>> {
        let range = format!("bytes={at}-{}", end - 1);
        let request = self.client.get(self.url.clone()).header(RANGE, range).header(IF_MATCH, self.etag.clone());
        let failed = |error: reqwest::Error| io::Error::other(sentence(&error.without_url()));
        let answer = request.send().await.map_err(failed)?;
        match answer.status() {
            // It must not be another file whatever the server makes of the condition.
            StatusCode::PARTIAL_CONTENT if answer.headers().get(ETAG) == Some(&self.etag) => {
                let bytes = answer.bytes().await.map_err(failed)?;
                if bytes.len() as u64 == end - at {
                    Ok(bytes.into())
                } else {
                    Err(io::Error::other("the server gave another part than was asked for"))
                }
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::PRECONDITION_FAILED => Ok(Vec::new()),
            status => Err(io::Error::other(format!("the server of the recipients answered {}", status.as_u16()))),
        }
    }
}

impl ReadAt for UrlFile {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        if at >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match kept.iter().position(|(from, part)| *from <= at && at - *from < part.len() as u64) {
            Some(place) => place,
            None => {
                let wanted = (buffer.len() as u64).max(WINDOW);
                let end = at.saturating_add(wanted).min(self.length);
                let part = self.runtime.block_on(self.part(at, end))?;
                if part.is_empty() {
                    return Ok(0);
                }
                if kept.len() == KEPT {
                    // The first one is the head, which each batch needs.
                    kept.remove(1);
                }
                kept.push((at, part));
                kept.len() - 1
            }
        };
        let (from, part) = &kept[place];
        let rest = usize::try_from(at - from).ok().and_then(|skip| part.get(skip..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_shown_without_what_signs_it() {
        let url = "https://user:geheim@bucket.example.com/a/b.csv?X-Signature=geheim#x";
        assert_eq!(shown(url), "https://bucket.example.com/a/b.csv");
        assert_eq!(shown("https://"), "the URL");
    }

    #[test]
    fn length_is_what_the_range_is_of() {
        let headers = |text: &str| HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_str(text).unwrap())]);
        assert_eq!(length_of(&headers("bytes 0-0/1234")), Some(1234));
        assert_eq!(length_of(&headers("bytes 0-0/*")), None);
        assert_eq!(length_of(&HeaderMap::new()), None);
    }
}
