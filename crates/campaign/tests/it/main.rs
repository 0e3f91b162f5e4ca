//! Campaigns through their one door, with the ledger in memory and a sender that is a closure.

mod retry;
mod send;
mod support;
