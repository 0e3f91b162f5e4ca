//! One module a command.

pub(crate) mod batch;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod end;
pub(crate) mod inspect;
pub(crate) mod ledger;
pub(crate) mod listen;
pub(crate) mod lists;
pub(crate) mod opt_outs;
pub(crate) mod pause;
pub(crate) mod preview;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod rows;
pub(crate) mod send;
pub(crate) mod shell;
pub(crate) mod sign;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod torture;
pub(crate) mod trigger;
pub(crate) mod watch;
pub(crate) mod work;
