//! A stack with a folder and a server of its own, and runs of `infra` over it that are stopped in the middle.

use crate::support::{Folder, Ran, Server};
use serde_json::Value as Json;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What the server lists; the other types of the stack are parts of these, which only the next plan sees.
const LISTED: [&str; 10] = [
    "aws_eip",
    "aws_iam_role",
    "aws_internet_gateway",
    "aws_kms_alias",
    "aws_kms_key",
    "aws_route_table",
    "aws_s3_bucket",
    "aws_security_group",
    "aws_subnet",
    "aws_vpc",
];

/// So many objects of these types are there after an apply.
const OBJECTS: usize = 13;

/// So often a command may have to be run again: the cloud may refuse more often than one run is patient.
const ROUNDS: usize = 3;

/// What is done to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Apply,
    Update,
    Destroy,
}

impl Phase {
    pub(super) const ALL: [Phase; 3] = [Phase::Apply, Phase::Update, Phase::Destroy];

    fn command(self) -> &'static [&'static str] {
        match self {
            Phase::Destroy => &["destroy", "-auto-approve"],
            _ => &["apply", "-auto-approve"],
        }
    }

    fn generation(self) -> &'static str {
        match self {
            Phase::Apply => "generation=1",
            Phase::Update | Phase::Destroy => "generation=2",
        }
    }
}

/// Somebody who asks moto what there is, with a client that is not ours.
struct Looker {
    child: Child,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Looker {
    fn new(server: &Server) -> Looker {
        let mut child = Command::new(std::env::var_os("INFRA_PYTHON").expect("moto runs by it"))
            .args(["-c", include_str!("moto.py")])
            .envs(server.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Looker {
            child,
            talk: Mutex::new((stdin, stdout)),
        }
    }

    fn look(&self) -> Vec<(String, String)> {
        let mut talk = self.talk.lock().expect("whole");
        let (stdin, stdout) = &mut *talk;
        writeln!(stdin, "look").expect("it listens");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The stack, its state and its cloud.
pub(super) struct Life {
    pub(super) folder: Folder,
    pub(super) server: Server,
    /// When the cloud is moto.
    moto: Option<Looker>,
}

impl Life {
    /// Against a moto of its own; none where the tests have none.
    pub(super) fn in_moto(test: &str) -> Option<Life> {
        let server = Server::moto(test)?;
        let moto = Some(Looker::new(&server));
        let life = Life::over(server, moto);
        // Each service is slow to answer for the first time, which is not the time over which kills are to be spread.
        life.complete(Phase::Apply);
        life.complete(Phase::Destroy);
        Some(life)
    }

    fn over(server: Server, moto: Option<Looker>) -> Life {
        let folder = Folder::against(&server);
        folder.write("stacks/kills.toml", include_str!("stack.toml"));
        Life {
            folder,
            server,
            moto,
        }
    }

    /// With these faults, drawn from a seed; both as `infra sandbox` takes them.
    pub(super) fn new(faults: &str, seed: u64) -> Life {
        let seed = seed.to_string();
        Life::over(
            Server::sandbox(&["--faults", faults, "--seed", &seed]),
            None,
        )
    }

    pub(super) fn state(&self, extension: &str) -> PathBuf {
        self.folder.path().join(format!("state/kills.{extension}"))
    }

    fn arguments(&self, phase: Phase, command: &[&'static str]) -> Vec<&'static str> {
        let moto: &[&str] = match self.moto {
            Some(_) => &["-var", "moto=true"],
            None => &[],
        };
        [command, &["-var", phase.generation()], moto].concat()
    }

    /// What the server has, by type and id.
    fn live(&self) -> Vec<(String, String)> {
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let mut live = match &self.moto {
            Some(looker) => looker.look(),
            None => {
                let resources = self.server.resources().into_iter();
                let named = resources.map(|r| (text(&r["type"]), text(&r["id"])));
                named.collect()
            }
        };
        live.sort();
        live
    }

    pub(super) fn command(&self, phase: Phase) -> Command {
        let arguments = self.arguments(phase, phase.command());
        self.folder.command(&arguments)
    }

    pub(super) fn run(&self, phase: Phase) -> Ran {
        let arguments = self.arguments(phase, phase.command());
        self.folder.run(&arguments)
    }

    /// Started, its output kept for [`Child::wait_with_output`].
    pub(super) fn start(&self, phase: Phase) -> Child {
        let mut command = self.command(phase);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("starts")
    }

    /// Waits until the run has begun to change something: the journal has an intent.
    pub(super) fn wait_for_intent(&self, child: &mut Child) {
        let patience = Instant::now();
        while self.begun() == 0 {
            assert!(child.try_wait().expect("waits").is_none(), "ended too soon");
            assert!(patience.elapsed().as_secs() < 60, "nothing is begun");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn journal(&self) -> String {
        let bytes = std::fs::read(self.state("journal")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn begun(&self) -> usize {
        self.journal().matches("\"data\":{\"intent\"").count()
    }

    /// How many operations the journal leaves open.
    pub(super) fn unfinished(&self) -> usize {
        let ended = self.journal().matches("\"data\":{\"outcome\"").count();
        self.begun() - ended
    }

    /// Runs and kills after a while. Whether it was still alive then.
    pub(super) fn kill_after(&self, phase: Phase, moment: Duration) -> bool {
        let mut command = self.command(phase);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("starts");
        std::thread::sleep(moment);
        // Of a process that has ended by itself nothing is killed.
        let _ = child.kill();
        let status = child.wait().expect("waits");
        status.signal() == Some(9)
    }

    /// Runs until it is through; how often that was.
    pub(super) fn finish(&self, phase: Phase) -> usize {
        let mut last = None;
        for round in 1..=ROUNDS {
            let ran = self.run(phase);
            if ran.code == Some(0) {
                return round;
            }
            last = Some(ran);
        }
        panic!("{phase:?} does not come through: {last:#?}");
    }

    /// Nothing is there that the state does not know, nothing twice, nothing missing, nothing left to do or to take up.
    pub(super) fn check(&self, phase: Phase) {
        assert!(!self.state("journal").exists(), "{}", self.journal());
        let text = std::fs::read_to_string(self.state("json")).expect("a state");
        let state: Json = serde_json::from_str(&text).expect("JSON");
        assert_eq!(state["unfinished"], Json::Null, "{text}");
        let mut known = Vec::new();
        for (address, resource) in state["resources"].as_object().expect("resources") {
            let clean = resource.get("deposed").is_none() && resource.get("tainted").is_none();
            assert!(clean, "{address}: {resource:#}");
            let kind = address.split('.').next().unwrap_or_default();
            if LISTED.contains(&kind) {
                let id = resource["id"].as_str().expect("an id");
                known.push((kind.to_owned(), id.to_owned()));
            }
        }
        known.sort();
        let live = self.live();
        assert_eq!(live, known, "the server beside the state, after {phase:?}");
        if phase == Phase::Destroy {
            assert!(live.is_empty(), "{live:?}");
            return;
        }
        assert_eq!(live.len(), OBJECTS, "{live:?}");
        let plan = self.arguments(phase, &["plan", "-detailed-exitcode"]);
        self.folder.run(&plan).expect(0);
    }

    /// As [`Life::finish`] and [`Life::check`].
    pub(super) fn complete(&self, phase: Phase) -> usize {
        let rounds = self.finish(phase);
        self.check(phase);
        rounds
    }
}
