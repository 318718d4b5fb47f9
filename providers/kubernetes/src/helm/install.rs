//! Installing, upgrading and taking away, through the program; and putting right what was cut off.

use super::chart;
use super::drift;
use super::files::Bench;
use super::program::{Helm, Run};
use super::release::ReleaseRecord;
use super::render;
use super::stored::{self, OPERATION, Stored, UNINSTALLING};
use crate::apply::{self, Settings, pace};
use crate::client::Client;
use crate::deletion::{self, leaving, remedy};
use crate::object::Reference;
use crate::{read, takeover};
use infra_cloud::absence::absent_is_done;
use infra_cloud::wait::{Progress, until};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a `helm` that is cut off from us may go on by itself before its release is put right.
const CUT_OFF: Duration = Duration::from_secs(20);
/// How long failures that pass are waited out: webhooks that start, a cluster that answers not yet.
const PASSING: Duration = Duration::from_mins(5);

/// Everything that one change of a release needs.
pub(crate) struct Change<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a CallContext,
    pub(crate) operation: &'a Operation,
    pub(crate) record: &'a ReleaseRecord,
    pub(crate) values: &'a Json,
}

impl Change<'_> {
    async fn latest(&self) -> Result<Option<Stored>, ProviderError> {
        let (namespace, name) = (&self.record.namespace, &self.record.name);
        let all = stored::revisions(self.client, self.context, namespace, Some(name)).await?;
        Ok(all.into_iter().next_back())
    }

    async fn run(&self, helm: &Helm, bench: &Bench, mut run: Run) -> Result<String, ProviderError> {
        run.arg("--namespace").arg(&self.record.namespace);
        run.against(self.client, self.context, bench).await?;
        helm.run(self.context, &run).await
    }

    /// Installs or upgrades, waits, and takes back what has failed where that is asked for.
    pub(crate) async fn converge(&self) -> Result<(), ProviderError> {
        let helm = Helm::find(self.client, self.context).await?;
        if self.operation.hands_over {
            helm.takes_over()?;
        }
        let bench = Bench::new()?;
        self.put_right(&helm).await?;
        let before = self.latest().await?.filter(|s| s.status != "uninstalled");
        let record = self.record;
        self.tell("fetching the chart");
        let path = chart::fetched(
            &helm,
            self.client,
            self.context,
            &record.chart(),
            &bench,
            record.dependency_update,
        )
        .await?;
        self.tell(if before.is_some() {
            "upgrading"
        } else {
            "installing"
        });
        let outcome = match self
            .upgrade(&helm, &path.display().to_string(), before.is_none())
            .await
        {
            Ok(()) => self.settled().await,
            other => other,
        };
        let Err(error) = outcome else { return Ok(()) };
        // What is taken over ran before, and is not taken away.
        let stays = !record.atomic || self.operation.hands_over;
        if stays || error.kind == ErrorKind::Interrupted {
            return Err(error);
        }
        let taken_back = match &before {
            Some(before) => self
                .rollback(&helm, before.revision)
                .await
                .map(|()| "rolled back"),
            None => self.uninstall(&helm).await.map(|()| "taken away again"),
        };
        Err(ProviderError {
            message: match taken_back {
                Ok(how) => format!("{}; the release was {how}", error.message),
                Err(e) => format!("{}; and it could not be taken back: {e}", error.message),
            },
            kind: ErrorKind::Failed,
            ..error
        })
    }

    /// What is left to do once `helm` has written all objects.
    async fn settled(&self) -> Result<(), ProviderError> {
        let (client, context) = (self.client, self.context);
        if self.operation.hands_over
            && let Some(latest) = self.latest().await?
        {
            let release = latest.release()?;
            let manifest = release["manifest"].as_str().unwrap_or_default();
            let objects = drift::live(client, context, manifest, &self.record.namespace).await?;
            takeover::chart(client, context, objects).await?;
        }
        if self.record.wait {
            self.ready().await
        } else {
            Ok(())
        }
    }

    fn tell(&self, status: &str) {
        self.context.events.status(self.operation, status);
    }

    async fn upgrade(&self, helm: &Helm, chart: &str, first: bool) -> Result<(), ProviderError> {
        let record = self.record;
        let passes = |e: &ProviderError| e.kind == ErrorKind::Transient;
        infra_cloud::wait::while_refused(
            self.context,
            self.operation,
            pace(PASSING.min(self.record.patience())),
            passes,
            || async {
                let bench = Bench::new()?;
                let mut run = Run::new(["upgrade", "--install"]);
                run.arg(&record.name).arg(chart);
                run.values(self.values);
                run.arg("--timeout")
                    .arg(format!("{}s", record.timeout.max(1)));
                run.arg("--history-max").arg(record.max_history);
                run.flag(record.create_namespace, "--create-namespace");
                run.flag(record.skip_crds, "--skip-crds");
                let taking = self.operation.hands_over;
                // What it is taken over from has run its hooks.
                run.flag(record.disable_webhooks || taking, "--no-hooks");
                run.flag(taking, "--take-ownership");
                if let Some(description) = &record.description {
                    run.arg("--description").arg(description);
                }
                if first || taking {
                    run.arg("--labels")
                        .arg(format!("{OPERATION}={}", self.operation.id));
                }
                self.run(helm, &bench, run).await.map(|_| ())
            },
        )
        .await
    }

    /// Waits until the release's objects are ready.
    async fn ready(&self) -> Result<(), ProviderError> {
        let release = match self.latest().await? {
            Some(latest) => latest.release()?,
            None => return Err(ProviderError::new(ErrorKind::Failed, "the release is gone")),
        };
        let manifest = release["manifest"].as_str().unwrap_or_default();
        let (client, context, record) = (self.client, self.context, self.record);
        until(context, self.operation, pace(record.patience()), || async {
            let objects = drift::live(client, context, manifest, &record.namespace).await?;
            Ok(match drift::unready(&objects, record.wait_for_jobs)? {
                Some(missing) => Progress::Pending(missing),
                None => Progress::Done(()),
            })
        })
        .await
    }

    /// An installation or upgrade that was cut off blocks every later one: it goes back to the last revision that was
    /// deployed, or goes away when there is none. What was cut off while it was taken away goes.
    async fn put_right(&self, helm: &Helm) -> Result<(), ProviderError> {
        let is_cut_off = |s: &Stored| s.is_pending() || s.is_half_gone();
        let Some(pending) = self.latest().await?.filter(is_cut_off) else {
            return Ok(());
        };
        // The program that began it may have outlived us.
        let cut_off = until(self.context, self.operation, pace(CUT_OFF), || async {
            Ok(match self.latest().await? {
                Some(now) if is_cut_off(&now) && now.revision == pending.revision => {
                    Progress::Pending(format!("revision {} is {}", now.revision, now.status))
                }
                _ => Progress::Done(()),
            })
        })
        .await;
        match cut_off {
            Ok(()) => return Ok(()),
            Err(error) if error.kind == ErrorKind::TimedOut => {}
            Err(error) => return Err(error),
        }
        let (namespace, name) = (&self.record.namespace, &self.record.name);
        let all = stored::revisions(self.client, self.context, namespace, Some(name)).await?;
        let deployed = all.iter().rev().find(|s| s.status == "deployed");
        // What was being taken away is taken away first.
        match deployed.filter(|_| !pending.is_half_gone()) {
            // Its objects are another's until they are taken over: only what `helm` noted goes.
            None if self.operation.hands_over => {
                self.tell("was cut off; taking it over once more");
                let name = format!("sh.helm.release.v1.{name}.v{}", pending.revision);
                let note = Reference::new("v1", "Secret", Some(namespace), &name);
                let settings = Settings::default();
                let (client, context, operation) = (self.client, self.context, self.operation);
                deletion::delete(client, context, operation, &note, None, &settings).await
            }
            Some(deployed) => {
                self.tell(&format!(
                    "was cut off; going back to revision {}",
                    deployed.revision
                ));
                self.rollback(helm, deployed.revision).await
            }
            None => {
                self.tell("was cut off; taking away what there is of it");
                self.uninstall(helm).await
            }
        }
    }

    async fn rollback(&self, helm: &Helm, revision: i64) -> Result<(), ProviderError> {
        let bench = Bench::new()?;
        let mut run = Run::new(["rollback"]);
        run.arg(&self.record.name).arg(revision);
        run.arg("--history-max").arg(self.record.max_history);
        run.flag(self.record.disable_webhooks, "--no-hooks");
        self.run(helm, &bench, run).await.map(|_| ())
    }

    async fn uninstall(&self, helm: &Helm) -> Result<(), ProviderError> {
        let passes = |e: &ProviderError| e.kind == ErrorKind::Transient;
        let gone = infra_cloud::wait::while_refused(
            self.context,
            self.operation,
            pace(PASSING.min(self.record.patience())),
            passes,
            || async {
                let bench = Bench::new()?;
                let mut run = Run::new(["uninstall"]);
                run.arg(&self.record.name);
                run.arg("--wait")
                    .arg("--timeout")
                    .arg(format!("{}s", self.record.timeout.max(1)));
                run.flag(self.record.disable_webhooks, "--no-hooks");
                self.run(helm, &bench, run).await
            },
        )
        .await;
        absent_is_done(gone)
    }

    /// Takes the release away, and waits until what it rendered is gone: Helm forgets a release also when something of it is held.
    pub(crate) async fn remove(&self) -> Result<(), ProviderError> {
        let latest = self.latest().await?;
        let objects: Vec<Reference> = match &latest {
            Some(latest) => {
                let release = latest.release()?;
                let manifest = release["manifest"].as_str().unwrap_or_default();
                let rendered = render::objects(manifest, &self.record.namespace)?;
                rendered.into_iter().map(|(object, _)| object).collect()
            }
            None => remembered(self.record)?,
        };
        let mut outcome = Ok(());
        if latest.is_some() {
            let helm = Helm::find(self.client, self.context).await?;
            self.tell("uninstalling");
            outcome = self.uninstall(&helm).await;
        }
        let Err(error) = outcome else {
            return self.gone(&objects).await;
        };
        Err(match self.held(&objects).await? {
            Some((object, held)) => ProviderError {
                message: format!("{}; {held}. {}", error.message, remedy(&object)),
                ..error
            },
            None => error,
        })
    }

    /// Waits until what is left of a release that Helm has forgotten is gone.
    pub(crate) async fn left(&self) -> Result<(), ProviderError> {
        match self.latest().await? {
            Some(_) => Ok(()),
            None => self.gone(&remembered(self.record)?).await,
        }
    }

    async fn held(
        &self,
        objects: &[Reference],
    ) -> Result<Option<(Reference, String)>, ProviderError> {
        held(self.client, self.context, objects).await
    }

    async fn gone(&self, objects: &[Reference]) -> Result<(), ProviderError> {
        let (context, patience) = (self.context, pace(self.record.patience()));
        let gone = until(context, self.operation, patience, || async {
            Ok(match self.held(objects).await? {
                Some((_, held)) => Progress::Pending(held),
                None => Progress::Done(()),
            })
        })
        .await;
        let Err(error) = gone else { return Ok(()) };
        let held = self.held(objects).await?;
        Err(match held.filter(|_| error.kind == ErrorKind::TimedOut) {
            Some((object, _)) => ProviderError {
                message: format!("{}. {}", error.message, remedy(&object)),
                ..error
            },
            None => error,
        })
    }
}

/// A release that Helm has forgotten, as long as something of it is held; none when all of it is gone.
///
/// # Errors
/// Those of reading.
pub(crate) async fn half_gone(
    client: &Client,
    context: &CallContext,
    prior: Option<ReleaseRecord>,
) -> Result<Option<ReleaseRecord>, ProviderError> {
    let Some(prior) = prior else { return Ok(None) };
    let held = held(client, context, &remembered(&prior)?).await?;
    Ok(held.map(|(_, held)| ReleaseRecord {
        status: Some(UNINSTALLING.to_owned()),
        drift: vec![held],
        ..prior
    }))
}

/// What a release rendered when it was seen last.
fn remembered(record: &ReleaseRecord) -> Result<Vec<Reference>, ProviderError> {
    let texts = record.objects.iter().flat_map(BTreeMap::values);
    let manifest: Vec<&str> = texts.map(String::as_str).collect();
    let rendered = render::objects(&manifest.join("\n---\n"), &record.namespace)?;
    Ok(rendered.into_iter().map(|(object, _)| object).collect())
}

/// The first of some objects that is being deleted and has not gone, and in words what holds it.
async fn held(
    client: &Client,
    context: &CallContext,
    objects: &[Reference],
) -> Result<Option<(Reference, String)>, ProviderError> {
    let wanted: Vec<_> = objects.iter().cloned().map(Ok).collect();
    let found = read::many(client, context, &wanted).await;
    for (object, live) in objects.iter().zip(found) {
        if let Some(live) = live?.filter(apply::is_leaving) {
            let held = format!("{} {} {}", object.kind, object.name, leaving(&live));
            return Ok(Some((object.clone(), held)));
        }
    }
    Ok(None)
}
