//! Media: a frame with kind and name. Nothing is fetched.

use maud::{Markup, html};
use serde_json::Value;

use super::{Context, at};
use crate::text::{link, outside};

pub(super) fn message(media: &Value, _: &Context<'_>) -> Markup {
    frame(media)
}

pub(super) fn frame(media: &Value) -> Markup {
    let url = at(media, "/url");
    let name = match at(media, "/filename_override") {
        "" => file_name(url),
        name => name,
    };
    html! {
        div.media {
            span.what { (kind(url)) }
            @if !name.is_empty() { b { (outside(name)) } }
            span.leads { (link(url)) }
        }
    }
}

/// The last part of a URL's path.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(_, path)| path.rsplit('/').next().unwrap_or_default())
}

/// What a file is by the end of its name.
fn kind(url: &str) -> &'static str {
    let ending = file_name(url).rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("jpg" | "jpeg" | "png" | "gif" | "webp" | "heic") => "Image",
        Some("mp4" | "3gp" | "mov" | "webm" | "mpeg") => "Video",
        Some("mp3" | "ogg" | "oga" | "aac" | "amr" | "m4a" | "wav" | "opus") => "Audio",
        Some("pdf" | "doc" | "docx" | "xls" | "xlsx" | "ppt" | "pptx" | "txt" | "csv" | "odt") => "Document",
        Some("vcf") => "Contact",
        _ => "File",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_name_follow_from_the_url() {
        for (url, shown) in [
            ("https://example.org/a/coat.JPG?x=1#y", ("Image", "coat.JPG")),
            ("https://example.org/plan.pdf", ("Document", "plan.pdf")),
            ("https://example.org", ("File", "")),
            ("https://example.org/", ("File", "")),
            ("${url}", ("File", "")),
        ] {
            assert_eq!((kind(url), file_name(url)), shown, "{url}");
        }
    }
}
