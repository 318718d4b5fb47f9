//! A host that becomes of another version: what is in it is changed first, then the host, then what its cloud adds to it, then the
//! machines. And what needs the host as it will be comes after it.

use crate::bench::{Bench, actions, attribute};
use crate::cloud::{Cloud, Halt};
use crate::protection::killed;
use infra_engine::{Plan, PlanOptions, StepKind};
use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

fn house(version: &str) -> String {
    format!("[resource.test_house.home]\nname = \"home\"\nversion = \"{version}\"\n")
}

/// A floor and a pipe, which is laid on the floor, and a safe that stands on both, in the house.
fn furnished(version: &str, content: u32) -> String {
    format!(
        r#"{}
[resource.test_floor.ground]
name = "ground"
on = "${{test_house.home.id}} ${{test_house.home.version}}"
[resource.test_pipe.water]
name = "water"
on = "${{test_house.home.id}}"
content = {content}
depends_on = ["test_floor.ground"]
[resource.test_safe.inner]
name = "inner"
on = "${{test_house.home.id}}"
content = {content}
depends_on = ["test_house.home", "test_floor.ground", "test_pipe.water"]
"#,
        house(version)
    )
}

struct Life {
    bench: Bench,
    cloud: Cloud,
    store: infra_state::Store,
}

impl Life {
    fn of(text: &str) -> Life {
        let cloud = Cloud::new();
        let bench = Bench::with(vec![Arc::new(cloud.clone())]);
        let store = bench.store();
        bench.settle(&store, text);
        cloud.calls();
        Life {
            bench,
            cloud,
            store,
        }
    }

    /// What is called for another text, by the names of what is changed.
    fn becomes(&self, text: &str) -> Vec<String> {
        self.bench.settle(&self.store, text);
        let calls = self.cloud.calls();
        let safes = &self.cloud.world().safes;
        let named = |call: &String| {
            let mut words = call.split(' ');
            let (verb, id) = (words.next()?, words.next()?);
            let name = safes.get(id).map_or(id, |safe| &safe.name);
            Some(format!("{verb} {name}"))
        };
        calls.iter().filter_map(named).collect()
    }
}

#[test]
fn what_is_in_it_goes_first_and_its_machines_last() {
    let life = Life::of(&furnished("1", 1));
    assert_eq!(
        life.becomes(&furnished("2", 2)),
        [
            "update inner",
            "raise home",
            "update water",
            "update ground"
        ]
    );
    // Without another version everything is as it always is.
    assert_eq!(
        life.becomes(&furnished("2", 3)),
        ["update water", "update inner"]
    );
}

#[test]
fn what_needs_it_as_it_will_be_comes_after_it() {
    for (needs, late) in [
        ("${test_house.home.version}", true),
        ("${test_house.home.deed}", true),
        ("${local.all.deed}", true),
        ("${local.all.id}", false),
        ("${test_house.home.id}", false),
    ] {
        let text = |version: &str, content: u32| {
            format!(
                r#"{}
[locals]
all = {{ id = "${{test_house.home.id}}", deed = "${{test_house.home.deed}}" }}
[resource.test_safe.first]
name = "first"
on = "${{local.all.id}}"
content = {content}
[resource.test_safe.inner]
name = "inner"
on = "{needs} in ${{test_house.home.id}}"
content = {content}
"#,
                house(version)
            )
        };
        let life = Life::of(&text("1", 1));
        let calls = life.becomes(&text("2", 2));
        let at = |call: &str| calls.iter().position(|c| c == call).expect(call);
        assert_eq!(
            at("update inner") > at("raise home"),
            late,
            "{needs}: {calls:?}"
        );
        assert!(at("update first") < at("raise home"), "{needs}: {calls:?}");
        // What was asked for before is not remembered for those who come after.
        let on = attribute(&life.store, "test_safe.inner", "on");
        if needs.contains("deed") {
            assert_eq!(on, "deed of 2 in home", "{needs}");
        }
    }
}

#[test]
fn what_is_new_comes_after_it_unless_what_is_there_needs_it() {
    let life = Life::of(&format!(
        "{}[resource.test_safe.inner]\nname = \"inner\"\non = \"${{test_house.home.id}}\"\n",
        house("1")
    ));
    let text = |version: &str| {
        format!(
            r#"{}
[resource.test_safe.base]
name = "base"
on = "${{test_house.home.id}}"
[resource.test_safe.inner]
name = "inner"
on = "${{test_house.home.id}} ${{test_safe.base.id}}"
[resource.test_safe.other]
name = "other"
on = "${{test_house.home.id}}"
"#,
            house(version)
        )
    };
    assert_eq!(
        life.becomes(&text("2")),
        ["create base", "update inner", "raise home", "create other"]
    );
    // What is needed needs the house as it will be: all of it comes after, and it is no circle.
    let life = Life::of(&format!(
        "{}[resource.test_safe.inner]\nname = \"inner\"\non = \"${{test_house.home.id}}\"\n",
        house("1")
    ));
    let text = text("2").replace(
        "name = \"base\"\non = \"${test_house.home.id}\"",
        "name = \"base\"\non = \"${test_house.home.id} ${test_house.home.deed}\"",
    );
    let calls = life.becomes(&text);
    assert_eq!(calls[0], "raise home", "{calls:?}");
    assert_eq!(calls.len(), 4, "{calls:?}");
}

#[test]
fn what_stays_as_it_is_in_between_holds_nothing_up() {
    let text = |version: &str, content: u32| {
        format!(
            r#"{}
[resource.test_floor.ground]
name = "ground"
on = "${{test_house.home.id}} ${{test_house.home.version}}"
[resource.test_safe.room]
name = "room"
on = "${{test_house.home.id}}"
depends_on = ["test_floor.ground"]
[resource.test_safe.inner]
count = 3
name = "inner"
on = "${{test_house.home.id}} ${{test_safe.room.id}}"
content = {content}
[resource.test_safe.top]
name = "top"
on = "${{test_house.home.id}} ${{test_safe.inner[0].id}}"
content = {content}
depends_on = ["test_safe.inner"]
"#,
            house(version)
        )
    };
    let life = Life::of(&text("1", 1));
    let calls = life.becomes(&text("2", 2));
    let at = |call: &str| calls.iter().position(|c| c == call).expect(call);
    assert_eq!(at("update top"), 3, "{calls:?}");
    assert_eq!(at("raise home"), 4, "{calls:?}");
    assert_eq!(at("update ground"), 5, "{calls:?}");
}

#[test]
fn what_goes_or_is_replaced_in_it_goes_before() {
    let text = |version: &str, name: &str, more: &str| {
        format!(
            r#"{}
[resource.test_safe.inner]
name = "{name}"
on = "${{test_house.home.id}}"
{more}"#,
            house(version)
        )
    };
    let old = r#"
[resource.test_safe.old]
name = "old"
on = "${test_house.home.id}"
[resource.test_safe.kept]
name = "kept"
on = "${test_house.home.id}"
lifecycle = { create_before_destroy = true }
"#;
    let life = Life::of(&text("1", "inner", old));
    let calls = life.becomes(&text("2", "other", ""));
    assert_eq!(calls.last().expect("calls"), "raise home", "{calls:?}");
    assert_eq!(calls.len(), 5, "{calls:?}");
}

#[test]
fn a_kill_in_between_is_made_good_by_the_next_run() {
    for halt in [
        Halt::Before("update"),
        Halt::After("update"),
        Halt::Before("raise"),
    ] {
        let life = Life::of(&furnished("1", 1));
        let program = life.bench.program(&furnished("2", 2));
        let Life {
            bench,
            cloud,
            store,
        } = life;
        bench.runtime.block_on(store.close()).expect("closes");
        killed(&bench, &cloud, &program, &PlanOptions::default(), halt);
        let store = bench.store();
        bench.recover(&store, &program);
        bench.settle(&store, &furnished("2", 2));
        let calls = cloud.calls();
        let at = |call: &str| calls.iter().position(|c| c.starts_with(call)).expect(call);
        // The safe was the last to be made.
        assert!(
            at("update safe-3") < at("raise home"),
            "{halt:?}: {calls:?}"
        );
        assert!(
            at("raise home") < at("update safe-1"),
            "{halt:?}: {calls:?}"
        );
    }
}

#[test]
fn edges_stay_linear() {
    const MANY: usize = 200;
    let text = |version: &str, content: u32| {
        format!(
            r#"{}
[resource.test_floor.ground]
count = {MANY}
name = "ground"
on = "${{test_house.home.id}} ${{test_house.home.version}}"
[resource.test_pipe.water]
count = {MANY}
name = "water"
on = "${{test_house.home.id}}"
content = {content}
depends_on = ["test_floor.ground"]
[resource.test_safe.inner]
count = {MANY}
name = "inner"
on = "${{test_house.home.id}}"
content = {content}
depends_on = ["test_floor.ground", "test_pipe.water"]
"#,
            house(version)
        )
    };
    let life = Life::of(&text("1", 1));
    let plan = life.bench.planned(&life.store, &text("2", 2), |_| {});
    let edges: usize = plan.steps.iter().map(|s| s.needs.len()).sum();
    assert!(edges < 12 * MANY, "{edges}");
    let after = |wanted: &str, first: &str| {
        let steps = steps_of(&plan, wanted);
        steps.iter().all(|s| {
            let before = before(&plan, *s);
            steps_of(&plan, first).iter().all(|f| before.contains(f))
        })
    };
    assert!(after("test_house", "test_safe"));
    assert!(after("test_pipe", "test_house"));
    assert!(after("test_floor", "test_pipe"));
}

fn steps_of(plan: &Plan, type_name: &str) -> Vec<usize> {
    let of = |kind: &StepKind| {
        let change = &plan.changes[kind.change()?];
        Some(&*change.address.block.type_name == type_name)
    };
    let all = plan.steps.iter().enumerate();
    all.filter(|(_, s)| of(&s.kind) == Some(true))
        .map(|(i, _)| i)
        .collect()
}

/// Everything that a step comes after.
fn before(plan: &Plan, step: usize) -> HashSet<usize> {
    let mut seen = HashSet::new();
    let mut queue = vec![step];
    while let Some(at) = queue.pop() {
        let needs = plan.steps[at].needs.iter().map(|n| *n as usize);
        queue.extend(needs.filter(|n| seen.insert(*n)));
    }
    seen
}

/// xorshift64*
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

/// Two houses, and things that refer to them and to one another at random. What a thing refers to is decided by its number; what
/// is in it, and whether it is there, by the dice.
fn village(shape: u64, versions: [u64; 2], dice: &mut Dice) -> String {
    let mut out = String::new();
    for (name, version) in ["east", "west"].iter().zip(versions) {
        let _ = writeln!(
            out,
            "[resource.test_house.{name}]\nname = \"{name}\"\nversion = \"{version}\""
        );
    }
    let mut shape = Dice(shape);
    let mut there: Vec<String> = Vec::new();
    for i in 0..14 {
        let kind = ["safe", "safe", "pipe", "floor"][shape.below(4) as usize];
        let house = ["east", "west"][shape.below(2) as usize];
        let mut on = format!("${{test_house.{house}.id}}");
        match shape.below(8) {
            0 => on += &format!(" ${{test_house.{house}.deed}}"),
            1 => on += &format!(" ${{test_house.{house}.version}}"),
            2 => on += " ${test_house.west.id}",
            _ => {}
        }
        let (refers, waits) = (shape.below(14) as usize, shape.below(14) as usize);
        if let Some(other) = there.get(refers) {
            on += &format!(" ${{{other}.id}}");
        }
        let after = there
            .get(waits)
            .map(|o| format!("\"{o}\""))
            .unwrap_or_default();
        let cbd = shape.below(5) == 0;
        // Not there, changed, replaced, or as it was.
        let (content, name) = match dice.below(8) {
            0 => continue,
            1 => (dice.below(50), dice.below(3)),
            2..5 => (dice.below(50), 0),
            _ => (0, 0),
        };
        let address = format!("test_{kind}.t{i}");
        let _ = writeln!(
            out,
            "[resource.{address}]\nname = \"t{i}-{name}\"\non = \"{on}\"\ncontent = {content}\ndepends_on = [{after}]\nlifecycle = {{ create_before_destroy = {cbd} }}"
        );
        there.push(address);
    }
    out
}

/// Whatever refers to whatever: no step waits for itself, what was promised comes true, and afterwards nothing is left to do.
#[test]
fn any_village_is_raised() {
    let mut early = 0;
    for seed in 1..=80 {
        let mut dice = Dice(seed * 7919);
        let life = Life::of(&village(seed, [1, 1], &mut dice));
        for round in 2..5 {
            let versions = [round, 1 + dice.below(round)];
            let text = village(seed, versions, &mut dice);
            let plan = life.bench.planned(&life.store, &text, |_| {});
            life.bench.done(&life.store, &text, &plan);
            let again = life.bench.planned(&life.store, &text, |_| {});
            let left = actions(&again);
            assert!(left.is_empty(), "{seed} {round}: {text}\n{left:?}");
            for house in steps_of(&plan, "test_house") {
                let safes = steps_of(&plan, "test_safe");
                let first = before(&plan, house);
                early += safes.iter().filter(|s| first.contains(s)).count();
            }
        }
    }
    assert!(early > 100, "{early}");
}
