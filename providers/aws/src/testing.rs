//! What unit tests need to make operations. Nothing here reaches a cloud.

use infra_model::operation::Marking;
use infra_model::{Action, Operation, OperationId, Timestamp, Token};

/// A create operation of an address in the stack `demo`.
pub(crate) fn operation(address: &str) -> Operation {
    let id = OperationId::from_random(0x0123_4567_89ab_cdef);
    Operation {
        token: Token::new("lineage", &id),
        id,
        address: address.parse().expect("an address"),
        action: Action::Create,
        started: Timestamp::default(),
        known_id: None,
        marking: Marking {
            stack: "demo".into(),
            ..Marking::default()
        },
        private: None,
    }
}
