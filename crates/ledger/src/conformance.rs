//! The tests every ledger has to pass, ours and yours.
