//! What the tables of a stack file mean: one declaration for each block. References are not looked at here.

pub(crate) mod component;
pub(crate) mod constraint;
pub(crate) mod fields;
pub(crate) mod module;
pub(crate) mod resource;
pub(crate) mod stack;
pub(crate) mod top;
pub(crate) mod variable;

use crate::blocks::component::ComponentDeclaration;
use crate::blocks::fields::Reading;
use crate::blocks::module::ModuleCall;
use crate::blocks::variable::VariableDeclaration;
use crate::codes::Code;
use crate::parse::node::{Entry, NodeKind, Table};
use crate::report::{error, suggesting};
use indexmap::IndexMap;
use infra_model::address::{BlockAddress, Mode, ProviderAddress, ScopePath};
use infra_model::diagnostic::Span;
use infra_model::program::{
    Check, Import, Local, Moved, Output, ProviderBlock, Removed, Repeat, ResourceBlock,
};
use infra_model::schema::Schemas;
use infra_model::{Address, Str};

/// Everything that a stack file declares.
#[derive(Clone, Default)]
pub(crate) struct Declarations {
    pub(crate) stack: stack::StackDeclaration,
    pub(crate) variables: IndexMap<Str, VariableDeclaration>,
    pub(crate) locals: IndexMap<Str, Local>,
    pub(crate) providers: Vec<ProviderDeclaration>,
    pub(crate) blocks: Vec<ResourceBlock>,
    pub(crate) components: Vec<ComponentDeclaration>,
    pub(crate) modules: Vec<ModuleCall>,
    pub(crate) outputs: IndexMap<Str, Output>,
    pub(crate) moved: Vec<Moved>,
    pub(crate) imports: Vec<Import>,
    pub(crate) removed: Vec<Removed>,
    pub(crate) checks: Vec<Check>,
}

/// `[clouds.NAME]`, or an alias, which may be one for each of several.
#[derive(Clone)]
pub(crate) struct ProviderDeclaration {
    pub(crate) block: ProviderBlock,
    pub(crate) repeat: Repeat,
}

/// The tables that have a fixed name.
const TABLES: [&str; 15] = [
    "stack",
    "variables",
    "locals",
    "clouds",
    "resource",
    "data",
    "outputs",
    "moved",
    "import",
    "removed",
    "check",
    "module",
    "ephemeral",
    "hardening",
    "policies",
];

/// What people who know other tools write, and what it is called here.
const OTHER_WORDS: [(&str, &str); 10] = [
    ("variable", "variables"),
    ("local", "locals"),
    ("output", "outputs"),
    ("provider", "clouds"),
    ("providers", "clouds"),
    ("resources", "resource"),
    ("terraform", "stack"),
    ("modules", "module"),
    ("imports", "import"),
    ("cloud", "clouds"),
];

/// Reads a whole file.
pub(crate) fn read(root: &Table, schemas: &dyn Schemas, reading: Reading<'_>) -> Declarations {
    let mut all = Declarations::default();
    for (name, entry) in &root.entries {
        match &**name {
            "stack" => all.stack = stack::read(entry, reading),
            "variables" => variable::read_all(entry, &mut all.variables, reading),
            "locals" => locals(entry, &mut all, reading),
            "clouds" => clouds(entry, schemas, &mut all, reading),
            "resource" => resources(entry, Mode::Managed, &mut all.blocks, reading),
            "data" => resources(entry, Mode::Data, &mut all.blocks, reading),
            "ephemeral" => resources(entry, Mode::Ephemeral, &mut all.blocks, reading),
            "outputs" => top::outputs(entry, &mut all.outputs, reading),
            "moved" => all.moved = top::moved(entry, reading),
            "import" => all.imports = top::imports(entry, reading),
            "removed" => all.removed = top::removed(entry, reading),
            "check" => all.checks = top::checks(entry, &mut all.blocks, reading),
            "module" => module::read_all(entry, &mut all.modules, reading),
            kind if reading.names.is_kind(kind) => {
                component::read_all(name, entry, &mut all.components, reading);
            }
            "hardening" | "policies" => reading.report.error(
                Code::NotSupported,
                format!("`{name}` is not supported yet"),
                entry.key_span(),
                "this version cannot run it",
            ),
            _ => unknown_table(name, entry, reading),
        }
    }
    all
}

/// `var.x` and `local.x` for everything that is declared.
pub(crate) fn references_to_values(root: &Table) -> Vec<Str> {
    [("variables", "var"), ("locals", "local")]
        .into_iter()
        .filter_map(|(table, prefix)| Some((root.get(table)?.node.as_table()?, prefix)))
        .flat_map(|(table, prefix)| {
            table
                .entries
                .keys()
                .map(move |name| Str::from(format!("{prefix}.{name}").as_str()))
        })
        .collect()
}

fn unknown_table(name: &str, entry: &Entry, reading: Reading<'_>) {
    let known = TABLES
        .into_iter()
        .chain(reading.names.kinds.iter().map(|k| &**k));
    let diagnostic = error(
        Code::UnknownTable,
        format!("a stack file has no top-level `{name}`"),
        entry.key_span(),
        "unknown",
    );
    reading.report.push(
        match OTHER_WORDS.iter().find(|(word, _)| *word == name) {
            Some((_, ours)) => diagnostic
                .replace(entry.key_span(), name, *ours)
                .help(format!("here this is called `[{ours}]`")),
            None if entry.node.as_table().is_none() => {
                diagnostic.help("values of your own belong under `[locals]`")
            }
            None => suggesting(
                diagnostic,
                name,
                known,
                "resources are written `[resource.TYPE.NAME]`, values of your own belong under `[locals]`",
            ),
        },
    );
}

fn locals(entry: &Entry, all: &mut Declarations, reading: Reading<'_>) {
    let Some(table) = reading.table(&entry.node, "`[locals]`") else {
        return;
    };
    for (name, entry) in &table.entries {
        if reading.name(name, entry, "a local value") {
            all.locals.insert(
                name.clone(),
                Local {
                    value: reading.expression(&entry.node),
                    span: entry.key_span(),
                },
            );
        }
    }
}

/// `[resource.TYPE.NAME]`, `[data.TYPE.NAME]` and `[ephemeral.TYPE.NAME]`.
pub(crate) fn resources(
    entry: &Entry,
    mode: Mode,
    out: &mut Vec<ResourceBlock>,
    reading: Reading<'_>,
) {
    let word = mode.table();
    let shape = format!("`[{word}.TYPE.NAME]`");
    let Some(types) = reading.table(&entry.node, &shape) else {
        return;
    };
    for (type_name, entry) in &types.entries {
        if !reading.type_name(type_name, entry, "a resource type") {
            continue;
        }
        let Some(blocks) = reading.table(&entry.node, &shape) else {
            continue;
        };
        out.reserve(blocks.entries.len());
        for (name, entry) in &blocks.entries {
            if !reading.name(name, entry, resource::what(mode)) {
                continue;
            }
            let NodeKind::Table(table) = &entry.node.kind else {
                if !matches!(entry.node.kind, NodeKind::Invalid) {
                    reading.report.push(
                        error(
                            Code::WrongShape,
                            format!("{shape} is a table"),
                            entry.node.span,
                            format!("this is {}", entry.node.what()),
                        )
                        .help(format!(
                            "is the name missing, as in `[{word}.{type_name}.NAME]`?"
                        )),
                    );
                }
                continue;
            };
            let address = BlockAddress {
                scope: ScopePath::root(),
                mode,
                type_name: type_name.clone(),
                name: name.clone(),
            };
            out.push(resource::read(
                address,
                None,
                table,
                entry.node.span,
                reading,
            ));
        }
    }
}

fn clouds(entry: &Entry, schemas: &dyn Schemas, all: &mut Declarations, reading: Reading<'_>) {
    let Some(clouds) = reading.table(&entry.node, "`[clouds.NAME]`") else {
        return;
    };
    for (name, entry) in &clouds.entries {
        if schemas.provider(name).is_none() {
            let diagnostic = error(
                Code::UnknownProvider,
                format!("there is no provider `{name}`"),
                entry.key_span(),
                "unknown",
            );
            reading
                .report
                .push(suggesting(diagnostic, name, schemas.provider_names(), ""));
            continue;
        }
        let Some(table) = reading.table(&entry.node, "`[clouds.NAME]`") else {
            continue;
        };
        let has_own = table.entries.keys().any(|k| &**k != "alias");
        if has_own || table.get("alias").is_none() {
            all.providers.push(provider(
                ProviderAddress::default_of(name.clone()),
                table,
                entry.node.span,
                reading,
            ));
        }
        let Some(aliases) = table
            .get("alias")
            .and_then(|entry| reading.table(&entry.node, "`[clouds.NAME.alias.ALIAS]`"))
        else {
            continue;
        };
        for (alias, entry) in &aliases.entries {
            if !reading.name(alias, entry, "an alias") {
                continue;
            }
            if let Some(table) = reading.table(&entry.node, "`[clouds.NAME.alias.ALIAS]`") {
                let address = ProviderAddress {
                    name: name.clone(),
                    alias: Some(alias.clone()),
                };
                all.providers
                    .push(provider(address, table, entry.node.span, reading));
            }
        }
    }
}

fn provider(
    address: ProviderAddress,
    table: &Table,
    span: Span,
    reading: Reading<'_>,
) -> ProviderDeclaration {
    // Only an alias is repeated: the default configuration has no key to tell it apart.
    let (without, for_each): (&[&str], _) = match &address.alias {
        Some(_) => (&["alias", "for_each"], table.get("for_each")),
        None => (&["alias"], None),
    };
    ProviderDeclaration {
        repeat: for_each.map_or(Repeat::Single, |entry| {
            Repeat::ForEach(reading.expression(&entry.node))
        }),
        block: ProviderBlock {
            address,
            scope: ScopePath::root(),
            config: crate::parse::table_expression(
                table,
                without,
                span,
                reading.names,
                reading.report,
            ),
            span,
        },
    }
}

/// An address of a block or instance, as `moved` and its like write it.
pub(crate) fn address(entry: &Entry, setting: &str, reading: Reading<'_>) -> Option<Address> {
    let text = entry.node.as_text();
    if let Some(text) = text.filter(|t| t.value.contains("${")) {
        reading.report.push(fields::bare(
            error(
                Code::BadAddress,
                format!("`{setting}` takes a bare address"),
                entry.node.span,
                "not an expression",
            ),
            text,
        ));
        return None;
    }
    let text = reading.constant_string(&entry.node, &format!("`{setting}`"))?;
    match text.parse::<Address>() {
        Ok(address) => Some(address),
        Err(problem) => {
            reading.report.push(
                error(Code::BadAddress, problem.to_string(), entry.node.span, "")
                    .help("write `TYPE.NAME`, with `[\"key\"]` for one instance"),
            );
            None
        }
    }
}
