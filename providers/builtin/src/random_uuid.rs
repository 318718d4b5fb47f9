//! `random_uuid`: a version 4 UUID.

use crate::provider::Client;
use crate::state_only::{StateOnly, made};
use async_trait::async_trait;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};
use std::collections::BTreeMap;

/// A random UUID (RFC 9562, version 4).
#[derive(Clone, Debug, Record)]
pub(crate) struct RandomUuidRecord {
    /// Any values; when one changes, a new UUID is drawn.
    #[record(optional, force_new)]
    keepers: Option<BTreeMap<String, String>>,
    /// The UUID.
    #[record(computed)]
    result: Option<String>,
    /// The UUID.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct RandomUuid;

#[async_trait]
impl StateOnly for RandomUuid {
    type Record = RandomUuidRecord;
    const TYPE: &'static str = "random_uuid";

    fn id(record: &RandomUuidRecord) -> String {
        made(record.id.as_ref())
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: RandomUuidRecord,
    ) -> Result<RandomUuidRecord, ProviderError> {
        let mut bytes = [0; 16];
        client.random.fill(&mut bytes);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(RandomUuidRecord {
            result: Some(uuid.to_string()),
            id: Some(uuid.to_string()),
            ..desired
        })
    }

    /// By the UUID.
    fn import(id: &str) -> Result<RandomUuidRecord, ProviderError> {
        let uuid: uuid::Uuid = id
            .parse()
            .map_err(|_| ProviderError::new(ErrorKind::Invalid, format!("`{id}` is not a UUID")))?;
        Ok(RandomUuidRecord {
            keepers: None,
            result: Some(uuid.to_string()),
            id: Some(uuid.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, text};
    use infra_model::Value;

    #[test]
    fn uuids_are_of_version_four() {
        let bench = Bench::new();
        let none = Value::object::<&str>([]);
        let made = bench.make("random_uuid", none.clone());
        let uuid: uuid::Uuid = text(&made, "result").parse().expect("a UUID");
        assert_eq!(
            (uuid.get_version_num(), text(&made, "id")),
            (4, text(&made, "result"))
        );
        assert_ne!(made, bench.make("random_uuid", none));
        assert_eq!(
            bench
                .import("random_uuid", text(&made, "id"))
                .expect("imports"),
            made
        );
        assert!(bench.import("random_uuid", "x").is_err());
    }
}
