//! The full life of every Google type in the sandbox. The tables are in `tests/google/`.

use crate::types;

#[test]
fn every_type_lives_in_the_sandbox() {
    types::in_the_sandbox("google");
}

#[test]
fn every_type_has_a_table() {
    types::all_have_tables("google", &*infra_google::provider());
}
