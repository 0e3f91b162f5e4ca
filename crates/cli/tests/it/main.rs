//! The command line as a user types it: the built binary, real HTTP on loopback, real SQLite files,
//! real signals.

mod support;

mod callbacks;
mod campaigns;
mod doctor;
mod durability;
mod faults;
mod field;
mod given;
mod inbox;
mod input;
mod inspect;
mod keep;
mod life;
mod lists;
mod operations;
mod opt_outs;
mod pace;
mod pages;
#[cfg(unix)]
mod postgres;
mod privacy;
mod refusals;
mod report;
mod request;
mod road;
mod screen;
mod simulate;
mod spool;
mod table;
#[cfg(unix)]
mod torture;
#[cfg(unix)]
mod widths;
