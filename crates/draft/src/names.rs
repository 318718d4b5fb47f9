//! Names of things in the cloud: made from the stack's, its instance's and the component's name, legal in every service that
//! they are used with, and the same on every run.

use infra_model::InstanceKey;
use infra_model::expand::Instance;
use sha2::{Digest, Sha256};

/// `shop-main`, or `shop-pr-12-main-eu`: what the names of everything an instance makes start with.
pub fn prefix(instance: &Instance<'_>) -> String {
    let mut parts = vec![slug(&instance.stack.name)];
    parts.extend(instance.stack.instance.as_deref().map(slug));
    parts.push(slug(instance.name));
    parts.extend(instance.key.map(|key| match key {
        InstanceKey::Index(index) => index.to_string(),
        InstanceKey::Name(name) => slug(name),
    }));
    parts.retain(|part| !part.is_empty());
    let joined = parts.join("-");
    // RDS, for one, wants a letter first.
    if joined.starts_with(|c: char| c.is_ascii_alphabetic()) {
        joined
    } else {
        format!("s-{joined}")
    }
}

/// The name with a suffix, within a service's limit: one that is too long ends in a hash of the whole.
pub fn fit(prefix: &str, suffix: &str, limit: usize) -> String {
    let whole = if suffix.is_empty() {
        prefix.to_owned()
    } else {
        format!("{prefix}-{suffix}")
    };
    if whole.len() <= limit {
        return whole;
    }
    let hash = hex::encode(&Sha256::digest(whole.as_bytes())[..4]);
    let kept = whole[..limit - hash.len() - 1].trim_end_matches('-');
    format!("{kept}-{hash}")
}

/// The beginning of a name, for one that goes on with something unique.
pub fn start(prefix: &str, limit: usize) -> String {
    let kept = &prefix[..prefix.len().min(limit)];
    kept.trim_end_matches('-').to_owned()
}

/// Letters and digits alone, at most `limit`: a name of others, or one that is too long, ends in four digits of its hash.
pub fn compact(name: &str, limit: usize) -> String {
    let short: String = slug(name).replace('-', "");
    if short == name && short.len() <= limit {
        return short;
    }
    let hash = hex::encode(&Sha256::digest(name.as_bytes())[..2]);
    let kept = &short[..short.len().min(limit - hash.len())];
    format!("{kept}{hash}")
}

/// A number that follows from a text, spread evenly.
pub fn number(text: &str) -> u32 {
    let hash = Sha256::digest(text.as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Lower-case letters, digits and single hyphens.
pub fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_slugs() {
        for (text, slugged) in [
            ("shop", "shop"),
            ("Shop_EU", "shop-eu"),
            ("-a--b-", "a-b"),
            ("münchen", "m-nchen"),
            ("", ""),
        ] {
            assert_eq!(slug(text), slugged, "{text}");
        }
    }

    #[test]
    fn compact_names_have_no_hyphens_and_stay_apart() {
        assert_eq!(compact("general", 12), "general");
        for (one, two) in [
            ("a-b", "a_b"),
            ("ab", "a-b"),
            ("very-long-pool-a", "very-long-pool-b"),
        ] {
            let (one, two) = (compact(one, 12), compact(two, 12));
            assert_ne!(one, two);
            for name in [one, two] {
                assert!(
                    name.len() <= 12 && name.chars().all(|c| c.is_ascii_alphanumeric()),
                    "{name}"
                );
            }
        }
        assert_eq!(start("shop-main-eu", 10), "shop-main");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = "a-very-long-stack-name-that-nobody-should-choose";
        let (one, two) = (fit(long, "web", 32), fit(long, "api", 32));
        assert!(one.len() <= 32 && two.len() <= 32, "{one} {two}");
        assert_ne!(one, two);
        assert_eq!(fit("shop-main", "web", 32), "shop-main-web");
        assert_eq!(fit("shop-main", "", 32), "shop-main");
    }
}
