//! Tests of the campaign from outside.

mod machine;
