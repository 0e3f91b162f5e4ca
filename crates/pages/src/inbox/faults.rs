//! Planned faults, and the clock.

use maud::{Markup, html};
use sinch_batch_models::Timestamp;

use super::{back_field, page};
use crate::text::{count, outside, time};

/// A fault that is still to happen.
#[derive(Clone, Debug)]
pub struct FaultView {
    /// What it happens to.
    pub operation: String,
    /// What goes wrong.
    pub fault: String,
    /// How many requests pass first.
    pub after: u64,
    /// How many requests it happens to.
    pub times: u64,
    /// Its further settings in words.
    pub settings: String,
}

/// A fault that an operation can have.
#[derive(Clone, Debug)]
pub struct FaultKindView {
    /// Its name.
    pub name: String,
    /// Whether it needs a number of seconds.
    pub needs_seconds: bool,
}

/// An operation and the faults it can have.
#[derive(Clone, Debug)]
pub struct OperationView {
    /// Its name.
    pub name: String,
    /// What can go wrong with it.
    pub kinds: Vec<FaultKindView>,
}

/// What is planned to go wrong, and what time it is.
#[derive(Clone, Debug)]
pub struct FaultsView {
    /// Faults that are still to happen.
    pub planned: Vec<FaultView>,
    /// What can be planned.
    pub operations: Vec<OperationView>,
    /// What the clock says.
    pub now: Timestamp,
    /// Whether callbacks are held back.
    pub held: bool,
}

impl FaultsView {
    /// The page.
    pub fn render(&self) -> String {
        let back = "/inbox/faults";
        page(
            "Faults and clock",
            Some(1),
            None,
            &html! {
                h1 { "Faults and clock" }
                section { h2 { "Planned" } (self.planned(back)) }
                section {
                    h2 { "Plan a fault" }
                    div.cards { @for operation in &self.operations { (operation.form(back)) } }
                }
                section {
                    h2 { "Clock" }
                    p { "It is " (time(self.now)) "." }
                    form.inline method="post" action="/inbox/clock" {
                        (back_field(back))
                        label for="advance_seconds" { "Move it on by" }
                        input #advance_seconds name="advance_seconds" type="number" min="1" value="60" required;
                        " seconds "
                        button type="submit" { "Move on" }
                    }
                }
                section {
                    h2 { "Callbacks" }
                    p { @if self.held { "They are held back." } @else { "They are sent as they come." } }
                    form method="post" action="/inbox/callbacks" {
                        (back_field(back))
                        @let (value, words) = if self.held { ("release", "Let them go") } else { ("hold", "Hold them back") };
                        button type="submit" name="what" value=(value) { (words) }
                    }
                }
            },
        )
    }

    fn planned(&self, back: &str) -> Markup {
        html! {
            @if self.planned.is_empty() { p.quiet { "No fault is planned." } } @else {
                table {
                    caption.sr { "Planned faults" }
                    thead {
                        tr { th scope="col" { "Operation" } th scope="col" { "Fault" } th scope="col" { "When" } }
                    }
                    tbody {
                        @for fault in &self.planned {
                            tr {
                                td { code { (outside(&fault.operation)) } }
                                th scope="row" { code { (outside(&fault.fault)) } " " (outside(&fault.settings)) }
                                td {
                                    @if fault.after > 0 { "after " (count(fault.after, "request", "requests")) ", " }
                                    (count(fault.times, "time", "times"))
                                }
                            }
                        }
                    }
                }
                form.inline method="post" action="/inbox/faults" {
                    (back_field(back))
                    button type="submit" name="clear" value="yes" { "Clear all" }
                }
            }
        }
    }
}

impl OperationView {
    fn form(&self, back: &str) -> Markup {
        let id = |field: &str| format!("{}-{field}", self.name);
        html! {
            form.card.second method="post" action="/inbox/faults" {
                h3 { code { (self.name) } }
                (back_field(back))
                input type="hidden" name="operation" value=(self.name);
                p {
                    label for=(id("fault")) { "Fault" }
                    select id=(id("fault")) name="fault" {
                        @for kind in &self.kinds {
                            option value=(kind.name) { (kind.name) @if kind.needs_seconds { " (needs seconds)" } }
                        }
                    }
                }
                div.numbers {
                    @for (name, words, value) in [("times", "Times", "1"), ("after", "After", "0"), ("seconds", "Seconds", "")] {
                        p {
                            label for=(id(name)) { (words) }
                            input id=(id(name)) name=(name) type="number" min="0" value=(value) step=[(name == "seconds").then_some("any")];
                        }
                    }
                }
                button type="submit" { "Plan" }
            }
        }
    }
}
