//! From a stack file to a checked program: the order of the passes, and nothing else.

use crate::blocks::fields::Reading;
use crate::blocks::{self, Declarations, ProviderDeclaration};
use crate::check::cycles::{self, order_of_locals};
use crate::check::instructions::{check_instructions, moves};
use crate::check::knowledge::{Keying, Knowledge};
use crate::check::references::{References, Standing};
use crate::check::repeat::{self, Instances};
use crate::check::types::{check_types, imply_providers};
use crate::check::values::Values;
use crate::codes::Code;
use crate::eval::Evaluator;
use crate::expansion::{Expanded, Expander, facts_of, facts_of_components};
use crate::extends::Extending;
use crate::files::{Files, RecordingFiles};
use crate::parse::names::{Names, Paths};
use crate::report::{Report, error, keep_fitting_fixes};
use crate::variables::{Given, Resolving};
use infra_model::address::ScopePath;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use infra_model::expand::Expand;
use infra_model::expr::Expr;
use infra_model::program::{Condition, Program, ProviderBlock, ResourceBlock, Stack};
use infra_model::schema::Schemas;
use infra_model::{Str, Timestamp};
use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that loading a stack depends on.
pub struct LoadRequest<'a> {
    /// Where the file is: `extends` and paths in functions are relative to its folder.
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
    /// How files are read.
    pub files: Arc<dyn Files>,
    /// Where the command runs: `path.cwd`, and where a relative `path` starts.
    pub working_directory: PathBuf,
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

/// How many searches for similar names one run makes; each looks at every name of the stack.
const SEARCHES: u32 = 20;

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
    let file = sources.add(request.name, request.text);
    let table = Extending {
        files: &**files,
        sources,
        report,
        open: Vec::new(),
    }
    .read(request.path, request.text, file)?;

    let kinds: Vec<Str> = request
        .expand
        .kinds()
        .iter()
        .map(|k| k.name.clone())
        .collect();
    let folder = request.path.parent().unwrap_or_else(|| Path::new(""));
    let base = request.working_directory.join(folder);
    let paths = Paths::of(&request.working_directory);
    let values = blocks::references_to_values(&table);
    let names = Names {
        values: &values,
        ..Names::of_stack(&kinds, &paths)
    };
    let reading = Reading {
        names: &names,
        report,
    };
    let declared = blocks::read(&table, request.schemas, reading);
    drop(table);

    let evaluator = Evaluator::new(Arc::clone(files) as Arc<dyn Files>, base.clone());
    let resolving = Resolving {
        declarations: &declared.variables,
        evaluator: &evaluator,
        reading,
        now: request.now,
        required: request.require_variables,
    };
    let variables = resolving.resolve(request.environment, request.given);
    let mut knowledge = Knowledge {
        variables,
        locals: HashMap::with_capacity(declared.locals.len()),
        blocks: declared
            .blocks
            .iter()
            .map(|block| (block.address.clone(), facts_of(block, request.schemas)))
            .collect(),
        components: facts_of_components(&declared.components),
        stack: stack(request, &declared),
        now: request.now,
        evaluator: Evaluator::new(Arc::clone(files) as Arc<dyn Files>, base),
    };
    check_references(request, &declared, &knowledge, report);
    // Validations may refer to locals; errors in those are told once, at the end.
    let _ = knowledge.settle_locals(&declared.locals, &order_of_locals(&declared.locals));
    resolving.validate(&mut knowledge);

    let mut expander = Expander {
        expand: request.expand,
        schemas: request.schemas,
        kinds: &kinds,
        paths: &paths,
        locals: &declared.locals,
        report,
        known: indexmap::IndexMap::new(),
        out: Expanded::default(),
    };
    expander.run(&declared.components, &mut knowledge);
    let expanded = expander.out;
    let problems = knowledge.settle_locals(&declared.locals, &order_of_locals(&declared.locals));
    report.extend(problems);
    let program = assemble(request, declared, expanded, &mut knowledge, report);
    Some(program)
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
        protect: declared.stack.protect,
        ttl: declared.stack.ttl,
    }
}

/// Does everything that the file names exist?
fn check_references(
    request: &LoadRequest<'_>,
    declared: &Declarations,
    knowledge: &Knowledge,
    report: &Report,
) {
    let references = References {
        knowledge,
        locals: &declared.locals,
        kinds: request.expand.kinds(),
        report,
        searches: Cell::new(SEARCHES),
    };
    let root = ScopePath::root();
    let here = Standing::at(&root);
    let conditions = |conditions: &[Condition], standing: &Standing<'_>| {
        for condition in conditions {
            references.check(&condition.condition, standing);
            references.check(&condition.message, standing);
        }
    };
    for variable in declared.variables.values() {
        conditions(&variable.validations, &here);
    }
    for local in declared.locals.values() {
        references.check(&local.value, &here);
    }
    for provider in &declared.providers {
        if let Some(expr) = provider.repeat.expr() {
            references.check(expr, &here);
        }
        let inside = Standing {
            keying: Keying::of(&provider.repeat),
            ..Standing::at(&root)
        };
        references.check(&provider.block.config, &inside);
    }
    for block in &declared.blocks {
        check_block(block, &references);
    }
    for component in &declared.components {
        if let Some(expr) = component.repeat.expr() {
            references.check(expr, &here);
        }
        let standing = Standing {
            keying: Keying::of(&component.repeat),
            ..Standing::at(&root)
        };
        references.check(&component.inputs, &standing);
        conditions(&component.lifecycle.preconditions, &here);
        for dependency in &component.depends_on {
            references.check_dependency(dependency, &here);
        }
    }
    for output in declared.outputs.values() {
        references.check(&output.value, &here);
        for dependency in &output.depends_on {
            references.check_dependency(dependency, &here);
        }
    }
    for import in &declared.imports {
        if let Some(expr) = import.repeat.expr() {
            references.check(expr, &here);
        }
        let inside = Standing {
            keying: Keying::of(&import.repeat),
            ..Standing::at(&root)
        };
        for expr in import.key.iter().chain([&import.id]) {
            references.check(expr, &inside);
        }
    }
    for check in &declared.checks {
        let inside = Standing {
            check: Some(&check.name),
            ..Standing::at(&root)
        };
        conditions(&check.assertions, &inside);
    }
}

/// The references of one resource block.
fn check_block(block: &ResourceBlock, references: &References<'_>) {
    let facts = references.knowledge.blocks.get(&block.address);
    let outside = Standing {
        own: Some(&block.address),
        check: block.check.as_deref(),
        ..Standing::at(&block.address.scope)
    };
    if let Some(expr) = block.repeat.expr() {
        references.check(expr, &outside);
    }
    let inside = Standing {
        keying: Keying::of(&block.repeat),
        ..outside
    };
    references.check(&block.config, &inside);
    if let Some(key) = &block.provider_key {
        references.check(key, &inside);
    }
    for dependency in block
        .depends_on
        .iter()
        .chain(&block.lifecycle.replace_triggered_by)
    {
        references.check_dependency(dependency, &inside);
    }
    if let Some(prevent) = &block.lifecycle.prevent_destroy {
        references.check(prevent, &inside);
    }
    let any = infra_model::Type::Any;
    let this = facts
        .and_then(|f| f.schema.as_ref())
        .map_or(&any, |schema| schema.implied_type());
    for condition in &block.lifecycle.preconditions {
        references.check(&condition.condition, &inside);
        references.check(&condition.message, &inside);
    }
    let after = Standing {
        own: None,
        this: Some(this),
        ..inside
    };
    for condition in &block.lifecycle.postconditions {
        references.check(&condition.condition, &after);
        references.check(&condition.message, &after);
    }
}

/// The program of what was declared and expanded, with everything checked that needs the whole.
fn assemble(
    request: &LoadRequest<'_>,
    declared: Declarations,
    expanded: Expanded,
    knowledge: &mut Knowledge,
    report: &Report,
) -> Program {
    check_natives(request, &declared, &expanded, knowledge, report);
    let mut blocks = declared.blocks;
    let own = blocks.len();
    blocks.extend(expanded.blocks);
    let mut providers = configurations(declared.providers, knowledge, report);
    providers.extend(expanded.providers);
    check_types(&blocks, request.schemas, report);
    imply_providers(&blocks, &mut providers, report);
    let parts = cycles::Parts {
        locals: &declared.locals,
        blocks: &blocks,
        providers: &providers,
        components: &expanded.components,
    };
    cycles::check(&parts, report);
    let values = Values {
        knowledge,
        report,
        inputs: None,
    };
    for provider in &providers {
        if let Some(block) = request.schemas.provider(&provider.address.name)
            && provider.span != Span::default()
        {
            values.provider(provider, block);
        }
    }
    for (i, block) in blocks.iter().enumerate() {
        let schema = knowledge
            .blocks
            .get(&block.address)
            .and_then(|f| f.schema.as_deref());
        if i < own {
            values.block(block, schema);
        } else {
            let inputs = declared
                .components
                .iter()
                .find(|c| {
                    block
                        .address
                        .scope
                        .steps()
                        .iter()
                        .any(|s| s.kind == c.kind && s.name == c.name)
                })
                .map(|c| &c.inputs);
            native_values(&values, block, schema, inputs, report);
        }
    }
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
    let moved = moves(declared.moved, &blocks, &declared.components);
    check_instructions(&blocks, &declared.imports, &declared.removed, report);
    Program {
        stack: knowledge.stack.clone(),
        variables: std::mem::take(&mut knowledge.variables),
        locals: declared.locals,
        providers,
        blocks,
        components: expanded.components,
        outputs: declared.outputs,
        moved,
        imports: declared.imports,
        removed: declared.removed,
        checks: declared.checks,
        sources: Sources::default(),
        files_read: Vec::new(),
        now: request.now,
    }
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
                            config: repetition.apply(&block.config),
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

/// What components became refers only to what exists; if not, the component is to blame, at its own block.
fn check_natives(
    request: &LoadRequest<'_>,
    declared: &Declarations,
    expanded: &Expanded,
    knowledge: &Knowledge,
    report: &Report,
) {
    let own = Report::default();
    let references = References {
        knowledge,
        locals: &declared.locals,
        kinds: request.expand.kinds(),
        report: &own,
        searches: Cell::new(SEARCHES),
    };
    for block in &expanded.blocks {
        check_block(block, &references);
    }
    for component in &expanded.components {
        let scope = component.scope();
        for output in component.outputs.values() {
            references.check(output, &Standing::at(&scope));
        }
    }
    // An input's own expression was checked where it is written; equal messages are told once.
    report.extend(own.into_diagnostics());
}

/// The values of a native resource of a component, where an `override` may be wrong.
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
    report.extend(own.into_diagnostics().into_iter().map(|d| Diagnostic {
        address: d.address.or_else(|| Some(block.address.to_string())),
        ..d
    }));
}
