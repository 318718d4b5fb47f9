//! Reading one resource, where a type knows how to read many.

use infra_model::resource::Item;
use infra_model::{CallContext, ProviderError, Resource};

/// What is under an id; `prior` carries what is not readable.
///
/// # Errors
/// Errors of reading.
pub async fn one<C: Send + Sync + 'static, R: Resource<C>>(
    client: &C,
    context: &CallContext,
    id: impl Into<String>,
    prior: Option<R::Record>,
) -> Result<Option<R::Record>, ProviderError> {
    let id = id.into();
    let found = R::read(client, context, &[Item { id, prior }]).await.pop();
    Ok(found.transpose()?.flatten())
}
