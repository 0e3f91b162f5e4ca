//! What every page has: head, landmarks, policy.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::assets;
use crate::guard::Refused;

/// What may happen on a page: nothing that does not come from here.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The headers of every page, and of every other answer of a server of pages.
pub const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// A page that a server of pages sends.
#[derive(Clone, Debug, Default)]
pub struct Page<'a> {
    /// What the tab and the history say; the program's name is added.
    pub title: &'a str,
    /// Ways to other pages: where to, and the words.
    pub nav: &'a [(&'a str, &'a str)],
    /// Which of these is this page.
    pub here: Option<usize>,
    /// The path of an event stream that keeps the page live.
    pub live: Option<&'a str>,
    /// A stylesheet beside that of all pages.
    pub style: Option<&'a assets::Asset>,
}

impl Page<'_> {
    /// The page around its content, which holds the one `h1`.
    pub fn render(&self, content: &Markup) -> String {
        let head = html! {
            link rel="stylesheet" href=(assets::stylesheet().path);
            @if let Some(style) = self.style { link rel="stylesheet" href=(style.path); }
            script type="module" src=(assets::module().path) {}
        };
        document(
            self.title,
            &head,
            &html! {
                body data-live=[self.live] {
                    a.skip href="#main" { "Skip to content" }
                    header.top {
                        p.brand { "sinch-batch" }
                        @if !self.nav.is_empty() {
                            nav aria-label="Pages" {
                                @for (at, (to, words)) in self.nav.iter().enumerate() {
                                    a href=(to) aria-current=[(self.here == Some(at)).then_some("page")] { (words) }
                                }
                            }
                        }
                    }
                    main #main tabindex="-1" { (content) }
                }
            },
        )
    }
}

/// A page that is a file: it holds its style, asks nobody for anything, and runs nothing.
pub(crate) fn file(title: &str, content: &Markup) -> String {
    let policy = format!("default-src 'none'; style-src {}; img-src data:", assets::style_source());
    let head = html! {
        meta http-equiv="Content-Security-Policy" content=(policy);
        meta name="referrer" content="no-referrer";
        style { (PreEscaped(assets::STYLE)) }
    };
    document(title, &head, &html! { body.file { main #main { (content) } } })
}

fn document(title: &str, head: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) " – sinch-batch" }
                (head)
            }
            (body)
        }
    };
    page.into_string()
}

/// The page for a request that the guard refused.
pub fn refused(why: Refused) -> String {
    Page { title: "Refused", ..Page::default() }.render(&html! {
        h1 { "Not for this visitor" }
        p { (why.to_string()) "." }
        p.quiet { "What to do: " (why.hint()) "." }
    })
}

/// A table in a frame that scrolls by itself where the window is narrow; it can be reached by keyboard.
pub(crate) fn scrolling(name: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(name) tabindex="0" { (table) } }
}
