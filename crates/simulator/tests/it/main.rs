//! The simulator over real HTTP on loopback.

mod accepted;
mod control;
mod faults;
mod inbox;
mod life;
mod lookups;
mod pages_of_inbox;
mod people;
mod receipts;
mod requests;
mod support;
mod token;
mod wire;
