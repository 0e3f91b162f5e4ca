// The program of the README takes everything.
#![cfg_attr(any(not(doctest), all(feature = "full", feature = "simulator")), doc = include_str!("../README.md"))]
//!
//! This crate is the one door to the others: it re-exports each by feature and holds no code of its
//! own. Data comes in as rows of a file and goes out as a report by row.
//!
//! # Features
//!
//! Each module is a crate of its own, called `sinch-batch-` and the module's name; each feature is
//! called as its module. `client` and `webhook` bring no HTTP library; features with a hyphen do.
//!
//! | Feature | Module | What it is for |
//! | --- | --- | --- |
//! | always | [`models`] | The words on the wire: requests, responses, callbacks |
//! | `recipients` | `recipients` | Read a file of recipients, check it, split it into batches |
//! | `auth` | `auth` | A bearer token that is always fresh |
//! | `client` | `client` | Call the service over a transport of your own; brings `auth` |
//! | `client-reqwest` (default), `auth-reqwest` | in `client`, `auth` | The transport of reqwest |
//! | `rustls` (default), `rustls-no-provider`, `native-tls` | in `client`, `auth` | TLS for reqwest |
//! | `tower` | in `client` | Send through any tower service |
//! | `metrics` | in `client` | Count calls, requests and repeats for the `metrics` facade |
//! | `test-util` | in `client` | A scripted transport for your tests |
//! | `webhook` | `webhook` | Verify signed callbacks |
//! | `webhook-tower`, `webhook-axum` | in `webhook` | Receive them as a tower service, or with axum |
//! | `journal` | `journal` | Keep raw callbacks in files, to look at or to replay |
//! | `tracking` | `tracking` | Know where each batch and message stands |
//! | `ledger` | `ledger` | Remember intent, outcome and callback; brings `tracking` |
//! | `sqlite` | in `ledger` | Keep the ledger in a SQLite file |
//! | `postgres` | in `ledger` | Keep the ledger in Postgres, for several machines |
//! | `postgres-tls` | in `ledger` | Reach Postgres by TLS, with rustls and aws-lc |
//! | `campaign` | `campaign` | Run whole campaigns; brings `client`, `ledger` and `recipients` |
//! | `pages` | `pages` | Show a campaign in a browser: HTML, and the guard of a page |
//! | `simulator` | `simulator` | Try locally against a simulated service; brings `webhook` |
//! | `full` | | All but the simulator, the journal and what is for tests |
//!
//! There is no prelude: the few names people type are at the root, all others in their modules.
#![cfg_attr(docsrs, feature(doc_cfg))]

// In the order a newcomer should read them: the way of the data.
#[cfg(feature = "recipients")]
#[doc(inline)]
pub use sinch_batch_recipients as recipients;

#[doc(inline)]
pub use sinch_batch_models as models;

#[cfg(feature = "auth")]
#[doc(inline)]
pub use sinch_batch_auth as auth;

#[cfg(feature = "client")]
#[doc(inline)]
pub use sinch_batch_client as client;

#[cfg(feature = "journal")]
#[doc(inline)]
pub use sinch_batch_journal as journal;

#[cfg(feature = "webhook")]
#[doc(inline)]
pub use sinch_batch_webhook as webhook;

#[cfg(feature = "tracking")]
#[doc(inline)]
pub use sinch_batch_tracking as tracking;

#[cfg(feature = "ledger")]
#[doc(inline)]
pub use sinch_batch_ledger as ledger;

#[cfg(feature = "campaign")]
#[doc(inline)]
pub use sinch_batch_campaign as campaign;

#[cfg(feature = "pages")]
#[doc(inline)]
pub use sinch_batch_pages as pages;

#[cfg(feature = "simulator")]
#[doc(inline)]
pub use sinch_batch_simulator as simulator;

#[doc(inline)]
pub use sinch_batch_models::{
    AppId, BatchId, BatchRecipient, Callback, CallbackKind, Channel, Message, ProjectId, Recipient, Recipients,
    SendBatchRequest,
};

#[cfg(feature = "auth")]
#[doc(inline)]
pub use sinch_batch_auth::{ClientCredentials, KeyId, KeySecret, TokenCache};

#[cfg(feature = "client")]
#[doc(inline)]
pub use sinch_batch_client::{Client, Reached, Region};

#[cfg(feature = "webhook")]
#[doc(inline)]
pub use sinch_batch_webhook::{Verifier, WebhookSecret};

#[cfg(feature = "campaign")]
#[doc(inline)]
pub use sinch_batch_campaign::Campaign;

#[cfg(feature = "simulator")]
#[doc(inline)]
pub use sinch_batch_simulator::Simulator;

// Crates whose types are in our signatures, in the version that fits.
#[cfg(feature = "client")]
pub use sinch_batch_client::{bytes, http};
#[cfg(all(feature = "webhook-tower", not(feature = "client")))]
pub use sinch_batch_webhook::bytes;
#[cfg(all(feature = "webhook", not(feature = "client")))]
pub use sinch_batch_webhook::http;

pub use jiff;
