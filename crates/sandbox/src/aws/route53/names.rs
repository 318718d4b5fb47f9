//! Domain names as Route 53 keeps them: in lower case, from the root, and with escapes in answers.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>

use std::fmt::Write;

use super::invalid_input;
use crate::aws::error::AwsResult;

/// The name as it is kept: lower case, octal escapes resolved, with the root's dot.
pub(super) fn kept(name: &str) -> AwsResult<String> {
    let mut name = unescape(name).to_ascii_lowercase();
    if !name.ends_with('.') {
        name.push('.');
    }
    let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
    let fits = |label: &&str| (1..=63).contains(&label.len()) && label.is_ascii();
    if name.len() > 255 || name == "." || !labels.iter().all(fits) {
        return Err(invalid_input(format!(
            "Invalid domain name: {name:?}: labels have 1 to 63 characters, names up to 255"
        )));
    }
    Ok(name)
}

/// `\052` is an asterisk.
fn unescape(name: &str) -> String {
    let mut rest = name;
    let mut out = String::with_capacity(name.len());
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after.get(..3).and_then(|c| u8::from_str_radix(c, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = &after[3..];
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The name in an answer: what is not a letter, a digit, `-`, `_` or a dot is escaped.
pub(super) fn shown(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "\\{:03o}", u32::from(c));
        }
    }
    out
}

/// What names are sorted by: their labels from the root ("in ASCII order, with the labels reversed").
pub(super) fn order(name: &str) -> String {
    let labels: Vec<&str> = name.trim_end_matches('.').rsplit('.').collect();
    labels.join(".")
}

/// Whether a name is that of a zone, or in it.
pub(crate) fn within(name: &str, zone: &str) -> bool {
    name == zone
        || name
            .strip_suffix(zone)
            .is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_shown_and_sorted() {
        for (said, expected) in [
            ("WWW.Example.com", "www.example.com."),
            ("\\052.example.com.", "*.example.com."),
            ("_acme.example.com", "_acme.example.com."),
        ] {
            assert_eq!(kept(said).expect("a name"), expected);
        }
        for wrong in ["", ".", "a..b", &"x".repeat(64)] {
            assert!(kept(wrong).is_err(), "{wrong}");
        }
        assert_eq!(shown("*.example.com."), "\\052.example.com.");
        assert_eq!(order("www.example.com."), "com.example.www");
        assert!(within("a.example.com.", "example.com."));
        assert!(within("example.com.", "example.com."));
        assert!(!within("badexample.com.", "example.com."));
    }
}
