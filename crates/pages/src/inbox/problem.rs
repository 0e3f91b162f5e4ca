//! What could not be done.

use maud::html;

use super::page;
use crate::text::outside;

/// The page for what could not be shown or done, and what to do about it.
pub fn problem(title: &str, why: &str, hint: &str) -> String {
    page(
        title,
        None,
        None,
        &html! {
            p.eyebrow { a href="/inbox" { "Inbox" } }
            h1 { (title) }
            p { (outside(why)) }
            @if !hint.is_empty() { p.quiet { "What to do: " (outside(hint)) } }
        },
    )
}
