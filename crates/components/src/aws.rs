//! What several kinds need on AWS: policy documents, keys, private buckets, firewall rules. No kind's own natives.

use crate::draft::Draft;
use serde_json::{Value as Json, json};

/// `arn:aws`, in the partition of the provider's region. Needs [`partition`].
pub(crate) const ARN: &str = "arn:${data.aws_partition.this.partition}";

/// The account's number. Needs [`key_for`] with statements, or the data source.
pub(crate) const ACCOUNT: &str = "${data.aws_caller_identity.this.account_id}";

/// Declares the data source behind [`ARN`].
pub(crate) fn partition(draft: &mut Draft<'_>) {
    draft.data("aws_partition", "this", json!({}));
}

/// A policy document of these statements.
pub(crate) fn policy(statements: &[Json]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// The trust policy of a role that a service takes.
pub(crate) fn trust(service: &str, actions: &[&str]) -> String {
    let principal = json!({ "Service": service });
    policy(&[json!({ "Effect": "Allow", "Principal": principal, "Action": actions })])
}

/// A role with AWS-managed policies, by the policies' paths below `policy/`.
pub(crate) fn role(
    draft: &mut Draft<'_>,
    block: &str,
    suffix: &str,
    trust: String,
    policies: &[(&str, &str)],
) {
    partition(draft);
    let body = json!({
        "name": draft.name(suffix, 64),
        "assume_role_policy": trust,
        "tags": draft.tags(suffix, &[]),
    });
    draft.resource("aws_iam_role", block, body);
    let each: serde_json::Map<String, Json> = policies
        .iter()
        .map(|(key, path)| ((*key).to_owned(), json!(path)))
        .collect();
    draft.resource(
        "aws_iam_role_policy_attachment",
        block,
        json!({
            "for_each": each,
            "role": format!("${{aws_iam_role.{block}.name}}"),
            "policy_arn": format!("{ARN}:iam::aws:policy/${{each.value}}"),
        }),
    );
}

/// A key that rotates every year, with an alias; `aws_kms_key.this`.
pub(crate) fn key(draft: &mut Draft<'_>, kind: &str, description: String) {
    key_for(draft, kind, description, Vec::new());
}

/// The same, for the use of others than the account's own identities: `statements` of its policy say of whom.
pub(crate) fn key_for(
    draft: &mut Draft<'_>,
    kind: &str,
    description: String,
    statements: Vec<Json>,
) {
    let policy = (!statements.is_empty()).then(|| {
        partition(draft);
        draft.data("aws_caller_identity", "this", json!({}));
        // What a key without a policy has: IAM decides in the account.
        let mut all = vec![json!({
            "Sid": "Account", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
            "Principal": { "AWS": format!("{ARN}:iam::{ACCOUNT}:root") },
        })];
        all.extend(statements);
        self::policy(&all)
    });
    let body = json!({
        "description": description,
        "enable_key_rotation": true,
        "policy": policy,
        // The shortest wait that KMS allows, and the longest where loss would hurt.
        "deletion_window_in_days": if draft.protect() { 30 } else { 7 },
        "tags": draft.tags(kind, &[]),
    });
    draft.resource("aws_kms_key", "this", body);
    let alias = format!("alias/{}", draft.name(kind, 200));
    draft.resource(
        "aws_kms_alias",
        "this",
        json!({ "name": alias, "target_key_id": "${aws_kms_key.this.key_id}" }),
    );
}

/// What lets CloudWatch Logs encrypt a log group with a key:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>.
pub(crate) fn logs_use_key(draft: &mut Draft<'_>, group: &str) -> Json {
    draft.data("aws_region", "this", json!({}));
    let region = "${data.aws_region.this.region}";
    let domain = "${data.aws_partition.this.dns_suffix}";
    json!({
        "Sid": "Logs", "Effect": "Allow", "Resource": "*",
        "Principal": { "Service": format!("logs.{region}.{domain}") },
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        "Condition": { "ArnEquals": {
            "kms:EncryptionContext:aws:logs:arn": format!("{ARN}:logs:{region}:{ACCOUNT}:log-group:{group}"),
        } },
    })
}

/// How a private bucket is encrypted.
pub(crate) enum Encryption {
    /// With the component's own key, `aws_kms_key.this`.
    OwnKey,
    /// With S3's keys: what AWS' log delivery can write to without a key policy.
    S3,
}

/// A bucket that nobody outside the account reaches and nobody reaches without TLS 1.2. `statements` grants more.
pub(crate) fn private_bucket(
    draft: &mut Draft<'_>,
    block: &str,
    suffix: &str,
    name: Json,
    force_destroy: bool,
    encryption: &Encryption,
    statements: Vec<Json>,
) {
    let reference = format!("${{aws_s3_bucket.{block}.id}}");
    let tags = draft.tags(suffix, &[]);
    draft.resource(
        "aws_s3_bucket",
        block,
        json!({ "bucket": name, "force_destroy": force_destroy, "tags": tags }),
    );
    draft.resource(
        "aws_s3_bucket_public_access_block",
        block,
        json!({
            "bucket": reference,
            "block_public_acls": true,
            "block_public_policy": true,
            "ignore_public_acls": true,
            "restrict_public_buckets": true,
        }),
    );
    let rule = match encryption {
        Encryption::OwnKey => json!({
            "apply_server_side_encryption_by_default": {
                "sse_algorithm": "aws:kms",
                "kms_master_key_id": "${aws_kms_key.this.arn}",
            },
            "bucket_key_enabled": true,
        }),
        Encryption::S3 => {
            json!({ "apply_server_side_encryption_by_default": { "sse_algorithm": "AES256" } })
        }
    };
    draft.resource(
        "aws_s3_bucket_server_side_encryption_configuration",
        block,
        json!({ "bucket": reference, "rule": rule }),
    );
    let arn = format!("${{aws_s3_bucket.{block}.arn}}");
    let everything = json!([arn, format!("{arn}/*")]);
    let mut all = vec![
        json!({
            "Sid": "DenyPlainText", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything,
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }),
        json!({
            "Sid": "DenyOldTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything,
            "Condition": { "NumericLessThan": { "s3:TlsVersion": "1.2" } },
        }),
    ];
    all.extend(statements);
    draft.resource(
        "aws_s3_bucket_policy",
        block,
        json!({
            "bucket": reference,
            "policy": policy(&all),
            // S3 refuses two changes of a bucket's access at once.
            "depends_on": [format!("aws_s3_bucket_public_access_block.{block}")],
        }),
    );
}

/// A bucket name nobody else has: a readable start and a random end.
pub(crate) fn unique_bucket_name(draft: &mut Draft<'_>, suffix: &str) -> Json {
    draft.builtin("random_id", "this", json!({ "byte_length": 4 }));
    // 63 characters, less a hyphen and eight random digits.
    json!(format!(
        "{}-${{random_id.this.hex}}",
        draft.name(suffix, 54)
    ))
}

/// A closed security group in a network: rules open it.
pub(crate) fn security_group(
    draft: &mut Draft<'_>,
    block: &str,
    suffix: &str,
    description: &str,
    vpc: &str,
) {
    let body = json!({
        "name": draft.name(suffix, 255),
        "description": description,
        "vpc_id": vpc,
        "tags": draft.tags(suffix, &[]),
    });
    draft.resource("aws_security_group", block, body);
}
