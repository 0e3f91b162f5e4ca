//! The simulator over real HTTP on loopback.

mod control;
mod faults;
mod life;
mod people;
mod support;
mod token;
mod wire;
