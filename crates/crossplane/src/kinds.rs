//! Which managed resource a type of ours becomes, and how Crossplane names it: a table (`kinds.tsv`) of what the providers' own
//! configuration says.

/// How a managed resource is named: its annotation `crossplane.io/external-name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// By the cloud's id.
    Id,
    /// By an attribute, which stands nowhere else.
    Only(&'static str),
    /// By an attribute, which stands where it was too; by the id where it is not known.
    Too(&'static str),
    /// By the name of an alias, without what all begin with.
    Alias,
}

/// A kind of managed resources.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Our type.
    pub(crate) type_name: &'static str,
    /// `ec2.aws.m.upbound.io`
    pub(crate) group: &'static str,
    /// `VPC`
    pub(crate) kind: &'static str,
    /// How it is named.
    pub(crate) named: Named,
    /// Whether it says its region.
    pub(crate) region: bool,
}

impl Kind {
    /// Of a type.
    pub(crate) fn of(type_name: &str) -> Option<Kind> {
        all().find(|k| k.type_name == type_name)
    }

    /// What the API calls many of it: `vpcs.ec2.aws.m.upbound.io`.
    pub(crate) fn plural(&self) -> String {
        let one = self.kind.to_lowercase();
        let many = if let Some(stem) = one
            .strip_suffix('y')
            .filter(|s| !s.ends_with(['a', 'e', 'i', 'o', 'u']))
        {
            format!("{stem}ies")
        } else if one.ends_with('s') || one.ends_with("ch") || one.ends_with('x') {
            format!("{one}es")
        } else {
            format!("{one}s")
        };
        format!("{many}.{}", self.group)
    }

    /// The provider of the cloud's that has it: `provider-aws-ec2`. Groups without a name of their own are the family's.
    pub(crate) fn provider(&self) -> String {
        let parts: Vec<&str> = self.group.split('.').collect();
        match parts.as_slice() {
            [service, cloud, "m", ..] => format!("provider-{cloud}-{service}"),
            [cloud, ..] => format!("provider-family-{cloud}"),
            [] => String::new(),
        }
    }
}

/// The table.
pub(crate) fn all() -> impl Iterator<Item = Kind> {
    let lines = include_str!("kinds.tsv").lines();
    lines.filter(|l| !l.starts_with('#')).filter_map(|line| {
        let [type_name, group, kind, named, region] =
            line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let named = match named {
            "id" => Named::Id,
            "alias" => Named::Alias,
            _ if named.starts_with('=') => Named::Only(&named[1..]),
            _ => Named::Too(named.strip_prefix('@')?),
        };
        Some(Kind {
            type_name,
            group,
            kind,
            named,
            region: region == "region",
        })
    })
}

/// Why a type has no managed kind here.
const REASONS: &[(&str, &str)] = &[
    ("aws_secretsmanager_secret_version", SECRET),
    ("google_secret_manager_secret_version", SECRET),
    ("azurerm_key_vault_secret", SECRET),
    (
        "google_project_service_identity",
        "it stands for an account of Google's own, and nothing of it can be made or deleted",
    ),
];
const SECRET: &str = "it is nothing but a secret, which is written nowhere";

/// Why a type has no managed kind here.
pub(crate) fn reason(type_name: &str) -> &'static str {
    let found = REASONS.iter().find(|(name, _)| *name == type_name);
    found.map_or("infra knows no managed kind of this type", |(_, reason)| {
        reason
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("kinds.tsv")
            .lines()
            .filter(|l| !l.starts_with('#'));
        assert_eq!(lines.count(), all().count());
        let mut names: Vec<&str> = all().map(|k| k.type_name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count(), "a type stands twice");
    }

    #[test]
    fn kinds_are_called_as_their_definitions_are() {
        for (type_name, plural, provider) in [
            ("aws_vpc", "vpcs.ec2.aws.m.upbound.io", "provider-aws-ec2"),
            (
                "aws_iam_role_policy",
                "rolepolicies.iam.aws.m.upbound.io",
                "provider-aws-iam",
            ),
            (
                "azurerm_resource_group",
                "resourcegroups.azure.m.upbound.io",
                "provider-family-azure",
            ),
            (
                "google_compute_address",
                "addresses.compute.gcp.m.upbound.io",
                "provider-gcp-compute",
            ),
            (
                "aws_eks_access_entry",
                "accessentries.eks.aws.m.upbound.io",
                "provider-aws-eks",
            ),
            (
                "aws_internet_gateway",
                "internetgateways.ec2.aws.m.upbound.io",
                "provider-aws-ec2",
            ),
        ] {
            let kind = Kind::of(type_name).expect("it is in the table");
            assert_eq!(kind.plural(), plural);
            assert_eq!(kind.provider(), provider);
        }
    }
}
