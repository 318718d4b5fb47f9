//! What others change between a plan and its application: an attribute that was to change and is by now neither as it was planned with
//! nor as it shall be. Nobody's change is overwritten unseen.

use crate::fields;
use infra_model::json::to_json;
use infra_model::path::Step;
use infra_model::schema::Nesting;
use infra_model::{Attribute, Block, ErrorKind, NestedBlock, Path, ProviderError, Value, planning};
use serde_json::{Map, Value as Json};

/// What stands before the two values in the message.
const VALUES: &str = " (planned with ";

/// The longest text of a value that the message shows.
const LONGEST: usize = 80;

/// The conflict of a change of `old` to `new`, where `seen` is what is there by now; none when nothing of what changes was changed by
/// somebody else. A block changes as a whole: what others changed anywhere in it would be lost.
#[must_use]
pub fn overtaken(
    block: &Block,
    id: &str,
    old: &Value,
    new: &Value,
    seen: &Value,
) -> Option<ProviderError> {
    let found = attributes(block)
        .filter(|(name, attribute)| {
            let compare = attribute.compare;
            !pair(old, new, name).is_some_and(|(old, new)| planning::same(compare, old, new))
        })
        .find_map(|(name, attribute)| {
            in_attribute(attribute, name, old, new, seen, &Path::default())
        });
    let found = found.or_else(|| {
        block
            .blocks
            .iter()
            .filter(|(name, nested)| !alike(nested, old.get(name), new.get(name)))
            .find_map(|(name, nested)| in_block(nested, name, old, new, seen, &Path::default()))
    })?;
    let values = [found.old, found.seen].map(|value| value.map(to_json));
    Some(conflict(id, found.path, (!found.secret).then_some(values)))
}

/// The same of fields that a stack writes as its service names them, `[old, new, seen]`: of those that change, or of the whole.
#[must_use]
pub fn of_fields(
    attribute: &str,
    id: &str,
    [old, new, seen]: [&Map<String, Json>; 3],
    whole: bool,
) -> Option<ProviderError> {
    let nothing = |json: Option<&Json>| json.is_none_or(fields::nothing);
    let same = |a: Option<&Json>, b: Option<&Json>| a == b || nothing(a) && nothing(b);
    let names = old.keys().chain(new.keys());
    let name = names.into_iter().find(|name| {
        let (old, new, seen) = (old.get(*name), new.get(*name), seen.get(*name));
        (whole || !same(old, new)) && !same(seen, old) && !same(seen, new)
    })?;
    let path = Path::attribute(attribute).join(Step::Attribute(name.as_str().into()));
    let values = [old, seen].map(|fields| fields.get(name).cloned());
    Some(conflict(id, path, Some(values)))
}

/// The error: what was changed, from what to what where that may be told, and what to do.
#[must_use]
pub fn conflict(id: &str, path: Path, values: Option<[Option<Json>; 2]>) -> ProviderError {
    let values = values.map_or_else(String::new, |[old, seen]| {
        format!("{VALUES}{}; now {})", shown(old), shown(seen))
    });
    ProviderError {
        code: ProviderError::CHANGED_MEANWHILE.to_owned(),
        attribute: Some(path.clone()),
        ..ProviderError::new(
            ErrorKind::Conflict,
            format!(
                "somebody else has changed `{path}` of `{id}` since this change was planned: nothing was overwritten; plan again{values}"
            ),
        )
    }
}

/// The error without the values in its message, where what it speaks of is secret in one of these.
#[must_use]
pub fn discreet(mut error: ProviderError, values: [&Value; 2]) -> ProviderError {
    let root = error.attribute.as_ref().and_then(Path::root);
    let root = root.filter(|_| error.code == ProviderError::CHANGED_MEANWHILE);
    let secret = root.is_some_and(|root| {
        let marked = |value: &Value| value.get(root).is_some_and(Value::holds_marked);
        values
            .iter()
            .any(|value| !value.marks().is_empty() || marked(value))
    });
    if secret && let Some(at) = error.message.find(VALUES) {
        error.message.truncate(at);
    }
    error
}

/// What somebody else has changed.
struct Found<'a> {
    path: Path,
    old: Option<&'a Value>,
    seen: Option<&'a Value>,
    secret: bool,
}

/// The attributes that a stack can set and that can be read.
fn attributes(block: &Block) -> impl Iterator<Item = (&str, &Attribute)> {
    let set = |a: &Attribute| (a.required || a.optional) && !a.write_only;
    let all = block.attributes.iter();
    all.filter(move |(_, a)| set(a))
        .map(|(name, a)| (&**name, a))
}

fn pair<'a>(a: &'a Value, b: &'a Value, name: &str) -> Option<(&'a Value, &'a Value)> {
    Some((a.get(name)?, b.get(name)?))
}

fn nothing(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || crate::shape::is_empty(value.bare()))
}

fn same(attribute: &Attribute, a: Option<&Value>, b: Option<&Value>) -> bool {
    let equal = a
        .zip(b)
        .is_some_and(|(a, b)| planning::same(attribute.compare, a, b));
    equal || nothing(a) && nothing(b)
}

fn in_attribute<'a>(
    attribute: &Attribute,
    name: &str,
    old: &'a Value,
    new: &Value,
    seen: &'a Value,
    at: &Path,
) -> Option<Found<'a>> {
    let (old, new, seen) = (old.get(name), new.get(name), seen.get(name));
    if same(attribute, seen, old) || same(attribute, seen, new) {
        return None;
    }
    Some(Found {
        path: at.join(Step::Attribute(name.into())),
        old,
        seen,
        secret: attribute.sensitive,
    })
}

fn in_block<'a>(
    nested: &NestedBlock,
    name: &str,
    old: &'a Value,
    new: &Value,
    seen: &'a Value,
    at: &Path,
) -> Option<Found<'a>> {
    let (old, new, seen) = (old.get(name), new.get(name), seen.get(name));
    if alike(nested, seen, old) || alike(nested, seen, new) {
        return None;
    }
    let path = at.join(Step::Attribute(name.into()));
    let (o, n, s) = (items(old), items(new), items(seen));
    let within = nested.nesting == Nesting::List && o.len() == n.len() && n.len() == s.len();
    let inner = within.then(|| {
        (0..o.len()).find_map(|i| {
            let at = path.join(Step::Index(i));
            let block = &nested.block;
            let attribute = attributes(block)
                .find_map(|(name, a)| in_attribute(a, name, &o[i], &n[i], &s[i], &at));
            let inside = || {
                let mut blocks = block.blocks.iter();
                blocks.find_map(|(name, nested)| in_block(nested, name, &o[i], &n[i], &s[i], &at))
            };
            attribute.or_else(inside)
        })
    });
    match inner {
        // Part of what shall be is there already, and nothing else.
        Some(inner) => inner,
        None => Some(Found {
            path,
            old,
            seen,
            secret: holds_secrets(&nested.block),
        }),
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::elements).unwrap_or_default()
}

/// Whether blocks say the same, in their order where they have one.
fn alike(nested: &NestedBlock, a: Option<&Value>, b: Option<&Value>) -> bool {
    let (a, b) = (items(a), items(b));
    let one = |a: &Value, b: &Value| {
        attributes(&nested.block).all(|(name, at)| same(at, a.get(name), b.get(name)))
            && nested
                .block
                .blocks
                .iter()
                .all(|(name, inner)| alike(inner, a.get(name), b.get(name)))
    };
    a.len() == b.len()
        && match nested.nesting {
            Nesting::List => a.iter().zip(b).all(|(a, b)| one(a, b)),
            Nesting::Set => a.iter().all(|a| b.iter().any(|b| one(a, b))),
        }
}

fn holds_secrets(block: &Block) -> bool {
    block.attributes.values().any(|a| a.sensitive)
        || block.blocks.values().any(|b| holds_secrets(&b.block))
}

/// A value in few words.
fn shown(value: Option<Json>) -> String {
    let text = value.unwrap_or(Json::Null).to_string();
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Record;
    use std::collections::BTreeMap;

    /// A thing.
    #[derive(Clone, Default, Record)]
    struct Thing {
        /// A size.
        #[record(optional)]
        size: Option<i64>,
        /// A note.
        #[record(optional)]
        note: Option<String>,
        /// A password.
        #[record(optional, sensitive)]
        password: Option<String>,
        /// Labels.
        #[record(optional)]
        labels: BTreeMap<String, String>,
        /// What the cloud counts.
        #[record(computed)]
        generation: Option<i64>,
        /// Settings.
        #[record(block, max = 1)]
        settings: Vec<Settings>,
    }

    /// Settings.
    #[derive(Clone, Default, Record)]
    struct Settings {
        /// A tier.
        #[record(optional)]
        tier: Option<String>,
        /// Whether there are backups.
        #[record(optional)]
        backups: Option<bool>,
        /// What the cloud counts.
        #[record(computed)]
        version: Option<i64>,
    }

    fn thing(size: i64, tier: &str, backups: bool, counted: i64) -> Thing {
        Thing {
            size: Some(size),
            generation: Some(counted),
            settings: vec![Settings {
                tier: Some(tier.to_owned()),
                backups: Some(backups),
                version: Some(counted),
            }],
            ..Thing::default()
        }
    }

    fn message(old: &Thing, new: &Thing, seen: &Thing) -> Option<String> {
        let (old, new, seen) = (old.to_value(), new.to_value(), seen.to_value());
        overtaken(&Thing::block(), "t", &old, &new, &seen).map(|e| e.message)
    }

    #[test]
    fn what_changes_must_be_as_it_was_planned_with_or_as_it_shall_be() {
        let old = thing(1, "small", false, 1);
        let grown = thing(2, "small", false, 1);
        for (new, seen, named) in [
            (&grown, thing(1, "small", false, 7), None),
            (&grown, thing(2, "small", false, 7), None),
            (&grown, thing(9, "small", false, 7), Some("`size`")),
            // What does not change is nobody's loss.
            (&grown, thing(1, "large", false, 7), None),
            // A block is written as a whole.
            (
                &thing(1, "small", true, 1),
                thing(1, "large", false, 7),
                Some("`settings[0].tier`"),
            ),
            (
                &thing(1, "small", true, 1),
                thing(1, "small", true, 7),
                None,
            ),
        ] {
            let message = message(&old, new, &seen);
            match (named, message) {
                (None, message) => assert_eq!(message, None),
                (Some(named), message) => {
                    let message = message.expect("a conflict");
                    assert!(message.contains(named), "{message}");
                }
            }
        }
        let said = message(&old, &grown, &thing(9, "small", false, 1)).expect("a conflict");
        assert!(
            said.ends_with("plan again (planned with 1; now 9)"),
            "{said}"
        );
    }

    #[test]
    fn nothing_and_empty_are_alike() {
        let mut new = thing(1, "small", false, 1);
        new.labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let old = thing(1, "small", false, 1);
        assert_eq!(message(&old, &new, &old), None);
        let mut seen = old.clone();
        seen.labels = BTreeMap::from([("b".to_owned(), "2".to_owned())]);
        let said = message(&old, &new, &seen).expect("a conflict");
        assert!(said.contains("`labels`"), "{said}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let with = |password: &str| Thing {
            password: Some(password.to_owned()),
            ..Thing::default()
        };
        let said = message(&with("one"), &with("two"), &with("three")).expect("a conflict");
        assert!(said.ends_with("plan again"), "{said}");

        let (old, new) = (
            thing(1, "small", false, 1).to_value(),
            thing(2, "small", false, 1),
        );
        let seen = thing(77, "small", false, 1).to_value();
        let error =
            overtaken(&Thing::block(), "t", &old, &new.to_value(), &seen).expect("a conflict");
        let marked = new
            .to_value()
            .with_attribute("size", Value::from(2).sensitive());
        let open = discreet(error.clone(), [&old, &new.to_value()]);
        assert!(open.message.contains("77"), "{}", open.message);
        let hidden = discreet(error, [&old, &marked]);
        assert!(!hidden.message.contains("77"), "{}", hidden.message);
    }
}
