//! What depends on itself, told in the order of the dependencies.

use super::{ProgramGraph, ProgramNode};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::program::Program;

impl ProgramGraph {
    /// The error for the first cycle, naming its path; none when there is no cycle.
    #[must_use]
    pub fn cycle(&self, program: &Program) -> Option<Diagnostic> {
        let component = petgraph::algo::tarjan_scc(&self.graph)
            .into_iter()
            .find(|c| c.len() > 1)?;
        let mut names: Vec<(String, Span)> = component
            .iter()
            .rev()
            .map(|n| self.describe(program, &self.graph[*n]))
            .collect();
        names.dedup_by(|a, b| a.0 == b.0);
        let path: Vec<&str> = names
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(names.first().map(|(name, _)| name.as_str()))
            .collect();
        let message = format!(
            "these depend on each other in a circle: {}",
            path.join(" → ")
        );
        let diagnostic =
            Diagnostic::error(Code::Cycle, message).help("take one of these references out");
        Some(
            names
                .iter()
                .fold(diagnostic, |d, (name, span)| d.at(*span, name.clone())),
        )
    }

    fn describe(&self, program: &Program, node: &ProgramNode) -> (String, Span) {
        match node {
            ProgramNode::Provider(i) => (
                format!("clouds.{}", program.providers[*i].address),
                program.providers[*i].span,
            ),
            ProgramNode::Block(i) => (
                program.blocks[*i].address.to_string(),
                program.blocks[*i].span,
            ),
            ProgramNode::Local(i) => program
                .locals
                .get_index(*i)
                .map_or_else(Default::default, |(n, l)| (format!("local.{n}"), l.span)),
            ProgramNode::ComponentOutput(i, name) => (
                format!("{}.{name}", program.components[*i].scope()),
                program.components[*i].span,
            ),
            ProgramNode::ModuleLocal(i, j) => {
                let component = &program.components[*i];
                let found = component
                    .module
                    .as_ref()
                    .and_then(|m| m.locals.get_index(*j));
                found.map_or_else(Default::default, |(name, local)| {
                    (format!("{}.local.{name}", component.scope()), local.span)
                })
            }
            ProgramNode::ModuleVariable(i, j) => {
                let component = &program.components[*i];
                let found = component
                    .module
                    .as_ref()
                    .and_then(|m| m.variables.get_index(*j));
                found.map_or_else(Default::default, |(name, _)| {
                    (format!("{}.var.{name}", component.scope()), component.span)
                })
            }
            ProgramNode::Gate(i) | ProgramNode::Whole(i) => (
                program.components[*i].scope().to_string(),
                program.components[*i].span,
            ),
            ProgramNode::Output(i) => program
                .outputs
                .get_index(*i)
                .map_or_else(Default::default, |(n, o)| (format!("outputs.{n}"), o.span)),
        }
    }
}
