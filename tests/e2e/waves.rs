//! Plans in two parts, limited plans and saved plans, as a person meets them.

use crate::support::Folder;

fn stack(words: &str) -> String {
    format!(
        r#"
[resource.terraform_data.source]
input = "{words}"
[resource.terraform_data.each]
for_each = '${{toset(split(",", terraform_data.source.output))}}'
input = "${{each.key}}"
[outputs.keys]
value = '${{join("+", keys(terraform_data.each))}}'
"#
    )
}

#[test]
fn apply_goes_on_when_it_is_known_what_there_will_be() {
    let folder = Folder::new();
    folder.write("stacks/s.toml", &stack("a,b"));
    let plan = folder.run(&["plan", "-detailed-exitcode"]).expect(2);
    assert!(
        plan.stdout.contains("Left for a second plan")
            && plan.stdout.contains("terraform_data.each: which instances there will be is not known yet (stacks/s.toml:5)"),
        "{}",
        plan.stdout
    );
    let done = folder.run(&["apply", "-auto-approve"]).expect(0);
    assert!(done.stdout.contains("keys = \"a+b\""), "{}", done.stdout);
    // What would change or go in the second part is not covered by -auto-approve.
    folder.write("stacks/s.toml", &stack("b,c"));
    let stopped = folder.run(&["apply", "-auto-approve"]).expect(1);
    assert!(
        stopped.stderr.contains("-auto-approve does not cover"),
        "{}",
        stopped.stderr
    );
    let listed = folder.run(&["state", "list"]).expect(0);
    assert!(listed.stdout.contains("each[\"a\"]") && !listed.stdout.contains("each[\"c\"]"));
    let done = folder.run(&["apply", "-auto-approve"]).expect(0);
    assert!(done.stdout.contains("keys = \"b+c\""), "{}", done.stdout);
}

#[test]
fn a_saved_plan_does_its_part_and_asks_for_a_new_one() {
    let folder = Folder::new();
    folder.write("stacks/s.toml", &stack("a"));
    folder.run(&["plan", "-out", "p"]).expect(0);
    let shown = folder.run(&["show", "-json", "p"]).expect(0).json();
    assert_eq!(shown["complete"], false);
    assert_eq!(
        shown["deferred_changes"][0]["reason"],
        "instance_count_unknown"
    );
    let done = folder.run(&["apply", "p"]).expect(0);
    assert!(
        done.stderr.contains("This plan was the first of two"),
        "{}",
        done.stderr
    );
    let stale = folder.run(&["apply", "p"]).expect(1);
    assert!(
        stale
            .stderr
            .contains("the state has changed since it was made"),
        "{}",
        stale.stderr
    );
}

#[test]
fn a_saved_plan_reads_what_the_files_were() {
    let folder = Folder::new();
    folder.write("stacks/note.txt", "as planned");
    folder.write(
        "stacks/s.toml",
        "[resource.terraform_data.note]\ninput = '${file(\"note.txt\")}'\n[outputs.note]\nvalue = \"${terraform_data.note.output}\"\n",
    );
    folder.run(&["plan", "-out", "p"]).expect(0);
    folder.write("stacks/note.txt", "changed");
    folder.run(&["apply", "p"]).expect(0);
    let note = folder.run(&["output", "-raw", "note"]).expect(0);
    assert_eq!(note.stdout, "as planned");
}

#[test]
fn targets_come_from_files_too() {
    let folder = Folder::new();
    folder.write(
        "stacks/s.toml",
        "[resource.terraform_data.web]\n[resource.terraform_data.queue]\n[resource.random_uuid.id]\n",
    );
    folder.write(
        "only.txt",
        "# the data\nterraform_data.*\n\nrandom_uuid.id # and this\n",
    );
    folder.write("not.txt", "terraform_data.q*\n");
    let both: &[&str] = &["-target-file", "only.txt", "-exclude-file", "not.txt"];
    let plan = folder.run(&[&["plan"], both].concat()).expect(0);
    assert!(
        plan.stdout.contains("Plan: 2 to add")
            && plan.stdout.contains("limited by -target or -exclude"),
        "{}",
        plan.stdout
    );
    folder.write("only.txt", "terraform_data.*\nnot an address\n");
    let wrong = folder.run(&[&["plan"], both].concat()).expect(1);
    assert!(wrong.stderr.contains("only.txt:2:"), "{}", wrong.stderr);
}

#[test]
fn a_chain_of_replacements_names_the_line_that_changed() {
    let folder = Folder::new();
    let stack = "[resource.terraform_data.a]\ntriggers_replace = \"1\"\n[resource.terraform_data.b]\ntriggers_replace = \"${terraform_data.a.id}\"\n[resource.terraform_data.c]\ntriggers_replace = \"${terraform_data.b.id}\"\n";
    folder.write("stacks/s.toml", stack);
    folder.run(&["apply", "-auto-approve"]).expect(0);
    folder.write("stacks/s.toml", &stack.replace("\"1\"", "\"2\""));
    let plan = folder.run(&["plan"]).expect(0);
    assert!(
        plan.stdout.contains("(replaced because terraform_data.b is replaced, because terraform_data.a is replaced: triggers_replace changed at stacks/s.toml:2)"),
        "{}",
        plan.stdout
    );
}
