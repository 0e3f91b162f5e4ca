//! What people see in a browser: values in, HTML out.
//!
//! Nothing here opens a socket, reads a clock or a ledger. A server asks the [`guard`] whether a request may
//! be served, fills a value such as [`ReportView`](report::ReportView), and sends the text it gets with the
//! [`HEADERS`](layout::HEADERS) of a page.
//!
//! ```
//! use sinch_batch_pages::report::{ReasonView, ReportView, RetryAdvice};
//! use sinch_batch_models::Timestamp;
//!
//! let mut view = ReportView::new("autumn", "2026-08-21T14:05:00Z".parse::<Timestamp>()?);
//! view.rows = 1000;
//! view.accepted = 1000;
//! view.messages.delivered = 990;
//! view.messages.failed = 10;
//! view.reasons.push(ReasonView::new("RATE_LIMITED", 10, RetryAdvice::TryAgain, "Send them again later."));
//! let html = view.render();
//! assert!(html.starts_with("<!DOCTYPE html>") && html.contains("99.0%"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every text is escaped by construction; what is HTML already is made in [`layout`] and [`chart`] alone.
//!
//! | Module | What it holds |
//! | --- | --- |
//! | [`guard`] | Who may see a page, and who may press |
//! | [`layout`] | Head, landmarks, policy of every page |
//! | [`assets`] | The stylesheet and the module |
//! | [`live`] | What keeps a page live |
//! | [`chart`] | Bars and lines as SVG |
//! | [`text`] | Numbers, times, texts from outside |
//! | [`report`] | What became of a campaign, as one file |

pub mod guard;

pub mod layout;

pub mod assets;

pub mod live;

pub mod chart;

pub mod text;

pub mod report;
