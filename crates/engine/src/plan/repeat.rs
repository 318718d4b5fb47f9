//! Which instances a block has: `for_each`, `count`, `enabled`.

use crate::scope::{Frame, Touched, World};
use crate::values::Keying;
use infra_model::address::InstanceKey;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::program::{Repeat, ResourceBlock};
use infra_model::value::Value;

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
    let wrong = |message: &str| {
        vec![
            Diagnostic::error(Code::BadRepeat, message)
                .at(expr.span, "")
                .about(&block.address),
        ]
    };
    let (bare, marks) = value.unmark();
    if marks.sensitive {
        return Err(wrong(
            "a sensitive value cannot decide which instances exist: their addresses would show it",
        ));
    }
    let keying = match &block.repeat {
        Repeat::Single | Repeat::Enabled(_) => Keying::Single,
        Repeat::Count(_) => Keying::Count,
        Repeat::ForEach(_) => Keying::ForEach,
    };
    if bare.is_unknown() {
        return Ok((keying, None, touched));
    }
    let list = match (&block.repeat, bare) {
        (Repeat::Enabled(_), Value::Bool(on)) => {
            if *on {
                vec![(None, frame)]
            } else {
                Vec::new()
            }
        }
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
            (0..count)
                .map(|i| {
                    (
                        Some(InstanceKey::Index(i)),
                        Frame {
                            count: Some(i),
                            ..frame.clone()
                        },
                    )
                })
                .collect()
        }
        (_, Value::Map(..) | Value::Object(_)) => {
            let entries = bare.entries().into_iter().flatten();
            entries
                .map(|(k, v)| {
                    (
                        Some(InstanceKey::Name(k.clone())),
                        Frame {
                            each: Some((Value::String(k.clone()), v.clone())),
                            ..frame.clone()
                        },
                    )
                })
                .collect()
        }
        (_, Value::Set(_, items)) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items.iter() {
                let Value::String(key) = item else {
                    return Err(wrong(
                        "`for_each` takes a map, or a set of strings that are not null",
                    ));
                };
                list.push((
                    Some(InstanceKey::Name(key.clone())),
                    Frame {
                        each: Some((item.clone(), item.clone())),
                        ..frame.clone()
                    },
                ));
            }
            list
        }
        _ => {
            return Err(vec![
                wrong("`for_each` takes a map, or a set of strings")
                    .remove(0)
                    .help("use toset([...]) to make a set of a list"),
            ]);
        }
    };
    Ok((keying, Some(list), touched))
}
