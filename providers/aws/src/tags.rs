//! Tags: a resource's own, the stack's default ones, and the `infra:` marks that say whose a resource is. The marks show
//! neither in `tags` nor as drift.

use infra_cloud::defaults::{self, Names};
pub use infra_cloud::defaults::{Texts as Tags, merged};
use infra_cloud::marks::{escaped, shortened};
use infra_model::{Address, InstanceKey, Operation, Recovered};

/// How AWS calls them.
pub(crate) const NAMES: Names = Names {
    own: &["tags"],
    all: "tags_all",
    provider: "tags",
};

/// The creating operation: written once, in the create call.
pub const OPERATION: &str = "infra:operation";

const PREFIX: &str = "infra:";

/// Where a resource stands in its stack.
pub(crate) const ADDRESS: &str = "infra:address";

/// The longest value that every service takes.
const LONGEST: usize = 256;

/// What a new resource is tagged with: its tags, the defaults and the marks.
#[must_use]
pub fn for_create(defaults: &Tags, own: &Tags, operation: &Operation) -> Tags {
    let mut all = merged(defaults, own);
    all.extend(marks(operation));
    all.insert(OPERATION.to_owned(), operation.id.to_string());
    all
}

/// The marks that follow the resource: whose it is, without the operation that created it.
#[must_use]
pub fn marks(operation: &Operation) -> Tags {
    let mut marks: Tags = defaults::marks(operation)
        .map(|(name, text)| (format!("{PREFIX}{name}"), encode(&text)))
        .collect();
    let address = shortened(encode_address(&operation.address), LONGEST);
    marks.insert(ADDRESS.to_owned(), address);
    marks
}

/// Whether what has these tags carries the mark of an address.
#[must_use]
pub fn is_of(found: &Tags, address: &Address) -> bool {
    let mark = shortened(encode_address(address), LONGEST);
    found.get(ADDRESS) == Some(&mark)
}

/// Whether what has these tags is the stack's, the instance's and the address' of an operation.
#[must_use]
pub fn are_of(found: &Tags, operation: &Operation) -> bool {
    let said = |name: &str| found.get(&format!("{PREFIX}{name}")).cloned();
    let marking = &operation.marking;
    said("stack") == Some(encode(&marking.stack))
        && said("instance") == marking.instance.as_deref().map(encode)
        && is_of(found, &operation.address)
}

/// Whether the operation made what has these tags; none when there is nothing.
#[must_use]
pub fn whose(operation: &Operation, id: String, found: Option<&Tags>) -> Recovered {
    match found {
        None => Recovered::Absent,
        Some(tags) if tags.get(OPERATION).map(String::as_str) == Some(&*operation.id.0) => {
            Recovered::Found(id)
        }
        Some(_) => Recovered::Foreign(id),
    }
}

/// What must be written and taken away to bring a resource's tags from `prior`, which defaults are among, to its own and the
/// present defaults; the marks come along.
#[must_use]
pub fn changes(
    defaults: &Tags,
    prior: &Tags,
    own: &Tags,
    operation: &Operation,
) -> (Tags, Vec<String>) {
    let desired = merged(defaults, own);
    let mut set: Tags = desired
        .iter()
        .filter(|(k, v)| prior.get(*k) != Some(v))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    set.extend(marks(operation));
    let gone = prior
        .keys()
        .filter(|k| !desired.contains_key(*k))
        .cloned()
        .collect();
    (set, gone)
}

fn is_mark(key: &str) -> bool {
    key.starts_with(PREFIX) || key.starts_with("aws:")
}

/// `tags` and `tags_all` of what the cloud says.
#[must_use]
pub fn split(found: Tags, defaults: &Tags, prior: Option<&Tags>) -> (Tags, Tags) {
    defaults::split(found, defaults, prior, is_mark)
}

/// Whether what the cloud says is these `tags_all`.
#[must_use]
pub fn are(found: &Tags, all: &Tags) -> bool {
    found.iter().filter(|(key, _)| !is_mark(key)).eq(all)
}

/// Text in `[A-Za-z0-9_.:/=+@-]`, which every service takes: other bytes, and `=` itself, as `=` and two hexadecimal digits.
#[must_use]
pub fn encode(text: &str) -> String {
    shortened(escaped(text, "_.:/+@-"), LONGEST)
}

/// `aws_subnet.private["a"]` as `aws_subnet.private@a`, `aws_subnet.x[0]` as `aws_subnet.x:0`: readable, and no two
/// addresses are alike.
fn encode_address(address: &Address) -> String {
    let key = |key: Option<&InstanceKey>| match key {
        None => String::new(),
        Some(InstanceKey::Index(i)) => format!(":{i}"),
        Some(InstanceKey::Name(name)) => format!("@{}", escaped(name, "_/+-")),
    };
    let block = &address.block;
    let mut out = String::new();
    for step in block.scope.steps() {
        out.push_str(&format!(
            "{}.{}{}.",
            escaped(&step.kind, "_-"),
            escaped(&step.name, "_-"),
            key(step.key.as_ref())
        ));
    }
    out.push_str(&format!(
        "{}.{}{}",
        escaped(&block.type_name, "_-"),
        escaped(&block.name, "_-"),
        key(address.key.as_ref())
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::operation;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn addresses_become_tag_values() {
        for (address, value) in [
            ("aws_vpc.main", "aws_vpc.main"),
            ("aws_subnet.x[0]", "aws_subnet.x:0"),
            (
                r#"module.q["eu"].network.main.aws_subnet.private["a b=c"]"#,
                "module.q@eu.network.main.aws_subnet.private@a=20b=3Dc",
            ),
        ] {
            assert_eq!(encode_address(&address.parse().expect("an address")), value);
        }
        let long = encode(&"x".repeat(300));
        assert_eq!(long.len(), LONGEST);
        assert!(long.starts_with("xxx") && long[LONGEST - 18..].starts_with(".."));
    }

    #[test]
    fn marks_are_written_and_never_shown() {
        let operation = operation("aws_vpc.main");
        let defaults = tags(&[("team", "shop"), ("env", "test")]);
        let own = tags(&[("Name", "main"), ("env", "prod")]);
        let written = for_create(&defaults, &own, &operation);
        assert_eq!(written["infra:stack"], "demo");
        assert_eq!(written["infra:address"], "aws_vpc.main");
        assert_eq!(written[OPERATION], operation.id.to_string());
        let (shown, all) = split(written, &defaults, Some(&own));
        assert_eq!(shown, own);
        assert_eq!(
            all,
            tags(&[("Name", "main"), ("env", "prod"), ("team", "shop")])
        );
    }

    #[test]
    fn a_tag_equal_to_a_default_stays_where_it_was_said() {
        let defaults = tags(&[("team", "shop")]);
        let (own, _) = split(defaults.clone(), &defaults, Some(&defaults));
        assert_eq!(own, defaults);
        let (own, _) = split(defaults.clone(), &defaults, None);
        assert_eq!(own, Tags::new());
    }

    #[test]
    fn a_tag_update_touches_only_what_changed_and_never_the_creating_operation() {
        let (set, gone) = changes(
            &Tags::new(),
            &tags(&[("a", "1"), ("b", "2"), ("c", "3")]),
            &tags(&[("a", "1"), ("b", "9")]),
            &operation("aws_vpc.moved"),
        );
        assert_eq!(gone, ["c"]);
        assert_eq!(
            set,
            tags(&[
                ("b", "9"),
                ("infra:address", "aws_vpc.moved"),
                ("infra:stack", "demo")
            ])
        );
    }
}
