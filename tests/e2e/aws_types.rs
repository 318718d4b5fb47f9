//! The full life of every AWS type, against the sandbox and against moto. The tables are in `tests/aws/`.

use crate::support::Server;
use crate::types;

#[test]
fn every_type_lives_in_the_sandbox() {
    types::in_the_sandbox("aws");
}

#[test]
fn every_type_lives_in_moto() {
    if let Some(server) = Server::moto("every_type_lives_in_moto") {
        types::every_type_lives("aws", &server, &[], true);
    }
}

#[test]
fn every_type_has_a_table() {
    types::all_have_tables("aws", &*infra_aws::provider());
}
