//! Where `spec.forProvider` has not all that Terraform has: a table (`exceptions.tsv`) of what the providers' own configuration says.

use crate::values;
use serde_json::Value as Json;
use std::sync::LazyLock;

/// How an attribute differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It stands in `status` alone.
    Status,
    /// Terraform has no such argument.
    Absent,
    /// It says the same as another one beside it.
    Beside(&'static str),
    /// It has another name there.
    As(&'static str),
}

/// An attribute that differs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    /// `aws_vpc_endpoint`
    pub(crate) type_name: &'static str,
    /// `subnet_ids`; with dots between a block and what is in it.
    pub(crate) attribute: &'static str,
    /// How.
    pub(crate) how: How,
}

/// The table: every attribute that is written asks it.
static TABLE: LazyLock<Vec<Exception>> = LazyLock::new(|| {
    let lines = include_str!("exceptions.tsv").lines();
    let lines = lines.filter(|l| !l.starts_with('#'));
    lines.filter_map(exception).collect()
});

fn exception(line: &'static str) -> Option<Exception> {
    let [type_name, attribute, how] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let how = match how {
        "status" => How::Status,
        "absent" => How::Absent,
        _ => match how.split_once(' ')? {
            ("beside", other) => How::Beside(other),
            ("as", name) => How::As(name),
            _ => return None,
        },
    };
    Some(Exception {
        type_name,
        attribute,
        how,
    })
}

/// Those of a type.
fn of_type(type_name: &str) -> impl Iterator<Item = &'static Exception> {
    TABLE.iter().filter(move |e| e.type_name == type_name)
}

/// Whether an attribute of a type is left out; `beside` has the values of the block that it stands in.
pub(crate) fn omits(type_name: &str, attribute: &str, beside: &Json) -> bool {
    let mut found = of_type(type_name).filter(|e| e.attribute == attribute);
    found.any(|e| match e.how {
        How::Status | How::Absent => true,
        How::Beside(other) => !values::empty(&beside[other]),
        How::As(_) => false,
    })
}

/// The attributes of a type that have other names there, with these.
pub(crate) fn renamed(type_name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    of_type(type_name).filter_map(|e| match e.how {
        How::As(name) => Some((e.attribute, name)),
        _ => None,
    })
}

/// The attributes of a resource that have a value and stand in `status` alone.
pub(crate) fn moved(type_name: &str, attributes: &Json) -> Vec<&'static str> {
    of_type(type_name)
        .filter(|e| e.how == How::Status && !values::empty(&attributes[e.attribute]))
        .map(|e| e.attribute)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Kind;
    use serde_json::json;

    #[test]
    fn every_line_of_the_table_is_read_and_is_of_a_kind() {
        let lines = include_str!("exceptions.tsv").lines();
        assert_eq!(lines.filter(|l| !l.starts_with('#')).count(), TABLE.len());
        for exception in &*TABLE {
            let name = exception.type_name;
            assert!(Kind::of(name).is_some(), "{name} has no managed kind");
        }
    }

    #[test]
    fn of_two_that_say_the_same_one_is_written() {
        let both = json!({ "availability_zone": "eu-west-1a", "availability_zone_id": "euw1-az1" });
        assert!(omits("aws_subnet", "availability_zone_id", &both));
        assert!(!omits("aws_subnet", "availability_zone", &both));
        let one = json!({ "availability_zone": "", "availability_zone_id": "euw1-az1" });
        assert!(!omits("aws_subnet", "availability_zone_id", &one));
        assert!(omits("aws_eks_addon", "cluster_version", &json!({})));
        let endpoint = json!({ "subnet_ids": ["subnet-1"], "route_table_ids": [] });
        let names: Vec<_> = renamed("azurerm_key_vault").collect();
        assert_eq!(
            names,
            [("rbac_authorization_enabled", "enable_rbac_authorization")]
        );
        assert_eq!(moved("aws_vpc_endpoint", &endpoint), ["subnet_ids"]);
    }
}
