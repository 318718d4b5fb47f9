//! Faults on purpose, drawn from one seed: which request fails, how, and which background work is slow or stuck.
//! It decides; the server and the services carry it out.
//!
//! A specification is a list of rules separated by commas: `KIND[:OPERATION][=VALUE][@PROBABILITY][*TIMES]`.
//! `OPERATION` is a name, `Prefix*`, or `service.Name`, default all; `PROBABILITY` is 0 to 1, default 1; `TIMES` limits
//! how often the rule strikes.
//!
//! - `throttle` refuses with the service's throttling error; `=BURST/RATE` makes it a token bucket instead.
//! - `error` answers 500 (or `=STATUS`) without doing it.
//! - `refuse=CODE` answers 400 with that code (quota refusals, `ExpiredToken`).
//! - `reset` drops the connection without doing it; `lost` does it, then drops the connection.
//! - `slow=FACTOR` makes the background work that the operation starts longer; `stuck` makes it endless.
//! - `fail` lets the background work end in the service's failed state.
//! - `delay=MS` answers later.
//! - `late=MS` (1000): who and what was made, granted or enabled less than so long ago, the operation does not know yet, and it refuses in
//!   its service's own words. What each cloud says of that: IAM's "Changes that I make are not always immediately visible"
//!   (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html>), Google's "Access change propagation" (2 minutes, "potentially
//!   7 minutes or longer", <https://cloud.google.com/iam/docs/access-change-propagation>), Azure's "Troubleshoot Azure RBAC" (up to ten
//!   minutes, <https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>). Where services use keys and networks by
//!   identities, the grants are asked for under this fault alone, and one that was never given is refused for ever.
//!
//!   AWS: roles (EKS, RDS, flow logs, replication), roles as principals of policies (KMS, S3, Secrets Manager, IAM), policies of buckets
//!   (flow logs). Google: service accounts (policies, GKE), grants of keys to service agents (Storage, Cloud SQL, GKE, Artifact
//!   Registry), APIs that were enabled. Azure: principals of role assignments, the caller's roles in vaults, identities' roles on keys
//!   and subnets (disk encryption sets, storage, registries, databases, AKS). Kubernetes: clusters that are ready since then know nobody.
//!
//! On Google a name is a method's, such as `compute.networks.insert`, `container.clusters.create` or `sql.instances.insert`; on Azure it
//! is an operation's of the official models, such as `VirtualNetworks_CreateOrUpdate` or `containerservice.ManagedClusters_*`.
//!
//! Example: `throttle@0.05,lost:CreateNatGateway*1,slow:CreateCluster=10,throttle:ec2.Describe*=100/20`.

use std::str::FromStr;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::clock::{Millis, NEVER};

/// What to do wrong.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Throttle,
    Bucket { burst: f64, rate: f64 },
    Error(u16),
    Refuse(String),
    Reset,
    Lost,
    Slow(f64),
    Stuck,
    Fail,
    Delay(u64),
    Late(Millis),
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    kind: Kind,
    pattern: Option<String>,
    probability: f64,
    left: Option<u32>,
    tokens: Option<(f64, Millis)>,
}

/// A list of fault rules, parsed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultSpec(Vec<Rule>);

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault rule {rule:?}: {reason}")]
pub struct BadFault {
    rule: String,
    reason: &'static str,
}

impl FromStr for FaultSpec {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn parse(text: &str) -> Result<Rule, BadFault> {
    let bad = |reason| BadFault {
        rule: text.to_owned(),
        reason,
    };
    let mut rest = text;
    let mut left = None;
    // `Describe*` ends in a star too: only a number after it is a limit.
    if let Some((before, times)) = rest.rsplit_once('*')
        && let Ok(times) = times.parse()
    {
        left = Some(times);
        rest = before;
    }
    let mut probability = 1.0;
    if let Some((before, text)) = rest.rsplit_once('@') {
        probability = text
            .parse()
            .map_err(|_| bad("the probability is not a number"))?;
        if !(0.0..=1.0).contains(&probability) {
            return Err(bad("the probability is not between 0 and 1"));
        }
        rest = before;
    }
    let (rest, value) = match rest.split_once('=') {
        Some((before, value)) => (before, Some(value)),
        None => (rest, None),
    };
    let (name, pattern) = match rest.split_once(':') {
        Some((name, pattern)) => (name, Some(pattern)),
        None => (rest, None),
    };
    let kind = match (name, value) {
        ("throttle", None) => Kind::Throttle,
        ("throttle", Some(value)) => {
            let numbers = value.split_once('/').and_then(|(burst, rate)| {
                Some(Kind::Bucket {
                    burst: burst.parse().ok()?,
                    rate: rate.parse().ok()?,
                })
            });
            numbers.ok_or_else(|| bad("a throttle's value is BURST/RATE"))?
        }
        ("error", None) => Kind::Error(500),
        ("error", Some(value)) => {
            let status = value
                .parse()
                .ok()
                .filter(|status| (500..600).contains(status));
            Kind::Error(status.ok_or_else(|| bad("an error's value is a status of 500 to 599"))?)
        }
        ("refuse", Some(code)) => Kind::Refuse(code.to_owned()),
        ("refuse", None) => return Err(bad("refuse needs =CODE")),
        ("reset", None) => Kind::Reset,
        ("lost", None) => Kind::Lost,
        ("stuck", None) => Kind::Stuck,
        ("fail", None) => Kind::Fail,
        ("slow", Some(value)) => {
            Kind::Slow(value.parse().map_err(|_| bad("slow's value is a factor"))?)
        }
        ("slow", None) => Kind::Slow(10.0),
        ("delay", Some(value)) => Kind::Delay(
            value
                .parse()
                .map_err(|_| bad("delay's value is milliseconds"))?,
        ),
        ("delay", None) => return Err(bad("delay needs =MS")),
        ("late", None) => Kind::Late(1000),
        ("late", Some(value)) => {
            let ms = value.parse().ok().filter(|ms| *ms >= 0);
            Kind::Late(ms.ok_or_else(|| bad("late's value is milliseconds"))?)
        }
        ("reset" | "lost" | "stuck" | "fail", Some(_)) => return Err(bad("it takes no value")),
        _ => {
            return Err(bad(
                "expected throttle, error, refuse, reset, lost, slow, stuck, fail, delay or late",
            ));
        }
    };
    let pattern = pattern.filter(|pattern| *pattern != "*").map(str::to_owned);
    Ok(Rule {
        kind,
        pattern,
        probability,
        left,
        tokens: None,
    })
}

impl Rule {
    fn matches(&self, service: &str, operation: &str) -> bool {
        let Some(pattern) = &self.pattern else {
            return true;
        };
        let pattern = match pattern.split_once('.') {
            Some((wanted, _)) if wanted != service => return false,
            Some((_, rest)) => rest,
            None => pattern,
        };
        match pattern.strip_suffix('*') {
            Some(prefix) => operation.starts_with(prefix),
            None => pattern == operation,
        }
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Verdict {
    /// Refuse it without doing it.
    pub(crate) refusal: Option<Refusal>,
    /// Drop the connection after doing it.
    pub(crate) lost: bool,
    pub(crate) delay: Option<u64>,
    pub(crate) pace: Pace,
}

/// How a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    Throttle,
    Error(u16),
    Code(String),
    Reset,
}

impl Verdict {
    /// A word for the log.
    pub(crate) fn name(&self) -> Option<String> {
        let name = match &self.refusal {
            Some(Refusal::Throttle) => "throttle",
            Some(Refusal::Error(_)) => "error",
            Some(Refusal::Code(_)) => "refuse",
            Some(Refusal::Reset) => "reset",
            None if self.lost => "lost",
            None if self.pace.fails => "fail",
            None if self.pace.stuck => "stuck",
            None => return None,
        };
        Some(name.to_owned())
    }
}

/// How fast and how well the background work of a request goes, and how late it hears of what others were granted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    factor: f64,
    stuck: bool,
    pub(crate) fails: bool,
    /// For how long what is new is not known; zero where everything is at once.
    late: Millis,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            factor: 1.0,
            stuck: false,
            fails: false,
            late: 0,
        }
    }
}

impl Pace {
    /// When work that takes `duration` and begins at `now` is done.
    pub(crate) fn due(self, now: Millis, duration: Millis) -> Millis {
        if self.stuck {
            return NEVER;
        }
        // Durations are minutes at most: exact in a float.
        now.saturating_add((duration as f64 * self.factor) as Millis)
    }

    /// Whether what was made at a time is known at another.
    pub(crate) fn knows(self, made: Millis, now: Millis) -> bool {
        self.late == 0 || made.saturating_add(self.late) <= now
    }

    /// Whether anything comes late: then grants are asked for where they are believed otherwise.
    pub(crate) fn is_late(self) -> bool {
        self.late > 0
    }
}

/// The rules in force and the randomness that they draw from.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    random: StdRng,
}

impl Faults {
    pub(crate) fn new(spec: FaultSpec, seed: u64) -> Self {
        Self {
            rules: spec.0,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Replaces the rules; the randomness goes on.
    pub(crate) fn replace(&mut self, spec: FaultSpec) {
        self.rules = spec.0;
    }

    /// Decides about one request.
    pub(crate) fn judge(&mut self, service: &str, operation: &str, now: Millis) -> Verdict {
        let mut verdict = Verdict::default();
        for rule in &mut self.rules {
            if rule.left == Some(0) || !rule.matches(service, operation) {
                continue;
            }
            if rule.probability < 1.0 && self.random.random::<f64>() >= rule.probability {
                continue;
            }
            if let Kind::Bucket { burst, rate } = rule.kind {
                let (tokens, then) = rule.tokens.unwrap_or((burst, now));
                let tokens = burst.min(tokens + (now - then) as f64 / 1000.0 * rate);
                if tokens >= 1.0 {
                    rule.tokens = Some((tokens - 1.0, now));
                    continue;
                }
                rule.tokens = Some((tokens, now));
            }
            if let Some(left) = &mut rule.left {
                *left -= 1;
            }
            let refusal = match &rule.kind {
                Kind::Throttle | Kind::Bucket { .. } => Some(Refusal::Throttle),
                Kind::Error(status) => Some(Refusal::Error(*status)),
                Kind::Refuse(code) => Some(Refusal::Code(code.clone())),
                Kind::Reset => Some(Refusal::Reset),
                Kind::Lost => {
                    verdict.lost = true;
                    None
                }
                Kind::Slow(factor) => {
                    verdict.pace.factor *= factor;
                    None
                }
                Kind::Stuck => {
                    verdict.pace.stuck = true;
                    None
                }
                Kind::Fail => {
                    verdict.pace.fails = true;
                    None
                }
                Kind::Delay(ms) => {
                    verdict.delay = Some(verdict.delay.unwrap_or(0) + ms);
                    None
                }
                Kind::Late(ms) => {
                    verdict.pace.late = verdict.pace.late.max(*ms);
                    None
                }
            };
            if refusal.is_some() {
                verdict.refusal = refusal;
                break;
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_bad_ones_refused() {
        let good = "throttle@0.05, lost:CreateNatGateway*1,slow:CreateCluster=10,throttle:ec2.Describe*=100/20,error=503,late,late:eks.*=500";
        assert_eq!(good.parse::<FaultSpec>().expect("good").0.len(), 7);
        for bad in [
            "explode",
            "refuse:X",
            "error=200",
            "throttle@2",
            "delay",
            "lost=1",
            "throttle=5",
            "late=-1",
        ] {
            assert!(bad.parse::<FaultSpec>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_strike_where_they_say() {
        let mut faults = Faults::new(
            "lost:CreateVpc*1,reset:ec2.Describe*,refuse:RunInstances=Q"
                .parse()
                .unwrap(),
            1,
        );
        assert!(faults.judge("ec2", "CreateVpc", 0).lost);
        assert!(!faults.judge("ec2", "CreateVpc", 0).lost);
        assert_eq!(
            faults.judge("ec2", "DescribeVpcs", 0).refusal,
            Some(Refusal::Reset)
        );
        assert_eq!(faults.judge("rds", "DescribeVpcs", 0).refusal, None);
        assert_eq!(
            faults.judge("ec2", "RunInstances", 0).refusal,
            Some(Refusal::Code("Q".into()))
        );
    }

    #[test]
    fn what_is_new_is_known_late_where_a_rule_says_so() {
        let spec = "late:eks.*=500,late:CreateFlowLogs".parse().unwrap();
        let mut faults = Faults::new(spec, 1);
        for (service, operation, at, known) in [
            ("eks", "CreateCluster", 499, false),
            ("eks", "CreateCluster", 500, true),
            ("ec2", "CreateFlowLogs", 999, false),
            ("ec2", "CreateVpc", 0, true),
        ] {
            let verdict = faults.judge(service, operation, at);
            assert_eq!(verdict.refusal, None, "{operation}");
            assert_eq!(verdict.pace.knows(0, at), known, "{operation} at {at}");
        }
    }

    #[test]
    fn a_bucket_refuses_when_it_is_empty_and_fills_again() {
        let mut faults = Faults::new("throttle=2/10".parse().unwrap(), 1);
        let mut refused = |now| faults.judge("ec2", "DescribeVpcs", now).refusal.is_some();
        assert_eq!(
            [refused(0), refused(0), refused(0), refused(100)],
            [false, false, true, false]
        );
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| {
            let mut faults = Faults::new("throttle@0.5".parse().unwrap(), seed);
            (0..64)
                .map(|_| faults.judge("ec2", "X", 0).refusal.is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
