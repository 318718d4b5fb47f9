//! `infra graph`

use crate::cli::{Graph, GraphFormat};
use crate::error::{Exit, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::render::graph::Drawing;
use crate::stack::Loading;
use crate::ui::Ui;
use infra_engine::ProgramGraph;

pub(super) fn run(arguments: &Graph, ui: Ui) -> Outcome {
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
