//! The tests every ledger has to pass.
