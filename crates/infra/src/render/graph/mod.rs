//! The dependency graph: in Graphviz' and Mermaid's languages, as SVG and as a page. Components are boxes around their resources; an arrow goes from
//! what needs to what is needed, as in Terraform's drawings.

mod layout;
pub(crate) mod steps;
mod svg;

use infra_model::address::{BlockAddress, ScopePath};
use std::collections::BTreeMap;

/// Blocks, and which needs which.
pub(crate) struct Drawing {
    /// In the order of the program.
    pub(crate) blocks: Vec<BlockAddress>,
    /// (what is needed, what needs it)
    pub(crate) edges: Vec<(BlockAddress, BlockAddress)>,
}

/// The resources of a scope, and the scopes inside it.
#[derive(Default)]
struct Boxed<'a> {
    blocks: Vec<&'a BlockAddress>,
    inside: BTreeMap<ScopePath, Boxed<'a>>,
}

impl Drawing {
    fn boxed(&self) -> Boxed<'_> {
        let mut root = Boxed::default();
        for block in &self.blocks {
            let mut at = &mut root;
            let mut scope = ScopePath::root();
            for step in block.scope.steps() {
                scope = scope.join(step.clone());
                at = at.inside.entry(scope.clone()).or_default();
            }
            at.blocks.push(block);
        }
        root
    }

    fn number(&self) -> BTreeMap<&BlockAddress, usize> {
        self.blocks
            .iter()
            .enumerate()
            .map(|(i, b)| (b, i))
            .collect()
    }

    /// For `dot`.
    pub(crate) fn dot(&self) -> String {
        let mut out = String::from(
            "digraph {\n  rankdir = \"RL\";\n  node [shape = box, fontname = \"sans-serif\"];\n",
        );
        dot_box(&self.boxed(), 1, &mut out);
        for (needed, needs) in &self.edges {
            out.push_str(&format!(
                "  {} -> {};\n",
                quoted(&needs.to_string()),
                quoted(&needed.to_string())
            ));
        }
        out.push_str("}\n");
        out
    }

    /// To look at.
    pub(crate) fn svg(&self) -> String {
        svg::svg(self)
    }

    /// To look at closely, in a browser.
    pub(crate) fn html(&self, title: &str) -> String {
        svg::html(self, title)
    }

    /// For Markdown.
    pub(crate) fn mermaid(&self) -> String {
        let number = self.number();
        let mut out = String::from("flowchart RL\n");
        mermaid_box(&self.boxed(), &number, 1, &mut out);
        for (needed, needs) in &self.edges {
            if let (Some(a), Some(b)) = (number.get(needs), number.get(needed)) {
                out.push_str(&format!("  n{a} --> n{b}\n"));
            }
        }
        out
    }
}

/// The name inside its box.
fn short(block: &BlockAddress) -> String {
    let full = block.to_string();
    let scope = block.scope.to_string();
    full.strip_prefix(&scope)
        .map_or(full.clone(), |rest| rest.trim_start_matches('.').to_owned())
}

fn dot_box(boxed: &Boxed<'_>, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for block in &boxed.blocks {
        out.push_str(&format!(
            "{indent}{} [label = {}];\n",
            quoted(&block.to_string()),
            quoted(&short(block))
        ));
    }
    for (scope, inner) in &boxed.inside {
        let name = scope.to_string();
        out.push_str(&format!(
            "{indent}subgraph {} {{\n{indent}  label = {};\n",
            quoted(&format!("cluster_{name}")),
            quoted(&name)
        ));
        dot_box(inner, depth + 1, out);
        out.push_str(&format!("{indent}}}\n"));
    }
}

fn mermaid_box(
    boxed: &Boxed<'_>,
    number: &BTreeMap<&BlockAddress, usize>,
    depth: usize,
    out: &mut String,
) {
    let indent = "  ".repeat(depth);
    for block in &boxed.blocks {
        if let Some(i) = number.get(block) {
            out.push_str(&format!("{indent}n{i}[\"{}\"]\n", escaped(&short(block))));
        }
    }
    for (scope, inner) in &boxed.inside {
        let id: String = scope
            .to_string()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        out.push_str(&format!(
            "{indent}subgraph {id}[\"{}\"]\n",
            escaped(&scope.to_string())
        ));
        mermaid_box(inner, number, depth + 1, out);
        out.push_str(&format!("{indent}end\n"));
    }
}

/// Graphviz escapes quotes and backslashes alone.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Mermaid takes entities.
fn escaped(text: &str) -> String {
    text.replace('"', "#quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing() -> Drawing {
        let block = |text: &str| text.parse::<BlockAddress>().expect("an address");
        let vpc = block("network.main[\"eu\"].aws_vpc.this");
        let subnet = block("network.main[\"eu\"].aws_subnet.private");
        let bucket = block("aws_s3_bucket.logs");
        Drawing {
            blocks: vec![bucket.clone(), vpc.clone(), subnet.clone()],
            edges: vec![(vpc, subnet.clone()), (bucket, subnet)],
        }
    }

    #[test]
    fn components_are_boxes() {
        insta::assert_snapshot!("dot", drawing().dot());
        insta::assert_snapshot!("mermaid", drawing().mermaid());
    }
}
