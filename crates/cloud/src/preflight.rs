//! What the checks before anything is created share: what is planned of a type, what is found, ranges of addresses.

use infra_model::path::Step;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{ErrorKind, Path, ProviderError, Value};
use ipnet::IpNet;

/// What is planned of a type.
#[must_use]
pub fn of_type<'a>(items: &[&'a PreflightItem], name: &str) -> Vec<&'a PreflightItem> {
    let is = |i: &&&PreflightItem| &*i.address.block.type_name == name;
    items.iter().filter(is).copied().collect()
}

/// A text that is known and says something.
#[must_use]
pub fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    let text = value.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// The one block of a name.
#[must_use]
pub fn block<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name)?.elements()?.first()
}

/// A count that is known.
#[must_use]
pub fn count(value: &Value, name: &str) -> Option<u64> {
    let number = value.get(name).and_then(Value::as_i64)?;
    u64::try_from(number).ok()
}

/// Whether a version is the one that is wanted, or one of those that a part of it means: `17` means `17.4`. Parts end with one of
/// these characters.
#[must_use]
pub fn is_version_of(version: &str, wanted: &str, ends: &[char]) -> bool {
    let rest = version.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(ends))
}

/// The known texts of a list or set; none when the list itself is unknown.
#[must_use]
pub fn texts(value: &Value, name: &str) -> Option<Vec<String>> {
    let elements = value.get(name)?.elements()?;
    let known = elements.iter().filter_map(Value::as_str);
    Some(known.map(str::to_owned).collect())
}

/// `vpc_config[0].subnet_ids`: an attribute in the one block of a name.
#[must_use]
pub fn within(block: &str, attribute: &str) -> Path {
    Path(vec![
        Step::Attribute(block.into()),
        Step::Index(0),
        Step::Attribute(attribute.into()),
    ])
}

/// What cannot work.
#[must_use]
pub fn refused(item: &PreflightItem, attribute: Path, message: String) -> Finding {
    Finding {
        address: item.address.clone(),
        error: ProviderError {
            attribute: Some(attribute),
            ..ProviderError::new(ErrorKind::Invalid, message)
        },
        fatal: true,
    }
}

/// What will probably not work: something that is not known yet decides.
#[must_use]
pub fn doubtful(item: &PreflightItem, attribute: Path, message: String) -> Finding {
    Finding {
        fatal: false,
        ..refused(item, attribute, message)
    }
}

/// A limit of an account, or of one region: what is used of it, and what there may be.
#[derive(Clone, Debug)]
pub struct Usage {
    /// How many there are.
    pub used: u64,
    /// How many there may be.
    pub limit: u64,
    /// As people call it.
    pub shown: String,
}

/// More of something than there is room for. Not fatal: a quota may have been raised a moment ago.
#[must_use]
pub fn beyond(
    item: &PreflightItem,
    attribute: Path,
    place: &str,
    planned: u64,
    usage: &Usage,
) -> Option<Finding> {
    let Usage { used, limit, shown } = usage;
    let message = format!(
        "{planned} of `{shown}` are planned in {place}, {used} are there, and the quota is {limit}"
    );
    (planned > 0 && used + planned > *limit).then(|| Finding {
        address: item.address.clone(),
        error: ProviderError {
            attribute: Some(attribute),
            ..ProviderError::new(ErrorKind::Quota, message)
        },
        fatal: false,
    })
}

/// As [`beyond`], of one each of what is planned; told at the last of them.
#[must_use]
pub fn full(
    new: &[&PreflightItem],
    attribute: &str,
    place: &str,
    usage: &Usage,
) -> Option<Finding> {
    let planned = u64::try_from(new.len()).ok()?;
    let at = Path::attribute(attribute);
    beyond(new.last()?, at, place, planned, usage)
}

/// A planned range of addresses, and where it is said.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    /// Whose.
    pub item: &'a PreflightItem,
    /// The attribute that says it.
    pub attribute: Path,
    /// The range.
    pub net: IpNet,
}

impl<'a> Range<'a> {
    /// What an attribute says, where it is known and a range.
    #[must_use]
    pub fn said(item: &'a PreflightItem, attribute: &str) -> Option<Range<'a>> {
        let text = text(&item.planned, attribute)?;
        Range::of(item, Path::attribute(attribute), text)
    }

    /// A range of a text.
    #[must_use]
    pub fn of(item: &'a PreflightItem, attribute: Path, text: &str) -> Option<Range<'a>> {
        let net: IpNet = text.parse().ok()?;
        Some(Range {
            item,
            attribute,
            net: net.trunc(),
        })
    }
}

/// Whether two ranges share an address: then one contains the other.
#[must_use]
pub fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// Each range that shares addresses with an earlier one, and which one that is.
#[must_use]
pub fn overlapping<'r, 'a>(ranges: &'r [Range<'a>]) -> Vec<(&'r Range<'a>, &'r Range<'a>)> {
    let mut sorted: Vec<(usize, &Range<'_>)> = ranges.iter().enumerate().collect();
    sorted.sort_by_key(|(at, range)| (range.net.network(), range.net.prefix_len(), *at));
    let mut found = Vec::new();
    // In this order a range that contains others comes before them, so that one candidate is enough.
    let mut widest: Option<(usize, &Range<'_>)> = None;
    for (at, range) in sorted {
        match widest {
            Some((first, wide)) if wide.net.contains(&range.net) => {
                let pair = if first < at {
                    (range, wide)
                } else {
                    (wide, range)
                };
                found.push((first.max(at), pair));
            }
            _ => widest = Some((at, range)),
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, pair)| pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str) -> PreflightItem {
        PreflightItem {
            address: format!("aws_subnet.{name}").parse().expect("an address"),
            planned: Value::NULL,
            creates: true,
            refers: Default::default(),
        }
    }

    #[test]
    fn the_later_of_two_ranges_that_share_addresses_is_told() {
        let items = ["a", "b", "c", "d"].map(item);
        let nets = ["10.0.1.0/24", "10.0.0.0/23", "10.0.2.0/24", "2001:db8::/64"];
        let ranges: Vec<Range<'_>> = items
            .iter()
            .zip(nets)
            .filter_map(|(item, net)| Range::of(item, Path::attribute("cidr_block"), net))
            .collect();
        let found: Vec<(String, String)> = overlapping(&ranges)
            .iter()
            .map(|(a, b)| (a.item.address.to_string(), b.item.address.to_string()))
            .collect();
        assert_eq!(
            found,
            [("aws_subnet.b".to_owned(), "aws_subnet.a".to_owned())]
        );
        assert!(overlap(&ranges[0].net, &ranges[1].net));
        assert!(!overlap(&ranges[0].net, &ranges[3].net));
    }

    #[test]
    fn room_is_counted_with_what_is_there() {
        let usage = Usage {
            used: 3,
            limit: 5,
            shown: "addresses".to_owned(),
        };
        let asked = |planned| beyond(&item("a"), Path::attribute("x"), "here", planned, &usage);
        assert!(asked(0).is_none() && asked(2).is_none());
        let found = asked(3).expect("too many");
        assert!(!found.fatal);
        assert_eq!(found.error.kind, ErrorKind::Quota);
    }
}
