#![doc = include_str!("../README.md")]
//!
//! Nothing read is lost when written: names the service adds are kept by open enums, fields it adds
//! by the `unknown_fields` of the type they stand in. No `Debug` output shows a phone number, a parameter
//! value or a text.
//!
//! Reading order: [`id`], [`wire`], [`recipient`], [`message`], [`sms`], [`template`], [`batch`],
//! [`consent`], [`contact`], [`callback`], [`error_body`].
//!
//! [`parse`](wire::parse) reads JSON and says where it is not what was expected; every type lists its
//! `unknown_fields()`. The [guide](message#guide) shows each kind of message once.
//!
//! This crate knows no HTTP, no clock and no async.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod object;
mod open_enum;
mod unknown;

pub mod id;
pub mod wire;

pub mod channel;
pub mod language;
pub mod recipient;

pub mod message;
pub mod sms;
pub mod template;

pub mod batch;
pub mod consent;
pub mod contact;

pub mod callback;
pub mod error_body;

pub mod fingerprint;

pub use batch::{
    BatchSent, BatchState, BatchStatus, BatchStatuses, CancelBatchRequest, ProcessingStrategy, SendBatchRequest, Ttl,
};
pub use callback::{
    BatchStatusUpdate, Callback, CallbackKind, DeliveryReport, DeliveryStatus, Origin, Reason, ReasonCode, Trigger,
};
pub use channel::Channel;
pub use consent::{ConsentRecord, ConsentType, ConsentsInserted, InsertConsentsRequest};
pub use contact::{ContactIdentity, CreateContactsRequest, DeleteContactsRequest, NewContact};
pub use error_body::{ErrorBody, ErrorLayout};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use id::{AppId, BatchId, ContactId, ConversationId, MessageId, ProjectId};
pub use jiff::Timestamp;
pub use language::Language;
pub use message::{Message, MessageBody};
pub use object::UnknownObject;
pub use open_enum::UnknownName;
pub use recipient::{BatchRecipient, ChannelIdentity, Recipient, RecipientCount, Recipients};
pub use sms::{SmsEncoding, SmsLength};
pub use template::Template;
pub use unknown::Violation;
pub use wire::{AnyJson, JsonText, Metadata, Parameters, ParseError, PrivateText, UnknownFields, WireMap, WireTime};
