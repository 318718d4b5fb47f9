//! What infra tells about itself: starter stacks, documentation, schemas, man pages, drawings.

use crate::support::{Folder, Server};

#[test]
fn every_starter_stack_is_valid_and_plans_and_nothing_is_overwritten() {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    let list = folder.run(&["init", "-list"]).expect(0).stdout;
    let templates: Vec<&str> = list.lines().filter_map(|l| l.split(' ').next()).collect();
    assert!(templates.len() >= 3, "{list}");
    for template in templates {
        let name = format!("my-{template}");
        folder
            .run(&["init", &name, "-template", template])
            .expect(0);
        let stack = format!("{name}/stacks/{name}.toml");
        folder.run(&["validate", &stack]).expect(0);
        folder.run(&["fmt", "-check", &stack]).expect(0);
        let plan = folder
            .run(&["plan", "-detailed-exitcode", &stack, &server.flag()])
            .expect(2);
        assert!(
            plan.stdout.contains(" to add, 0 to change, 0 to destroy."),
            "{}",
            plan.stdout
        );
        folder.write(&stack, "# mine\n");
        folder
            .run(&["init", &name, "-template", template])
            .expect(1);
        let text = std::fs::read_to_string(folder.path().join(&stack)).expect("there");
        assert_eq!(text, "# mine\n");
    }
    let wrong = folder.run(&["init", "x", "-template", "locla"]).expect(1);
    assert!(
        wrong.stderr.contains("did you mean `local`?"),
        "{}",
        wrong.stderr
    );
    assert!(!folder.path().join("x").exists());
}

#[test]
fn every_type_has_a_page_in_both_forms_and_a_schema() {
    let folder = Folder::new();
    let index = folder.run(&["docs"]).expect(0).stdout;
    let names: Vec<&str> = index
        .lines()
        .filter_map(|l| l.strip_prefix("  ").filter(|l| !l.starts_with(' ')))
        .collect();
    for name in [
        "network",
        "aws",
        "aws_vpc",
        "data.aws_region",
        "terraform_data",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for name in [
        "network",
        "aws",
        "aws_vpc",
        "data.aws_region",
        "terraform_data",
    ] {
        let page = folder.run(&["docs", name]).expect(0).stdout;
        let longest = page.lines().map(|l| l.chars().count()).max().unwrap_or(0);
        assert!(
            page.contains("Arguments") || name.starts_with("data."),
            "{page}"
        );
        assert!(longest <= 110, "{name}: {longest}");
        let markdown = folder
            .run(&["docs", "-format", "markdown", name])
            .expect(0)
            .stdout;
        assert!(
            markdown.starts_with("# ") && markdown.contains("```toml"),
            "{markdown}"
        );
        assert!(folder.run(&["schema", name]).expect(0).json()["properties"].is_object());
    }
    let page = folder.run(&["docs", "aws_route"]).expect(0).stdout;
    assert!(page.contains("By <route table>_<destination>"), "{page}");
    let wrong = folder.run(&["docs", "aws_vp"]).expect(1);
    assert!(
        wrong.stderr.contains("did you mean `aws_vpc`?"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn every_command_has_a_man_page() {
    let folder = Folder::new();
    folder.run(&["man", "man1"]).expect(0);
    for page in ["infra.1", "infra-plan.1", "infra-state-mv.1"] {
        let text = std::fs::read_to_string(folder.path().join("man1").join(page)).expect(page);
        assert!(
            text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"),
            "{page}"
        );
    }
}

#[test]
fn the_graph_is_drawn_with_arrows_to_what_is_needed() {
    let folder = Folder::new();
    folder.write(
        "stacks/g.toml",
        "[resource.terraform_data.a]\n[resource.terraform_data.b]\ninput = \"${terraform_data.a.id}\"\n",
    );
    let dot = folder.run(&["graph"]).expect(0).stdout;
    assert!(
        dot.contains("\"terraform_data.b\" -> \"terraform_data.a\""),
        "{dot}"
    );
    let svg = folder.run(&["graph", "-format", "svg"]).expect(0).stdout;
    assert!(
        svg.starts_with("<svg ") && svg.matches("class=\"edge\"").count() == 1,
        "{svg}"
    );
    let html = folder.run(&["graph", "-format", "html"]).expect(0).stdout;
    assert!(
        html.starts_with("<!doctype html>") && !html.contains("http://1"),
        "a page of its own"
    );
    for elsewhere in ["src=", "@import", "url("] {
        assert!(!html.contains(elsewhere), "{elsewhere}");
    }
}
