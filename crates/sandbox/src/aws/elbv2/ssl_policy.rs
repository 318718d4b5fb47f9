//! The TLS policies that listeners may have.

use super::{pages, validation};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

/// The policy of listeners that are made without one.
pub(super) const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

const TLS13: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

const FORWARD: &[&str] = &[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
];

const OLDER: &[&str] = &[
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
];

/// Name, oldest version of TLS (its minor number), and whether 1.3 is in it.
const POLICIES: &[(&str, u8, bool)] = &[
    ("ELBSecurityPolicy-2016-08", 0, false),
    ("ELBSecurityPolicy-FS-1-1-2019-08", 1, false),
    ("ELBSecurityPolicy-FS-1-2-2019-08", 2, false),
    ("ELBSecurityPolicy-FS-1-2-Res-2019-08", 2, false),
    ("ELBSecurityPolicy-FS-1-2-Res-2020-10", 2, false),
    ("ELBSecurityPolicy-FS-2018-06", 0, false),
    ("ELBSecurityPolicy-TLS-1-0-2015-04", 0, false),
    ("ELBSecurityPolicy-TLS-1-1-2017-01", 1, false),
    ("ELBSecurityPolicy-TLS-1-2-2017-01", 2, false),
    ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", 2, false),
    ("ELBSecurityPolicy-TLS13-1-0-2021-06", 0, true),
    ("ELBSecurityPolicy-TLS13-1-1-2021-06", 1, true),
    ("ELBSecurityPolicy-TLS13-1-2-2021-06", 2, true),
    ("ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", 2, true),
    ("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", 2, true),
    ("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", 2, true),
    ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", 2, true),
    ("ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", 2, true),
    ("ELBSecurityPolicy-TLS13-1-3-2021-06", 3, true),
    ("ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", 3, true),
];

/// Refuses what is no policy.
pub(super) fn check(name: &str) -> AwsResult<()> {
    if POLICIES.iter().any(|(known, ..)| *known == name) {
        return Ok(());
    }
    Err(AwsError::new(
        "SSLPolicyNotFound",
        format!("SSL policy '{name}' not found"),
    ))
}

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeSSLPolicies",
    accepts: &["Names", "Marker", "PageSize", "LoadBalancerType"],
    handler: describe,
}];

fn describe(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let names = params.strings("Names");
    for name in &names {
        check(name)?;
    }
    if params
        .str("LoadBalancerType")
        .is_some_and(|kind| !matches!(kind, "application" | "network" | "gateway"))
    {
        return Err(validation("The load balancer type is not valid"));
    }
    let mut found: Vec<&(&str, u8, bool)> = POLICIES
        .iter()
        .filter(|(name, ..)| names.is_empty() || names.contains(name))
        .collect();
    found.sort();
    let page = pages(found, |(name, ..)| *name, params)?;
    let mut xml = Xml::new();
    xml.list(
        "SslPolicies",
        "member",
        &page.items,
        |xml, (name, oldest, newest)| {
            let mut protocols: Vec<&str> = Vec::new();
            if *newest {
                protocols.push("TLSv1.3");
            }
            for (minor, protocol) in [(0, "TLSv1"), (1, "TLSv1.1"), (2, "TLSv1.2")] {
                if minor >= *oldest {
                    protocols.push(protocol);
                }
            }
            let mut ciphers: Vec<&str> = Vec::new();
            if *newest {
                ciphers.extend(TLS13);
            }
            if *oldest < 3 {
                ciphers.extend(FORWARD);
            }
            if *oldest < 2 {
                ciphers.extend(OLDER);
            }
            xml.texts("SslProtocols", "member", protocols)
                .list(
                    "Ciphers",
                    "member",
                    ciphers.iter().enumerate(),
                    |xml, (index, cipher)| {
                        xml.text("Name", cipher).text("Priority", index + 1);
                    },
                )
                .text("Name", name)
                .texts(
                    "SupportedLoadBalancerTypes",
                    "member",
                    ["application", "network"],
                );
        },
    )
    .opt("NextMarker", page.next);
    Ok(xml)
}
