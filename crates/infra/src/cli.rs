//! The commands and their flags, as clap reads them. Says what can be asked for, does nothing.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

mod about;
mod ci;
mod clusters;
mod export;
mod harden;
mod modules;
mod secrets;
mod state;
mod variables;

pub(crate) use about::*;
pub(crate) use ci::*;
pub(crate) use clusters::*;
pub(crate) use export::*;
pub(crate) use harden::*;
pub(crate) use modules::*;
pub(crate) use secrets::*;
pub(crate) use state::*;
pub(crate) use variables::*;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Builds what a stack file describes, remembers it, and takes it away again.
#[derive(Debug, Parser)]
#[command(
    name = "infra",
    bin_name = "infra",
    version,
    styles = STYLES,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  infra plan stacks/quickstart.toml --sandbox    try it with no cloud at all
  infra apply stacks/quickstart.toml             build it
  infra drift                                    compare the clouds with what infra last saw
  infra destroy                                  take it away again

Flags may be written with one dash (-auto-approve) or two (--auto-approve)."
)]
pub(crate) struct Cli {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// No colours (NO_COLOR does the same)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check stack files: syntax, types, references, schemas; no network
    #[command(after_help = "Examples:
  infra validate
  infra validate stacks/prod.toml stacks/staging.toml
  infra validate --fix           mend what is certain, such as a misspelt name
  infra validate -json stacks/prod.toml")]
    Validate(Validate),
    /// Bring stack files into the canonical layout; comments stay
    #[command(after_help = "Examples:
  infra fmt                     every file in stacks/ and modules/
  infra fmt --check stacks      fail when a file is not in canonical layout
  infra fmt - < stack.toml      from standard input to standard output")]
    Fmt(Fmt),
    /// Show what would happen
    #[command(after_help = "Examples:
  infra plan stacks/prod.toml
  infra plan -out tonight.plan -var region=eu-west-1
  infra plan -detailed-exitcode      exit 0 without changes, 2 with changes, 1 on errors
  infra plan -destroy -target network.main
  infra plan -target 'aws_subnet.*' -exclude-file not-yet.txt
  infra plan --sandbox stacks/quickstart.toml")]
    Plan(Plan),
    /// Make it so; asks first on a terminal
    #[command(after_help = "Examples:
  infra apply stacks/prod.toml
  infra apply -auto-approve -json stacks/prod.toml
  infra apply tonight.plan           a saved plan is applied without asking
  infra apply --sandbox stacks/quickstart.toml")]
    Apply(Apply),
    /// Take away everything a stack has made, orphans included
    #[command(after_help = "Examples:
  infra destroy stacks/staging.toml
  infra destroy -auto-approve --sandbox stacks/quickstart.toml
  infra destroy --unprotect stacks/prod.toml
  infra destroy --crossplane orphan    what Crossplane has made stays

It works from the state alone when the stack file no longer parses.")]
    Destroy(Destroy),
    /// Report what changed in the clouds behind infra's back; exit 2 when something did
    #[command(after_help = "Examples:
  infra drift stacks/prod.toml
  infra drift -json stacks/prod.toml")]
    Drift(Drift),
    /// Show a saved plan, or the state
    #[command(after_help = "Examples:
  infra show                         the state
  infra show tonight.plan
  infra show -json tonight.plan      in Terraform's plan format, for policy and cost tools")]
    Show(Show),
    /// Print the outputs of a stack
    #[command(after_help = "Examples:
  infra output
  infra output -json
  infra output -raw endpoint         also prints a sensitive one: it was asked for by name")]
    Output(Output),
    /// Let kubectl and its like reach the clusters of a stack
    #[command(after_help = "Examples:
  infra kubeconfig
  infra kubeconfig --file ~/.kube/shop stacks/prod.toml
  infra kubeconfig --print > kubeconfig

No credential stands in the file: it runs infra to log in, with the credentials of the cloud.")]
    Kubeconfig(Kubeconfig),
    /// Print a token for a cluster, as kubeconfigs ask for one
    #[command(
        subcommand,
        after_help = "Examples:
  infra cluster-token eks --cluster main --region eu-west-1
  infra cluster-token gke"
    )]
    ClusterToken(Token),
    /// Look into the state, and correct it
    #[command(
        subcommand,
        after_help = "Examples:
  infra state list
  infra state show aws_vpc.main
  infra state mv aws_vpc.main 'network.main.aws_vpc.this' -dry-run
  infra state rm module.queue
  infra state pull > copy.json; infra state push copy.json

No command of it touches a cloud. The state before is kept as the backup."
    )]
    State(State),
    /// The modules of a stack, and the commits that those in git repositories are locked at
    #[command(
        subcommand,
        after_help = "Examples:
  infra modules list
  infra modules update                     every module, to the newest commit of its ref
  infra modules update stacks/prod.toml queue

Commits and checksums are in infra.lock beside the stack files; keep it under version control."
    )]
    Modules(Modules),
    /// The inside of a cluster, without applying it
    #[command(
        subcommand,
        after_help = "Examples:
  infra harden render                          the objects, as YAML
  infra harden render -out manifests/
  infra harden audit                           the roadmap, row by row, as the stack makes it
  infra harden audit -manifests k8s/           the same for manifests that others wrote
  infra harden audit -kubeconfig kubeconfig    and for a live cluster
  infra harden restore -to 2026-01-31T12:00:00Z | kubectl apply --server-side -f -
  infra harden drill -auto-approve             could all of it be made again? A copy is, and goes again
  infra harden lock                            the newest charts, pinned by digest, into the stack file
  infra harden unlock -kubeconfig kubeconfig   break-glass, when the policy engine refuses everything"
    )]
    Harden(Harden),
    /// The pipelines of a stack's apps
    #[command(
        subcommand,
        after_help = "Examples:
  infra ci render --github                 workflows and their script, into this repository
  infra ci render --gitlab -o ../shop
  infra ci render --github --check         exit 2 when something would be written"
    )]
    Ci(Ci),
    /// A stack in the words of other programs
    #[command(
        subcommand,
        after_help = "Examples:
  infra export crossplane                      managed resources that look at what is there
  infra export crossplane -own -keep -o manifests/"
    )]
    Export(Export),
    /// Seal secrets for a repository, and open sealed ones from a backup of the key
    #[command(
        subcommand,
        after_help = "Examples:
  infra secrets seal -cert sealing.pem secret.yaml > sealed.yaml
  infra secrets seal -cert sealing.pem -name database -namespace shop -from-env password=DB_PASSWORD
  infra secrets open -key backup.pem sealed.yaml
  infra secrets rotate-backup -out keys.yaml       all keys into a file, and a new name into the stack

Nothing is asked of the cluster: the certificate is enough. Without -cert it is that of the stack, from its state."
    )]
    Secrets(Secrets),
    /// Mark a resource so that the next apply replaces it
    #[command(after_help = "Examples:
  infra taint aws_instance.web
  infra taint 'module.queue.aws_instance.worker[0]' stacks/prod.toml

`infra apply -replace ADDRESS` does the same in one run, and shows it first.")]
    Taint(Taint),
    /// Take that mark away again
    #[command(after_help = "Examples:
  infra untaint aws_instance.web")]
    Untaint(Taint),
    /// Take the lock of a state away from a run that is gone
    #[command(after_help = "Examples:
  infra force-unlock                       says who holds it, and asks
  infra force-unlock -force stacks/prod.toml

The lock of a process that ended frees itself; this is for file systems that do not notice.")]
    ForceUnlock(ForceUnlock),
    /// Who changed what, and when
    #[command(after_help = "Examples:
  infra history
  infra history -changes -limit 1          the last run, with every address
  infra history -json stacks/prod.toml")]
    History(History),
    /// Bring an existing resource under management
    #[command(after_help = "Examples:
  infra import aws_vpc.main vpc-0a1b2c3d
  infra import 'aws_subnet.private[\"a\"]' subnet-0a1b2c3d stacks/prod.toml

  infra import aws_vpc.main vpc-0a1b2c3d -generate-config-out main.toml

The stack file must have the block that it will belong to; -generate-config-out writes it.")]
    Import(Import),
    /// Draw the dependency graph
    #[command(after_help = "Examples:
  infra graph --format html > graph.html       to look at: search, and hover to see what needs what
  infra graph --format svg stacks/prod.toml > graph.svg
  infra graph | dot -Tpng > graph.png
  infra graph --format mermaid                 for Markdown
  infra graph p.plan                           the steps of a saved plan, and what each waits for")]
    Graph(Graph),
    /// Evaluate expressions
    #[command(after_help = "Examples:
  infra console
  echo 'cidrsubnet(\"10.0.0.0/16\", 8, 1)' | infra console
  infra console --json < expressions.txt     one JSON object a line")]
    Console(Console),
    /// Serve the clouds' APIs on loopback, to try stacks with no account
    #[command(after_help = "Examples:
  infra sandbox
  infra sandbox --world demo.world --latency realistic
  infra sandbox --env                the environment as lines for a shell
  infra plan --sandbox=http://127.0.0.1:4700 stacks/quickstart.toml")]
    Sandbox(Sandbox),
    /// Write a commented starter stack
    #[command(after_help = "Examples:
  infra init shop
  infra init first --template local    without any cloud
  infra init --list

Files that are there already are never touched.")]
    Init(Init),
    /// Print what a resource type, data source or component takes and gives
    #[command(after_help = "Examples:
  infra docs                           everything there is, by provider
  infra docs network
  infra docs aws_vpc
  infra docs data.aws_subnets
  infra docs --format markdown aws_vpc > aws_vpc.md")]
    Docs(Docs),
    /// Print the JSON Schema of stack files, for editors
    #[command(after_help = "Examples:
  infra schema > .infra.schema.json
  infra schema aws_vpc                 of one type only

With taplo or Even Better TOML, put this at the top of a stack file:
  #:schema ../.infra.schema.json")]
    Schema(Schema),
    /// Write man pages into a folder
    #[command(after_help = "Examples:
  infra man ~/.local/share/man/man1")]
    Man(Man),
    /// Explain an error code, with an example and how to mend it
    #[command(after_help = "Examples:
  infra explain E0403
  infra explain              all codes
  infra explain -json E0403")]
    Explain(Explain),
    /// Print the version
    Version(Version),
    /// Print a completion script for a shell
    #[command(after_help = "Examples:
  infra completions bash > ~/.local/share/bash-completion/completions/infra
  infra completions fish > ~/.config/fish/completions/infra.fish")]
    Completions(Completions),
}

/// Which copy of the stack, and where it lives.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Place {
    /// An isolated copy of the stack, with its own state and names
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Run against the local sandbox instead of the clouds: one started inside, or a running one by its URL
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) sandbox: Option<String>,
}

/// What plan, apply, destroy and drift share.
#[derive(Clone, Debug, Args)]
pub(crate) struct Planning {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) variables: Variables,
    /// Only this resource, block or component, and what it depends on; `*` and `**` match: 'module.q*', '**.aws_subnet.*'
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Vec<String>,
    /// Targets from a file: one a line, `#` begins a comment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) target_file: Vec<PathBuf>,
    /// Leave this out, and what depends on it; patterns as for -target
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,
    /// What to leave out, from a file like -target-file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) exclude_file: Vec<PathBuf>,
    /// Read the clouds first; -refresh=false goes by the state alone
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) refresh: bool,
    /// At most so many operations at once; by default only the clouds' own limits count
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallelism: Option<u16>,
    /// One JSON object a line, in the shape of Terraform's machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
}

/// What plan and apply share.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Choice {
    /// Plan the destruction of everything
    #[arg(long, conflicts_with = "refresh_only")]
    pub(crate) destroy: bool,
    /// Only bring the state up to date with the clouds
    #[arg(long)]
    pub(crate) refresh_only: bool,
    /// Replace this resource although nothing changed; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) replace: Vec<String>,
    /// Lift the deletion protection of what this plan destroys or replaces; without it such a plan is refused
    #[arg(long)]
    pub(crate) unprotect: bool,
    #[command(flatten)]
    pub(crate) losing: Losing,
}

/// What may be lost.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Losing {
    /// Delete or replace this although what is stored in it goes for good; `**` stands for anything; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) allow_data_loss: Vec<String>,
    /// What becomes of what Crossplane has made in the cloud when Crossplane goes, with its cluster or alone
    #[arg(long, value_name = "FATE")]
    pub(crate) crossplane: Option<Crossplane>,
}

/// What becomes of what Crossplane has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Crossplane {
    /// It is deleted first, with what is stored in it
    Delete,
    /// It stays as it is, and nobody looks after it
    Orphan,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Stack files; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stacks: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) variables: Variables,
    /// Write the mends that are certain into the files, then check again
    #[arg(long)]
    pub(crate) fix: bool,
    /// The result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Files and folders; by default stacks/ and modules/. `-` is standard input
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Change nothing; exit 1 when a file is not in canonical layout
    #[arg(long)]
    pub(crate) check: bool,
    /// Show what changes
    #[arg(long)]
    pub(crate) diff: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Save the plan, to apply exactly it later
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Write the blocks of resources that exist already into a new file, instead of planning: those that an [[import]] names
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) generate_config_out: Option<PathBuf>,
    /// Exit 2 when there are changes
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) planning: Planning,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The stack file, or a saved plan; by default the only stack in stacks/
    #[arg(value_name = "STACK|PLAN", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub(crate) auto_approve: bool,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) planning: Planning,
}

#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Destroy a protected stack too, and lift the deletion protection of its resources; without it they are refused
    #[arg(long)]
    pub(crate) unprotect: bool,
    #[command(flatten)]
    pub(crate) losing: Losing,
    #[command(flatten)]
    pub(crate) planning: Planning,
}

#[derive(Debug, Args)]
pub(crate) struct Drift {
    /// The stack file; by default the only one in stacks/
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) planning: Planning,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A saved plan, or the stack file whose state to show
    #[arg(value_name = "PLAN|STACK", value_hint = ValueHint::FilePath)]
    pub(crate) path: Option<PathBuf>,
    /// In Terraform's JSON format
    #[arg(long)]
    pub(crate) json: bool,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// The name of one output, and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "NAME|STACK")]
    pub(crate) words: Vec<String>,
    /// As JSON
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// One output's text without quotes
    #[arg(long)]
    pub(crate) raw: bool,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The address, the cloud's id, and the stack file (.toml) if it is not the only one in stacks/
    #[arg(value_name = "ADDRESS ID STACK", num_args = 2..=3, required = true)]
    pub(crate) words: Vec<String>,
    /// Write the blocks of resources that exist already into a new file, instead of importing
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) generate_config_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct Console {
    /// The stack whose variables, locals and resources expressions may name
    #[arg(value_name = "STACK", value_hint = ValueHint::FilePath)]
    pub(crate) stack: Option<PathBuf>,
    /// One expression a line in, one JSON object a line out: {"expr","json"} or {"expr","error"}
    #[arg(long)]
    pub(crate) json: bool,
    /// An isolated copy of the stack
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) variables: Variables,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// The AWS port; the other clouds take the ones after it. Loopback only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4700")]
    pub(crate) listen: std::net::SocketAddr,
    /// Keep the world in a file; otherwise it ends with the process
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) world: Option<PathBuf>,
    /// Decides ids and faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The pace of work behind the API: none, fast or realistic
    #[arg(long, value_name = "PACE", default_value = "fast")]
    pub(crate) latency: infra_sandbox::Latency,
    /// Minutes as in the real clouds, the same as --latency realistic
    #[arg(long, conflicts_with = "latency")]
    pub(crate) realistic: bool,
    /// Faults on purpose, such as throttle@0.05,lost:CreateNatGateway*1
    #[arg(long, value_name = "SPEC")]
    pub(crate) faults: Option<infra_sandbox::FaultSpec>,
    /// Print `export` lines instead of JSON
    #[arg(long)]
    pub(crate) env: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    /// clap would take one for the other without a word.
    #[test]
    fn no_argument_of_a_command_has_the_name_of_a_global_one() {
        let cli = Cli::command();
        let global: Vec<_> = cli.get_arguments().map(clap::Arg::get_id).collect();
        let mut commands: Vec<_> = cli.get_subcommands().collect();
        while let Some(command) = commands.pop() {
            for argument in command.get_arguments() {
                assert!(
                    !global.contains(&argument.get_id()),
                    "{}",
                    command.get_name()
                );
            }
            commands.extend(command.get_subcommands());
        }
    }

    #[test]
    fn the_help_of_every_command_has_examples_or_needs_none() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(
                command.get_after_help().is_some() || ["version", "help"].contains(&name),
                "{name}"
            );
        }
    }
}
