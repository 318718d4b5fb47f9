//! `infra init`: a commented starter stack. It writes only what is not there.

use crate::cli::Init;
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::diagnostic::did_you_mean;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// What a starter stack can be about.
struct Template {
    name: &'static str,
    about: &'static str,
    /// The stack file.
    text: &'static str,
    /// The name that it has there.
    stack: &'static str,
    /// Whether it can be tried in the sandbox.
    cloud: bool,
}

const TEMPLATES: [Template; 3] = [
    Template {
        name: "shop-aws",
        about: "network, Kubernetes cluster, load balancer, database and bucket on AWS",
        text: include_str!("../../../../stacks/quickstart.toml"),
        stack: "quickstart",
        cloud: true,
    },
    Template {
        name: "native-aws",
        about: "a network on AWS with native resources only, by Terraform's names",
        text: include_str!("../../../../stacks/native.toml"),
        stack: "native",
        cloud: true,
    },
    Template {
        name: "local",
        about: "files on this machine, without a cloud",
        text: include_str!("../../templates/local.toml"),
        stack: "NAME",
        cloud: false,
    },
];

/// State holds what a stack has made: it is not for git.
const IGNORED: &str = "# what infra remembers, and the worlds of its sandbox\n/state/\n*.plan\n";

pub(super) fn run(arguments: &Init, ui: Ui) -> Outcome {
    let Some(directory) = arguments.folder.as_deref().filter(|_| !arguments.list) else {
        let width = TEMPLATES.iter().map(|t| t.name.len()).max().unwrap_or(0);
        for template in &TEMPLATES {
            ui.result(&format!("{:width$}  {}\n", template.name, template.about));
        }
        return Ok(Exit::Done);
    };
    let template = find(&arguments.template)?;
    let name = stack_name(directory);
    let stacks = directory.join("stacks");
    let stack = stacks.join(format!("{name}.toml"));
    std::fs::create_dir_all(&stacks).map_err(|e| CommandError::io("make", &stacks, &e))?;
    let text = template
        .text
        .replace(&format!("\"{}\"", template.stack), &format!("\"{name}\""))
        .replace(
            &format!("stacks/{}.toml", template.stack),
            &format!("stacks/{name}.toml"),
        );
    if !write_new(&stack, &text)? {
        return Err(CommandError::hint(
            Code::FileExists,
            format!(
                "{} is there already, and was left as it is",
                stack.display()
            ),
            "choose another folder",
        ));
    }
    ui.result(&format!("{}\n", stack.display()));
    let ignore = directory.join(".gitignore");
    if write_new(&ignore, IGNORED)? {
        ui.result(&format!("{}\n", ignore.display()));
    }
    let there = if directory == Path::new(".") {
        String::new()
    } else {
        format!("cd {}\n  ", directory.display())
    };
    let sandbox = if template.cloud { " --sandbox" } else { "" };
    let remark = if template.cloud {
        "   with no account and no network"
    } else {
        ""
    };
    ui.talk(&format!(
        "\nRead it, change it, and look at what it would make:\n\n  {there}infra plan{sandbox}{remark}\n  infra apply{sandbox}"
    ));
    Ok(Exit::Done)
}

fn find(name: &str) -> Result<&'static Template, CommandError> {
    TEMPLATES.iter().find(|t| t.name == name).ok_or_else(|| {
        let names: Vec<&str> = TEMPLATES.iter().map(|t| t.name).collect();
        let help = did_you_mean(name, names.iter().copied()).map_or_else(
            || format!("there are {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        CommandError::hint(Code::Usage, format!("there is no template `{name}`"), help)
    })
}

/// The folder's name, as a stack's name may be written; it becomes part of the names of cloud resources.
fn stack_name(directory: &Path) -> String {
    let whole = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let folder = whole
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let name: String = folder
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name
        .trim_matches('-')
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    if name.is_empty() {
        "stack".to_owned()
    } else {
        name.to_owned()
    }
}

/// Whether it was written: a file that is there stays.
fn write_new(path: &Path, text: &str) -> Result<bool, CommandError> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(CommandError::io("write", path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_its_stack() {
        for (folder, name) in [
            ("/x/Shop", "shop"),
            ("/x/my shop.v2", "my-shop-v2"),
            ("/x/2-be", "be"),
            ("/", "stack"),
        ] {
            assert_eq!(stack_name(Path::new(folder)), name);
        }
    }
}
