//! Between a provider's call and the run: ids and statuses come through a channel, since a provider holds no reference to
//! the run that called it.

use crate::lock::lock;
use async_trait::async_trait;
use infra_model::address::Address;
use infra_model::defect::Defect;
use infra_model::hash::HashMap;
use infra_model::operation::{Operation, OperationId};
use infra_model::provider::Events;
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_state::StateError;
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot};

/// What a call tells.
pub(crate) enum Message {
    Id {
        operation: OperationId,
        address: Address,
        id: String,
        reply: oneshot::Sender<Result<(), ProviderError>>,
    },
    Status {
        address: Address,
        status: String,
    },
}

/// The provider's end.
pub(crate) struct News {
    sender: mpsc::UnboundedSender<Message>,
    ids: Mutex<HashMap<OperationId, String>>,
}

impl News {
    pub(crate) fn new(sender: mpsc::UnboundedSender<Message>) -> News {
        News {
            sender,
            ids: Mutex::default(),
        }
    }

    /// The id that an operation has reported, if it got so far.
    pub(crate) fn id_of(&self, operation: &OperationId) -> Option<String> {
        lock(&self.ids).get(operation).cloned()
    }
}

/// The journal cannot be written: nothing more may be sent. With what to do about it, since the run may end well otherwise.
pub(crate) fn unwritable(error: &StateError) -> ProviderError {
    let help = error.help().map(|h| format!("; {h}")).unwrap_or_default();
    ProviderError::new(
        ErrorKind::Interrupted,
        format!("the state cannot be written: {error}{help}"),
    )
}

#[async_trait]
impl Events for News {
    async fn id_known(&self, operation: &Operation, id: &str) -> Result<(), ProviderError> {
        lock(&self.ids).insert(operation.id.clone(), id.to_owned());
        if Defect::EarlyIdNotWritten.is_present() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Id {
            operation: operation.id.clone(),
            address: operation.address.clone(),
            id: id.to_owned(),
            reply,
        };
        if self.sender.send(message).is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }

    fn status(&self, operation: &Operation, status: &str) {
        let _ = self.sender.send(Message::Status {
            address: operation.address.clone(),
            status: status.to_owned(),
        });
    }
}
