#![doc = include_str!("../README.md")]
//!
//! Nothing here opens a socket, reads a clock or a ledger. A server asks the [`guard`] whether a request may
//! be served, fills a value such as [`ReportView`](report::ReportView), and sends the text it gets with the
//! [`HEADERS`](layout::HEADERS) of a page.
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
//! | [`phone`] | A message as the person sees it |
//! | [`inbox`] | Who got what: the pages of a simulator |
//! | [`report`] | What became of a campaign, as one file |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod guard;

pub mod layout;

pub mod assets;

pub mod live;

pub mod chart;

pub mod text;

pub mod phone;

pub mod inbox;

pub mod report;
