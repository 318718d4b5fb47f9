//! One sandbox without its sockets: takes a whole request, lets faults and services have it, commits, records, and
//! says what the server shall do. Tests of services drive this.

use std::sync::{Arc, Mutex, MutexGuard};

use http::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

use crate::aws::context::Ctx;
use crate::aws::error::AwsError;
use crate::aws::{self, Call};
use crate::clock::{Clock, iso8601_millis};
use crate::faults::{Faults, Verdict};
use crate::http::{HttpReply, HttpRequest};
use crate::latency::Latency;
use crate::requests::{Request, Requests};
use crate::world::World;
use crate::{Options, SandboxError};

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
    pub(crate) faults: Mutex<Faults>,
    pub(crate) clock: Arc<dyn Clock>,
    latency: Latency,
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
            faults: Mutex::new(Faults::new(options.faults.clone(), options.seed)),
            clock: options.clock.clone(),
            latency: options.latency,
        })
    }

    /// Answers a request on the AWS port.
    pub(crate) fn aws(&self, request: &HttpRequest) -> Outcome {
        if let Some(path) = request.path.strip_prefix("/_sandbox/") {
            return Outcome::Answer(crate::control::answer(self, path, request), None);
        }
        lock(&self.requests).enter();
        let outcome = self.aws_call(request);
        lock(&self.requests).leave();
        outcome
    }

    fn aws_call(&self, request: &HttpRequest) -> Outcome {
        let now = self.clock.now();
        let request_id = Uuid::new_v4().to_string();
        let call = match aws::route(request, request_id.clone()) {
            Ok(call) => call,
            Err(reply) => {
                self.record(request, None, &reply, Some("Refused".to_owned()), None);
                return Outcome::Answer(reply.with("x-amzn-requestid", request_id), None);
            }
        };
        let verdict = lock(&self.faults).judge(call.service, &call.operation, now);
        let (result, dropped) = match &verdict.refusal {
            Some(refusal) => match call.refusal(refusal) {
                Some(error) => (Err(error), false),
                None => (Err(AwsError::new("ConnectionReset", "")), true),
            },
            None => (self.perform(&call, request, &verdict), verdict.lost),
        };
        let (mut reply, code) = match result {
            Ok(reply) => (reply, None),
            Err(error) => (call.fail(&error, request), Some(error.code)),
        };
        self.record(request, Some(&call), &reply, code, verdict.name());
        if dropped {
            return Outcome::Drop;
        }
        if !reply
            .headers
            .iter()
            .any(|(name, _)| name == "x-amzn-requestid")
        {
            reply = reply.with("x-amzn-requestid", request_id);
        }
        Outcome::Answer(reply, verdict.delay)
    }

    fn perform(
        &self,
        call: &Call,
        request: &HttpRequest,
        verdict: &Verdict,
    ) -> Result<HttpReply, AwsError> {
        let mut world = lock(&self.world);
        // Read under the lock, so that time never runs backwards between transactions.
        let now = self.clock.now();
        let mut ctx = Ctx {
            tx: world.begin(now),
            now,
            region: call.credential.region.clone(),
            latency: self.latency,
            pace: verdict.pace,
        };
        let reply = call.run(&mut ctx, request)?;
        ctx.tx.commit().map_err(|error| {
            AwsError::with_status(
                500,
                "InternalFailure",
                format!("the world was not written: {error}"),
            )
        })?;
        Ok(reply)
    }

    fn record(
        &self,
        request: &HttpRequest,
        call: Option<&Call>,
        reply: &HttpReply,
        error: Option<String>,
        fault: Option<String>,
    ) {
        lock(&self.requests).record(Request {
            number: 0,
            time: iso8601_millis(self.clock.now()),
            method: request.method.to_string(),
            path: request.path.clone(),
            service: call.map_or("unknown", |call| call.service).to_owned(),
            operation: call.map_or_else(String::new, |call| call.operation.clone()),
            region: call.map_or_else(String::new, |call| call.credential.region.clone()),
            params: call.map_or(Value::Null, |call| call.params.clone()),
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
        let Outcome::Answer(reply, _) = core.aws(&request) else {
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
        let Outcome::Answer(reply, _) = core.aws(&blank()) else {
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
