//! The Kubernetes versions that exist, and which follows which.

use http::Method;
use serde_json::{Value, json};

use super::paged;
use crate::aws::context::Ctx;
use crate::aws::error::AwsResult;
use crate::aws::rest::{RestOperation, RestRequest};

/// A minor version.
pub(in crate::aws) struct Version {
    pub(in crate::aws) name: &'static str,
    /// The newest patch that managed nodes have.
    pub(in crate::aws) patch: &'static str,
    /// What AWS calls the platform of new clusters.
    pub(super) platform: &'static str,
    extended: bool,
}

pub(in crate::aws) const VERSIONS: [Version; 5] = [
    Version {
        name: "1.31",
        patch: "1.31.13",
        platform: "eks.40",
        extended: true,
    },
    Version {
        name: "1.32",
        patch: "1.32.9",
        platform: "eks.32",
        extended: false,
    },
    Version {
        name: "1.33",
        patch: "1.33.5",
        platform: "eks.22",
        extended: false,
    },
    Version {
        name: "1.34",
        patch: "1.34.2",
        platform: "eks.12",
        extended: false,
    },
    Version {
        name: "1.35",
        patch: "1.35.0",
        platform: "eks.3",
        extended: false,
    },
];

/// The version of clusters that are made without one.
pub(super) const DEFAULT: &str = "1.34";

/// The version of a name.
pub(super) fn find(name: &str) -> Option<&'static Version> {
    VERSIONS.iter().find(|version| version.name == name)
}

/// The version after one.
pub(super) fn after(name: &str) -> Option<&'static Version> {
    let index = VERSIONS.iter().position(|version| version.name == name)?;
    VERSIONS.get(index + 1)
}

/// How many minor versions `newer` is ahead of `older`.
pub(super) fn distance(older: &str, newer: &str) -> Option<i64> {
    let minor = |name: &str| name.strip_prefix("1.")?.parse::<i64>().ok();
    Some(minor(newer)? - minor(older)?)
}

pub(super) const OPERATIONS: &[RestOperation] = &[RestOperation {
    name: "DescribeClusterVersions",
    method: Method::GET,
    path: "/cluster-versions",
    accepts: &[],
    query: &[
        "clusterType",
        "maxResults",
        "nextToken",
        "defaultOnly",
        "includeAll",
        "clusterVersions",
        "status",
        "versionStatus",
    ],
    handler: describe,
}];

fn describe(_: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let wanted = request.queries("clusterVersions");
    let status = |version: &Version| {
        if version.extended {
            "EXTENDED_SUPPORT"
        } else {
            "STANDARD_SUPPORT"
        }
    };
    let found: Vec<&Version> = VERSIONS
        .iter()
        .filter(|version| wanted.is_empty() || wanted.contains(&version.name))
        .filter(|version| request.query("defaultOnly") != Some("true") || version.name == DEFAULT)
        .filter(|version| {
            request
                .query("versionStatus")
                .is_none_or(|wanted| wanted == status(version))
        })
        .collect();
    let answer = paged(
        request,
        "clusterVersions",
        found,
        |version| version.name,
        |version| {
            json!({
                "clusterVersion": version.name,
                "clusterType": "eks",
                "defaultPlatformVersion": version.platform,
                "defaultVersion": version.name == DEFAULT,
                "status": status(version).to_lowercase().replace('_', "-"),
                "versionStatus": status(version),
                "kubernetesPatchVersion": version.patch,
            })
        },
    )?;
    Ok(Value::Object(answer))
}
