//! `terraform_data`: keeps any value, and is replaced when another changes. Stacks have thousands of them: everything here
//! shares values instead of copying them.

use crate::provider::Client;
use crate::state_only::{StateOnly, made};
use async_trait::async_trait;
use infra_model::{CallContext, PlanRequest, Planned, ProviderError, Record, Value};

/// Stores a value in the state, and takes part in the resource life cycle: `triggers_replace` replaces it, and what depends on
/// it follows.
#[derive(Clone, Debug, Record)]
pub(crate) struct TerraformDataRecord {
    /// Identifies this one; made when it is created.
    #[record(computed)]
    id: Option<String>,
    /// Any value. It appears as `output` once it is applied.
    #[record(optional)]
    input: Value,
    /// The value of `input`, known after apply when it changes.
    #[record(computed)]
    output: Value,
    /// Any value. When it changes, the resource is replaced.
    #[record(optional, force_new)]
    triggers_replace: Value,
}

pub(crate) struct TerraformData;

#[async_trait]
impl StateOnly for TerraformData {
    type Record = TerraformDataRecord;
    const TYPE: &'static str = "terraform_data";

    fn id(record: &TerraformDataRecord) -> String {
        made(record.id.as_ref())
    }

    /// While `input` stays as it is, `output` is known. The unknown one has the input's type and its sensitivity.
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let input = planned.value.get("input").cloned().unwrap_or(Value::NULL);
        let prior = request.prior.filter(|_| planned.replace.is_empty());
        let kept = prior.is_some_and(|prior| {
            let same_as = |name| prior.get(name).is_some_and(|old| same(old, &input));
            same_as("input") && same_as("output")
        });
        let output = if kept {
            // With the input's marks: what is sensitive by now is sensitive as output too.
            input
        } else if input.is_null() {
            Value::NULL
        } else {
            Value::Unknown(input.ty()).with_marks(input.deep_marks())
        };
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value.with_attribute("output", output);
        Ok(())
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: TerraformDataRecord,
    ) -> Result<TerraformDataRecord, ProviderError> {
        let mut bytes = [0; 16];
        client.random.fill(&mut bytes);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(TerraformDataRecord {
            id: Some(id.to_string()),
            output: desired.input.clone(),
            ..desired
        })
    }

    fn change(prior: TerraformDataRecord, desired: TerraformDataRecord) -> TerraformDataRecord {
        TerraformDataRecord {
            id: prior.id,
            output: desired.input.clone(),
            ..desired
        }
    }

    fn import(id: &str) -> Result<TerraformDataRecord, ProviderError> {
        Ok(TerraformDataRecord {
            id: Some(id.to_owned()),
            input: Value::NULL,
            output: Value::NULL,
            triggers_replace: Value::NULL,
        })
    }
}

/// Whether an input is known and what it was, sensitivity aside.
fn same(old: &Value, new: &Value) -> bool {
    new.is_wholly_known()
        && (old == new
            || (old.is_null() && new.is_null())
            || old.unmark_deep() == new.unmark_deep())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use infra_model::Type;

    const T: &str = "terraform_data";

    fn config(input: Value, triggers: Value) -> Value {
        Value::object([("input", input), ("triggers_replace", triggers)])
    }

    #[test]
    fn output_is_unknown_exactly_when_input_changes() {
        let bench = Bench::new();
        let unknown = Value::Unknown(Type::String);
        let object = |v: &str| Value::object([("k", Value::from(v))]);
        // What was, what is asked for, the planned output, whether it is replaced.
        let cases = [
            (None, Value::NULL, Value::NULL, false),
            (None, Value::from("a"), unknown.clone(), false),
            (
                None,
                Value::from("a").sensitive(),
                unknown.clone().sensitive(),
                false,
            ),
            (None, object("a"), Value::Unknown(object("a").ty()), false),
            (None, unknown.clone(), unknown.clone(), false),
            (
                Some(Value::from("a")),
                Value::from("a"),
                Value::from("a"),
                false,
            ),
            (
                Some(Value::from("a")),
                Value::from("a").sensitive(),
                Value::from("a").sensitive(),
                false,
            ),
            (
                Some(Value::from("a")),
                Value::from("b"),
                unknown.clone(),
                false,
            ),
            (
                Some(Value::from("a")),
                unknown.clone(),
                unknown.clone(),
                false,
            ),
            (Some(Value::from("a")), Value::NULL, Value::NULL, false),
            (Some(Value::NULL), Value::NULL, Value::NULL, false),
        ];
        for (before, input, output, replaced) in cases {
            let prior = before.map(|b| bench.make(T, config(b, Value::from("t"))));
            let planned = bench.plan(T, prior.as_ref(), config(input.clone(), Value::from("t")));
            assert_eq!(
                planned.value.get("output"),
                Some(&output),
                "{prior:?} to {input:?}"
            );
            assert_eq!(!planned.replace.is_empty(), replaced);
            let id = planned.value.get("id").expect("an id");
            assert_eq!(id.is_unknown(), prior.is_none());
        }
    }

    #[test]
    fn changed_triggers_replace_it() {
        let bench = Bench::new();
        let cases = [
            (Value::NULL, Value::NULL, false),
            (Value::NULL, Value::from("a"), true),
            (Value::from("a"), Value::NULL, true),
            (Value::from("a"), Value::from("a"), false),
            (Value::from(1), Value::from("1"), true),
            (Value::from("a"), Value::UNKNOWN, true),
            (
                Value::tuple(vec!["a".into(), 1.into()]),
                Value::tuple(vec!["a".into(), 1.into()]),
                false,
            ),
            (
                Value::tuple(vec!["a".into(), 1.into()]),
                Value::tuple(vec!["a".into(), 2.into()]),
                true,
            ),
        ];
        for (before, after, replaced) in cases {
            let prior = bench.make(T, config("i".into(), before.clone()));
            let planned = bench.plan(T, Some(&prior), config("i".into(), after.clone()));
            assert_eq!(
                !planned.replace.is_empty(),
                replaced,
                "{before:?} to {after:?}"
            );
            assert_eq!(
                planned.value.get("id").expect("an id").is_unknown(),
                replaced
            );
            assert_eq!(
                planned.value.get("output").expect("one").is_unknown(),
                replaced
            );
        }
    }

    #[test]
    fn a_value_is_kept_whole_and_changed_in_place() {
        let bench = Bench::new();
        let input = Value::object([
            ("a", Value::from("x").sensitive()),
            ("b", Value::tuple(vec![1.into()])),
        ]);
        let made = bench.make(T, config(input.clone(), Value::NULL));
        assert_eq!(made.get("output"), Some(&input));
        let changed = bench.change(T, &made, config("y".into(), Value::NULL));
        assert_eq!(changed.get("output"), Some(&Value::from("y")));
        assert_eq!(changed.get("id"), made.get("id"));
        assert_eq!(bench.read(T, &made), Some(made.clone()));
        let again = bench.plan(T, Some(&made), config(input, Value::NULL));
        assert_eq!(again.value, made);
    }
}
