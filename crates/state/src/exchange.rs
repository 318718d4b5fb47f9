//! A state as bytes, out and in: `pull` gives the snapshot that folding would write, `push` puts one in the place of what is
//! there, after the checks that keep a person from undoing another's work.

use crate::codec::Codec;
use crate::configs::ConfigTable;
use crate::document::{State, World};
use crate::error::StateError;
use crate::history::RunResult;
use crate::key::Keyring;
use crate::seal::Sealer;
use crate::snapshot::{self, SnapshotError};
use crate::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A state that came from elsewhere: from `pull`, from a backup, edited or not.
pub struct Incoming {
    state: State,
    configs: ConfigTable,
    sealer: Sealer,
    edited: bool,
}

impl Incoming {
    /// Reads one. It may have been edited: then its checksum does not fit, which [`Store::push`] asks about.
    ///
    /// # Errors
    /// A newer format, bytes that are no state, encrypted values that were changed.
    pub fn read(bytes: &[u8], name: &str, keyring: &Arc<Keyring>) -> Result<Incoming, StateError> {
        let sealer = |lineage: &str| Sealer::new(keyring.clone(), lineage);
        let (read, edited) = match snapshot::decode(bytes, sealer) {
            Err(SnapshotError::Damage(_)) => (snapshot::decode_edited(bytes, sealer), true),
            read => (read, false),
        };
        let snapshot = read.map_err(|error| match error {
            SnapshotError::Newer(found) => StateError::NewerFormat {
                file: name.to_owned(),
                found,
                supported: crate::document::FORMAT,
            },
            SnapshotError::State(error) => error,
            SnapshotError::Damage(what) => StateError::Push {
                why: format!("{name} is no state: {what}"),
                remedy: "push what `infra state pull` printed, or a backup".to_owned(),
            },
        })?;
        Ok(Incoming {
            sealer: sealer(&snapshot.state.lineage),
            state: snapshot.state,
            configs: snapshot.configs,
            edited,
        })
    }

    /// Where its resources live.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.state.world
    }

    /// Its resources, outputs and numbers.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }
}

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The state was that one already.
    Same,
    /// It is there now, under this serial.
    Written(u64),
}

impl Store {
    /// The snapshot of the state as it is, what the journal says included.
    ///
    /// # Errors
    /// Sensitive values that cannot be encrypted for want of the key.
    pub fn pull(&self) -> Result<Vec<u8>, StateError> {
        let inner = self.shared.inner();
        let codec = Codec {
            sealer: &self.shared.sealer,
            configs: &inner.configs,
        };
        let state = &inner.state;
        let now = self.shared.clock.now();
        snapshot::encode(state, state.serial, state.sequence, now, &codec).map(|(bytes, _)| bytes)
    }

    /// Puts another state in the place of this one, which becomes the backup. With `force` an older one, an edited one and one
    /// of another lineage are taken too; one of another world never is. `version` is for the history.
    ///
    /// # Errors
    /// [`StateError::Push`] with what to do, or what the medium says: the state is then as it was.
    pub async fn push(
        self,
        incoming: Incoming,
        force: bool,
        version: &str,
    ) -> Result<Pushed, StateError> {
        let here = self.state();
        let there = &incoming.state;
        if here.world != there.world {
            return Err(StateError::Push {
                why: format!(
                    "it describes {}, and the state here {}",
                    there.world.describe(),
                    here.world.describe()
                ),
                remedy: "give the stack of that world another `[stack].name`".to_owned(),
            });
        }
        let same = there.lineage == here.lineage
            && there.serial == here.serial
            && there.resources == here.resources
            && there.outputs == here.outputs
            && there.checked == here.checked
            && there.unfinished == here.unfinished;
        if same && !self.is_new() {
            return Ok(Pushed::Same);
        }
        if !force {
            self.check_push(&here, &incoming)?;
        }
        // What was recorded since the snapshot is folded, so that the backup has all of it and no journal is left.
        self.fold().await?;
        let here = self.state();
        let Incoming {
            mut state,
            configs,
            sealer,
            ..
        } = incoming;
        // Later journals and old ones that were not removed are told apart by these numbers: they only go up.
        let serial = if self.is_new() {
            state.serial
        } else {
            state.serial.max(here.serial + 1)
        };
        let sequence = state.sequence.max(here.sequence);
        state.stack_file.clone_from(&here.stack_file);
        let codec = Codec {
            sealer: &sealer,
            configs: &configs,
        };
        let (bytes, _) =
            snapshot::encode(&state, serial, sequence, self.shared.clock.now(), &codec)?;
        let run = self.note_begin(version, [])?;
        self.shared.replace_snapshot(&bytes)?;
        let counts = BTreeMap::from([("pushed".into(), state.resources.len())]);
        self.note_ended(run, RunResult::Complete, counts, serial)?;
        Ok(Pushed::Written(serial))
    }

    fn check_push(&self, here: &State, incoming: &Incoming) -> Result<(), StateError> {
        let there = &incoming.state;
        let refuse = |why: String, remedy: &str| {
            Err(StateError::Push {
                why,
                remedy: remedy.to_owned(),
            })
        };
        if incoming.edited {
            return refuse(
                "its checksum does not fit: it was edited, or damaged on the way".to_owned(),
                "look at it once more; -force pushes it all the same",
            );
        }
        if self.is_new() {
            return Ok(());
        }
        if !here.unfinished.is_empty() {
            let count = here.unfinished.len();
            return refuse(
                format!(
                    "{count} operations of an interrupted run are recorded here and would be lost"
                ),
                "`infra apply` takes them up first; -force loses them",
            );
        }
        if there.lineage != here.lineage {
            return refuse(
                format!(
                    "it is another state: its lineage is {}, and the one here is {}",
                    there.lineage, here.lineage
                ),
                "push it to the stack that it came from; -force replaces the state all the same",
            );
        }
        if there.serial < here.serial {
            return refuse(
                format!(
                    "it is older: its serial is {}, and the one here is {}",
                    there.serial, here.serial
                ),
                "pull again and make the change in that; -force goes back to the older one",
            );
        }
        if there.serial == here.serial {
            return refuse(
                format!(
                    "it has the same serial as the one here, {}, and says something else",
                    here.serial
                ),
                "raise \"serial\" if yours is the newer one, or use -force",
            );
        }
        Ok(())
    }
}
