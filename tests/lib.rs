//! Stories that cross crates live in `it/`.
