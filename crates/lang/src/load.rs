//! From a stack file to a checked program: the order of the passes, and nothing else.

use crate::blocks::fields::Reading;
use crate::blocks::{Declarations, ProviderDeclaration};
use crate::check::cycles;
use crate::check::instructions::check_instructions;
use crate::check::knowledge::Knowledge;
use crate::check::names::{SEARCHES, check_file, check_natives};
use crate::check::repeat::{self, Instances};
use crate::check::types::{check_types, imply_providers};
use crate::check::values::Values;
use crate::codes::Code;
use crate::eval::Evaluator;
use crate::expansion::{Expanded, Expander};
use crate::files::{Files, RecordingFiles};
use crate::modules::Fetch;
use crate::modules::calls::Passed;
use crate::modules::library::{Library, Source};
use crate::modules::protected::protected;
use crate::parse::names::Names;
use crate::report::{Report, error, keep_fitting_fixes};
use crate::variables::{Given, Resolving};
use indexmap::IndexMap;
use infra_model::address::ScopePath;
use infra_model::diagnostic::{Diagnostics, Sources, Span};
use infra_model::expand::Expand;
use infra_model::expr::Expr;
use infra_model::hash::HashMap;
use infra_model::program::{Program, ProviderBlock, ResourceBlock, Stack, Variable};
use infra_model::schema::Schemas;
use infra_model::{Str, Timestamp};
use std::cell::Cell;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Everything that loading a stack depends on.
pub struct LoadRequest<'a> {
    /// Where the file is: `extends`, modules and paths in functions are relative to its folder.
    pub path: &'a Path,
    /// What the user calls it.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
    /// The types that exist.
    pub schemas: &'a dyn Schemas,
    /// The components that exist.
    pub expand: &'a dyn Expand,
    /// `-var` and `-var-file`, in their order.
    pub given: &'a [Given],
    /// The environment's variables that begin with `INFRA_VAR_`, with or without the prefix.
    pub environment: &'a [(String, String)],
    /// Whether a variable without a value is an error (`plan`), or unknown (`validate`).
    pub require_variables: bool,
    /// Which ephemeral copy.
    pub instance: Option<Str>,
    /// For how many seconds the copy is meant to live, whatever the file says: then nothing of it is protected.
    pub passing: Option<u64>,
    /// How files are read.
    pub files: Arc<dyn Files>,
    /// Where the command runs: `path.cwd`, and where a relative `path` starts.
    pub working_directory: PathBuf,
    /// How repositories with modules are brought.
    pub fetch: &'a dyn Fetch,
    /// The moment of the plan.
    pub now: Timestamp,
}

/// What loading gave.
#[derive(Debug)]
pub struct Loaded {
    /// The program, unless there is an error.
    pub program: Option<Program>,
    /// Errors and warnings, in the order of their places.
    pub diagnostics: Diagnostics,
    /// The texts that spans point into.
    pub sources: Sources,
}

/// Loads a stack. Whatever is wrong with it comes out of one run.
#[must_use]
pub fn load(request: &LoadRequest<'_>) -> Loaded {
    let report = Report::default();
    let mut sources = Sources::default();
    let files = Arc::new(RecordingFiles::new(Arc::clone(&request.files)));
    let program = build(request, &files, &report, &mut sources);
    let clean = !report.has_errors();
    let mut diagnostics = report.into_diagnostics();
    keep_fitting_fixes(&mut diagnostics, &sources);
    Loaded {
        program: program.filter(|_| clean).map(|program| Program {
            sources: sources.clone(),
            files_read: files.recorded(),
            ..program
        }),
        diagnostics,
        sources,
    }
}

fn build(
    request: &LoadRequest<'_>,
    files: &Arc<RecordingFiles>,
    report: &Report,
    sources: &mut Sources,
) -> Option<Program> {
    let kinds: Vec<Str> = request
        .expand
        .kinds()
        .iter()
        .map(|k| k.name.clone())
        .collect();
    let folder = request.path.parent().unwrap_or_else(|| Path::new(""));
    let base = request.working_directory.join(folder);
    let evaluator = || Evaluator::new(Arc::clone(files) as Arc<dyn Files>, base.clone());
    let constant = evaluator();
    let mut library = Library::new(request, &**files, &constant, &kinds, report, sources);
    let mut source = library.stack()?;
    let searches = Cell::new(SEARCHES);
    for file in library.all(&source) {
        check_file(request, file, &searches, report);
    }
    // Blocks are not looked at again until all is assembled, and there can be many.
    let blocks = std::mem::take(&mut source.declared.blocks);
    let source = Arc::new(source);
    let names = Names::of_stack(&kinds, &source.paths);
    let resolving = Resolving {
        declarations: &source.declared.variables,
        evaluator: &constant,
        reading: Reading {
            names: &names,
            report,
        },
        now: request.now,
        required: request.require_variables,
    };
    let mut variables = resolving.resolve(request.environment, request.given);
    let values = variables
        .iter()
        .map(|(name, variable)| (name.clone(), variable.value.clone()))
        .collect();
    let mut knowledge = Knowledge {
        levels: HashMap::default(),
        natives: HashMap::default(),
        stack: stack(request, &source.declared),
        now: request.now,
        evaluator: evaluator(),
    };
    let mut expander = Expander {
        expand: request.expand,
        schemas: request.schemas,
        kinds: &kinds,
        report,
        out: Expanded::default(),
    };
    let root = ScopePath::root();
    expander.level(&root, &source, values, Passed::root(), &mut knowledge);
    let expanded = expander.out;
    resolving.validate(&knowledge, &mut variables);
    let declared = Declarations {
        blocks,
        ..source.declared.clone()
    };
    Some(assemble(
        request, variables, declared, &source, expanded, knowledge, report,
    ))
}

fn stack(request: &LoadRequest<'_>, declared: &Declarations) -> Stack {
    let stem = || {
        request
            .path
            .file_stem()
            .map(|s| s.to_string_lossy().as_ref().into())
            .unwrap_or_default()
    };
    Stack {
        name: declared.stack.name.clone().unwrap_or_else(stem),
        instance: request.instance.clone(),
        description: declared.stack.description.clone(),
        protect: declared.stack.protect && request.passing.is_none(),
        ttl: request.passing.or(declared.stack.ttl),
    }
}

/// The program of what was declared and expanded, with everything checked that needs the whole.
fn assemble(
    request: &LoadRequest<'_>,
    variables: IndexMap<Str, Variable>,
    declared: Declarations,
    source: &Source,
    mut expanded: Expanded,
    knowledge: Knowledge,
    report: &Report,
) -> Program {
    check_natives(request, &expanded, &knowledge, report);
    let mut blocks = declared.blocks;
    let own = blocks.len();
    blocks.append(&mut expanded.blocks);
    let mut providers = configurations(declared.providers, &knowledge, report);
    providers.append(&mut expanded.providers);
    check_types(&blocks, request.schemas, report);
    imply_providers(&blocks, &mut providers, report);
    let parts = cycles::Parts {
        locals: &declared.locals,
        blocks: &blocks,
        providers: &providers,
        components: &expanded.components,
    };
    let values = Values {
        knowledge: &knowledge,
        report,
        inputs: None,
    };
    let check_values = || {
        for provider in &providers {
            if let Some(block) = request.schemas.provider(&provider.address.name)
                && provider.span != Span::default()
            {
                values.provider(provider, block);
            }
        }
        for (i, block) in blocks.iter().enumerate() {
            let schema = knowledge
                .block(&block.address)
                .and_then(|f| f.schema.as_deref());
            if i < own {
                values.block(block, schema);
            } else {
                let inputs = inputs_of(source, &block.address.scope);
                native_values(&values, block, schema, inputs, report);
            }
        }
    };
    // Neither needs the other, and both look at every expression.
    let circles = thread::scope(|scope| {
        let circles = scope.spawn(|| cycles::check(&parts));
        check_values();
        circles.join()
    });
    report.extend(circles.unwrap_or_else(|panic| resume_unwind(panic)));
    let root = ScopePath::root();
    let scope = knowledge.scope(&root);
    for (name, output) in &declared.outputs {
        values.output(name, output, &scope);
    }
    for check in &declared.checks {
        values.conditions(&check.assertions, &scope);
    }
    for import in &declared.imports {
        values.import(import, &scope);
    }
    let mut moved = declared.moved;
    moved.append(&mut expanded.moved);
    let mut removed = declared.removed;
    removed.append(&mut expanded.removed);
    check_instructions(
        &blocks,
        &expanded.components,
        &declared.imports,
        &removed,
        report,
    );
    Program {
        stack: knowledge.stack,
        variables,
        locals: declared.locals,
        providers,
        blocks,
        components: expanded.components,
        outputs: declared.outputs,
        moved,
        imports: declared.imports,
        removed,
        handed_over: expanded.handed_over,
        outliving: expanded.outliving,
        checks: declared.checks,
        protected: protected(source),
        sources: Sources::default(),
        files_read: Vec::new(),
        now: request.now,
    }
}

/// What the component that a scope is of was given, in the file that declares it.
fn inputs_of<'s>(source: &'s Source, scope: &ScopePath) -> Option<&'s Expr> {
    let (component, modules) = scope.steps().split_last()?;
    let mut source = source;
    for step in modules {
        source = source.children.get(&step.name)?;
    }
    let mut all = source.declared.components.iter();
    let found = all.find(|c| c.kind == component.kind && c.name == component.name);
    found.map(|c| &c.inputs)
}

/// The provider configurations, those with `for_each` one by one.
fn configurations(
    declared: Vec<ProviderDeclaration>,
    knowledge: &Knowledge,
    report: &Report,
) -> Vec<ProviderBlock> {
    let root = ScopePath::root();
    let mut out = Vec::with_capacity(declared.len());
    for ProviderDeclaration { block, repeat } in declared {
        match repeat::instances(&repeat, knowledge, &knowledge.scope(&root), report) {
            Instances::Known(instances) => {
                out.extend(
                    instances
                        .into_iter()
                        .map(|(key, repetition)| ProviderBlock {
                            address: key.map_or_else(
                                || block.address.clone(),
                                |k| block.address.with_key(&k),
                            ),
                            config: repetition.apply(&block.config, &repeat),
                            ..block.clone()
                        }),
                );
            }
            Instances::Wrong => {}
            Instances::Unknown(_) => report.push(
                error(
                    Code::UnknownInput,
                    format!(
                        "how many `clouds.{}` there are must be known while planning",
                        block.address
                    ),
                    repeat.expr().map_or(block.span, |e| e.span),
                    "this depends on what exists only after apply",
                )
                .help("use literals, variables, and local values that depend on no resource"),
            ),
        }
    }
    out
}

/// The values of a resource in a module, or of a component, where an `override` may be wrong.
fn native_values(
    values: &Values<'_>,
    block: &ResourceBlock,
    schema: Option<&infra_model::Schema>,
    inputs: Option<&Expr>,
    report: &Report,
) {
    let own = report.beside();
    Values {
        knowledge: values.knowledge,
        report: &own,
        inputs,
    }
    .block(block, schema);
    report.about(own.into_diagnostics(), &block.address);
}
