//! The simulated cloud and the way to it: answers come late, old, not at all, or as refusals, as the dice say.

pub mod kinds;
mod objects;
mod provider;
mod session;

pub use objects::{Objects, Snapshot};
pub use provider::SimProvider;

use crate::clock::SimClock;
use crate::dice::Dice;
use crate::fate::{Fate, Point};
use crate::log::Log;
use infra_model::time::Clock;
use infra_model::{CallContext, ErrorKind, OperationId, ProviderError};
use infra_state::MemoryStorage;
use objects::{Request, refusal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often what goes wrong, in a thousand calls. The default is a cloud that always works at once.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Refused for being too fast; not done.
    pub throttled: u64,
    /// An internal error before anything was done.
    pub internal: u64,
    /// Done, and answered with an internal error.
    pub internal_after: u64,
    /// The call got lost.
    pub lost_call: u64,
    /// Done, and the answer got lost.
    pub lost_answer: u64,
    /// The sender has given up, and then it is done.
    pub late: u64,
    /// Refused for good: a quota, an invalid value.
    pub refused: u64,
    /// Creations that hang longer than anybody waits.
    pub stuck: u64,
    /// Creations that end in failure.
    pub failing: u64,
    /// Reads that show the past.
    pub stale: u64,
    /// The credentials expire so many milliseconds after the process began.
    pub credentials: Option<i64>,
}

/// The cloud. Clones share it.
#[derive(Clone)]
pub struct Cloud {
    world: Arc<Mutex<World>>,
    fate: Arc<Fate>,
    clock: SimClock,
    log: Log,
    /// The disk on which ids must be durable.
    watched: Arc<Mutex<Option<MemoryStorage>>>,
}

struct World {
    objects: Objects,
    dice: Dice,
    faults: Faults,
    /// The moment at which the credentials expire.
    expires: i64,
    /// Calls whose sender does not wait for them any more, and when they arrive.
    in_flight: Vec<(i64, Request)>,
    /// What others will do while a process runs.
    intrusions: Vec<(i64, Intrusion)>,
}

/// Something that somebody else does.
#[derive(Clone, Debug)]
pub enum Intrusion {
    /// Changes the size.
    Resize(String, i64),
    /// Takes it away, if nothing stands on it.
    Remove(String),
}

/// How one call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Well,
    Throttled,
    Internal,
    InternalAfter,
    LostCall,
    LostAnswer,
    Late,
    Refused,
}

impl Cloud {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64, fate: Arc<Fate>, clock: SimClock, log: Log) -> Cloud {
        let objects = Objects::new(Dice::new(seed, 4));
        Cloud {
            world: Arc::new(Mutex::new(World {
                objects,
                dice: Dice::new(seed, 3),
                faults: Faults::default(),
                expires: i64::MAX,
                in_flight: Vec::new(),
                intrusions: Vec::new(),
            })),
            fate,
            clock,
            log,
            watched: Arc::default(),
        }
    }

    /// Watches a disk: whatever the provider goes on with must be durable there.
    pub fn watch(&self, disk: MemoryStorage) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = Some(disk);
    }

    /// The provider goes on with a new id.
    fn id_must_be_durable(&self, id: &str) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let quoted = format!("\"{id}\"");
        let durable = |disk: &MemoryStorage| {
            let files = disk.durable_files();
            // Journals first, and from their end: it was written just now.
            files.values().rev().any(|bytes| {
                let mut windows = bytes.windows(quoted.len()).rev();
                windows.any(|w| w == quoted.as_bytes())
            })
        };
        if watched.as_ref().is_some_and(|disk| !durable(disk)) {
            drop(watched);
            self.violated(format!("the provider went on before `{id}` was durable"));
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong from now on; credentials are new.
    pub fn set_faults(&self, faults: Faults) {
        let now = self.clock.now().0;
        let mut world = self.world();
        world.objects.stuck = faults.stuck;
        world.objects.failing = faults.failing;
        world.expires = faults.credentials.map_or(i64::MAX, |ms| now + ms);
        world.faults = faults;
    }

    /// What others will do, and when.
    pub fn set_intrusions(&self, intrusions: Vec<(i64, Intrusion)>) {
        self.world().intrusions = intrusions;
    }

    /// Looks at what is there, with everything that is due done.
    pub fn look<T>(&self, look: impl FnOnce(&mut Objects, i64) -> T) -> T {
        let now = self.clock.now().0;
        let mut world = self.world();
        self.catch_up(&mut world, now);
        look(&mut world.objects, now)
    }

    /// The operations whose call is under way without a sender.
    #[must_use]
    pub fn in_flight(&self) -> Vec<OperationId> {
        let world = self.world();
        let creations = world.in_flight.iter().filter_map(|(_, r)| match r {
            Request::Create { operation, .. } => Some(operation.clone()),
            _ => None,
        });
        creations.collect()
    }

    /// The process is over: what it has sent arrives soon, or it would have been lost.
    pub fn sender_is_gone(&self) {
        let latest = self.clock.now().0 + kinds::FLIGHT;
        for (at, _) in &mut self.world().in_flight {
            *at = (*at).min(latest);
        }
    }

    /// What must never happen and did.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.world().objects.violations.clone()
    }

    /// Deletions asked for since the last time.
    #[must_use]
    pub fn take_deletions(&self) -> u64 {
        std::mem::take(&mut self.world().objects.deletions)
    }

    /// Notes what must never happen.
    pub fn violated(&self, what: String) {
        self.world().objects.violations.push(what);
    }

    /// Does what is due: calls without a sender arrive, others do what they do.
    fn catch_up(&self, world: &mut World, now: i64) {
        while let Some(next) = (0..world.in_flight.len()).min_by_key(|i| world.in_flight[*i].0) {
            if world.in_flight[next].0 > now {
                break;
            }
            let (at, request) = world.in_flight.remove(next);
            // Not what the process that runs now asks for: it may have begun to build on what a dead one takes away.
            let deletions = world.objects.deletions;
            let violations = world.objects.violations.len();
            let result = world.objects.execute(&request, at);
            world.objects.deletions = deletions;
            if matches!(request, Request::Delete { .. }) {
                world.objects.violations.truncate(violations);
            }
            self.log.line(
                self.clock.now(),
                format_args!("cloud {} arrives late: {}", name(&request), said(&result)),
            );
        }
        while let Some(next) = (0..world.intrusions.len()).min_by_key(|i| world.intrusions[*i].0) {
            if world.intrusions[next].0 > now {
                break;
            }
            let (at, intrusion) = world.intrusions.remove(next);
            self.log
                .line(self.clock.now(), format_args!("other {intrusion:?}"));
            match intrusion {
                Intrusion::Resize(id, size) => {
                    if let Some(mut there) = world.objects.at(&id, at).cloned()
                        && !there.deleting
                    {
                        there.thing.size = size;
                        there.thing.revision = there.thing.revision.map(|r| r + 1);
                        world.objects.put(&id, at, there);
                    }
                }
                Intrusion::Remove(id) => {
                    if world.objects.users(&id, at).is_empty() {
                        world.objects.vanish(&id, at);
                    }
                }
            }
        }
    }

    /// Sends a changing call; one permit per attempt, sent again when it was throttled, and after a lost answer when
    /// `resend` says that it may be.
    async fn change(
        &self,
        context: &CallContext,
        request: Request,
        resend: bool,
    ) -> Result<String, ProviderError> {
        let (mut throttled, mut transient) = (0_u32, 0_u32);
        loop {
            let permit = context.enter("sim").await?;
            let result = self.attempt(&request).await;
            drop(permit);
            self.log.line(
                self.clock.now(),
                format_args!("cloud {}: {}", name(&request), said(&result)),
            );
            let error = match result {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            let lost = transient > 0;
            self.again(context, error, resend, &mut throttled, &mut transient)
                .await
                .map_err(|e| if lost { e.after_lost_answer() } else { e })?;
        }
    }

    /// Reads something.
    async fn ask<T>(
        &self,
        context: &CallContext,
        what: &str,
        read: impl Fn(&Objects, i64) -> T + Send + Sync,
    ) -> Result<T, ProviderError> {
        let (mut throttled, mut transient) = (0_u32, 0_u32);
        loop {
            let permit = context.enter("sim").await?;
            let way = self.way(false);
            self.fate.point(Point::Waiting);
            self.clock.sleep(self.latency()).await;
            let result = match self.answer(way, || {
                let now = self.clock.now().0;
                let mut world = self.world();
                self.catch_up(&mut world, now);
                let chance = world.faults.stale;
                let age = if world.dice.permille(chance) {
                    world.dice.between(0, kinds::LAG)
                } else {
                    0
                };
                Ok(read(&world.objects, now - age))
            }) {
                Ok(found) => Ok(found),
                Err(error) => {
                    if matches!(way, Way::LostCall | Way::LostAnswer | Way::Late) {
                        self.clock.sleep(TIMEOUT).await;
                    }
                    Err(error)
                }
            };
            drop(permit);
            match result {
                Ok(found) => return Ok(found),
                Err(error) => {
                    self.log
                        .line(self.clock.now(), format_args!("cloud {what}: {error}"));
                    self.again(context, error, true, &mut throttled, &mut transient)
                        .await?;
                }
            }
        }
    }

    /// Waits before the next attempt, or gives the error back when there is to be none.
    async fn again(
        &self,
        context: &CallContext,
        error: ProviderError,
        resend: bool,
        throttled: &mut u32,
        transient: &mut u32,
    ) -> Result<(), ProviderError> {
        let tries = match error.kind {
            ErrorKind::Throttled if *throttled < 10 => {
                context.gate.throttled(context.provider, "sim");
                *throttled += 1;
                *throttled
            }
            ErrorKind::Transient if resend && *transient < 5 => {
                *transient += 1;
                *transient
            }
            _ => return Err(error),
        };
        let pause = Duration::from_millis(200 << tries.min(6));
        self.clock.sleep(pause).await;
        Ok(())
    }

    /// One attempt of a changing call.
    async fn attempt(&self, request: &Request) -> Result<String, ProviderError> {
        let way = self.way(true);
        self.fate.point(Point::Changing);
        let flight = Flight {
            cloud: self,
            request: Some(request.clone()),
        };
        self.clock.sleep(self.latency()).await;
        flight.arrived();
        let result = self.answer(way, || {
            let now = self.clock.now().0;
            let mut world = self.world();
            self.catch_up(&mut world, now);
            world.objects.execute(request, now)
        });
        let refused = matches!(&result, Err(e) if e.kind == ErrorKind::Denied);
        match way {
            Way::Late if !refused => {
                let mut world = self.world();
                let late = world.dice.between(0, kinds::FLIGHT);
                let at = self.clock.now().plus(TIMEOUT).0 + late;
                world.in_flight.push((at, request.clone()));
            }
            Way::LostCall | Way::LostAnswer => {}
            _ => {
                self.fate.point(Point::Changing);
                self.clock.sleep(self.latency()).await;
                return result;
            }
        }
        self.fate.point(Point::Changing);
        self.clock.sleep(TIMEOUT).await;
        result
    }

    /// The answer of a call that goes this way; `act` is what it does.
    fn answer<T>(
        &self,
        way: Way,
        act: impl FnOnce() -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        if self.clock.now().0 >= self.world().expires {
            return Err(refusal(
                "ExpiredToken",
                ErrorKind::Denied,
                "the credentials have expired".to_owned(),
            ));
        }
        let lost = || {
            refusal(
                "Timeout",
                ErrorKind::Transient,
                "no answer within 30 s".to_owned(),
            )
        };
        let internal = || {
            refusal(
                "InternalError",
                ErrorKind::Transient,
                "an internal error".to_owned(),
            )
        };
        match way {
            Way::Well => act(),
            Way::Throttled => Err(refusal(
                "Throttling",
                ErrorKind::Throttled,
                "rate exceeded".to_owned(),
            )),
            Way::Internal => Err(internal()),
            // What refuses refuses; what was done is not told.
            Way::InternalAfter => act().and_then(|_| Err(internal())),
            Way::LostCall | Way::Late => Err(lost()),
            Way::LostAnswer => act()
                .and_then(|_| Err(lost()))
                .map_err(|_: ProviderError| lost()),
            Way::Refused => Err(refusal(
                "QuotaExceeded",
                ErrorKind::Quota,
                "the quota is used up".to_owned(),
            )),
        }
    }

    fn way(&self, changing: bool) -> Way {
        let mut world = self.world();
        let faults = world.faults.clone();
        let mut roll = world.dice.below(1000);
        let mut ways = vec![
            (faults.throttled, Way::Throttled),
            (faults.internal, Way::Internal),
            (faults.lost_call, Way::LostCall),
        ];
        if changing {
            ways.extend([
                (faults.internal_after, Way::InternalAfter),
                (faults.lost_answer, Way::LostAnswer),
                (faults.late, Way::Late),
                (faults.refused, Way::Refused),
            ]);
        }
        for (chance, way) in ways {
            if roll < chance {
                return way;
            }
            roll -= chance;
        }
        Way::Well
    }

    fn latency(&self) -> Duration {
        let millis = self.world().dice.between(5, 60);
        Duration::from_millis(millis.unsigned_abs())
    }
}

/// After which a sender gives up on an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A call on its way. When its process dies, it may arrive all the same.
struct Flight<'a> {
    cloud: &'a Cloud,
    request: Option<Request>,
}

impl Flight<'_> {
    fn arrived(mut self) {
        self.request = None;
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let Some(request) = self
            .request
            .take()
            .filter(|_| self.cloud.fate.has_crashed())
        else {
            return;
        };
        let now = self.cloud.clock.now().0;
        let mut world = self.cloud.world();
        if world.dice.permille(500) {
            let at = now + world.dice.between(0, kinds::FLIGHT);
            world.in_flight.push((at, request));
        }
    }
}

fn name(request: &Request) -> String {
    match request {
        Request::Create {
            kind,
            operation,
            address,
            ..
        } => format!("Create {} {address} [{operation}]", kind.type_name),
        Request::Configure { id, thing } => format!("Configure {id} size={}", thing.size),
        Request::Delete { id } => format!("Delete {id}"),
    }
}

fn said(result: &Result<String, ProviderError>) -> String {
    match result {
        Ok(id) => id.clone(),
        Err(error) => format!("{:?} {error}", error.kind),
    }
}
