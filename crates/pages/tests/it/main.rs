//! What the pages promise, from outside.

mod guard;

mod charts;

mod escaping;

mod report;

mod support;
