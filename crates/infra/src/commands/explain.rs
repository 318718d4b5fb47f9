//! `infra explain`: what an error code means, an example that fails, and how to mend it.

use crate::cli::Explain;
use crate::error::{CommandError, Exit, Outcome};
use crate::render::explanation;
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::diagnostic::did_you_mean;
use serde_json::json;

pub(super) fn run(arguments: &Explain, ui: Ui) -> Outcome {
    let wanted: Vec<Code> = arguments
        .codes
        .iter()
        .map(|text| find(text))
        .collect::<Result<_, _>>()?;
    if arguments.json {
        let codes = if wanted.is_empty() {
            Code::ALL
        } else {
            &wanted
        };
        let pages = codes.iter().map(|code| {
            json!({
                "code": code.as_str(),
                "title": code.title(),
                "explanation": code.explanation(),
            })
        });
        ui.json(&pages.collect());
    } else if wanted.is_empty() {
        ui.result(&explanation::list(ui.out));
    } else {
        let pages: Vec<String> = wanted
            .iter()
            .map(|code| explanation::page(*code, ui.out))
            .collect();
        ui.result(&pages.join("\n"));
    }
    Ok(Exit::Done)
}

/// The code of a text such as `E0101`, `e101` or `101`.
fn find(text: &str) -> Result<Code, CommandError> {
    let digits = text.trim_start_matches(['E', 'e']);
    let padded = format!("E{digits:0>4}");
    Code::find(text)
        .or_else(|| Code::find(&padded))
        .ok_or_else(|| {
            let codes = Code::ALL.iter().map(|c| c.as_str());
            let help = match did_you_mean(&text.to_uppercase(), codes) {
                Some(near) => format!("did you mean `{near}`? `infra explain` lists them all"),
                None => "`infra explain` lists them all".to_owned(),
            };
            CommandError::hint(Code::Usage, format!("there is no code `{text}`"), help)
        })
}
