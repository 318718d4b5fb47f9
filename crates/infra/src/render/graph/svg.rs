//! The drawing as SVG, and as a page around it. Colours follow the reader's preference for light or dark.

use super::layout::{Area, layout};
use super::{Drawing, short};
use infra_model::address::BlockAddress;

/// Also inside the SVG, which stands alone.
const STYLE: &str = include_str!("graph.css");
/// Search, and what needs what under the pointer.
const SCRIPT: &str = include_str!("graph.js");

/// The drawing alone.
pub(super) fn svg(drawing: &Drawing) -> String {
    let layout = layout(drawing);
    let (width, height) = (layout.width.ceil(), layout.height.ceil());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"12\">\n<style>\n{STYLE}</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n"
    );
    for (scope, area) in &layout.boxes {
        let steps = scope.steps();
        let name = steps.last().map_or_else(String::new, |step| {
            let key = step
                .key
                .as_ref()
                .map_or_else(String::new, ToString::to_string);
            format!("{}.{}{key}", step.kind, step.name)
        });
        out.push_str(&format!(
            "<g class=\"box\"><title>{}</title>{}<text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>\n",
            escaped(&scope.to_string()),
            rectangle(*area, 6),
            area.x + 10.0,
            area.y + 16.0,
            escaped(&name)
        ));
    }
    for edge in &layout.edges {
        let (a, b) = (layout.nodes[edge.needed], layout.nodes[edge.needs]);
        let hidden = if edge.implied {
            " visibility=\"hidden\""
        } else {
            ""
        };
        out.push_str(&format!(
            "<path class=\"edge\" data-needed=\"{}\" data-needs=\"{}\"{hidden} d=\"{}\"/>\n",
            edge.needed,
            edge.needs,
            curve(a, b)
        ));
    }
    for (number, (block, area)) in drawing.blocks.iter().zip(&layout.nodes).enumerate() {
        out.push_str(&format!(
            "<g class=\"node {}\" data-node=\"{number}\"><title>{}</title>{}<text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>\n",
            kind(block),
            escaped(&block.to_string()),
            rectangle(*area, 4),
            area.x + 9.0,
            area.y + 17.0,
            escaped(&short(block))
        ));
    }
    out.push_str("</svg>\n");
    out
}

/// A page with nothing from elsewhere.
pub(super) fn html(drawing: &Drawing, title: &str) -> String {
    let title = escaped(title);
    let (blocks, edges) = (drawing.blocks.len(), drawing.edges.len());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n<header><h1>{title}</h1><p>{blocks} blocks, {edges} references; what is needed stands left</p><input type=\"search\" placeholder=\"Search\" aria-label=\"Search\" autofocus><output></output></header>\n<main>\n{}</main>\n<script>\n{SCRIPT}</script>\n</html>\n",
        svg(drawing)
    )
}

fn kind(block: &BlockAddress) -> &'static str {
    block.mode.table()
}

fn rectangle(area: Area, radius: u8) -> String {
    format!(
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius}\"/>",
        area.x, area.y, area.width, area.height
    )
}

/// From the left edge of what needs to the right edge of what is needed.
fn curve(needed: Area, needs: Area) -> String {
    let (x1, y1) = (needed.x + needed.width, needed.y + needed.height / 2.0);
    let (x2, y2) = (needs.x, needs.y + needs.height / 2.0);
    let bend = ((x2 - x1).abs() / 2.0).clamp(20.0, 90.0);
    format!(
        "M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}",
        x1 + bend,
        x2 - bend
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
