//! The types that Cloud Control has here, as CloudFormation's resource schemas describe them.

use serde_json::{Map, Value};

use crate::aws::context::Ctx;

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    List,
    Object,
    /// A policy: an object, or text that holds one.
    Policy,
}

use Kind::{Flag, List, Number, Object, Policy, Text};

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Text => value.is_string(),
            Number => value.is_i64() || value.is_u64(),
            Flag => value.is_boolean(),
            List => value.is_array(),
            Object => value.is_object(),
            Policy => value.is_object() || value.is_string(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Text => "String",
            Number => "Integer",
            Flag => "Boolean",
            List => "JSONArray",
            Object | Policy => "JSONObject",
        }
    }
}

/// A type.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    properties: &'static [(&'static str, Kind)],
    required: &'static [&'static str],
    pub(super) create_only: &'static [&'static str],
    read_only: &'static [&'static str],
    /// Its answers do not have them.
    pub(super) write_only: &'static [&'static str],
    /// The property that names it; it is made up where it is left out.
    named: &'static str,
    /// What only the service says of it, by its name.
    computed: fn(&Ctx<'_>, &str) -> Vec<(&'static str, String)>,
    /// The property that identifies it.
    identifier: &'static str,
}

pub(super) const TYPES: &[Type] = &[
    Type {
        name: "AWS::Logs::LogGroup",
        properties: &[
            ("BearerTokenAuthenticationEnabled", Flag),
            ("DataProtectionPolicy", Policy),
            ("DeletionProtectionEnabled", Flag),
            ("FieldIndexPolicies", List),
            ("KmsKeyId", Text),
            ("LogGroupClass", Text),
            ("LogGroupName", Text),
            ("ResourcePolicyDocument", Object),
            ("RetentionInDays", Number),
            ("Tags", List),
        ],
        required: &[],
        create_only: &["LogGroupName"],
        read_only: &["Arn"],
        write_only: &[],
        named: "LogGroupName",
        computed: |ctx, name| vec![("Arn", ctx.arn("logs", &format!("log-group:{name}:*")))],
        identifier: "LogGroupName",
    },
    Type {
        name: "AWS::SNS::Topic",
        properties: &[
            ("ArchivePolicy", Policy),
            ("ContentBasedDeduplication", Flag),
            ("DataProtectionPolicy", Policy),
            ("DeliveryStatusLogging", List),
            ("DisplayName", Text),
            ("FifoThroughputScope", Text),
            ("FifoTopic", Flag),
            ("KmsMasterKeyId", Text),
            ("MaximumMessageSize", Number),
            ("SignatureVersion", Text),
            ("Subscription", List),
            ("Tags", List),
            ("TopicName", Text),
            ("TracingConfig", Text),
        ],
        required: &[],
        create_only: &["TopicName", "FifoTopic"],
        read_only: &["TopicArn"],
        write_only: &[],
        named: "TopicName",
        computed: |ctx, name| vec![("TopicArn", ctx.arn("sns", name))],
        identifier: "TopicArn",
    },
    Type {
        name: "AWS::SQS::Queue",
        properties: &[
            ("ContentBasedDeduplication", Flag),
            ("DeduplicationScope", Text),
            ("DelaySeconds", Number),
            ("FifoQueue", Flag),
            ("FifoThroughputLimit", Text),
            ("KmsDataKeyReusePeriodSeconds", Number),
            ("KmsMasterKeyId", Text),
            ("MaximumMessageSize", Number),
            ("MessageRetentionPeriod", Number),
            ("QueueName", Text),
            ("ReceiveMessageWaitTimeSeconds", Number),
            ("RedriveAllowPolicy", Policy),
            ("RedrivePolicy", Policy),
            ("SqsManagedSseEnabled", Flag),
            ("Tags", List),
            ("VisibilityTimeout", Number),
        ],
        required: &[],
        create_only: &["FifoQueue", "QueueName"],
        read_only: &["QueueUrl", "Arn"],
        write_only: &[],
        named: "QueueName",
        computed: |ctx, name| {
            let arn = ctx.arn("sqs", name);
            let account = arn.rsplit(':').nth(1).unwrap_or_default();
            let url = format!("https://sqs.{}.amazonaws.com/{account}/{name}", ctx.region);
            vec![("QueueUrl", url), ("Arn", arn)]
        },
        identifier: "QueueUrl",
    },
    Type {
        name: "AWS::SSM::Parameter",
        properties: &[
            ("AllowedPattern", Text),
            ("DataType", Text),
            ("Description", Text),
            ("Name", Text),
            ("Policies", Text),
            ("Tags", Object),
            ("Tier", Text),
            ("Type", Text),
            ("Value", Text),
        ],
        required: &["Value", "Type"],
        create_only: &["Name"],
        read_only: &["Arn"],
        write_only: &["AllowedPattern", "Description", "Policies", "Tier"],
        named: "Name",
        computed: |ctx, name| {
            let rest = name.trim_start_matches('/');
            vec![("Arn", ctx.arn("ssm", &format!("parameter/{rest}")))]
        },
        identifier: "Name",
    },
];

impl Type {
    /// Why a model is none of this type.
    pub(super) fn wrong(&self, model: &Map<String, Value>) -> Option<String> {
        let failed = |why: String| Some(format!("Model validation failed ({why})"));
        for (name, value) in model {
            if self.read_only.contains(&name.as_str()) {
                return Some(format!(
                    "Invalid request provided: Encountered unsupported property {name}"
                ));
            }
            let Some((_, kind)) = self.properties.iter().find(|(known, _)| known == name) else {
                return failed(format!("#: extraneous key [{name}] is not permitted"));
            };
            if !kind.fits(value) {
                return failed(format!("#/{name}: expected type: {}", kind.word()));
            }
        }
        let missing = self
            .required
            .iter()
            .find(|name| !model.contains_key(**name));
        missing.and_then(|name| failed(format!("#: required key [{name}] not found")))
    }

    /// The whole model, and its identifier.
    pub(super) fn complete(
        &self,
        ctx: &mut Ctx<'_>,
        mut model: Map<String, Value>,
    ) -> (Map<String, Value>, String) {
        let name = match model.get(self.named).and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => format!("{}-{}", self.name.replace("::", "-"), ctx.new_hex(12)),
        };
        model.insert(self.named.to_owned(), name.clone().into());
        for (property, value) in (self.computed)(ctx, &name) {
            model.insert(property.to_owned(), value.into());
        }
        let identifier = model[self.identifier]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (model, identifier)
    }

    /// The part of a model that a client says.
    pub(super) fn said(&self, model: &Map<String, Value>) -> Map<String, Value> {
        let said = model.iter();
        said.filter(|(name, _)| !self.read_only.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}
