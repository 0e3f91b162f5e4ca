//! The simulator over real HTTP on loopback.

mod accepted;
mod control;
mod faults;
mod life;
mod lookups;
mod people;
mod receipts;
mod support;
mod token;
mod wire;
