//! `infra graph`

use super::saved;
use crate::cli::{Graph, GraphFormat};
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::render::graph::{Drawing, steps};
use crate::stack::Loading;
use crate::ui::Ui;
use infra_engine::ProgramGraph;
use infra_model::codes::Code;

pub(super) fn run(arguments: &Graph, ui: Ui) -> Outcome {
    if let Some(file) = &arguments.stack
        && saved::is_plan(file)?
    {
        let plan = saved::read(file)?.plan;
        ui.result(&match arguments.format {
            GraphFormat::Dot => steps::dot(&plan),
            GraphFormat::Mermaid => steps::mermaid(&plan),
            GraphFormat::Svg | GraphFormat::Html => {
                return Err(CommandError::hint(
                    Code::Usage,
                    "the steps of a plan are drawn as dot or mermaid",
                    "write `--format mermaid`, or let Graphviz draw: `infra graph PLAN | dot -Tsvg`",
                ));
            }
        });
        return Ok(Exit::Done);
    }
    let place = Place::find(arguments.stack.as_deref(), None)?;
    let providers = Providers::new();
    let mut loading = Loading::new(&providers, &arguments.variables)?;
    loading.require_variables = false;
    let program = loading.program(&place, ui)?;
    let drawing = Drawing {
        blocks: program.blocks.iter().map(|b| b.address.clone()).collect(),
        edges: ProgramGraph::new(&program)
            .block_edges(&program)
            .into_iter()
            .map(|(needs, needed)| (needed, needs))
            .collect(),
    };
    ui.result(&match arguments.format {
        GraphFormat::Dot => drawing.dot(),
        GraphFormat::Mermaid => drawing.mermaid(),
        GraphFormat::Svg => drawing.svg(),
        GraphFormat::Html => drawing.html(&program.stack.name),
    });
    Ok(Exit::Done)
}
