//! AWS: finds the service of a request by its signature's scope, lets the service's protocol run the operation in
//! a transaction, and shapes answers and errors. Rules of services are in their own folders.

mod acm;
mod autoscaling;
mod cloudcontrol;
pub(crate) mod context;
mod document;
mod ec2;
mod ecr;
mod eks;
mod elbv2;
pub(crate) mod error;
pub(crate) mod iam;
mod images;
pub(crate) mod json;
mod kms;
mod logs;
pub(crate) mod query;
mod rds;
pub(crate) mod references;
pub(crate) mod regions;
pub(crate) mod rest;
mod route53;
mod s3;
mod secretsmanager;
mod servicequotas;
mod ssm;
mod sts;
mod tagging;
#[cfg(test)]
mod tests;
pub(crate) mod xml;

pub(crate) use self::eks::kubernetes::Clusters;

use serde_json::Value;

use self::context::Ctx;
use self::error::{AwsError, AwsResult};
use self::json::JsonService;
use self::query::{Query, QueryService};
use self::rest::{RawService, RestService};
use self::sts::Unfit;
use crate::core::{Failure, Frame};
use crate::faults::Refusal;
use crate::http::{HttpReply, HttpRequest};
use crate::world::Tx;

/// A service by the name under which requests to it are signed.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
}

/// How a service is spoken to.
#[derive(Debug)]
#[allow(
    dead_code,
    reason = "each protocol is used as its first service arrives"
)]
pub(crate) enum Protocol {
    Query(&'static QueryService),
    Json(&'static JsonService),
    Rest(&'static RestService),
    Raw(&'static RawService),
}

const SERVICES: &[Service] = &[
    Service {
        name: "ec2",
        protocol: Protocol::Query(&ec2::SERVICE),
    },
    Service {
        name: "iam",
        protocol: Protocol::Query(&iam::SERVICE),
    },
    Service {
        name: "sts",
        protocol: Protocol::Query(&sts::SERVICE),
    },
    Service {
        name: "eks",
        protocol: Protocol::Rest(&eks::SERVICE),
    },
    Service {
        name: "elasticloadbalancing",
        protocol: Protocol::Query(&elbv2::SERVICE),
    },
    Service {
        name: "autoscaling",
        protocol: Protocol::Query(&autoscaling::SERVICE),
    },
    Service {
        name: "rds",
        protocol: Protocol::Query(&rds::SERVICE),
    },
    Service {
        name: "s3",
        protocol: Protocol::Raw(&s3::SERVICE),
    },
    Service {
        name: "cloudcontrolapi",
        protocol: Protocol::Json(&cloudcontrol::SERVICE),
    },
    Service {
        name: "kms",
        protocol: Protocol::Json(&kms::SERVICE),
    },
    Service {
        name: "logs",
        protocol: Protocol::Json(&logs::SERVICE),
    },
    Service {
        name: "ecr",
        protocol: Protocol::Json(&ecr::SERVICE),
    },
    Service {
        name: "secretsmanager",
        protocol: Protocol::Json(&secretsmanager::SERVICE),
    },
    Service {
        name: "ssm",
        protocol: Protocol::Json(&ssm::SERVICE),
    },
    Service {
        name: "route53",
        protocol: Protocol::Raw(&route53::SERVICE),
    },
    Service {
        name: "acm",
        protocol: Protocol::Json(&acm::SERVICE),
    },
    Service {
        name: "servicequotas",
        protocol: Protocol::Json(&servicequotas::SERVICE),
    },
    Service {
        name: "tagging",
        protocol: Protocol::Json(&tagging::SERVICE),
    },
];

/// Who asks, and whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Credential {
    /// Nobody's, for what is not signed.
    fn none(request: &HttpRequest) -> Option<Self> {
        let unsigned = Query::read(request).action == sts::UNSIGNED;
        unsigned.then(|| Self {
            access_key: String::new(),
            region: "us-east-1".to_owned(),
            service: "sts".to_owned(),
        })
    }

    /// Reads the credential scope of a signature, in the header or in a presigned URL.
    fn read(request: &HttpRequest) -> Option<Self> {
        let scope = match request.header("authorization") {
            Some(header) => header
                .strip_prefix("AWS4-HMAC-SHA256")?
                .split([',', ' '])
                .find_map(|part| part.trim().strip_prefix("Credential="))?
                .to_owned(),
            None => request.query("X-Amz-Credential")?.to_owned(),
        };
        let mut parts = scope.rsplit('/');
        let (Some("aws4_request"), Some(service), Some(region), Some(_date), Some(access_key)) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return None;
        };
        Some(Self {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }
}

/// A request that has found its service and operation.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) credential: Credential,
    pub(crate) operation: String,
    /// For the log.
    pub(crate) params: Value,
    pub(crate) request_id: String,
    protocol: &'static Protocol,
    query: Option<Query>,
}

/// Finds service and operation; what is not signed or for no service here is refused.
pub(crate) fn route(request: &HttpRequest, request_id: String) -> Result<Call, HttpReply> {
    let Some(credential) = Credential::read(request).or_else(|| Credential::none(request)) else {
        let error = AwsError::with_status(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        );
        return Err(refuse(request, &error, &request_id));
    };
    let Some(service) = SERVICES
        .iter()
        .find(|service| service.name == credential.service)
    else {
        let message = format!("The sandbox has no AWS service {:?}", credential.service);
        return Err(refuse(
            request,
            &AwsError::with_status(404, "UnknownService", message),
            &request_id,
        ));
    };
    let protocol = &service.protocol;
    let mut query = None;
    let (operation, params) = match protocol {
        Protocol::Query(_) => {
            let read = Query::read(request);
            let found = (read.action.clone(), read.params.to_json());
            query = Some(read);
            found
        }
        Protocol::Json(json) => (json.operation(request), body_for_log(&request.body)),
        Protocol::Rest(rest) => {
            let name = rest
                .find(request)
                .map_or("Unknown", |(operation, _)| operation.name);
            (name.to_owned(), body_for_log(&request.body))
        }
        Protocol::Raw(raw) => ((raw.operation)(request).to_owned(), Value::Null),
    };
    Ok(Call {
        service: service.name,
        credential,
        operation,
        params,
        request_id,
        protocol,
        query,
    })
}

fn body_for_log(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// Refuses a request that has no service, in the shape that its client most likely reads.
fn refuse(request: &HttpRequest, error: &AwsError, request_id: &str) -> HttpReply {
    let form = request
        .header("content-type")
        .is_some_and(|kind| kind.contains("form-urlencoded"));
    if form {
        ec2::SERVICE.fail(error, request_id)
    } else if request.header("x-amz-target").is_some() {
        JsonService::fail(error, request_id)
    } else {
        RestService::fail(error, request_id)
    }
}

impl Call {
    /// Runs the operation.
    fn perform(&self, ctx: &mut Ctx<'_>, request: &HttpRequest) -> AwsResult<HttpReply> {
        if !regions::exists(&self.credential.region) {
            return Err(AwsError::with_status(
                403,
                "SignatureDoesNotMatch",
                format!(
                    "Credential should be scoped to a valid region, not {:?}.",
                    self.credential.region
                ),
            ));
        }
        let token = request
            .header("x-amz-security-token")
            .or_else(|| request.query("X-Amz-Security-Token"));
        sts::check(ctx, token).map_err(|unfit| self.unfit(unfit))?;
        match (self.protocol, &self.query) {
            (Protocol::Query(service), Some(query)) => {
                let xml = service.run(ctx, query)?;
                Ok(service.answer(&query.action, &xml, &self.request_id))
            }
            (Protocol::Query(_), None) => {
                unreachable!("route reads the form of every query service")
            }
            (Protocol::Json(service), _) => {
                let value = service.run(ctx, &self.operation, &request.body)?;
                Ok(JsonService::answer(&value, &self.request_id))
            }
            (Protocol::Rest(service), _) => {
                let value = service.run(ctx, request)?;
                Ok(RestService::answer(&value, &self.request_id))
            }
            (Protocol::Raw(service), _) => {
                (service.run)(ctx, request, (service.operation)(request))
            }
        }
    }

    fn failure(&self, error: AwsError, request: &HttpRequest) -> Failure {
        Failure {
            reply: self.fail(&error, request),
            code: error.code,
        }
    }

    /// Shapes an error as the service's protocol does.
    fn fail(&self, error: &AwsError, request: &HttpRequest) -> HttpReply {
        match self.protocol {
            Protocol::Query(service) => service.fail(error, &self.request_id),
            Protocol::Json(_) => JsonService::fail(error, &self.request_id),
            Protocol::Rest(_) => RestService::fail(error, &self.request_id),
            Protocol::Raw(service) => (service.fail)(error, request, &self.request_id),
        }
    }

    /// The error of keys that are not good, or no longer, in the service's words.
    fn unfit(&self, unfit: Unfit) -> AwsError {
        let (status, code, message) = match (unfit, self.service, self.protocol) {
            (Unfit::Unknown, "ec2", _) => (
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            ),
            (Unfit::Unknown, _, Protocol::Raw(_)) => (
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            (Unfit::Unknown, _, Protocol::Json(_) | Protocol::Rest(_)) => (
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            (Unfit::Unknown, _, Protocol::Query(_)) => (
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid",
            ),
            (Unfit::Expired, "ec2", _) => (400, "RequestExpired", "Request has expired."),
            (Unfit::Expired, "s3", _) => (400, "ExpiredToken", "The provided token has expired."),
            (Unfit::Expired, _, Protocol::Json(_) | Protocol::Rest(_)) => (
                403,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            (Unfit::Expired, ..) => (
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        };
        AwsError::with_status(status, code, message)
    }

    /// The error of an injected refusal; a reset has none.
    fn refusal(&self, refusal: &Refusal) -> Option<AwsError> {
        let error = match refusal {
            Refusal::Throttle => match (self.service, self.protocol) {
                ("ec2", _) => {
                    AwsError::with_status(503, "RequestLimitExceeded", "Request limit exceeded.")
                }
                ("route53", _) | (_, Protocol::Query(_)) => {
                    AwsError::new("Throttling", "Rate exceeded")
                }
                (_, Protocol::Json(_)) => AwsError::new("ThrottlingException", "Rate exceeded"),
                (_, Protocol::Rest(_)) => {
                    AwsError::with_status(429, "ThrottlingException", "Rate exceeded")
                }
                (_, Protocol::Raw(_)) => {
                    AwsError::with_status(503, "SlowDown", "Please reduce your request rate.")
                }
            },
            Refusal::Error(status) => {
                let code = match (self.service, self.protocol, status) {
                    (_, _, 503) => "ServiceUnavailable",
                    ("ec2", ..) | (_, Protocol::Raw(_), _) => "InternalError",
                    (_, Protocol::Query(_), _) => "InternalFailure",
                    _ => "InternalServerException",
                };
                AwsError::with_status(*status, code, "An internal error has occurred")
            }
            Refusal::Code(code) => AwsError::new(code.clone(), "Refused by a fault of the sandbox"),
            Refusal::Reset => return None,
        };
        Some(error)
    }
}

impl crate::core::Call for Call {
    fn service(&self) -> &str {
        self.service
    }

    fn operation(&self) -> &str {
        &self.operation
    }

    fn region(&self) -> &str {
        &self.credential.region
    }

    fn params(&self) -> Value {
        self.params.clone()
    }

    fn run<'a>(
        &self,
        frame: Frame<'a>,
        request: &HttpRequest,
    ) -> Result<(Tx<'a>, HttpReply), Failure> {
        let mut ctx = Ctx::new(frame, &self.credential.region);
        ctx.access_key.clone_from(&self.credential.access_key);
        match self.perform(&mut ctx, request) {
            Ok(reply) => Ok((ctx.tx, reply)),
            Err(error) => Err(self.failure(error, request)),
        }
    }

    fn refuse(&self, refusal: &Refusal, request: &HttpRequest) -> Option<Failure> {
        let error = self.refusal(refusal)?;
        Some(self.failure(error, request))
    }

    fn broken(&self, message: String, request: &HttpRequest) -> Failure {
        let error = AwsError::with_status(500, "InternalFailure", message);
        self.failure(error, request)
    }
}
