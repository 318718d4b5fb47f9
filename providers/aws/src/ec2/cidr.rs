//! Checks of address ranges in configurations, where they are known.

use infra_model::{ProviderError, Value};
use ipnet::{IpNet, Ipv4Net};
use std::ops::RangeInclusive;

/// An IPv4 range with a prefix length in bounds and no host bits; nothing is said of what is unknown.
pub(crate) fn check(
    config: &Value,
    attribute: &str,
    lengths: RangeInclusive<u8>,
) -> Vec<ProviderError> {
    let Some(text) = config.get(attribute).and_then(Value::as_str) else {
        return Vec::new();
    };
    let problem = match text.parse::<Ipv4Net>() {
        Err(_) => format!("`{text}` is not an IPv4 range such as 10.0.0.0/16"),
        Ok(net) if net.trunc() != net => {
            format!("`{text}` has bits beyond its prefix: write {}", net.trunc())
        }
        Ok(net) if !lengths.contains(&net.prefix_len()) => format!(
            "`{text}` must be between /{} and /{}",
            lengths.start(),
            lengths.end()
        ),
        Ok(_) => return Vec::new(),
    };
    vec![ProviderError::invalid(attribute, problem)]
}

/// The form in which EC2 keeps a range: without host bits.
pub(crate) fn canonical(text: &str) -> String {
    text.parse::<IpNet>()
        .map_or_else(|_| text.to_owned(), |net| net.trunc().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked_where_they_are_known() {
        for (text, problem) in [
            ("10.0.0.0/16", ""),
            ("10.0.0.1/16", "write 10.0.0.0/16"),
            ("10.0.0.0/8", "between /16 and /28"),
            ("ten", "is not an IPv4 range"),
        ] {
            let config = Value::object([("cidr_block", Value::from(text))]);
            let found = check(&config, "cidr_block", 16..=28);
            assert_eq!(found.is_empty(), problem.is_empty(), "{text}");
            assert!(
                found.iter().all(|e| e.message.contains(problem)),
                "{found:?}"
            );
        }
        let unknown = Value::object([("cidr_block", Value::UNKNOWN)]);
        assert!(check(&unknown, "cidr_block", 16..=28).is_empty());
        assert_eq!(canonical("10.0.1.7/24"), "10.0.1.0/24");
        assert_eq!(canonical("2001:db8::1/32"), "2001:db8::/32");
    }
}
