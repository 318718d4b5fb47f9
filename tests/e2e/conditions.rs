//! How conditions stand in a plan and in a state: `checks` of `show -json`, against Terraform's.

use crate::support::Folder;
use crate::terraform::Terraform;
use serde_json::Value as Json;

const CONDITIONS_HCL: &str = r#"
variable "n" { default = 3 }
resource "terraform_data" "a" {
  count = 2
  input = var.n
  lifecycle {
    precondition {
      condition     = var.n > 2
      error_message = "no"
    }
    postcondition {
      condition     = self.id != "x"
      error_message = "post"
    }
  }
}
check "c" {
  assert {
    condition     = terraform_data.a[0].output == 4
    error_message = "not four"
  }
  assert {
    condition     = var.n == 4
    error_message = "n is not four"
  }
}
check "fine" {
  assert {
    condition     = var.n == 3
    error_message = "three"
  }
}
output "o" {
  value = terraform_data.a[0].output
  precondition {
    condition     = var.n == 3
    error_message = "three"
  }
}
"#;

const CONDITIONS_TOML: &str = r#"
[variables.n]
default = 3
[resource.terraform_data.a]
count = 2
input = "${var.n}"
[resource.terraform_data.a.lifecycle]
precondition = [{ condition = "${var.n > 2}", message = "no" }]
postcondition = [{ condition = '${self.id != "x"}', message = "post" }]
[[check]]
name = "c"
assert = [
  { condition = "${terraform_data.a[0].output == 4}", message = "not four" },
  { condition = "${var.n == 4}", message = "n is not four" },
]
[[check]]
name = "fine"
assert = [{ condition = "${var.n == 3}", message = "three" }]
[outputs.o]
value = "${terraform_data.a[0].output}"
precondition = [{ condition = "${var.n == 3}", message = "three" }]
"#;

/// The conditions of a document; what failed of one instance, in the order of its words: Terraform's own order is not that of
/// the file.
fn checks(mut document: Json) -> Json {
    let mut checks = document["checks"].take();
    for check in checks.as_array_mut().into_iter().flatten() {
        for instance in check["instances"].as_array_mut().into_iter().flatten() {
            if let Some(problems) = instance.get_mut("problems").and_then(Json::as_array_mut) {
                problems.sort_by_key(ToString::to_string);
            }
        }
    }
    checks
}

#[test]
fn conditions_stand_in_plan_and_state_as_in_terraforms() {
    let Some(terraform) = Terraform::new() else {
        return;
    };
    let folder = Folder::new();
    std::fs::write(terraform.path().join("main.tf"), CONDITIONS_HCL).expect("written");
    folder.write("stacks/d.toml", CONDITIONS_TOML);
    terraform.run(&["init", "-no-color"]);
    // Before anything is known, and when all is.
    for _ in 0..2 {
        terraform.run(&["plan", "-out=p"]);
        folder.run(&["plan", "-out=p"]).expect(0);
        let theirs = checks(terraform.json(&["show", "-json", "p"]));
        let ours = checks(folder.run(&["show", "-json", "p"]).expect(0).json());
        assert_eq!(theirs.as_array().map_or(0, Vec::len), 4);
        assert_eq!(ours, theirs, "{ours:#}\n{theirs:#}");
        terraform.run(&["apply", "p"]);
        folder.run(&["apply", "p"]).expect(0);
        let theirs = checks(terraform.json(&["show", "-json"]));
        let ours = checks(folder.run(&["show", "-json"]).expect(0).json());
        assert_eq!(theirs.as_array().map_or(0, Vec::len), 4);
        assert_eq!(ours, theirs, "{ours:#}\n{theirs:#}");
    }
}
