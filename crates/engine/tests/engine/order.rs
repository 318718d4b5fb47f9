//! A property: whatever graph there was and whatever it becomes, the steps of a plan keep the order of its dependencies.
//!
//! Stacks are made at random from a seed, changed at random several times, planned and applied. Of every plan it is checked,
//! from the text and the state alone, that
//! - what is made comes after what it refers to, also through what stays as it is;
//! - what goes comes after what goes and had referred to it, and after what let go of it where that is no circle;
//! - a replacement has its two halves in the order that it says;
//! - every step can be reached, and afterwards nothing is left to do.

use crate::bench::Bench;
use infra_engine::{Change, ChangeAction, Plan, StepKind};
use infra_model::Address;
use infra_state::{DependencyRef, State};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

const SEEDS: u64 = 60;
const ROUNDS: u32 = 4;

/// xorshift64*: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How a block refers to another.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Input,
    Trigger,
    DependsOn,
}

#[derive(Clone)]
struct Block {
    /// Number of keys of `for_each`; none for a single one.
    keys: Option<u64>,
    value: u64,
    trigger: u64,
    cbd: bool,
    /// Which block of a lower number, which of its instances (all, if none), how.
    refers: Vec<(u64, Option<u64>, How)>,
}

fn block(dice: &mut Dice, number: u64, others: &BTreeMap<u64, Block>) -> Block {
    let mut refers = Vec::new();
    for _ in 0..dice.below(3) {
        let lower: Vec<(&u64, &Block)> = others.range(..number).collect();
        if lower.is_empty() {
            break;
        }
        let (to, target) = lower[dice.below(lower.len() as u64) as usize];
        let how = [How::Input, How::Trigger, How::DependsOn][dice.below(3) as usize];
        let key = match target.keys {
            Some(n) if n > 0 && how != How::DependsOn && dice.one_in(2) => Some(dice.below(n)),
            _ => None,
        };
        refers.push((*to, key, how));
    }
    Block {
        keys: dice.one_in(3).then(|| 1 + dice.below(3)),
        value: dice.below(3),
        trigger: dice.below(3),
        cbd: dice.one_in(4),
        refers,
    }
}

fn change(dice: &mut Dice, blocks: &mut BTreeMap<u64, Block>) {
    let numbers: Vec<u64> = blocks.keys().copied().collect();
    for number in numbers {
        match dice.below(8) {
            0 => {
                blocks.remove(&number);
            }
            1 => {
                let anew = block(dice, number, blocks);
                blocks.insert(number, anew);
            }
            2 | 3 => {
                let value = dice.below(5);
                blocks.entry(number).and_modify(|b| b.trigger = value);
            }
            4 => {
                let value = dice.below(5);
                blocks.entry(number).and_modify(|b| b.value = value);
            }
            _ => {}
        }
    }
    let number = dice.below(40);
    let anew = block(dice, number, blocks);
    blocks.insert(number, anew);
    // What refers to something that is gone does not any more.
    let present: BTreeMap<u64, Option<u64>> = blocks.iter().map(|(n, b)| (*n, b.keys)).collect();
    for block in blocks.values_mut() {
        block.refers.retain(|(to, key, _)| {
            present.get(to).is_some_and(|keys| match (keys, key) {
                (Some(n), Some(k)) => k < n,
                (None, Some(_)) => false,
                (_, None) => true,
            })
        });
    }
}

fn text(blocks: &BTreeMap<u64, Block>) -> String {
    let mut out = String::new();
    for (number, block) in blocks {
        let of = |wanted: How| -> Vec<String> {
            let refers = block.refers.iter().filter(|(_, _, how)| *how == wanted);
            refers
                .map(|(to, key, _)| match (key, blocks[to].keys) {
                    (Some(key), _) => format!("terraform_data.b{to}[\"k{key}\"].id"),
                    (None, Some(_)) => format!("[for x in terraform_data.b{to} : x.id]"),
                    (None, None) => format!("terraform_data.b{to}.id"),
                })
                .collect()
        };
        let (input, trigger) = (of(How::Input), of(How::Trigger));
        let needs: Vec<String> = block
            .refers
            .iter()
            .filter(|(_, _, how)| *how == How::DependsOn)
            .map(|(to, _, _)| format!("\"terraform_data.b{to}\""))
            .collect();
        let _ = writeln!(out, "[resource.terraform_data.b{number}]");
        if let Some(keys) = block.keys {
            let keys: Vec<String> = (0..keys).map(|k| format!("\"k{k}\"")).collect();
            let _ = writeln!(out, "for_each = '${{toset([{}])}}'", keys.join(", "));
        }
        let list = |own: u64, more: Vec<String>| {
            let items: Vec<String> = std::iter::once(own.to_string()).chain(more).collect();
            format!("'${{[{}]}}'", items.join(", "))
        };
        let _ = writeln!(out, "input = {}", list(block.value, input));
        let _ = writeln!(out, "triggers_replace = {}", list(block.trigger, trigger));
        let _ = writeln!(out, "depends_on = [{}]", needs.join(", "));
        let _ = writeln!(
            out,
            "lifecycle = {{ create_before_destroy = {} }}",
            block.cbd
        );
    }
    out
}

/// The steps of a plan and what each comes after, directly or not.
struct Steps {
    make: HashMap<Address, usize>,
    take: HashMap<usize, usize>,
    after: Vec<HashSet<usize>>,
}

impl Steps {
    fn of(plan: &Plan, seed: &str) -> Steps {
        let n = plan.steps.len();
        let mut after: Vec<HashSet<usize>> = vec![HashSet::new(); n];
        let mut done = vec![false; n];
        loop {
            let mut progress = false;
            for i in 0..n {
                let needs = &plan.steps[i].needs;
                if done[i] || !needs.iter().all(|need| done[*need as usize]) {
                    continue;
                }
                let mut all = HashSet::new();
                for need in needs {
                    let need = *need as usize;
                    all.insert(need);
                    all.extend(after[need].iter().copied());
                }
                after[i] = all;
                (done[i], progress) = (true, true);
            }
            if !progress {
                break;
            }
        }
        assert!(done.iter().all(|d| *d), "{seed}: steps wait for each other");
        let (mut make, mut take) = (HashMap::new(), HashMap::new());
        for (i, step) in plan.steps.iter().enumerate() {
            let Some(c) = step.kind.change() else {
                continue;
            };
            match step.kind {
                StepKind::Create(_) | StepKind::Update(_) => {
                    make.insert(plan.changes[c].address.clone(), i);
                }
                StepKind::Delete(_) => {
                    take.insert(c, i);
                }
                _ => {}
            }
        }
        Steps { make, take, after }
    }

    fn in_order(&self, first: usize, second: usize) -> bool {
        self.after[second].contains(&first)
    }
}

/// The instances that a block's instance refers to, by the text.
fn refers(blocks: &BTreeMap<u64, Block>, number: u64) -> Vec<Address> {
    let mut found = Vec::new();
    for (to, key, _) in &blocks[&number].refers {
        let names: Vec<String> = match (key, blocks[to].keys) {
            (Some(key), _) => vec![format!("terraform_data.b{to}[\"k{key}\"]")],
            (None, Some(n)) => (0..n)
                .map(|k| format!("terraform_data.b{to}[\"k{k}\"]"))
                .collect(),
            (None, None) => vec![format!("terraform_data.b{to}")],
        };
        found.extend(names.iter().map(|n| n.parse().expect("an address")));
    }
    found
}

fn number(address: &Address) -> u64 {
    address.block.name[1..].parse().expect("a number")
}

fn check(plan: &Plan, blocks: &BTreeMap<u64, Block>, before: &State, seed: &str) {
    let steps = Steps::of(plan, seed);
    for (address, step) in &steps.make {
        let mut queue = refers(blocks, number(address));
        let mut seen = HashSet::new();
        while let Some(dependency) = queue.pop() {
            if !seen.insert(dependency.clone()) {
                continue;
            }
            match steps.make.get(&dependency) {
                Some(made) => assert!(
                    steps.in_order(*made, *step),
                    "{seed}: {address} is made before {dependency}"
                ),
                None => queue.extend(refers(blocks, number(&dependency))),
            }
        }
    }
    for (i, change) in plan.changes.iter().enumerate() {
        let (make, take) = (steps.make.get(&change.address), steps.take.get(&i));
        match (change.action, make, take) {
            (ChangeAction::DeleteThenCreate, Some(make), Some(take)) => {
                assert!(steps.in_order(*take, *make), "{seed}: {}", change.address);
            }
            (ChangeAction::CreateThenDelete, Some(make), Some(take)) => {
                assert!(steps.in_order(*make, *take), "{seed}: {}", change.address);
            }
            _ => {}
        }
        let recorded: &[DependencyRef] = before
            .resource(&change.address)
            .map_or(&[], |r| r.dependencies.as_slice());
        let targets =
            plan.changes.iter().enumerate().filter(|(j, target)| {
                *j != i && recorded.iter().any(|d| d.covers(&target.address))
            });
        for (j, target) in targets {
            let Some(gone) = steps.take.get(&j) else {
                continue;
            };
            dependent_lets_go(&steps, change, make, take, target, *gone, seed);
        }
    }
}

fn dependent_lets_go(
    steps: &Steps,
    change: &Change,
    make: Option<&usize>,
    take: Option<&usize>,
    target: &Change,
    gone: usize,
    seed: &str,
) {
    if let Some(take) = take {
        assert!(
            steps.in_order(*take, gone),
            "{seed}: {} goes before {}, which needs it",
            target.address,
            change.address
        );
    } else if let Some(make) = make
        && target.action != ChangeAction::DeleteThenCreate
        && !steps.in_order(gone, *make)
    {
        assert!(
            steps.in_order(*make, gone),
            "{seed}: {} goes before {} lets go of it",
            target.address,
            change.address
        );
    }
}

#[test]
fn random_graphs_never_break_an_order() {
    let mut replaced = 0;
    for seed in 1..=SEEDS {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let bench = Bench::new();
        let store = bench.store();
        let mut blocks = BTreeMap::new();
        for number in 0..4 + dice.below(8) {
            let anew = block(&mut dice, number, &blocks);
            blocks.insert(number, anew);
        }
        for round in 0..ROUNDS {
            let name = format!("seed {seed}, round {round}");
            let before = store.state();
            let plan = bench.settle(&store, &text(&blocks));
            check(&plan, &blocks, &before, &name);
            replaced += plan
                .changes
                .iter()
                .filter(|c| c.action.is_replace())
                .count();
            change(&mut dice, &mut blocks);
        }
        let all = text(&blocks);
        let before = store.state();
        let plan = bench.planned(&store, &all, |o| o.mode = infra_engine::PlanMode::Destroy);
        check(
            &plan,
            &BTreeMap::new(),
            &before,
            &format!("seed {seed}, destroy"),
        );
        bench.done(&store, &all, &plan);
        assert!(store.state().is_empty(), "seed {seed}");
    }
    assert!(
        replaced > 150,
        "the test has hardly tried replacements: {replaced}"
    );
}
