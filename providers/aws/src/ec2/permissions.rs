//! The rules inside security groups, as `ingress` and `egress` blocks. A block may stand for many rules; EC2 keeps each of
//! them apart, so that what differs is found rule by rule, while blocks stay as they were written.

use super::cidr::canonical;
use crate::client::Client;
use crate::family::EC2_WRITE;
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use infra_model::{CallContext, ErrorKind, ProviderError, Record};
use std::collections::BTreeSet;

/// Rules of a security group.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct RuleBlock {
    /// The first port, or the ICMP type; 0 for all protocols.
    #[record(required)]
    pub(crate) from_port: i32,
    /// The last port, or the ICMP code; 0 for all protocols.
    #[record(required)]
    pub(crate) to_port: i32,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all.
    #[record(required)]
    pub(crate) protocol: String,
    /// IPv4 ranges.
    #[record(optional)]
    pub(crate) cidr_blocks: Vec<String>,
    /// IPv6 ranges.
    #[record(optional)]
    pub(crate) ipv6_cidr_blocks: Vec<String>,
    /// Prefix lists.
    #[record(optional)]
    pub(crate) prefix_list_ids: Vec<String>,
    /// Security groups; `account/sg-…` for one of another account.
    #[record(optional)]
    pub(crate) security_groups: BTreeSet<String>,
    /// The group itself.
    #[record(optional, default = false, rename = "self")]
    pub(crate) self_: bool,
    /// What the rules are for.
    #[record(optional)]
    pub(crate) description: Option<String>,
}

/// Which way the traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// One rule as EC2 keeps it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    protocol: String,
    /// None for all protocols.
    ports: Option<(i32, i32)>,
    peer: Peer,
    description: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
    Group(String),
}

/// A protocol by the name that EC2 answers with.
pub(crate) fn protocol(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "all" | "-1" => "-1",
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        other => other,
    }
    .to_owned()
}

impl RuleBlock {
    fn rules(&self, group: &str, account: &str) -> BTreeSet<Rule> {
        let protocol = protocol(&self.protocol);
        let peers = self
            .cidr_blocks
            .iter()
            .map(|c| Peer::Ipv4(canonical(c)))
            .chain(
                self.ipv6_cidr_blocks
                    .iter()
                    .map(|c| Peer::Ipv6(canonical(c))),
            )
            .chain(self.prefix_list_ids.iter().cloned().map(Peer::PrefixList))
            .chain(
                self.security_groups
                    .iter()
                    .map(|g| Peer::Group(local(g, account))),
            )
            .chain(self.self_.then(|| Peer::Group(group.to_owned())));
        peers
            .map(|peer| Rule {
                ports: (protocol != "-1").then_some((self.from_port, self.to_port)),
                protocol: protocol.clone(),
                peer,
                description: self.description.clone().filter(|d| !d.is_empty()),
            })
            .collect()
    }
}

/// A group of our own account goes by its id alone.
fn local(group: &str, account: &str) -> String {
    match group.split_once('/') {
        Some((owner, id)) if owner == account => id.to_owned(),
        _ => group.to_owned(),
    }
}

/// All rules of some blocks.
pub(crate) fn rules(blocks: &[RuleBlock], group: &str, account: &str) -> BTreeSet<Rule> {
    blocks
        .iter()
        .flat_map(|b| b.rules(group, account))
        .collect()
}

/// The rules that EC2 lists.
pub(crate) fn listed(permissions: &[IpPermission], account: &str) -> BTreeSet<Rule> {
    let text = |d: Option<&str>| d.filter(|d| !d.is_empty()).map(str::to_owned);
    let mut rules = BTreeSet::new();
    for permission in permissions {
        let protocol = protocol(permission.ip_protocol().unwrap_or("-1"));
        let ports = (protocol != "-1").then(|| {
            (
                permission.from_port().unwrap_or(-1),
                permission.to_port().unwrap_or(-1),
            )
        });
        let mut add = |peer: Option<Peer>, description: Option<&str>| {
            rules.extend(peer.map(|peer| Rule {
                protocol: protocol.clone(),
                ports,
                peer,
                description: text(description),
            }));
        };
        for range in permission.ip_ranges() {
            add(range.cidr_ip.clone().map(Peer::Ipv4), range.description());
        }
        for range in permission.ipv6_ranges() {
            add(
                range.cidr_ipv6().map(|c| Peer::Ipv6(canonical(c))),
                range.description(),
            );
        }
        for list in permission.prefix_list_ids() {
            add(
                list.prefix_list_id.clone().map(Peer::PrefixList),
                list.description(),
            );
        }
        for pair in permission.user_id_group_pairs() {
            let group = pair.group_id().map(|id| match pair.user_id() {
                Some(owner) if owner != account && !owner.is_empty() => {
                    Peer::Group(format!("{owner}/{id}"))
                }
                _ => Peer::Group(id.to_owned()),
            });
            add(group, pair.description());
        }
    }
    rules
}

/// What is listed, in the blocks that were written where they still fit, and in plain blocks otherwise.
pub(crate) fn blocks(
    mut rules: BTreeSet<Rule>,
    written: &[RuleBlock],
    group: &str,
    account: &str,
) -> Vec<RuleBlock> {
    let mut out = Vec::new();
    for block in written {
        let of = block.rules(group, account);
        if of.is_subset(&rules) {
            rules.retain(|r| !of.contains(r));
            out.push(block.clone());
        }
    }
    let mut plain: Vec<RuleBlock> = Vec::new();
    for rule in rules {
        let (from_port, to_port) = rule.ports.unwrap_or((0, 0));
        let alike = plain.iter_mut().find(|b| {
            b.protocol == rule.protocol
                && (b.from_port, b.to_port) == (from_port, to_port)
                && b.description == rule.description
        });
        let block = match alike {
            Some(block) => block,
            None => {
                plain.push(RuleBlock {
                    from_port,
                    to_port,
                    protocol: rule.protocol,
                    description: rule.description,
                    ..RuleBlock::default()
                });
                plain.last_mut().expect("one was just pushed")
            }
        };
        match rule.peer {
            Peer::Ipv4(range) => block.cidr_blocks.push(range),
            Peer::Ipv6(range) => block.ipv6_cidr_blocks.push(range),
            Peer::PrefixList(id) => block.prefix_list_ids.push(id),
            Peer::Group(id) if id == group => block.self_ = true,
            Peer::Group(id) => {
                block.security_groups.insert(id);
            }
        }
    }
    out.extend(plain);
    out
}

fn permission(rule: &Rule) -> IpPermission {
    let description = rule.description.clone();
    let permission = IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(rule.ports.map(|p| p.0))
        .set_to_port(rule.ports.map(|p| p.1));
    match rule.peer.clone() {
        Peer::Ipv4(range) => permission.ip_ranges(
            IpRange::builder()
                .cidr_ip(range)
                .set_description(description)
                .build(),
        ),
        Peer::Ipv6(range) => permission.ipv6_ranges(
            Ipv6Range::builder()
                .cidr_ipv6(range)
                .set_description(description)
                .build(),
        ),
        Peer::PrefixList(id) => permission.prefix_list_ids(
            PrefixListId::builder()
                .prefix_list_id(id)
                .set_description(description)
                .build(),
        ),
        Peer::Group(group) => {
            let (owner, id) = match group.split_once('/') {
                Some((owner, id)) => (Some(owner.to_owned()), id.to_owned()),
                None => (None, group),
            };
            permission.user_id_group_pairs(
                UserIdGroupPair::builder()
                    .group_id(id)
                    .set_user_id(owner)
                    .set_description(description)
                    .build(),
            )
        }
    }
    .build()
}

/// Takes rules away and adds others, in one call each.
pub(crate) async fn exchange(
    client: &Client,
    context: &CallContext,
    group: &str,
    direction: Direction,
    now: &BTreeSet<Rule>,
    desired: &BTreeSet<Rule>,
) -> Result<(), ProviderError> {
    let gone: Vec<IpPermission> = now.difference(desired).map(permission).collect();
    if !gone.is_empty() {
        let result = match direction {
            Direction::Ingress => client
                .call(context, EC2_WRITE, "RevokeSecurityGroupIngress", || {
                    client
                        .ec2()
                        .revoke_security_group_ingress()
                        .group_id(group)
                        .set_ip_permissions(Some(gone.clone()))
                        .send()
                })
                .await
                .map(|_| ()),
            Direction::Egress => client
                .call(context, EC2_WRITE, "RevokeSecurityGroupEgress", || {
                    client
                        .ec2()
                        .revoke_security_group_egress()
                        .group_id(group)
                        .set_ip_permissions(Some(gone.clone()))
                        .send()
                })
                .await
                .map(|_| ()),
        };
        crate::error::absent_is_done(result)?;
    }
    // One by one when some are there already: a call is refused whole.
    let new: Vec<IpPermission> = desired.difference(now).map(permission).collect();
    if new.is_empty() {
        return Ok(());
    }
    match authorize(client, context, group, direction, &new).await {
        Err(error) if is_duplicate(&error) && new.len() > 1 => {
            for one in &new {
                match authorize(client, context, group, direction, std::slice::from_ref(one)).await
                {
                    Err(error) if is_duplicate(&error) => {}
                    other => other?,
                }
            }
            Ok(())
        }
        Err(error) if is_duplicate(&error) => Ok(()),
        other => other,
    }
}

fn is_duplicate(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Conflict && error.code == "InvalidPermission.Duplicate"
}

async fn authorize(
    client: &Client,
    context: &CallContext,
    group: &str,
    direction: Direction,
    permissions: &[IpPermission],
) -> Result<(), ProviderError> {
    match direction {
        Direction::Ingress => client
            .call(context, EC2_WRITE, "AuthorizeSecurityGroupIngress", || {
                client
                    .ec2()
                    .authorize_security_group_ingress()
                    .group_id(group)
                    .set_ip_permissions(Some(permissions.to_vec()))
                    .send()
            })
            .await
            .map(|_| ()),
        Direction::Egress => client
            .call(context, EC2_WRITE, "AuthorizeSecurityGroupEgress", || {
                client
                    .ec2()
                    .authorize_security_group_egress()
                    .group_id(group)
                    .set_ip_permissions(Some(permissions.to_vec()))
                    .send()
            })
            .await
            .map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> RuleBlock {
        RuleBlock {
            from_port: 443,
            to_port: 443,
            protocol: "TCP".to_owned(),
            cidr_blocks: vec!["10.0.0.7/8".to_owned(), "192.168.0.0/16".to_owned()],
            security_groups: ["123/sg-2".to_owned()].into(),
            self_: true,
            description: Some("web".to_owned()),
            ..RuleBlock::default()
        }
    }

    #[test]
    fn blocks_stay_as_they_were_written() {
        let rules = rules(&[web()], "sg-1", "123");
        assert_eq!(rules.len(), 4);
        let sent: Vec<IpPermission> = rules.iter().map(permission).collect();
        assert_eq!(listed(&sent, "123"), rules, "what is sent is what is read");
        assert_eq!(blocks(rules.clone(), &[web()], "sg-1", "123"), [web()]);

        let mut fewer = rules;
        fewer.pop_last();
        let shown = blocks(fewer, &[web()], "sg-1", "123");
        assert_ne!(shown, [web()], "a rule that is gone shows");
        assert_eq!(shown.len(), 1);
    }

    #[test]
    fn all_protocols_have_no_ports() {
        let everything = RuleBlock {
            protocol: "all".to_owned(),
            cidr_blocks: vec!["0.0.0.0/0".to_owned()],
            ..RuleBlock::default()
        };
        let rules = rules(std::slice::from_ref(&everything), "sg-1", "123");
        assert!(
            rules
                .iter()
                .all(|r| r.ports.is_none() && r.protocol == "-1")
        );
        let shown = blocks(rules, &[], "sg-1", "123");
        assert_eq!((shown[0].from_port, shown[0].protocol.as_str()), (0, "-1"));
    }
}
