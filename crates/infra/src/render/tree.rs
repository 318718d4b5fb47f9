//! A difference as a tree, ready to be printed: what is added, removed, changed or kept, and what is left out. Pure data.

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Stays.
    Same,
    /// `+`
    Add,
    /// `-`
    Remove,
    /// `~`
    Change,
}

/// A value before and after.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// What happens to it.
    pub(crate) mark: Mark,
    /// Its change forces the replacement of the resource.
    pub(crate) forces: bool,
    /// Its contents.
    pub(crate) body: Body,
}

/// The contents of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// Literals on one line.
    Leaf {
        /// None for what was not there.
        before: Option<String>,
        /// None for what will not be there.
        after: Option<String>,
    },
    /// Something is there that is not shown: a sensitive value.
    Veiled(&'static str),
    /// Text of several lines.
    Text(Vec<Line>),
    /// Text that holds JSON.
    Json {
        /// The document.
        document: Box<Node>,
        /// The documents are equal, their texts are not.
        spacing_only: bool,
    },
    /// A map or an object.
    Entries(Vec<Entry>),
    /// A list, set or tuple.
    Items(Vec<Item>),
    /// A value of one shape that becomes one of another.
    Turned {
        /// All removed.
        before: Box<Node>,
        /// What comes instead.
        after: String,
    },
}

/// A line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// With its text.
    Shown(Mark, String),
    /// So many unchanged ones.
    Hidden(usize),
}

/// A part of a map or object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    /// By name, quoted where that is needed.
    Shown(String, Node),
    /// So many unchanged ones, of an object (`attribute`) or a map (`element`).
    Hidden(usize, &'static str),
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// One element.
    Shown(Node),
    /// So many unchanged ones in a row.
    Hidden(usize),
}

/// The inside of a resource or nested block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inside {
    /// By name.
    pub(crate) attributes: Vec<(String, Node)>,
    /// How many unchanged attributes are not shown.
    pub(crate) hidden_attributes: usize,
    /// Nested blocks in order.
    pub(crate) blocks: Vec<NestedDiff>,
    /// How many unchanged blocks are not shown.
    pub(crate) hidden_blocks: usize,
}

/// A nested block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NestedDiff {
    /// Its type name.
    pub(crate) name: String,
    /// What happens to it.
    pub(crate) mark: Mark,
    /// Its change forces the replacement of the resource.
    pub(crate) forces: bool,
    /// What is in it.
    pub(crate) inside: Inside,
}
