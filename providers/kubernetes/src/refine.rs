//! What asking the cluster adds to a plan: a dry run on the server tells what it refuses and what it would not change in
//! place; `helm` renders what a release would become.

use crate::apply;
use crate::client::Client;
use crate::config_map::ConfigMap;
use crate::error::IMMUTABLE;
use crate::fields;
use crate::helm;
use crate::kind::Kind;
use crate::manifest::Manifest;
use crate::namespace::Namespace;
use crate::object::without_server_fields;
use crate::secret::Secret;
use futures::future::join_all;
use infra_model::provider::{RefineItem, Refined};
use infra_model::{CallContext, Path, ProviderError, Record, Value};
use serde_json::Value as Json;

/// One answer per item, in order.
pub(crate) async fn many(
    client: &Client,
    context: &CallContext,
    type_name: &str,
    items: &[RefineItem],
) -> Vec<Result<Refined, ProviderError>> {
    let asked = items.iter().map(|item| async move {
        match type_name {
            Manifest::TYPE => dry_run::<Manifest>(client, context, item, "manifest").await,
            Namespace::TYPE => dry_run::<Namespace>(client, context, item, "metadata").await,
            ConfigMap::TYPE => dry_run::<ConfigMap>(client, context, item, "data").await,
            Secret::TYPE => dry_run::<Secret>(client, context, item, "data").await,
            "helm_release" => helm::preview::refined(client, context, item).await,
            _ => Ok(Refined::default()),
        }
    });
    join_all(asked).await
}

async fn dry_run<K: Kind>(
    client: &Client,
    context: &CallContext,
    item: &RefineItem,
    attribute: &str,
) -> Result<Refined, ProviderError> {
    if !is_known(&item.planned) {
        return Ok(Refined::default());
    }
    let record = K::Record::from_value(&item.planned.without_unknowns())?;
    let (body, mut settings) = (K::body(&record)?, K::settings(&record)?);
    settings.force |= item.takes_over;
    match apply::dry_run(client, context, &body, &settings).await {
        Ok(Some(would)) if item.takes_over => Ok(Refined {
            differs: differs(client, context, &would).await?,
            ..Refined::default()
        }),
        Ok(_) => Ok(Refined::default()),
        // What is replaced already is asked about while the old one is still there.
        Err(error) if error.code == IMMUTABLE && item.prior.is_none() => Ok(Refined::default()),
        Err(error) if error.code == IMMUTABLE => Ok(Refined {
            replace: vec![Path::attribute(attribute)],
            ..Refined::default()
        }),
        Err(error) => Err(ProviderError {
            attribute: error.attribute.map(|_| Path::attribute(attribute)),
            ..error
        }),
    }
}

/// The paths of what an object is to be and is not, where it is there.
async fn differs(
    client: &Client,
    context: &CallContext,
    would: &Json,
) -> Result<Vec<String>, ProviderError> {
    let live = apply::find(client, context, &apply::reference(would)?).await?;
    let mut paths = Vec::new();
    if let Some(live) = live {
        let [would, live] = [would, &live].map(|o| apply::without_marks(without_server_fields(o)));
        fields::differences(&would, &live, "", &mut paths);
    }
    Ok(paths)
}

/// Whether everything is known that the stack says; what only the server decides does not count.
fn is_known(planned: &Value) -> bool {
    let decided = ["id", "object", "uid"];
    planned.entries().is_some_and(|entries| {
        entries
            .iter()
            .filter(|(name, _)| !decided.contains(&&***name))
            .all(|(name, value)| match value.elements() {
                Some(items) if &**name == "metadata" => items.iter().all(is_known),
                _ => value.is_wholly_known(),
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Type;

    #[test]
    fn what_the_server_decides_need_not_be_known() {
        let unknown = || Value::Unknown(Type::String);
        let metadata = |uid: Value, name: Value| {
            Value::tuple(vec![Value::object([("name", name), ("uid", uid)])])
        };
        let planned = |metadata: Value| Value::object([("id", unknown()), ("metadata", metadata)]);
        assert!(is_known(&planned(metadata(unknown(), Value::from("a")))));
        assert!(!is_known(&planned(metadata(unknown(), unknown()))));
        let manifest = Value::object([("a", unknown())]);
        assert!(!is_known(&Value::object([
            ("manifest", manifest),
            ("object", unknown())
        ])));
    }
}
