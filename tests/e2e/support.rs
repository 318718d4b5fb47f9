//! A scratch folder with stacks, the binary, and servers that end with the test.

use crate::kube::process::free_port;
use serde_json::Value as Json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The binary under test.
pub const INFRA: &str = env!("CARGO_BIN_EXE_infra");

/// The repository's root. Tests are run in their package's folder; where that was built says nothing, as clones
/// share a target folder.
pub fn root() -> PathBuf {
    std::fs::canonicalize("../..").expect("the repository")
}

/// Tells a person something about a test that passes: the test harness keeps only what is printed by its own macros.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What a command gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Fails the test unless the exit code is this.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// All that it said, on one line and without frames, so that a sentence is found however it is wrapped.
    pub fn told(&self) -> String {
        let all = format!("{} {}", self.stdout, self.stderr);
        let words = all.split_whitespace().filter(|w| *w != "│");
        let mut out = String::new();
        for word in words {
            // Lines are also broken after these.
            if !out.is_empty() && !out.ends_with(['-', '/']) {
                out.push(' ');
            }
            out.push_str(word);
        }
        out
    }

    /// Fails the test unless all of this was said.
    #[track_caller]
    pub fn says(&self, sentences: &[&str]) {
        let told = self.told();
        for sentence in sentences {
            assert!(
                told.contains(sentence),
                "`{sentence}` is not in\n{}{}",
                self.stdout,
                self.stderr
            );
        }
    }

    /// The standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

/// A folder of its own with `stacks/` in it.
pub struct Folder {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Folder {
    pub fn new() -> Folder {
        let dir = tempfile::tempdir().expect("a scratch folder");
        std::fs::create_dir(dir.path().join("stacks")).expect("stacks/");
        Folder {
            dir,
            environment: Vec::new(),
        }
    }

    /// With an environment that reaches a server.
    pub fn against(server: &Server) -> Folder {
        Folder {
            environment: server.environment(),
            ..Folder::new()
        }
    }

    /// Another folder with the same stacks and states.
    pub fn copy(&self) -> Folder {
        let copy = Folder {
            environment: self.environment.clone(),
            ..Folder::new()
        };
        for part in ["stacks", "state"] {
            let to = copy.path().join(part);
            std::fs::create_dir_all(&to).expect("a folder");
            let files = std::fs::read_dir(self.path().join(part)).expect("a folder");
            for file in files.flatten().filter(|f| f.path().is_file()) {
                std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
            }
        }
        copy
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    /// Copies an example stack.
    pub fn example(&self, name: &str) {
        self.write(
            &format!("stacks/{name}"),
            &std::fs::read_to_string(root().join("stacks").join(name)).expect("an example"),
        );
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(INFRA);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the binary runs");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A stack in a folder and against a server of its own.
pub struct Stack {
    pub folder: Folder,
    pub server: Server,
}

impl Stack {
    pub fn against(server: Server) -> Stack {
        Stack {
            folder: Folder::new(),
            server,
        }
    }

    /// In a sandbox that is quick.
    pub fn sandboxed() -> Stack {
        Stack::against(Server::sandbox(&["--latency", "none"]))
    }

    /// Writes the stack's file.
    pub fn write(&self, text: &str) {
        self.folder.write("stacks/shop.toml", text);
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let flag = self.server.flag();
        self.folder.run(&[arguments, &[flag.as_str()]].concat())
    }
}

/// A server that ends with the test.
pub struct Server {
    child: Child,
    pub url: String,
    /// Where Google Cloud is, in the sandbox.
    pub google: String,
    azure: String,
    /// Where the clusters' APIs are, of a sandbox.
    kubernetes: String,
}

impl Server {
    /// `infra sandbox` on free ports.
    pub fn sandbox(arguments: &[&str]) -> Server {
        let mut child = Command::new(INFRA)
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("its first line");
        let ready: Json = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let endpoint = |cloud: &str| {
            let url = ready["endpoints"][cloud].as_str();
            url.unwrap_or_else(|| panic!("no endpoint of {cloud} in {line}"))
                .to_owned()
        };
        Server {
            child,
            url: endpoint("aws"),
            google: endpoint("google"),
            azure: endpoint("azure"),
            kubernetes: endpoint("kubernetes"),
        }
    }

    /// moto, by the Python that `make test` installs it into and names in `INFRA_PYTHON`; without that, it is said that the
    /// test is skipped.
    pub fn moto(test: &str) -> Option<Server> {
        Server::by_python(test, "INFRA_PYTHON", "moto.server", |moto, port| {
            moto.args(["-H", "127.0.0.1", "-p", port])
                .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        })
    }

    /// MiniStack, likewise by `INFRA_MINISTACK`.
    pub fn ministack(test: &str) -> Option<Server> {
        Server::by_python(test, "INFRA_MINISTACK", "ministack", |ministack, port| {
            ministack
                .env("BIND_HOST", "127.0.0.1")
                .env("GATEWAY_PORT", port);
        })
    }

    /// A cloud that others wrote, as a module of a Python that a variable names.
    fn by_python(
        test: &str,
        variable: &str,
        module: &str,
        on: impl FnOnce(&mut Command, &str),
    ) -> Option<Server> {
        let Ok(python) = std::env::var(variable) else {
            say(&format!(
                "{test} is skipped: {variable} names no Python with {module} (`make test` installs one)"
            ));
            return None;
        };
        let port = free_port();
        let mut command = Command::new(&python);
        command.args(["-m", module]);
        on(&mut command, &port.to_string());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{module} does not start: {e}"));
        let mut server = Server {
            child,
            url: format!("http://127.0.0.1:{port}"),
            google: String::new(),
            azure: String::new(),
            kubernetes: String::new(),
        };
        let patience = std::time::Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "{python} runs no {module}: {ended:?}");
            assert!(
                patience.elapsed().as_secs() < 60,
                "{module} does not listen"
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Some(server)
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .to_vec()
    }

    /// What reaches a sandbox's cluster by its name: a kubeconfig for whoever may do everything.
    pub fn kubeconfig(&self, cluster: &str) -> String {
        let server = self.kubernetes.replace("http://", "https://");
        let json = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "it", "cluster": {
                "server": format!("{server}/clusters/{cluster}"), "insecure-skip-tls-verify": true,
            } }],
            "users": [{ "name": "admin", "user": { "token": "sandbox" } }],
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "admin" } }],
            "current-context": "it",
        });
        json.to_string()
    }

    /// `--sandbox=URL`
    pub fn flag(&self) -> String {
        format!("--sandbox={}", self.url)
    }

    /// GET of a control page, as JSON.
    pub fn get(&self, path: &str) -> Json {
        serde_json::from_str(&self.http("GET", path, "", "")).expect("JSON")
    }

    /// POST to a control page.
    pub fn post(&self, path: &str, body: &str) {
        self.http("POST", path, "", body);
    }

    /// What Secrets Manager says.
    pub fn secrets_manager(&self, operation: &str, body: &Json) -> Json {
        let scope = "Credential=test/20260101/eu-west-1/secretsmanager/aws4_request";
        let headers = format!(
            "Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\nX-Amz-Target: secretsmanager.{operation}\r\nContent-Type: application/x-amz-json-1.1\r\n"
        );
        let answer = self.http("POST", "/", &headers, &body.to_string());
        serde_json::from_str(&answer).expect("JSON")
    }

    /// Writes an object into a bucket, as whoever archives does; on Azure into `ACCOUNT/CONTAINER`.
    pub fn put_object(&self, cloud: &str, bucket: &str, name: &str) {
        let answer = if cloud == "azure" {
            let headers = "Authorization: Bearer sandbox\r\nx-ms-version: 2023-11-03\r\nx-ms-blob-type: BlockBlob\r\n";
            let path = format!("/_blob/{bucket}/{name}");
            exchange(&self.azure, "PUT", &path, headers, "archived")
        } else if cloud == "google" {
            let name = name.replace('/', "%2F");
            let path = format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}");
            let headers =
                "Content-Type: application/octet-stream\r\nAuthorization: Bearer sandbox\r\n";
            exchange(&self.google, "POST", &path, headers, "archived")
        } else {
            let scope = "Credential=test/20260101/eu-west-1/s3/aws4_request";
            let headers = format!(
                "Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n"
            );
            let path = format!("/{bucket}/{name}");
            exchange(&self.url, "PUT", &path, &headers, "archived")
        };
        assert!(!answer.to_lowercase().contains("error"), "{answer}");
    }

    /// What an API of Google's says in the sandbox.
    pub fn ask_google(&self, method: &str, path: &str, body: &Json) -> Json {
        let headers = "Content-Type: application/json\r\nAuthorization: Bearer sandbox\r\n";
        let body = match body {
            Json::Null => String::new(),
            body => body.to_string(),
        };
        let answer = exchange(&self.google, method, path, headers, &body);
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{method} {path}: {e}: {answer}"))
    }

    /// What Resource Manager says in the sandbox.
    pub fn ask_azure(&self, method: &str, path: &str) -> Json {
        let headers = "Authorization: Bearer sandbox\r\n";
        let answer = exchange(&self.azure, method, path, headers, "");
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{method} {path}: {e}: {answer}"))
    }

    fn http(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        exchange(&self.url, method, path, headers, body)
    }

    /// What is left on the server.
    pub fn resources(&self) -> Vec<Json> {
        self.get("/_sandbox/resources")
            .as_array()
            .expect("a list")
            .clone()
    }
}

/// The body of an answer.
fn exchange(url: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("connects");
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").expect("asks");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    if !head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return body.to_owned();
    }
    let mut text = String::new();
    let mut rest = body;
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        if size == 0 {
            break;
        }
        text.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    text
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `infra plan` of a stack in a folder of its own.
pub fn planned(server: &Server, stack: &str) -> Ran {
    let folder = Folder::new();
    folder.write("stacks/t.toml", stack);
    folder.run(&["plan", "stacks/t.toml", &server.flag()])
}
