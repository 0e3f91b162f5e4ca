//! The models against the samples of the wire, their schema, and arbitrary input.

mod golden;
mod invalid;
mod mutated;
mod open;
mod props;
mod write;
