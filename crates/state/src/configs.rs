//! Provider configurations, shared: many resources have the same one, and it is stored once.

use infra_model::{ProviderAddress, Str};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Provider configurations by a short name (`aws`, `aws~2`), so that many resources can share one.
#[derive(Default)]
pub(crate) struct ConfigTable {
    by_key: BTreeMap<Str, Arc<Json>>,
    /// Keys of the allocations seen; each is kept alive here, so an address never stands for another one later.
    by_pointer: BTreeMap<usize, (Str, Arc<Json>)>,
}

impl ConfigTable {
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Json>> {
        self.by_key.get(key).cloned()
    }

    pub(crate) fn insert(&mut self, key: Str, config: Arc<Json>) {
        self.by_pointer
            .insert(pointer(&config), (key.clone(), config.clone()));
        self.by_key.insert(key, config);
    }

    /// The one shared allocation of a configuration, and its key if it is new.
    pub(crate) fn intern(
        &mut self,
        provider: &ProviderAddress,
        config: &Arc<Json>,
    ) -> (Arc<Json>, Option<Str>) {
        if let Some((key, _)) = self.by_pointer.get(&pointer(config)) {
            return (self.by_key[key].clone(), None);
        }
        let base = provider.to_string();
        let mut number = 1_u32;
        loop {
            let key: Str = if number == 1 {
                base.as_str().into()
            } else {
                format!("{base}~{number}").into()
            };
            match self.by_key.get(&key) {
                Some(known) if known == config => {
                    let known = known.clone();
                    self.by_pointer
                        .insert(pointer(config), (key, config.clone()));
                    return (known, None);
                }
                Some(_) => number += 1,
                None => {
                    self.insert(key.clone(), config.clone());
                    return (config.clone(), Some(key));
                }
            }
        }
    }

    /// The key of an interned configuration.
    pub(crate) fn key(&self, config: &Arc<Json>) -> Str {
        self.by_pointer
            .get(&pointer(config))
            .expect("a configuration is interned before its resource is written")
            .0
            .clone()
    }

    pub(crate) fn entries(&self) -> &BTreeMap<Str, Arc<Json>> {
        &self.by_key
    }
}

fn pointer(config: &Arc<Json>) -> usize {
    Arc::as_ptr(config).addr()
}
