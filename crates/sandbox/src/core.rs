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
            access_key: call.credential.access_key.clone(),
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
