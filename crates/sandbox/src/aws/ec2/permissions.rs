//! What a security group rule allows: protocol, ports and peer, read from the two shapes that requests have and
//! written as `IpPermission`. Which rules exist is not known here.

use std::fmt;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::aws::context::ACCOUNT;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::Params;
use crate::aws::xml::Xml;

/// One protocol, one range of ports, one peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Permission {
    pub(crate) protocol: String,
    /// -1 where the protocol has no ports.
    pub(crate) from_port: i64,
    pub(crate) to_port: i64,
    pub(crate) peer: Peer,
    pub(crate) description: Option<String>,
}

/// The other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Peer {
    Ipv4(Ipv4Net),
    Ipv6(Ipv6Net),
    PrefixList(String),
    Group(String),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(net) => net.fmt(f),
            Self::Ipv6(net) => net.fmt(f),
            Self::PrefixList(id) | Self::Group(id) => id.fmt(f),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.protocol == "-1" {
            return write!(f, "peer: {}, ALL, ALLOW", self.peer);
        }
        let protocol = self.protocol.to_uppercase();
        write!(
            f,
            "peer: {}, {protocol}, from port: {}, to port: {}, ALLOW",
            self.peer, self.from_port, self.to_port
        )
    }
}

impl Permission {
    /// Everything to an IPv4 range.
    pub(super) fn everything_to(range: &str) -> Self {
        Self::everything(Peer::Ipv4(range.parse().expect("a constant range")))
    }

    /// Everything from or to a group.
    pub(crate) fn everything_from_group(group: &str) -> Self {
        Self::everything(Peer::Group(group.to_owned()))
    }

    fn everything(peer: Peer) -> Self {
        Self {
            protocol: "-1".to_owned(),
            from_port: -1,
            to_port: -1,
            peer,
            description: None,
        }
    }

    /// Whether it allows the same, whatever it says of itself.
    pub(crate) fn same(&self, other: &Self) -> bool {
        (&self.protocol, self.from_port, self.to_port, &self.peer)
            == (&other.protocol, other.from_port, other.to_port, &other.peer)
    }
}

/// Reads `IpPermissions`, or the flat form with one `CidrIp`.
pub(super) fn read(params: &Params) -> AwsResult<Vec<Permission>> {
    let items = params.items("IpPermissions");
    let mut permissions = Vec::new();
    if items.is_empty() && params.has("IpProtocol") {
        let (protocol, from_port, to_port) = ports(params)?;
        let peer = ipv4(params.require("CidrIp")?)?;
        permissions.push(Permission {
            protocol,
            from_port,
            to_port,
            peer,
            description: None,
        });
    }
    for item in items {
        let (protocol, from_port, to_port) = ports(item)?;
        let mut peers: Vec<(Peer, &Params)> = Vec::new();
        for range in item.items("IpRanges") {
            peers.push((ipv4(range.require("CidrIp")?)?, range));
        }
        for range in item.items("Ipv6Ranges") {
            peers.push((ipv6(range.require("CidrIpv6")?)?, range));
        }
        for list in item.items("PrefixListIds") {
            peers.push((
                Peer::PrefixList(list.require("PrefixListId")?.to_owned()),
                list,
            ));
        }
        for group in item.items("Groups") {
            peers.push((Peer::Group(group.require("GroupId")?.to_owned()), group));
        }
        if peers.is_empty() {
            let message = "A security group rule needs a CIDR, a prefix list or a group";
            return Err(AwsError::new("MissingParameter", message));
        }
        for (peer, source) in peers {
            let description = description(source)?;
            permissions.push(Permission {
                protocol: protocol.clone(),
                from_port,
                to_port,
                peer,
                description,
            });
        }
    }
    Ok(permissions)
}

/// Reads `SecurityGroupRule` of `ModifySecurityGroupRules`.
pub(super) fn read_rule(params: &Params) -> AwsResult<Permission> {
    let (protocol, from_port, to_port) = ports(params)?;
    let peer = if let Some(range) = params.str("CidrIpv4") {
        ipv4(range)?
    } else if let Some(range) = params.str("CidrIpv6") {
        ipv6(range)?
    } else if let Some(list) = params.str("PrefixListId") {
        Peer::PrefixList(list.to_owned())
    } else {
        Peer::Group(params.require("ReferencedGroupId")?.to_owned())
    };
    Ok(Permission {
        protocol,
        from_port,
        to_port,
        peer,
        description: description(params)?,
    })
}

pub(super) fn description(params: &Params) -> AwsResult<Option<String>> {
    let Some(text) = params.str("Description").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() > 255 || !text.chars().all(allowed) {
        let message = "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    Ok(Some(text.to_owned()))
}

fn ipv4(text: &str) -> AwsResult<Peer> {
    let net: Ipv4Net = text.parse().map_err(|_| malformed(text))?;
    Ok(Peer::Ipv4(net.trunc()))
}

fn ipv6(text: &str) -> AwsResult<Peer> {
    let net: Ipv6Net = text.parse().map_err(|_| malformed(text))?;
    Ok(Peer::Ipv6(net.trunc()))
}

fn malformed(text: &str) -> AwsError {
    AwsError::new(
        "InvalidParameterValue",
        format!("CIDR block {text} is malformed"),
    )
}

/// Protocol and ports, as AWS stores them.
fn ports(params: &Params) -> AwsResult<(String, i64, i64)> {
    let given = params.require("IpProtocol")?.to_ascii_lowercase();
    let protocol = match given.as_str() {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        other => other,
    };
    let numeric = protocol
        .parse::<i64>()
        .is_ok_and(|number| (-1..=255).contains(&number));
    if !matches!(protocol, "tcp" | "udp" | "icmp" | "icmpv6") && !numeric {
        let message = format!("Invalid value '{protocol}' for IP protocol. Unknown protocol.");
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    let (from, to) = (params.int("FromPort")?, params.int("ToPort")?);
    let invalid = |message: String| Err(AwsError::new("InvalidParameterValue", message));
    let (from, to) = match protocol {
        "tcp" | "udp" => match (from, to) {
            (Some(from), Some(to)) => {
                if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) {
                    return invalid(format!(
                        "Invalid value '{from}-{to}' for ports. Must be between 0 and 65535."
                    ));
                }
                if from > to {
                    return invalid(format!("Invalid TCP/UDP port range ({from}:{to})"));
                }
                (from, to)
            }
            _ => {
                return invalid(format!(
                    "Invalid value 'Must specify both from and to ports with {protocol}'"
                ));
            }
        },
        "icmp" | "icmpv6" => (from.unwrap_or(-1), to.unwrap_or(-1)),
        _ => (-1, -1),
    };
    Ok((protocol.to_owned(), from, to))
}

/// Writes permissions of the same protocol and ports as one `IpPermission`.
pub(super) fn write_permissions<'a>(
    xml: &mut Xml,
    name: &str,
    permissions: impl Iterator<Item = &'a Permission>,
) {
    let mut groups: Vec<Vec<&Permission>> = Vec::new();
    for permission in permissions {
        let same = |group: &&mut Vec<&Permission>| {
            let first = group[0];
            (&first.protocol, first.from_port, first.to_port)
                == (
                    &permission.protocol,
                    permission.from_port,
                    permission.to_port,
                )
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(permission),
            None => groups.push(vec![permission]),
        }
    }
    xml.list(name, "item", groups, |xml, group| {
        let first = group[0];
        xml.text("ipProtocol", &first.protocol);
        if first.protocol != "-1" {
            xml.text("fromPort", first.from_port)
                .text("toPort", first.to_port);
        }
        xml.node("groups", |xml| {
            for permission in &group {
                if let Peer::Group(id) = &permission.peer {
                    xml.node("item", |xml| {
                        xml.text("userId", ACCOUNT)
                            .text("groupId", id)
                            .opt("description", permission.description.as_ref());
                    });
                }
            }
        });
        let mut peers = |name: &str, member: &str, pick: fn(&Peer) -> Option<String>| {
            xml.node(name, |xml| {
                for permission in &group {
                    if let Some(value) = pick(&permission.peer) {
                        xml.node("item", |xml| {
                            xml.text(member, value)
                                .opt("description", permission.description.as_ref());
                        });
                    }
                }
            });
        };
        peers("ipRanges", "cidrIp", |peer| match peer {
            Peer::Ipv4(net) => Some(net.to_string()),
            _ => None,
        });
        peers("ipv6Ranges", "cidrIpv6", |peer| match peer {
            Peer::Ipv6(net) => Some(net.to_string()),
            _ => None,
        });
        peers("prefixListIds", "prefixListId", |peer| match peer {
            Peer::PrefixList(id) => Some(id.clone()),
            _ => None,
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(form: &str) -> Params {
        Params::parse(form_urlencoded::parse(form.as_bytes()).into_owned())
    }

    #[test]
    fn one_permission_per_peer_with_protocols_by_name() {
        let read = read(&params(
            "IpPermissions.1.IpProtocol=6&IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=81\
             &IpPermissions.1.IpRanges.1.CidrIp=10.0.0.1/8&IpPermissions.1.Groups.1.GroupId=sg-1",
        ))
        .expect("valid");
        assert_eq!(read.len(), 2);
        assert_eq!(
            read[0].to_string(),
            "peer: 10.0.0.0/8, TCP, from port: 80, to port: 81, ALLOW"
        );
        assert_eq!(read[1].peer, Peer::Group("sg-1".to_owned()));
    }

    #[test]
    fn what_aws_refuses() {
        let cases = [
            "IpProtocol=tcp&CidrIp=10.0.0.0/8",
            "IpProtocol=tcp&FromPort=5&ToPort=4&CidrIp=10.0.0.0/8",
            "IpProtocol=tcp&FromPort=5&ToPort=70000&CidrIp=10.0.0.0/8",
            "IpProtocol=bogus&CidrIp=10.0.0.0/8",
            "IpProtocol=-1&CidrIp=10.0.0.0",
            "IpPermissions.1.IpProtocol=-1",
        ];
        for case in cases {
            assert!(read(&params(case)).is_err(), "{case}");
        }
    }
}
