//! Stories that cross crates, told through the umbrella.

mod kill;
