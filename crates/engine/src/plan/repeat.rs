//! Which instances a block has: `for_each`, `count`, `enabled`.

use crate::scope::{Frame, Touched, World};
use crate::values::Keying;
use infra_model::address::InstanceKey;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::expr::Expr;
use infra_model::program::{Repeat, ResourceBlock};
use infra_model::value::{Str, Value};

/// One instance of a block: its key and what is bound in its expressions.
pub(crate) type Instances = Vec<(Option<InstanceKey>, Frame)>;

/// The instances of a block, or `None` when `for_each` or `count` is not known yet.
pub(crate) fn instances(
    world: &World<'_>,
    block: &ResourceBlock,
) -> Result<(Keying, Option<Instances>, Touched), Diagnostics> {
    let frame = Frame::at(&block.address.scope);
    let Some(expr) = block.repeat.expr() else {
        return Ok((Keying::Single, Some(vec![(None, frame)]), Touched::new()));
    };
    let (value, touched) = world.evaluate(expr, &frame)?;
    let keying = Keying::of(&block.repeat);
    if is_undecided(&value) {
        return Ok((keying, None, touched));
    }
    let list =
        elements(&block.repeat, expr, &value, &frame).map_err(|e| vec![e.about(&block.address)])?;
    Ok((keying, Some(list), touched))
}

/// What is bound in the expressions of one instance; none when it is not known to be there.
pub(super) fn frame_of(
    world: &World<'_>,
    block: &ResourceBlock,
    key: &Option<InstanceKey>,
) -> Result<Option<Frame>, Diagnostics> {
    let (_, list, _) = instances(world, block)?;
    let mut all = list.into_iter().flatten();
    Ok(all.find(|(own, _)| own == key).map(|(_, frame)| frame))
}

/// Whether a value does not say yet which instances there are.
pub(super) fn is_undecided(value: &Value) -> bool {
    let unknown = match value.bare() {
        Value::Unknown(_) => true,
        Value::Set(_, items) => items.iter().any(|item| item.bare().is_unknown()),
        _ => false,
    };
    // What is sensitive is refused, known or not.
    unknown && !value.marks().sensitive
}

/// What a known `for_each`, `count` or `enabled` makes.
pub(super) fn elements(
    repeat: &Repeat,
    expr: &Expr,
    value: &Value,
    frame: &Frame,
) -> Result<Instances, Diagnostic> {
    let wrong = |message: &str| Diagnostic::error(Code::BadRepeat, message).at(expr.span, "");
    let (bare, marks) = value.unmark();
    if marks.sensitive {
        return Err(wrong(
            "a sensitive value cannot decide which instances exist: their addresses would show it",
        ));
    }
    let each = |key: &Str, value: &Value| {
        let bound = Frame {
            each: Some((Value::String(key.clone()), value.clone())),
            ..frame.clone()
        };
        (Some(InstanceKey::Name(key.clone())), bound)
    };
    Ok(match (repeat, bare) {
        (Repeat::Single, _) => vec![(None, frame.clone())],
        (Repeat::Enabled(_), Value::Bool(true)) => vec![(None, frame.clone())],
        (Repeat::Enabled(_), Value::Bool(false)) => Vec::new(),
        (Repeat::Enabled(_), _) => return Err(wrong("`enabled` must be true or false")),
        (Repeat::Count(_), _) => {
            let number = infra_model::convert::convert(bare, &infra_model::Type::Number).ok();
            let Some(count) = number
                .as_ref()
                .and_then(Value::as_i64)
                .and_then(|n| u64::try_from(n).ok())
            else {
                return Err(wrong("`count` must be a whole number from 0"));
            };
            let indexed = |i| {
                let bound = Frame {
                    count: Some(i),
                    ..frame.clone()
                };
                (Some(InstanceKey::Index(i)), bound)
            };
            (0..count).map(indexed).collect()
        }
        (Repeat::ForEach(_), Value::Map(..) | Value::Object(_)) => {
            let entries = bare.entries().into_iter().flatten();
            entries.map(|(k, v)| each(k, v)).collect()
        }
        (Repeat::ForEach(_), Value::Set(_, items)) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items.iter() {
                let Value::String(key) = item else {
                    return Err(wrong(
                        "`for_each` takes a map, or a set of strings that are not null",
                    ));
                };
                list.push(each(key, item));
            }
            list
        }
        (Repeat::ForEach(_), _) => {
            return Err(wrong("`for_each` takes a map, or a set of strings")
                .help("use toset([...]) to make a set of a list"));
        }
    })
}
