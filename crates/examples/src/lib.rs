//! Programs that compose the crates; see the README beside this package for the order to read them in.
//!
//! The library itself holds no code: it runs the code of the guide's page on testing.
#![cfg_attr(doctest, doc = include_str!("../../../docs/guide/testing.md"))]
