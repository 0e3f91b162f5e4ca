//! Texts: links recognised, emphasis on the channel that has it.

use maud::{Markup, html};
use serde_json::Value;

use super::{Context, at};
use crate::text::{link, outside};

pub(super) fn message(text: &Value, context: &Context<'_>) -> Markup {
    let text = at(text, "/text");
    html! { p.said { @if text.is_empty() { i.quiet { "no text" } } @else { (words(text, context.channel)) } } }
}

/// A text with its links; on WhatsApp with its bold words, too.
pub(super) fn words(text: &str, channel: &str) -> Markup {
    html! {
        @for piece in pieces(text, channel == "WHATSAPP") {
            @match piece {
                Piece::Plain(text) => (outside(text)),
                Piece::Bold(text) => b { (outside(text)) },
                Piece::Link(url) => (link(url)),
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Plain(&'a str),
    Bold(&'a str),
    Link(&'a str),
}

fn pieces(text: &str, bold: bool) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut plain, mut from) = (0, 0);
    while let Some((start, end, piece)) = next(text, from, bold) {
        if plain < start {
            pieces.push(Piece::Plain(&text[plain..start]));
        }
        pieces.push(piece);
        (plain, from) = (end, end);
    }
    if plain < text.len() {
        pieces.push(Piece::Plain(&text[plain..]));
    }
    pieces
}

/// The next link or bold word from there on: where it starts and ends.
fn next(text: &str, from: usize, bold: bool) -> Option<(usize, usize, Piece<'_>)> {
    let rest = &text[from..];
    let link = rest.find("https://").map(|start| {
        let url = &rest[start..];
        let end = url.find(|letter: char| letter.is_whitespace() || "<>\"".contains(letter)).unwrap_or(url.len());
        let url = url[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '\'']);
        (from + start, from + start + url.len(), Piece::Link(url))
    });
    let strong = if bold { strong(rest) } else { None };
    let strong = strong.map(|(start, end)| (from + start, from + end, Piece::Bold(&rest[start + 1..end - 1])));
    match (link, strong) {
        (Some(link), Some(strong)) => Some(if strong.0 < link.0 { strong } else { link }),
        (link, strong) => link.or(strong),
    }
}

/// `*words*` that begin and end at a word, on one line.
fn strong(text: &str) -> Option<(usize, usize)> {
    let mut open = None;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match (letter, open) {
            ('\n', _) => open = None,
            ('*', Some(start)) if start + 1 < at && !before.is_whitespace() => return Some((start, at + 1)),
            ('*', _) if !before.is_alphanumeric() => {
                let after = text[at + 1..].chars().next();
                open = after.is_some_and(|after| !after.is_whitespace() && after != '*').then_some(at);
            }
            _ => {}
        }
        before = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Piece::{Bold, Link, Plain};
    use super::*;

    #[test]
    fn links_and_bold_words_are_found() {
        assert_eq!(
            pieces("Hi *Ann*, see https://example.org/a?b=1. *not bold", true),
            [Plain("Hi "), Bold("Ann"), Plain(", see "), Link("https://example.org/a?b=1"), Plain(". *not bold")]
        );
        assert_eq!(pieces("*Ann* javascript:x 2*3*4", false), [Plain("*Ann* javascript:x 2*3*4")]);
        assert_eq!(pieces("2*3*4 ** * a * *\n*", true), [Plain("2*3*4 ** * a * *\n*")]);
        assert_eq!(pieces("", true), []);
    }
}
