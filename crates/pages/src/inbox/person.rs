//! One person: a phone a channel, messages in order.

use maud::{Markup, html};
use serde_json::Value;
use sinch_batch_models::Timestamp;

use super::{OUTCOMES, Status, back_field, clock, code_field, message_url, page, person_url, select, url};
use crate::phone::{self, Context, Press};
use crate::text::{count, outside};

/// A message as it stands on a phone.
#[derive(Clone, Debug)]
pub struct BubbleView {
    /// Its place.
    pub at: String,
    /// The message, placeholders filled in.
    pub message: Value,
    /// Where it stands.
    pub status: Status,
}

/// What a person did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InboundView {
    /// Wrote, or pressed a button.
    Wrote(String),
    /// Opted out.
    OptedOut,
}

/// One thing on a phone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LineView {
    /// To the person.
    Message(BubbleView),
    /// From the person.
    Inbound(InboundView),
}

/// One person on all channels.
#[derive(Clone, Debug)]
pub struct PersonView {
    /// The identity, or the contact's id.
    pub identity: String,
    /// By channel, what is on its phone, oldest first.
    pub phones: Vec<(&'static str, Vec<(Timestamp, LineView)>)>,
    /// Where older messages are, if there are any.
    pub older: Option<String>,
    /// The channels on which the person has opted out.
    pub opted_out: Vec<String>,
    /// What becomes of the next messages: a value of the form, and the code of a failure.
    pub outcome: (String, String),
    /// Whether callbacks go anywhere.
    pub calls_back: bool,
}

impl PersonView {
    /// The page.
    pub fn render(&self) -> String {
        let n = self.phones.iter().flat_map(|(_, lines)| lines).filter(|(_, it)| matches!(it, LineView::Message(_)));
        let n = n.count() as u64;
        page(
            &self.identity,
            None,
            None,
            &html! {
                p.eyebrow { a href="/inbox" { "Inbox" } " / Person" }
                h1 { (outside(&self.identity)) }
                p.quiet {
                    @if self.older.is_some() { "The last " }
                    (count(n, "message", "messages"))
                    @for channel in &self.opted_out { " " span.badge.failed { "opted out of " (outside(channel)) } }
                }
                div.beside {
                    div.phones {
                        @for (channel, lines) in &self.phones { (self.phone(channel, lines)) }
                        @if self.phones.is_empty() { p.empty { "No message to this person was found." } }
                        @if let Some(older) = &self.older {
                            nav.further aria-label="Further messages" {
                                a href=(url("/inbox/person", &[("identity", &self.identity), ("after", older)])) { "Older messages" }
                            }
                        }
                    }
                    (self.acts())
                }
            },
        )
    }

    fn phone(&self, channel: &str, lines: &[(Timestamp, LineView)]) -> Markup {
        let back = person_url(&self.identity);
        let name = if channel.is_empty() { "contact" } else { channel };
        html! {
            section.phone aria-label={ "Phone: " (name) } {
                h2.bar-top { (name) }
                div.screen {
                    @for (time, line) in lines { (self.line(channel, *time, line, &back)) }
                }
            }
        }
    }

    fn line(&self, channel: &str, time: Timestamp, line: &LineView, back: &str) -> Markup {
        match line {
            LineView::Message(bubble) => {
                let press = self.calls_back.then_some(Press { at: &bubble.at, back });
                html! {
                    div.turn {
                        (phone::message(&bubble.message, &Context { channel, press }))
                        p.under { (clock(time)) " " (bubble.status.show()) " " a href=(message_url(&bubble.at)) { "Details" } }
                    }
                }
            }
            LineView::Inbound(what) => html! {
                div.turn.theirs {
                    div.bubble {
                        p.said {
                            @match what {
                                InboundView::Wrote(text) => (outside(text)),
                                InboundView::OptedOut => i { "opted out" },
                            }
                        }
                    }
                    p.under { (clock(time)) " sent to the webhook" }
                }
            },
        }
    }

    /// What can be made to happen.
    fn acts(&self) -> Markup {
        let back = person_url(&self.identity);
        let channel = self.phones.first().map_or("SMS", |(channel, _)| *channel);
        let last =
            self.phones.iter().rev().flat_map(|(_, lines)| lines.iter().rev()).find_map(|(_, line)| match line {
                LineView::Message(bubble) => Some(bubble.at.as_str()),
                LineView::Inbound(_) => None,
            });
        let hidden = html! { (back_field(&back)) input type="hidden" name="identity" value=(self.identity); };
        let (outcome, code) = &self.outcome;
        html! {
            aside.acts aria-label="What this person does" {
                form method="post" action="/inbox/outcome" {
                    h2 { "Next messages" }
                    (hidden)
                    p { label for="outcome" { "They will be" } (select("outcome", "outcome", &OUTCOMES, outcome)) }
                    p { label for="code" { "Code, if failed" } (code_field("code")) }
                    @if !code.is_empty() { p.quiet { "Now: " (outside(code)) } }
                    button type="submit" { "Set" }
                }
                @if self.calls_back {
                    @if let Some(at) = last {
                        form method="post" action="/inbox/reply" {
                            h2 { "Reply" }
                            (back_field(&back))
                            input type="hidden" name="at" value=(at);
                            p { label for="text" { "Text" } input #text name="text" required autocomplete="off"; }
                            button type="submit" { "Send reply" }
                        }
                    }
                    form.second method="post" action="/inbox/opt-out" {
                        h2 { "Opt out" }
                        (hidden)
                        input type="hidden" name="channel" value=(channel);
                        p.quiet { "Tells the webhook; later messages are still taken." }
                        button type="submit" { "Opt out of " @if channel.is_empty() { "messages" } @else { (channel) } }
                    }
                } @else {
                    p.quiet { "Replies and opt-outs need a webhook: start the simulator with " code { "--callback-url" } "." }
                }
            }
        }
    }
}
