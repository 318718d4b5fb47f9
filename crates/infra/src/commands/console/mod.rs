//! `infra console`: evaluates expressions over the variables, locals and recorded resources of a stack, or over nothing.

pub(crate) mod scope;

use crate::cli::Console;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::{Place, stack_files};
use crate::providers::Providers;
use crate::render::state::value_text;
use crate::stack::{Loading, kinds, working_directory};
use crate::system::{SystemClock, SystemFiles};
use crate::ui::Ui;
use infra_lang::{Evaluator, parse_expression};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources};
use infra_model::evaluate::Evaluate;
use infra_model::expand::Expand;
use infra_model::program::Program;
use infra_model::time::Clock;
use infra_model::value::Value;
use infra_state::{State, World};
use scope::{Recorded, StateScope};
use serde_json::{Value as Json, json};
use std::io::{BufRead, stdin};
use std::path::Path;
use std::sync::Arc;

/// What expressions are evaluated with.
struct Calculator {
    evaluator: Evaluator,
    expand: Box<dyn Expand>,
    providers: Providers,
    program: Program,
    state: Arc<State>,
}

pub(super) fn run(arguments: &Console, ui: Ui) -> Outcome {
    let calculator = Calculator::new(arguments, ui)?;
    let recorded = Recorded::new(
        &calculator.program,
        &calculator.state,
        &calculator.providers,
    );
    let interactive = ui.is_interactive() && !arguments.json;
    if interactive {
        ui.talk("Expressions, one a line; exit or Ctrl-D ends.");
    }
    let mut exit = Exit::Done;
    loop {
        let line = if interactive {
            ui.ask("> ")
        } else {
            next_line()?
        };
        let Some(line) = line else {
            break;
        };
        let text = line.trim();
        if text.is_empty() || (arguments.json && text.starts_with('#')) {
            continue;
        }
        if !arguments.json && matches!(text, "exit" | "quit") {
            break;
        }
        if arguments.json {
            ui.result(&format!("{}\n", calculator.answer(&line, &recorded)));
            continue;
        }
        match calculator.evaluate(text, &recorded) {
            Ok(value) => ui.result(&value_text(&value, ui.out)),
            Err((diagnostics, sources)) => {
                ui.diagnostics(&diagnostics, &sources);
                exit = if interactive { Exit::Done } else { Exit::Error };
            }
        }
    }
    Ok(exit)
}

fn next_line() -> Result<Option<String>, CommandError> {
    let mut line = String::new();
    match stdin().lock().read_line(&mut line) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned())),
        Err(error) => Err(Diagnostic::error(
            Code::System,
            format!("cannot read standard input: {error}"),
        )
        .into()),
    }
}

impl Calculator {
    fn new(arguments: &Console, ui: Ui) -> Result<Calculator, CommandError> {
        let providers = Providers::new();
        let mut calculator = Calculator {
            evaluator: Evaluator::new(Arc::new(SystemFiles), working_directory()),
            expand: Box::new(kinds()),
            providers,
            program: Program::default(),
            state: Arc::new(State::empty("", "", World::Cloud)),
        };
        let only = stack_files(Path::new("stacks"))?.len() == 1;
        if arguments.stack.is_none() && !only {
            return Ok(calculator);
        }
        let place = Place::find(arguments.stack.as_deref(), arguments.instance.as_deref())?;
        let mut loading = Loading::new(&calculator.providers, &arguments.variables)?;
        loading.require_variables = false;
        let program = loading.program(&place, ui)?;
        calculator.program = program;
        if let Some(store) = place.look("console")? {
            calculator.state = store.state();
        }
        let folder = working_directory().join(place.folder());
        calculator.evaluator = Evaluator::new(Arc::new(SystemFiles), folder);
        Ok(calculator)
    }

    fn evaluate(&self, text: &str, recorded: &Recorded) -> Result<Value, (Diagnostics, Sources)> {
        // Places in the stack's own files keep their numbers: the expression comes after them.
        let mut sources = self.program.sources.clone();
        let parsed = parse_expression(text, &*self.expand, &working_directory(), &mut sources);
        let scope = StateScope::root(&self.program, recorded, &self.evaluator, SystemClock.now());
        parsed
            .and_then(|expr| self.evaluator.evaluate(&expr, &scope))
            .map_err(|d| (d, sources))
    }

    /// The line of the JSON mode.
    fn answer(&self, expression: &str, recorded: &Recorded) -> Json {
        let failed = |why: String| json!({ "expr": expression, "error": why });
        // The language's own encoding folds its types into JSON's.
        match self.evaluate(&format!("jsonencode({expression})"), recorded) {
            Ok(value) if value.deep_marks().sensitive => {
                failed("the value is sensitive".to_owned())
            }
            Ok(Value::String(text)) => match serde_json::from_str::<Json>(&text) {
                Ok(value) => json!({ "expr": expression, "json": value }),
                Err(error) => failed(error.to_string()),
            },
            Ok(_) => failed("the value is known only after apply".to_owned()),
            Err((diagnostics, _)) => {
                let messages: Vec<String> = diagnostics.into_iter().map(|d| d.message).collect();
                failed(messages.join("; "))
            }
        }
    }
}
