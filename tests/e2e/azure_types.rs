//! The full life of every Azure type in the sandbox. The tables are in `tests/azure/`.

use crate::types;

#[test]
fn every_type_lives_in_the_sandbox() {
    types::in_the_sandbox("azure");
}

#[test]
fn every_type_has_a_table() {
    types::all_have_tables("azure", &*infra_azure::provider());
}
