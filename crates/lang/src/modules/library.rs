//! Reads the files of modules, each once however often it is called, and every file that these call in turn.

use super::schedule::Schedule;
use super::source::ModuleSource;
use crate::blocks::fields::Reading;
use crate::blocks::module::ModuleCall;
use crate::blocks::{self, Declarations};
use crate::check::knowledge::BlockFacts;
use crate::codes::Code;
use crate::eval::Evaluator;
use crate::expansion::facts_of;
use crate::extends::{Extending, lexical};
use crate::files::Files;
use crate::load::LoadRequest;
use crate::parse::names::{Names, Paths};
use crate::report::{Report, error};
use crate::variables::Resolving;
use indexmap::IndexMap;
use infra_model::Str;
use infra_model::address::BlockAddress;
use infra_model::diagnostic::{Diagnostic, FileId, Sources, Span};
use infra_model::hash::HashMap;
use infra_model::program::{Check, Local, ModuleVariable, Output};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A file with everything that it declares and calls.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) declared: Declarations,
    /// Its own blocks, by their addresses in it.
    pub(crate) facts: HashMap<BlockAddress, BlockFacts>,
    /// The files that it calls, by the names of the calls; without those that cannot be had.
    pub(crate) children: IndexMap<Str, Arc<Source>>,
    pub(crate) schedule: Schedule,
    pub(crate) paths: Paths,
    pub(crate) shared: Shared,
}

/// What all instances of a module have in common, as the program holds it. Empty for the stack's own file.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) variables: Arc<IndexMap<Str, ModuleVariable>>,
    pub(crate) locals: Arc<IndexMap<Str, Local>>,
    pub(crate) outputs: Arc<IndexMap<Str, Output>>,
    pub(crate) checks: Arc<[Check]>,
}

/// A file that is being read, and the repository that it must not lead out of.
struct Place<'a> {
    path: &'a Path,
    repository: Option<&'a Path>,
}

/// Reads files.
pub(crate) struct Library<'a> {
    pub(crate) request: &'a LoadRequest<'a>,
    pub(crate) files: &'a dyn Files,
    pub(crate) evaluator: &'a Evaluator,
    pub(crate) kinds: &'a [Str],
    pub(crate) report: &'a Report,
    pub(crate) sources: &'a mut Sources,
    /// What was read already; `None` for what cannot be.
    known: HashMap<PathBuf, Option<Arc<Source>>>,
    /// The files being read, outermost first.
    open: Vec<PathBuf>,
}

impl<'a> Library<'a> {
    /// A library that has read nothing.
    pub(crate) fn new(
        request: &'a LoadRequest<'a>,
        files: &'a dyn Files,
        evaluator: &'a Evaluator,
        kinds: &'a [Str],
        report: &'a Report,
        sources: &'a mut Sources,
    ) -> Library<'a> {
        Library {
            request,
            files,
            evaluator,
            kinds,
            report,
            sources,
            known: HashMap::default(),
            open: Vec::new(),
        }
    }

    /// The stack's own file with all that it calls. `None` when it is not TOML.
    pub(crate) fn stack(&mut self) -> Option<Source> {
        let request = self.request;
        let paths = Paths::of(&request.working_directory);
        let file = self.sources.add(request.name, request.text);
        let place = Place {
            path: request.path,
            repository: None,
        };
        self.read(&place, request.text, file, paths)
    }

    /// The stack's own file and every other that was read, each once.
    pub(crate) fn all<'s>(&'s self, stack: &'s Source) -> impl Iterator<Item = &'s Source> {
        let mut paths: Vec<&PathBuf> = self.known.keys().collect();
        paths.sort();
        let others = paths
            .into_iter()
            .filter_map(|path| self.known[path].as_deref());
        std::iter::once(stack).chain(others)
    }

    fn read(
        &mut self,
        place: &Place<'_>,
        text: &str,
        file: FileId,
        paths: Paths,
    ) -> Option<Source> {
        let table = Extending {
            files: self.files,
            sources: self.sources,
            report: self.report,
            open: Vec::new(),
        }
        .read(place.path, text, file)?;
        let values = blocks::references_to_values(&table);
        let names = Names {
            values: &values,
            ..Names::of_stack(self.kinds, &paths)
        };
        let reading = Reading {
            names: &names,
            report: self.report,
        };
        let declared = blocks::read(&table, self.request.schemas, reading);
        drop(table);
        let shared = if self.open.is_empty() {
            Shared::default()
        } else {
            self.only_for_stacks(&declared);
            self.shared(&declared, reading)
        };
        self.open.push(lexical(place.path));
        let mut children = IndexMap::new();
        for call in &declared.modules {
            let folder = self.folder_of(call.source_span, place);
            if let Some(child) = self.child(call, &folder, place, &paths) {
                children.insert(call.name.clone(), child);
            }
        }
        self.open.pop();
        let facts = declared
            .blocks
            .iter()
            .map(|block| (block.address.clone(), facts_of(block, self.request.schemas)))
            .collect();
        let schedule = Schedule::of(&declared, self.kinds);
        Some(Source {
            declared,
            facts,
            children,
            schedule,
            paths,
            shared,
        })
    }

    /// The folder of the file in which a call is written: the file itself, or one that it extends.
    fn folder_of(&self, span: Span, place: &Place<'_>) -> PathBuf {
        let written = self.sources.file(span.file).map(|f| &*f.name);
        let path = match written {
            Some(name) if name != self.request.name => Path::new(name),
            _ => place.path,
        };
        path.parent().unwrap_or_else(|| Path::new("")).to_path_buf()
    }

    fn child(
        &mut self,
        call: &ModuleCall,
        folder: &Path,
        caller: &Place<'_>,
        paths: &Paths,
    ) -> Option<Arc<Source>> {
        let (source, written) = call.source.as_ref()?;
        let refuse = |code: Code, message: String, help: String| {
            error(code, message, call.source_span, "").help(help)
        };
        let (path, repository) = match source {
            ModuleSource::File(relative) => {
                let path = lexical(&folder.join(relative));
                if let Some(repository) = caller.repository
                    && !path.starts_with(repository)
                {
                    self.report.push(refuse(
                        Code::BadModule,
                        format!("`{written}` is outside of the repository that calls it"),
                        "a module in a repository can use only what is in it; call others by `git::…`"
                            .to_owned(),
                    ));
                    return None;
                }
                (path, caller.repository.map(Path::to_path_buf))
            }
            ModuleSource::Git(git) => match self.request.fetch.fetch(git, self.files) {
                Ok(folder) => (lexical(&folder.join(&git.path)), Some(lexical(&folder))),
                Err(problem) => {
                    self.report
                        .push(refuse(Code::BadModule, problem.message, problem.help));
                    return None;
                }
            },
        };
        if let Some(first) = self.open.iter().position(|open| *open == path) {
            let way: Vec<String> = self.open[first..]
                .iter()
                .chain([&path])
                .map(|p| p.display().to_string())
                .collect();
            self.report.push(refuse(
                Code::ModuleCycle,
                format!("modules call each other in a circle: {}", way.join(" → ")),
                "a module cannot contain itself; move what both need to a file of its own"
                    .to_owned(),
            ));
            return None;
        }
        if let Some(known) = self.known.get(&path) {
            return known.clone();
        }
        let found = match self.text(&path, written, call) {
            Ok(text) => {
                let file = self
                    .sources
                    .add(path.to_string_lossy().as_ref(), text.as_str());
                let paths = paths.of_module(&self.seen_from_stack(&path));
                let place = Place {
                    path: &path,
                    repository: repository.as_deref(),
                };
                self.read(&place, &text, file, paths).map(Arc::new)
            }
            Err(problem) => {
                self.report.push(*problem);
                None
            }
        };
        self.known.insert(path, found.clone());
        found
    }

    /// The folder of a file as the stack's folder sees it.
    fn seen_from_stack(&self, path: &Path) -> PathBuf {
        let parent = |path: &Path| lexical(path.parent().unwrap_or_else(|| Path::new("")));
        let (stack, module) = (parent(self.request.path), parent(path));
        let common = stack.components().zip(module.components());
        let common = common.take_while(|(a, b)| a == b).count();
        let up = stack.components().skip(common);
        if stack.is_absolute() != module.is_absolute()
            || up.clone().any(|c| c == Component::ParentDir)
        {
            return self.request.working_directory.join(module);
        }
        up.map(|_| Component::ParentDir)
            .chain(module.components().skip(common))
            .collect()
    }

    fn text(
        &self,
        path: &Path,
        written: &str,
        call: &ModuleCall,
    ) -> Result<String, Box<Diagnostic>> {
        let refuse = |message: String, help: String| {
            Box::new(error(Code::BadModule, message, call.source_span, "").help(help))
        };
        let content = self.files.read(path).map_err(|problem| {
            let help = match call.source {
                Some((ModuleSource::Git(_), _)) => {
                    "look at the path after `//` and at the `ref`".to_owned()
                }
                _ => format!(
                    "it is looked for as {}: paths are relative to the file that calls",
                    path.display()
                ),
            };
            refuse(
                format!("the module `{written}` cannot be read: {problem}"),
                help,
            )
        })?;
        String::from_utf8(content).map_err(|_| {
            refuse(
                format!("the module `{written}` is not text"),
                "modules are stack files, in UTF-8".to_owned(),
            )
        })
    }

    /// What has no place in a module.
    fn only_for_stacks(&self, declared: &Declarations) {
        for provider in &declared.providers {
            self.report.push(
                error(
                    Code::OnlyInStacks,
                    format!("a module cannot configure `{}`", provider.block.address),
                    provider.block.span,
                    "only a stack's own file can",
                )
                .help(format!(
                    "move it to the stack, and hand it over where the module is called: `providers = {{ {} = \"{}\" }}`",
                    quoted(&provider.block.address.to_string()),
                    provider.block.address
                )),
            );
        }
        for import in &declared.imports {
            self.report.push(
                error(
                    Code::OnlyInStacks,
                    "a module cannot import",
                    import.span,
                    "only a stack's own file can",
                )
                .help(format!(
                    "move it to the stack, with the module before the address: `module.NAME.{}`",
                    import.to.block
                )),
            );
        }
    }

    fn shared(&self, declared: &Declarations, reading: Reading<'_>) -> Shared {
        let resolving = Resolving {
            declarations: &declared.variables,
            evaluator: self.evaluator,
            reading,
            now: self.request.now,
            required: false,
        };
        let variables = declared.variables.iter().map(|(name, variable)| {
            let variable = ModuleVariable {
                ty: variable.ty.clone(),
                default: resolving.default(name, variable),
                nullable: variable.nullable,
                sensitive: variable.sensitive,
                ephemeral: variable.ephemeral,
                validations: variable.validations.clone(),
                span: variable.span,
            };
            (name.clone(), variable)
        });
        Shared {
            variables: Arc::new(variables.collect()),
            locals: Arc::new(declared.locals.clone()),
            outputs: Arc::new(declared.outputs.clone()),
            checks: declared.checks.clone().into(),
        }
    }
}

/// A key as TOML needs it: with quotes when there is a dot in it.
fn quoted(key: &str) -> String {
    if key.contains('.') {
        format!("\"{key}\"")
    } else {
        key.to_owned()
    }
}
