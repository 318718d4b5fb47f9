//! Asks the clouds about what the real stack has, by the configurations that its state recorded. Nothing is changed by it.

use crate::providers::Providers;
use crate::stack::working_directory;
use crate::system::{SystemClock, SystemFiles, SystemRandom};
use infra_engine::{Asking, Engine};
use infra_lang::Evaluator;
use infra_model::provider::{Environment, NoEvents, NoLimits};
use infra_model::{CallContext, ProviderError};
use serde_json::Value as Json;
use std::sync::Arc;

/// The clouds of a world.
pub(super) struct Clouds {
    /// Their providers, each configured once.
    pub(super) asking: Asking,
    pub(super) environment: Environment,
}

impl Clouds {
    /// With all providers of this build.
    pub(super) fn new(environment: Environment) -> Clouds {
        let folder = working_directory().join(&environment.directory);
        let engine = Engine {
            providers: Providers::new().map(),
            evaluator: Arc::new(Evaluator::new(Arc::new(SystemFiles), folder)),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            environment: environment.clone(),
            parallelism: None,
        };
        Clouds {
            asking: engine.asking(),
            environment,
        }
    }

    /// Whether they are the sandbox's.
    pub(super) fn is_sandbox(&self) -> bool {
        self.environment.is_sandbox()
    }

    /// The objects of a cluster, by the configuration that reaches it.
    pub(super) async fn objects(
        &self,
        config: &Json,
        kinds: impl IntoIterator<Item = (&str, &str)>,
    ) -> Result<Vec<Json>, ProviderError> {
        let context = CallContext {
            clock: Arc::new(SystemClock),
            gate: Arc::new(NoLimits),
            events: Arc::new(NoEvents),
            provider: "kubernetes",
        };
        infra_kubernetes::list_of(config, &self.environment, &context, kinds).await
    }
}
