//! The full life of every AWS type, against the sandbox and against moto, and of what that lacks against MiniStack. The tables are in `tests/aws/`.

use crate::support::Server;
use crate::types::{self, Opinion};

#[test]
fn every_type_lives_in_the_sandbox() {
    types::in_the_sandbox("aws");
}

#[test]
fn every_type_lives_in_moto() {
    if let Some(server) = Server::moto("every_type_lives_in_moto") {
        types::every_type_lives("aws", &server, &[], Opinion::Moto);
    }
}

#[test]
fn what_moto_does_not_have_lives_in_ministack() {
    if let Some(server) = Server::ministack("what_moto_does_not_have_lives_in_ministack") {
        types::every_type_lives("aws", &server, &[], Opinion::MiniStack);
    }
}

#[test]
fn every_type_has_a_table() {
    types::all_have_tables("aws", &*infra_aws::provider());
}
