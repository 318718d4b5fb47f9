//! One sandbox without its sockets: takes a whole request, lets faults and services have it, commits, records, and
//! says what the server shall do. Tests of services drive this.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use http::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::{Clock, Millis, iso8601_millis};
use crate::faults::{Faults, Pace, Refusal, Verdict};
use crate::http::{HttpReply, HttpRequest};
use crate::latency::Latency;
use crate::recording::{Exchange, Recording};
use crate::requests::{Request, Requests};
use crate::world::{Resource, Tx, World};
use crate::{Endpoints, Options, SandboxError, aws, azure, google, kubernetes};

/// The clouds that have a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    Aws,
    Google,
    Azure,
    Kubernetes,
}

impl Cloud {
    /// Its name in the world file and in recordings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Google => "google",
            Self::Azure => "azure",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// Finds service and operation of a request.
    fn route(self, request: &HttpRequest, id: &str) -> Result<Box<dyn Call>, HttpReply> {
        match self {
            Self::Aws => aws::route(request, id.to_owned()).map(|call| Box::new(call) as _),
            Self::Google => google::route(request).map(|call| Box::new(call) as _),
            Self::Azure => azure::route(request, id).map(|call| Box::new(call) as _),
            Self::Kubernetes => kubernetes::route(request).map(|call| Box::new(call) as _),
        }
    }

    /// The header that carries the request's id.
    fn id_header(self) -> &'static str {
        match self {
            Self::Aws => "x-amzn-requestid",
            Self::Google => "x-goog-request-id",
            Self::Azure => "x-ms-request-id",
            Self::Kubernetes => "audit-id",
        }
    }
}

/// What a request works in: the transaction, the time under its lock, and how background work goes.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) tx: Tx<'a>,
    pub(crate) now: Millis,
    pub(crate) latency: Latency,
    pub(crate) pace: Pace,
}

/// An answer that says no, and its code for the log.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reply: HttpReply,
    pub(crate) code: String,
}

/// A request that has found its service and operation.
pub(crate) trait Call {
    fn service(&self) -> &str;

    fn operation(&self) -> &str;

    /// The region or location, empty for global requests.
    fn region(&self) -> &str;

    /// For the log.
    fn params(&self) -> Value;

    /// Runs the operation; what it gives back is committed.
    fn run<'a>(
        &self,
        frame: Frame<'a>,
        request: &HttpRequest,
    ) -> Result<(Tx<'a>, HttpReply), Failure>;

    /// An injected refusal in the service's words; a reset has none.
    fn refuse(&self, refusal: &Refusal, request: &HttpRequest) -> Option<Failure>;

    /// The service's internal error.
    fn broken(&self, message: String, request: &HttpRequest) -> Failure;
}

/// What the server does with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answer, after so many milliseconds.
    Answer(HttpReply, Option<u64>),
    /// Close it without an answer.
    Drop,
}

/// The state of a sandbox.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) world: Mutex<World>,
    pub(crate) requests: Mutex<Requests>,
    pub(crate) recording: Mutex<Recording>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where the ports are, once they are bound.
    pub(crate) endpoints: OnceLock<Endpoints>,
    latency: Latency,
    /// Rings when something has changed that somebody may watch.
    pub(crate) bell: tokio::sync::watch::Sender<()>,
}

/// Locks, also after a handler has panicked: its transaction undid itself while unwinding.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Core {
    pub(crate) fn open(options: &Options) -> Result<Self, SandboxError> {
        let world = World::open(options.world.as_deref(), options.world_id, options.seed)?;
        Ok(Self {
            world: Mutex::new(world),
            requests: Mutex::new(Requests::default()),
            recording: Mutex::default(),
            faults: Mutex::new(Faults::new(options.faults.clone(), options.seed)),
            clock: options.clock.clone(),
            endpoints: OnceLock::new(),
            latency: options.latency,
            bell: tokio::sync::watch::Sender::new(()),
        })
    }

    /// Answers a request on a cloud's port; the AWS port also has the controls.
    pub(crate) fn answer(&self, cloud: Cloud, request: &HttpRequest) -> Outcome {
        if cloud == Cloud::Aws
            && let Some(path) = request.path.strip_prefix("/_sandbox/")
        {
            return Outcome::Answer(crate::control::answer(self, path, request), None);
        }
        lock(&self.requests).enter();
        let outcome = self.call(cloud, request);
        lock(&self.requests).leave();
        let mut recording = lock(&self.recording);
        if recording.wanted() {
            recording.add(Exchange::new(cloud, request, &outcome));
        }
        outcome
    }

    fn call(&self, cloud: Cloud, request: &HttpRequest) -> Outcome {
        let now = self.clock.now();
        let id = Uuid::new_v4().to_string();
        let call = match cloud.route(request, &id) {
            Ok(call) => call,
            Err(reply) => {
                self.record(request, None, &reply, Some("Refused".to_owned()), None);
                return Outcome::Answer(reply.with(cloud.id_header(), id), None);
            }
        };
        let call = call.as_ref();
        let verdict = lock(&self.faults).judge(call.service(), call.operation(), now);
        let result = match &verdict.refusal {
            Some(refusal) => call.refuse(refusal, request).map(Err),
            None => Some(self.perform(call, request, &verdict)),
        };
        let dropped = result.is_none() || verdict.refusal.is_none() && verdict.lost;
        let (mut reply, code) = match result {
            Some(Ok(reply)) => (reply, None),
            Some(Err(failure)) => (failure.reply, Some(failure.code)),
            None => (
                HttpReply::new(0, "text/plain", ""),
                Some("ConnectionReset".to_owned()),
            ),
        };
        self.record(request, Some(call), &reply, code, verdict.name());
        if dropped {
            return Outcome::Drop;
        }
        let header = cloud.id_header();
        if !reply.headers.iter().any(|(name, _)| name == header) {
            reply = reply.with(header, id);
        }
        let delay = verdict.delay.unwrap_or(0) + reply.delay;
        Outcome::Answer(reply, (delay > 0).then_some(delay))
    }

    fn perform(
        &self,
        call: &dyn Call,
        request: &HttpRequest,
        verdict: &Verdict,
    ) -> Result<HttpReply, Failure> {
        let mut world = lock(&self.world);
        // Read under the lock, so that time never runs backwards between transactions.
        let now = self.clock.now();
        let frame = Frame {
            tx: world.begin(now),
            now,
            latency: self.latency,
            pace: verdict.pace,
        };
        let (tx, reply) = call.run(frame, request)?;
        tx.commit()
            .map_err(|error| call.broken(format!("the world was not written: {error}"), request))?;
        self.bell.send_replace(());
        Ok(reply)
    }

    /// Every live resource; what has gone with its cluster is taken away first.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        let mut world = lock(&self.world);
        let now = {
            let mut frame = self.background(&mut world);
            kubernetes::clusters::purge(&mut frame);
            // What cannot be written now is taken away again at the next look.
            let _ = frame.tx.commit();
            frame.now
        };
        world.resources(now)
    }

    /// A transaction for what no request asks for: no fault strikes it.
    pub(crate) fn background<'w>(&self, world: &'w mut World) -> Frame<'w> {
        let now = self.clock.now();
        Frame {
            tx: world.begin(now),
            now,
            latency: self.latency,
            pace: Pace::default(),
        }
    }

    fn record(
        &self,
        request: &HttpRequest,
        call: Option<&dyn Call>,
        reply: &HttpReply,
        error: Option<String>,
        fault: Option<String>,
    ) {
        lock(&self.requests).record(Request {
            number: 0,
            time: iso8601_millis(self.clock.now()),
            method: request.method.to_string(),
            path: request.path.clone(),
            service: call.map_or("unknown", |call| call.service()).to_owned(),
            operation: call.map_or("", |call| call.operation()).to_owned(),
            region: call.map_or("", |call| call.region()).to_owned(),
            params: call.map_or(Value::Null, Call::params),
            status: reply.status,
            error,
            fault,
        });
    }
}

/// An empty request, for tests to fill.
#[cfg(test)]
pub(crate) fn blank() -> HttpRequest {
    HttpRequest {
        method: http::Method::POST,
        path: "/".to_owned(),
        query: Vec::new(),
        headers: HeaderMap::new(),
        body: Vec::new(),
    }
}

/// A request of a method, to a path with its query, with a body unless that is null.
#[cfg(test)]
pub(crate) fn asking(method: &str, url: &str, body: &Value) -> HttpRequest {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    HttpRequest {
        method: http::Method::from_bytes(method.as_bytes()).expect("a method"),
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        body: if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        },
        ..blank()
    }
}

/// A world that outlives the sandboxes that are opened over it, one after the other, and their clock.
#[cfg(test)]
pub(crate) struct Kept {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<crate::ManualClock>,
}

#[cfg(test)]
impl Kept {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            clock: Arc::new(crate::ManualClock::at(1_700_000_000_000)),
        }
    }

    /// A sandbox that goes on where the last one was left.
    pub(crate) fn open(&self) -> Core {
        let options = Options {
            world: Some(self.folder.path().join("world")),
            clock: self.clock.clone(),
            ..Options::default()
        };
        Core::open(&options).expect("opens")
    }
}

/// The parts of a request that hyper has read.
pub(crate) fn request_of(parts: &http::request::Parts, body: Vec<u8>) -> HttpRequest {
    let query = parts.uri.query().unwrap_or_default();
    let headers: HeaderMap = parts.headers.clone();
    HttpRequest {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultSpec, ManualClock};

    /// A sandbox without sockets, and its clock.
    fn core(faults: &str) -> (Core, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let options = Options {
            clock: clock.clone(),
            faults: faults.parse::<FaultSpec>().expect("good faults"),
            ..Options::default()
        };
        (Core::open(&options).expect("opens"), clock)
    }

    /// Sends a form to a query service; the body, or the error's code.
    fn call(core: &Core, service: &str, form: &str) -> Result<String, String> {
        let mut request = HttpRequest {
            body: form.as_bytes().to_vec(),
            ..blank()
        };
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/{service}/aws4_request, Signature=x"
        );
        request
            .headers
            .insert("authorization", signature.parse().expect("a header"));
        let Outcome::Answer(reply, _) = core.answer(Cloud::Aws, &request) else {
            return Err("dropped".to_owned());
        };
        let body = String::from_utf8(reply.body).expect("text");
        if reply.status == 200 {
            Ok(body)
        } else {
            Err(between(&body, "Code").to_owned())
        }
    }

    /// The text of the first element of that name.
    fn between<'a>(xml: &'a str, name: &str) -> &'a str {
        let start = format!("<{name}>");
        xml.split_once(&start)
            .and_then(|(_, rest)| rest.split_once("</"))
            .map_or("", |(text, _)| text)
    }

    #[test]
    fn states_follow_the_clock() {
        let (core, clock) = core("");
        let ec2 = |form: &str| call(&core, "ec2", form);
        let vpc = ec2("Action=CreateVpc&CidrBlock=10.0.0.0/16").expect("a network");
        let vpc = between(&vpc, "vpcId");
        clock.advance(60_000);
        let subnet = ec2(&format!(
            "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.0.0/24"
        ))
        .expect("a subnet");
        let subnet = between(&subnet, "subnetId");
        let create = format!(
            "Action=CreateNatGateway&SubnetId={subnet}&ConnectivityType=private&ClientToken=t"
        );
        let nat = ec2(&create).expect("a gateway");
        assert_eq!(between(&nat, "state"), "pending");
        let nat = between(&nat, "natGatewayId");
        let state = || {
            between(
                &ec2(&format!("Action=DescribeNatGateways&NatGatewayId.1={nat}")).expect("there"),
                "state",
            )
            .to_owned()
        };
        clock.advance(1000);
        assert_eq!(state(), "available");
        // The same token names the same gateway, and no other.
        assert_eq!(
            between(&ec2(&create).expect("the same"), "natGatewayId"),
            nat
        );
        assert_eq!(
            ec2(&format!(
                "{create}&TagSpecification.1.ResourceType=natgateway"
            )),
            Err("IdempotentParameterMismatch".into())
        );
        ec2(&format!("Action=DeleteNatGateway&NatGatewayId={nat}")).expect("begins");
        assert_eq!(state(), "deleting");
        let delete = format!("Action=DeleteSubnet&SubnetId={subnet}");
        assert_eq!(ec2(&delete), Err("DependencyViolation".into()));
        clock.advance(100);
        assert_eq!(state(), "deleted");
        assert_eq!(
            crate::core::lock(&core.world)
                .resources(core.clock.now())
                .len(),
            2
        );
        ec2(&delete).expect("nothing holds it");
        clock.advance(60_000);
        let gone = ec2(&format!("Action=DescribeNatGateways&NatGatewayId.1={nat}"));
        assert_eq!(gone, Err("NatGatewayNotFound".into()));
    }

    #[test]
    fn a_lost_response_is_done_and_a_refusal_is_not() {
        let (core, _) = core("lost:CreateVpc*1,refuse:CreateVpc=VpcLimitExceeded*1");
        let create = "Action=CreateVpc&CidrBlock=10.0.0.0/16";
        // Both rules strike the first call: refused, so not done.
        assert_eq!(call(&core, "ec2", create), Err("VpcLimitExceeded".into()));
        assert!(
            call(&core, "ec2", "Action=DescribeVpcs")
                .expect("read")
                .contains("<vpcSet></vpcSet>")
        );
        assert!(call(&core, "ec2", create).is_ok());
        let (core, _) = self::core("lost:CreateVpc*1,fail:CreateNatGateway,stuck:CreateSubnet");
        assert_eq!(call(&core, "ec2", create), Err("dropped".into()));
        assert!(
            call(&core, "ec2", "Action=DescribeVpcs")
                .expect("read")
                .contains("10.0.0.0/16")
        );
    }

    #[test]
    fn who_does_not_sign_is_refused() {
        let (core, _) = core("");
        let Outcome::Answer(reply, _) = core.answer(Cloud::Aws, &blank()) else {
            panic!("an answer")
        };
        assert_eq!(reply.status, 403);
        assert_eq!(call(&core, "nonsense", "Action=X").map_err(|_| ()), Err(()));
        assert_eq!(
            call(&core, "iam", "Action=Bogus"),
            Err("InvalidAction".into())
        );
    }
}
