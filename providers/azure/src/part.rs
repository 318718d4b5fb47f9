//! What several of ours share: children of one parent that Azure does not let change at once, and parts that are no resources
//! of their own. Changes to a shared resource are made in turn; a part is changed by reading the whole, changing the part and
//! writing the whole again under its etag, so that nobody's change is lost.

use crate::api::Api;
use crate::client::{Client, Method, Request};
use crate::error::{self, is_stale};
use crate::found::{etag, fetch, without_shown_only};
use crate::operation;
pub(crate) use infra_cloud::part::once;
use infra_cloud::wait::{self, MINUTES, QUICK};
use infra_model::{CallContext, Operation, ProviderError};
use serde_json::Value as Json;

/// Changes a whole in turn: `change` edits its body and says whether there was anything to do. When someone else was faster, it
/// is read again and tried again. `turn` is what the change must wait its turn for: the whole, or its parent.
///
/// # Errors
/// The whole is not there; what `change` and the service say.
pub(crate) async fn change(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    api: &Api,
    turn: &str,
    id: &str,
    change: impl Fn(&mut Json) -> Result<bool, ProviderError> + Send + Sync,
) -> Result<(), ProviderError> {
    let _turn = client.turn(turn).await;
    let change = &change;
    wait::while_refused(context, operation, QUICK, is_stale, || async move {
        let Some(found) = fetch(client, context, api, id).await? else {
            return Err(error::gone(id));
        };
        let mut whole = without_shown_only(&found);
        if !change(&mut whole)? {
            return Ok(());
        }
        let request = Request::new(Method::Put, api.name, api.version, id)
            .body(whole)
            .if_match(etag(&found));
        operation::run(client, context, operation, MINUTES, request)
            .await
            .map(|_| ())
    })
    .await
}
