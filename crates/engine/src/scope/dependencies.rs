//! What bare addresses mean: `depends_on`, `replace_triggered_by`.

use super::{Frame, Touched, World, lock};
use crate::values::Keying;
use infra_model::address::{BlockAddress, InstanceKey, MODULE, Mode, ScopePath};
use infra_model::diagnostic::Diagnostics;
use infra_model::expr::{Root, StaticStep};
use infra_model::program::Dependency;
use infra_model::value::Value;
use infra_state::DependencyRef;

impl World<'_> {
    /// What a bare dependency means.
    pub(crate) fn dependency(&self, dependency: &Dependency, scope: &ScopePath) -> Touched {
        let mut touched = Touched::new();
        match &dependency.root {
            Root::Resource {
                at,
                mode,
                type_name,
                name,
            } => {
                if let Some(i) = self.graph.block(*at, *mode, type_name, name, scope) {
                    let block = &self.program.blocks[i].address;
                    if block.mode == Mode::Ephemeral {
                        touched
                            .extend(lock(&self.behind).get(block).into_iter().flatten().cloned());
                        return touched;
                    }
                    let key = dependency.steps.first().and_then(static_key);
                    touched.insert(self.reference_to(block, key));
                }
            }
            Root::Component { kind, name } if &**kind == MODULE => {
                self.module_dependency(name, &dependency.steps, scope, &mut touched);
            }
            root @ Root::Component { .. } => {
                for i in self
                    .graph
                    .component_blocks(self.program, root, &dependency.steps, scope)
                {
                    touched.insert(self.reference_to(&self.program.blocks[i].address, None));
                }
            }
            Root::Local(name) => {
                if let Ok((_, deps)) = self.local(name, scope) {
                    touched.extend(deps.iter().cloned());
                }
            }
            _ => {}
        }
        touched
    }

    /// What a bare dependency means to one instance, whose own key it may name.
    pub(crate) fn dependency_of(
        &self,
        dependency: &Dependency,
        frame: &Frame,
    ) -> Result<Touched, Diagnostics> {
        let all = self.dependency(dependency, &frame.scope);
        let Some(key) = &dependency.key else {
            return Ok(all);
        };
        let (value, _) = self.evaluate(key, frame)?;
        let key = match value.bare() {
            Value::String(name) => Some(InstanceKey::Name(name.clone())),
            number => number
                .as_i64()
                .and_then(|n| u64::try_from(n).ok())
                .map(InstanceKey::Index),
        };
        let instance = |all: DependencyRef| self.reference_to(all.parts().0, key.clone());
        Ok(all.into_iter().map(instance).collect())
    }

    /// A dependency on an instance where it is the only one or its key is known, on the junction otherwise.
    pub(super) fn reference_to(
        &self,
        block: &BlockAddress,
        key: Option<InstanceKey>,
    ) -> DependencyRef {
        let single = self
            .values()
            .block(block)
            .is_none_or(|b| b.keying() == Keying::Single);
        DependencyRef::from(block.instance(if single { None } else { key }))
    }
}

pub(super) fn static_key(step: &StaticStep) -> Option<InstanceKey> {
    match step {
        StaticStep::Key(key) => Some(InstanceKey::Name(key.clone())),
        StaticStep::Index(i) => Some(InstanceKey::Index(*i)),
        _ => None,
    }
}
