//! What goes wrong, and how often.

use crate::choices::Choices;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// How often a call goes wrong, in a hundred.
    pub(crate) calls: u64,
    /// How often the ledger fails, in a thousand.
    pub(crate) ledger: u64,
    /// How long a write to it may take there and back, in milliseconds each.
    pub(crate) ledger_takes: u64,
    /// For how long a batch may stay hidden after its last byte left, in milliseconds.
    pub(crate) hidden: u64,
    /// How old the truth of a look-up may be, in milliseconds. Both together stay within `resend_after`.
    pub(crate) stale: u64,
    /// Whether a response may name the id of another batch.
    pub(crate) twins: bool,
    /// Whether a look-up may show a batch that was never sent.
    pub(crate) ghosts: bool,
    /// Whether a response may say that a batch was not accepted that was: nobody can do anything about it.
    pub(crate) lies: bool,
}

/// What becomes of a send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SendFault {
    /// Accepted; the response is this.
    Accepted(Said),
    /// Not accepted; the response is this.
    Refused(Said),
}

/// What is said to a caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Said {
    Ok,
    /// The right response, late.
    Late,
    Status(u16),
    RateLimited(Option<u64>),
    Expired,
    Html,
    Empty,
    Cut,
    NoId,
    OtherId,
    Dropped,
    Nothing,
    NoConnection,
}

/// What becomes of a look-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Right,
    Late,
    Stale,
    Failed(Said),
    EmptyObject,
    Null,
    Error,
    Text,
    NoId,
    NoMetadata,
    EmptyMetadata,
    OtherMetadata,
    Wrapped,
    One,
    Ghost,
}

impl Faults {
    pub(crate) fn of_send(self, choices: &mut Choices) -> SendFault {
        use SendFault::{Accepted, Refused};
        if !choices.percent(self.calls) {
            return Accepted(Said::Ok);
        }
        // What was accepted and answered 4xx but 408 is the service's lie, see `lies`.
        let accepted = [
            Said::Status(500),
            Said::Status(502),
            Said::Status(503),
            Said::Status(408),
            Said::Html,
            Said::Empty,
            Said::Cut,
            Said::NoId,
            Said::Dropped,
            Said::Nothing,
            Said::Late,
            Said::OtherId,
        ];
        let refused = [
            Said::Status(400),
            Said::Status(408),
            Said::Status(500),
            Said::Status(503),
            Said::RateLimited(None),
            Said::RateLimited(Some(1)),
            Said::RateLimited(Some(4)),
            Said::Expired,
            Said::Dropped,
            Said::Nothing,
            Said::NoConnection,
        ];
        match choices.between(0, 100) {
            0..=54 => match choices.one_of(&accepted) {
                Said::OtherId if !self.twins => Accepted(Said::Late),
                said => Accepted(said),
            },
            // These end a run.
            55..=57 => Refused(choices.one_of(&[Said::Status(401), Said::Status(403), Said::Status(404)])),
            58..=67 if self.lies => Accepted(choices.one_of(&[Said::Status(400), Said::RateLimited(Some(1))])),
            _ => Refused(choices.one_of(&refused)),
        }
    }

    pub(crate) fn of_look_up(self, choices: &mut Choices) -> Shape {
        if !choices.percent(self.calls) {
            return Shape::Right;
        }
        let shapes = [
            Shape::Late,
            Shape::Late,
            Shape::Stale,
            Shape::Stale,
            Shape::Failed(Said::Status(500)),
            Shape::Failed(Said::Status(404)),
            Shape::Failed(Said::RateLimited(Some(1))),
            Shape::Failed(Said::Expired),
            Shape::Failed(Said::Html),
            Shape::Failed(Said::Empty),
            Shape::Failed(Said::Cut),
            Shape::Failed(Said::Dropped),
            Shape::Failed(Said::Nothing),
            Shape::Failed(Said::NoConnection),
            Shape::EmptyObject,
            Shape::Null,
            Shape::Error,
            Shape::Text,
            Shape::NoId,
            Shape::NoMetadata,
            Shape::EmptyMetadata,
            Shape::OtherMetadata,
            Shape::Wrapped,
            Shape::One,
            Shape::Ghost,
        ];
        match choices.one_of(&shapes) {
            Shape::Ghost if !self.ghosts => Shape::Wrapped,
            shape => shape,
        }
    }
}
