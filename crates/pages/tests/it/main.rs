//! What the pages promise, from outside.

mod guard;
mod phone;

mod charts;

mod escaping;

mod report;

mod support;
