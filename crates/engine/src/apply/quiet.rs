//! Steps that change no cloud: data sources are read, what was imported is written down, what is no longer managed is forgotten.

use super::Run;
use super::settle::{in_words, refused};
use crate::codec;
use crate::events::Event;
use crate::plan::{self, Change};
use crate::scope::Frame;
use infra_model::address::Mode;
use infra_model::program::Condition;
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_state::StateChange;

impl Run<'_> {
    pub(super) async fn read(&self, change: &Change) -> Result<(), ProviderError> {
        self.open_for(change).await?;
        let block = self.block(change)?;
        let frame = self.frame(&change.address)?;
        let schema = self.engine.schema(
            &change.provider.name,
            Mode::Data,
            &change.address.block.type_name,
        );
        let schema =
            schema.ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown data source"))?;
        let conditions = &block.lifecycle.preconditions;
        self.holds(conditions, &frame, change, "precondition")?;
        let (value, _) = self
            .world
            .evaluate(&block.config, &frame)
            .map_err(in_words)?;
        let config = schema.block.coerce(&value).map_err(|e| refused(&e))?;
        let connected = self.connected(change).await?;
        let session = &*connected.session;
        let context = (self.sessions).context(&change.provider.name, session, self.news.clone());
        let value = connected
            .session
            .read_data(
                &context,
                &change.address.block.type_name,
                &config.without_unknowns(),
            )
            .await?;
        let value = codec::carry_marks(&config, value);
        self.world.values().set(&change.address, value.clone());
        let frame = Frame {
            this: Some(value),
            ..frame
        };
        let conditions = &block.lifecycle.postconditions;
        self.holds(conditions, &frame, change, "postcondition")
    }

    pub(super) fn holds(
        &self,
        conditions: &[Condition],
        frame: &Frame,
        change: &Change,
        what: &str,
    ) -> Result<(), ProviderError> {
        plan::conditions(&self.world, conditions, frame, &change.address, what, None)
            .map_err(in_words)
    }

    /// Takes what was read while planning under management.
    pub(super) async fn import(&self, change: &Change) -> Result<(), ProviderError> {
        let (Some(id), Some(before)) = (&change.importing, &change.before) else {
            return Err(ProviderError::new(
                ErrorKind::Other,
                "there is nothing to import",
            ));
        };
        self.open_for(change).await?;
        // The state records the configuration that it belongs to.
        self.connected(change).await?;
        let id = codec::id_of(before).unwrap_or_else(|| id.clone());
        let resource = self
            .new_resource(change, before, id.clone())
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown resource type"))?;
        let put = StateChange::Put {
            address: change.address.clone(),
            resource,
            depose: None,
        };
        self.record(put)?;
        self.observer.event(Event::Imported {
            address: change.address.clone(),
            id,
        });
        Ok(())
    }

    pub(super) fn forget(&self, change: &Change) -> Result<(), ProviderError> {
        let address = change.address.clone();
        self.record(match change.deposed.clone() {
            Some(key) => StateChange::RemoveDeposed { address, key },
            None => StateChange::Forget { address },
        })
    }
}
