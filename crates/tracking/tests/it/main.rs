//! The crate as its users see it: callbacks in, states out.

mod fold;
mod observe;
