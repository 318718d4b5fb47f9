//! The tables of `tests/aws/`, `tests/google/` and `tests/azure/`: stacks in which one type lives, each with a head of comments that says how.
//!
//! ```text
//! # target: aws_vpc.this        what the steps act on
//! # update: 2                   `var.step` at which it is changed in place (left out: it cannot be)
//! # replace: 3                  `var.step` at which it is replaced (left out: it cannot be)
//! # replace: 3, created first   the new one is made before the old one goes
//! # import: vpc-id expression   an attribute, or text with {attribute}s, that `infra import` takes
//! # import: no, because …       it cannot be imported, and says so
//! # unread: a, because …        an attribute that AWS does not tell, so that importing leaves it out
//! # drift: no, because …        deleting it leaves it there
//! # deletes: created, because … what was imported is not enough to delete it by
//! # unfinished: no, because …   the provider or the sandbox does not get through it yet: it is left out, and told
//! # moto: no, because …         moto has no such type
//! # moto: no update, because …  moto cannot do a step: `update`, `replace`, `import` or `drift`
//! # moto: no name, because …    moto cannot do an attribute: `var.moto` is true there, and the stack leaves it out
//! # ministack: no, because …    the same of MiniStack, which is asked about what moto does not have at all
//! ```

use crate::support::root;

/// What a type goes through, in this order. Reading is part of every step, and so is a plan without changes at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Create,
    Update,
    Replace,
    Import,
    Drift,
    Delete,
}

impl Step {
    pub const ALL: [Step; 6] = [
        Step::Create,
        Step::Update,
        Step::Replace,
        Step::Import,
        Step::Drift,
        Step::Delete,
    ];

    fn named(name: &str) -> Option<Step> {
        [
            ("update", Step::Update),
            ("replace", Step::Replace),
            ("import", Step::Import),
            ("drift", Step::Drift),
        ]
        .into_iter()
        .find_map(|(n, step)| (n == name).then_some(step))
    }
}

/// What a cloud that others wrote cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// The type.
    Type,
    /// A step.
    Step(Step),
    /// An attribute, which the stack leaves out where `var.moto` is set.
    Attribute(String),
}

/// One stack.
pub struct Table {
    /// The file's name; the type's, or that with a word for the variety.
    pub name: String,
    /// The stack.
    pub text: String,
    /// `aws_vpc.this`
    pub target: String,
    update: Option<String>,
    replace: Option<String>,
    /// What replacing it plans.
    pub replaced: [&'static str; 2],
    /// An attribute, or text with {attribute}s; none of what cannot be imported.
    pub import: Option<String>,
    /// Attributes that importing leaves out.
    pub unread: Vec<String>,
    /// Whether deleting it behind the state's back shows.
    drifts: bool,
    /// Whether what was imported is enough to delete it by.
    pub deletes_imported: bool,
    /// Why it is left out for now.
    pub unfinished: Option<String>,
    /// What moto cannot do, and why.
    pub moto: Vec<(Lacks, String)>,
    /// What MiniStack cannot do, and why.
    pub ministack: Vec<(Lacks, String)>,
}

impl Table {
    /// `aws_vpc`
    pub fn type_name(&self) -> &str {
        self.target.split('.').next().unwrap_or_default()
    }

    /// The `var.step` of a step that applies; none when the type has no such step.
    pub fn number(&self, step: Step) -> Option<&str> {
        match step {
            Step::Create => Some("1"),
            Step::Update => self.update.as_deref(),
            Step::Replace => self.replace.as_deref(),
            Step::Import | Step::Drift | Step::Delete => None,
        }
    }

    /// Whether the type has this step at all.
    pub fn has(&self, step: Step) -> bool {
        match step {
            Step::Update | Step::Replace => self.number(step).is_some(),
            Step::Drift => self.drifts,
            _ => true,
        }
    }

    fn parse(name: &str, text: String) -> Table {
        let all = |key: &str| {
            let prefix = format!("# {key}: ");
            text.lines()
                .filter_map(|l| l.strip_prefix(&prefix))
                .map(str::to_owned)
                .collect::<Vec<String>>()
        };
        let one = |key: &str| all(key).pop();
        let because = |line: &str| {
            let (what, why) = line
                .split_once(", because ")
                .unwrap_or_else(|| panic!("{name}: `{line}` gives no reason"));
            (what.to_owned(), why.to_owned())
        };
        let lacking = |line: String| {
            let (what, why) = because(&line);
            let lacks = match what.strip_prefix("no") {
                Some("") => Lacks::Type,
                Some(rest) => {
                    let word = rest.trim();
                    Step::named(word).map_or_else(|| Lacks::Attribute(word.to_owned()), Lacks::Step)
                }
                None => panic!("{name}: `{line}` says nothing that is lacking"),
            };
            let declared = text.contains("[variables.moto]") && text.contains("var.moto");
            assert!(
                !matches!(lacks, Lacks::Attribute(_)) || declared,
                "{name}: `{what}` without a use of var.moto"
            );
            (lacks, why)
        };
        let replace = one("replace");
        let first = replace
            .as_deref()
            .and_then(|r| r.strip_suffix(", created first"));
        let deletes = one("deletes").map(|line| because(&line).0);
        assert!(
            deletes.as_deref().is_none_or(|d| d == "created"),
            "{name}: deletes {deletes:?}"
        );
        Table {
            name: name.to_owned(),
            target: one("target").unwrap_or_else(|| panic!("{name}: no target")),
            update: one("update"),
            replaced: match first {
                Some(_) => ["create", "delete"],
                None => ["delete", "create"],
            },
            replace: first.map(str::to_owned).or(replace.clone()),
            import: match one("import") {
                Some(line) if line.starts_with("no, ") => {
                    because(&line);
                    None
                }
                line => Some(line.unwrap_or_else(|| "id".to_owned())),
            },
            unread: all("unread").iter().map(|line| because(line).0).collect(),
            drifts: one("drift").is_none_or(|line| because(&line).0 != "no"),
            deletes_imported: deletes.is_none(),
            unfinished: one("unfinished").map(|line| because(&line).1),
            moto: all("moto").into_iter().map(lacking).collect(),
            ministack: all("ministack").into_iter().map(lacking).collect(),
            text,
        }
    }
}

/// Every table of a cloud, by name.
pub fn tables(cloud: &str) -> Vec<Table> {
    let mut paths: Vec<_> = std::fs::read_dir(root().join("tests").join(cloud))
        .expect("a folder of tables")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            Table::parse(&name, std::fs::read_to_string(&path).expect("a table"))
        })
        .collect()
}

#[test]
fn a_head_is_read() {
    let text = "# target: aws_x.this\n# update: 2\n# import: {a}:{b}\n# unread: c, because it is secret\n\
                # deletes: created, because it asks\n# moto: no update, because it cannot\n\
                # moto: no d, because it forgets\n[variables.moto]\n[resource.aws_x.this]\nd = \"${var.moto}\"\n";
    let table = Table::parse("aws_x", text.to_owned());
    assert_eq!(table.type_name(), "aws_x");
    assert_eq!(table.number(Step::Create), Some("1"));
    assert_eq!(table.number(Step::Update), Some("2"));
    assert!(table.has(Step::Import) && !table.has(Step::Replace));
    assert_eq!(table.unread, ["c"]);
    assert!(!table.deletes_imported);
    assert_eq!(
        table.moto,
        [
            (Lacks::Step(Step::Update), "it cannot".to_owned()),
            (Lacks::Attribute("d".to_owned()), "it forgets".to_owned()),
        ]
    );
}
