//! A ledger in Postgres, for several machines.
