//! The parts of a stack file that no provider knows, as JSON Schema: `[stack]`, variables, outputs, meta-arguments, and the
//! blocks that refactor. A test holds them against the language: it must take everything that is named here.

use serde_json::{Value as Json, json};

/// Text in which something is computed.
const EXPRESSION: &str = r"\$\{";

/// A text that is one expression, such as `"${var.size}"`.
pub(super) fn expression() -> Json {
    json!({ "type": "string", "pattern": EXPRESSION })
}

/// A value of a type, or an expression that gives one.
pub(super) fn or_expression(mut schema: Json) -> Json {
    if let Some(kind) = schema.get("type").and_then(Json::as_str).map(str::to_owned) {
        schema["type"] = json!([kind, "string"]);
        schema["pattern"] = EXPRESSION.into();
    }
    schema
}

fn text(description: &str) -> Json {
    json!({ "type": "string", "description": description })
}

fn flag(description: &str) -> Json {
    json!({ "type": "boolean", "description": description })
}

/// `true`, `false`, or an expression.
fn decision(description: &str) -> Json {
    let mut schema = or_expression(json!({ "type": "boolean" }));
    schema["description"] = description.into();
    schema
}

fn addresses(description: &str) -> Json {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

fn conditions(description: &str) -> Json {
    json!({
        "type": "array",
        "description": description,
        "items": {
            "type": "object",
            "required": ["condition"],
            "anyOf": [{ "required": ["message"] }, { "required": ["error_message"] }],
            "additionalProperties": false,
            "properties": {
                "condition": decision("Must be true"),
                "message": text("What to say when it is not"),
                "error_message": text("As `message`: Terraform's name for it"),
            },
        },
    })
}

/// A table of tables by name.
pub(super) fn named(description: &str, inner: Json) -> Json {
    json!({ "type": "object", "description": description, "additionalProperties": inner })
}

/// What every resource and component takes besides its own arguments.
pub(super) fn meta_arguments() -> Vec<(&'static str, Json)> {
    vec![
        (
            "for_each",
            json!({
                "type": ["object", "array", "string"],
                "pattern": EXPRESSION,
                "description": "One instance for each element of a map or set; `each.key` and `each.value` are the element's",
            }),
        ),
        (
            "count",
            json!({
                "type": ["integer", "string"],
                "pattern": EXPRESSION,
                "description": "So many instances; `count.index` counts from 0",
            }),
        ),
        (
            "depends_on",
            addresses("What must be done first, beyond what expressions refer to"),
        ),
        (
            "provider",
            text("The provider configuration, such as `aws.us` for [clouds.aws.alias.us]"),
        ),
        ("lifecycle", lifecycle()),
    ]
}

fn lifecycle() -> Json {
    json!({
        "type": "object",
        "description": "How it is created, replaced and destroyed",
        "additionalProperties": false,
        "properties": {
            "create_before_destroy": flag("On replacement, create the new one first"),
            "prevent_destroy": decision("Refuse any plan that destroys it"),
            "ignore_changes": {
                "description": "Attributes whose changes are ignored, or \"all\"",
                "anyOf": [{ "const": "all" }, { "type": "array", "items": { "type": "string" } }],
            },
            "replace_triggered_by": addresses("Replaced when one of these changes"),
            "precondition": conditions("Must hold before anything is done"),
            "postcondition": conditions("Must hold afterwards; `self` is the instance"),
            "enabled": decision("Whether there is one at all; without it, it is null"),
        },
    })
}

/// The tables of a stack file whose shape is the language's own, by name.
pub(super) fn tables() -> Vec<(&'static str, Json)> {
    let any = json!({});
    vec![
        (
            "stack",
            json!({
                "type": "object",
                "description": "The stack itself",
                "additionalProperties": false,
                "properties": {
                    "name": text("Names the state; by default the file's name"),
                    "description": text("What it is"),
                    "extends": {
                        "description": "Files that this one is merged over, in order",
                        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
                    },
                    "protect": flag("`infra destroy` refuses without --unprotect"),
                    "ttl": text("How long an ephemeral copy lives, such as `8h`"),
                },
            }),
        ),
        (
            "variables",
            named(
                "What may differ from run to run: -var NAME=VALUE, -var-file, INFRA_VAR_NAME",
                json!({
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "type": text("string, number, bool, list(T), set(T), map(T), object({…}), tuple([…]) or any"),
                        "default": any,
                        "sensitive": flag("Never printed, and encrypted where it is stored"),
                        "ephemeral": flag("Never stored"),
                        "nullable": flag("Whether it may be null"),
                        "description": text("What it is for"),
                        "validation": conditions("Must hold for the value"),
                    },
                }),
            ),
        ),
        (
            "locals",
            named("Values with a name: `local.NAME`", any.clone()),
        ),
        (
            "outputs",
            named(
                "What one wants to know afterwards: infra output",
                json!({
                    "type": "object",
                    "required": ["value"],
                    "additionalProperties": false,
                    "properties": {
                        "value": any,
                        "type": text("Its type, if it is to be checked"),
                        "sensitive": flag("Not printed unless it is asked for by name"),
                        "ephemeral": flag("Never stored; only in modules, for the caller's use"),
                        "description": text("What it is"),
                        "depends_on": addresses("What must be done first"),
                        "precondition": conditions("Must hold before its value counts"),
                    },
                }),
            ),
        ),
        (
            "module",
            named(
                "A stack file that is used inside this one",
                json!({
                    "type": "object",
                    "required": ["source"],
                    "properties": { "source": text("A path, or git::URL//path?ref=v1") },
                }),
            ),
        ),
        ("policies", any),
        (
            "moved",
            list(
                "Resources that have another address now",
                json!({ "from": text("The old address"), "to": text("The new one") }),
                &["from", "to"],
            ),
        ),
        (
            "import",
            list(
                "Resources that exist already",
                json!({
                    "to": text("The address that takes it up"),
                    "id": text("The cloud's id"),
                    "for_each": { "type": ["object", "array", "string"], "description": "One for each element" },
                }),
                &["to", "id"],
            ),
        ),
        (
            "removed",
            list(
                "Resources that are no longer in the file",
                json!({
                    "from": text("The address"),
                    "destroy": flag("Destroy it, or only forget it"),
                    "lifecycle": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": { "destroy": flag("Destroy it, or only forget it") },
                    },
                }),
                &["from"],
            ),
        ),
        (
            "check",
            list(
                "Assertions that warn",
                json!({
                    "name": text("Its name"),
                    "assert": conditions("What must hold"),
                    "data": { "type": "object", "description": "Data sources that only it sees" },
                }),
                &["name", "assert"],
            ),
        ),
    ]
}

fn list(description: &str, properties: Json, required: &[&str]) -> Json {
    json!({
        "type": "array",
        "description": description,
        "items": {
            "type": "object",
            "required": required,
            "additionalProperties": false,
            "properties": properties,
        },
    })
}
