//! `plantimestamp()` is the plan's time to the end of its apply, `timestamp()` the apply's.

use crate::bench::{Bench, output};
use infra_engine::PlanOptions;
use infra_model::Value;
use std::time::Duration;

#[test]
fn the_plans_time_stays_while_it_is_applied() {
    let bench = Bench::new();
    let store = bench.store();
    // An unknown input makes apply evaluate the whole configuration again.
    let text = r#"
[resource.terraform_data.first]
[resource.terraform_data.second]
input = { planned = "${plantimestamp()}", applied = "${timestamp()}", first = "${terraform_data.first.id}" }
[outputs.planned]
value = "${terraform_data.second.output.planned}"
[outputs.also]
value = "${plantimestamp()}"
[outputs.applied]
value = "${terraform_data.second.output.applied}"
"#;
    let program = bench.program(text);
    bench
        .runtime
        .block_on(bench.engine.clock.sleep(Duration::from_secs(5)));
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    assert_eq!(plan.created, program.now);
    bench
        .runtime
        .block_on(bench.engine.clock.sleep(Duration::from_mins(1)));
    // As after `plan -out`: nothing but the data is left of the plan.
    let saved = serde_json::to_vec(&plan).expect("a plan is data");
    let plan = serde_json::from_slice(&saved).expect("and back");
    let report = bench.apply(&store, &program, &plan);
    assert!(report.is_complete(), "{report:?}");
    let said = |name| output(&store, name);
    assert_eq!(said("planned"), Some(Value::from("1970-01-01T00:00:00Z")));
    assert_eq!(said("also"), Some(Value::from("1970-01-01T00:00:00Z")));
    assert_eq!(said("applied"), Some(Value::from("1970-01-01T00:01:05Z")));
}
