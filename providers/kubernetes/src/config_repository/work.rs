//! The repository itself: what is in it, and the commit that makes it as it shall be.

use super::contents::{PAGE, mark, text};
use super::{Login, RepositoryRecord};
use crate::client::Client;
use crate::helm::files::{self, Bench};
use crate::yaml;
use infra_model::{ErrorKind, Operation, ProviderError, Value, json};
use infra_repository::branch::{self, Branch, Pushed};
use infra_repository::git::{self, Git, GitError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How often a branch that somebody else moves is fetched again.
const AGAIN: usize = 8;
/// How many commits are looked through for that of an operation.
const DEPTH: u32 = 200;

/// What was written.
pub(super) struct Written {
    pub(super) commit: String,
    /// What git calls the folder.
    pub(super) tree: String,
}

/// A URL that can be pushed to, without a password in it: that would be in the state, and in what `git` says.
///
/// # Errors
/// Another one, with the remedy.
pub(super) fn check_url(url: &str) -> Result<(), ProviderError> {
    let rest = ["https://", "ssh://", "file://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err(ProviderError::invalid(
            "repository",
            format!("`{url}` is no URL of a repository; write https://…, ssh://… or file:///…"),
        ));
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
    {
        return Err(ProviderError::invalid(
            "repository",
            "there is a password in the URL, which everybody would see; give it in `login`",
        ));
    }
    Ok(())
}

/// Everything that is needed to work on a record's repository, for a thread of its own: `git` is waited for.
struct Desk {
    bench: Bench,
    login: git::Login,
    repository: String,
    branch: String,
    path: String,
    owner: String,
}

impl Desk {
    fn new(client: &Client, record: &RepositoryRecord) -> Result<Desk, ProviderError> {
        let bench = Bench::new()?;
        let login = login(record.login.first(), &bench)?;
        Ok(Desk {
            login,
            repository: reached(client, &record.repository)?,
            branch: record.branch.clone(),
            path: record.path.clone(),
            owner: record.owner.clone(),
            bench,
        })
    }

    fn tip(&self) -> Result<Option<String>, ProviderError> {
        let git = Git::at(self.bench.path()).with_login(self.login.clone());
        branch::tip(&git, &self.repository, &self.branch).map_err(|e| self.told("read", e))
    }

    /// The branch, in a scratch folder of its own.
    fn fetch(&self, name: &str, depth: u32) -> Result<Branch, ProviderError> {
        let git = Git::at(&self.bench.folder(name)?).with_login(self.login.clone());
        Branch::fetch(git, &self.repository, &self.branch, depth).map_err(|e| self.told("read", e))
    }

    /// The files of the folder in the newest commit.
    fn files(&self, branch: &Branch) -> Result<BTreeMap<String, String>, ProviderError> {
        match branch.tip() {
            Some(tip) => branch
                .files(tip, &self.path)
                .map_err(|e| self.told("read", e)),
            None => Ok(BTreeMap::new()),
        }
    }

    /// The record's files as they are in the newest commit: those that are otherwise, or that nobody asked for, as they are there.
    fn seen(&self, branch: &Branch, prior: &RepositoryRecord) -> Result<Value, ProviderError> {
        let below = format!("{}/", self.path);
        let said = prior.files.unmark_deep();
        let mut seen = said.entries().cloned().unwrap_or_default();
        let copied = |name: &str| prior.definition.iter().any(|d| d.path == name);
        let files = self.files(branch)?;
        for (path, blob) in &files {
            let name = path.strip_prefix(&below).unwrap_or(path);
            if name == PAGE || copied(name) {
                continue;
            }
            let bytes = branch.content(blob).map_err(|e| self.told("read", e))?;
            let as_said = seen.get(name).map(|v| text(&json::to_json(v)));
            if as_said.is_none_or(|said| said.into_bytes() != bytes) {
                seen.insert(name.into(), value_of(&bytes));
            }
        }
        seen.retain(|name, _| files.contains_key(&format!("{below}{name}")));
        Ok(Value::object(seen))
    }

    /// Refuses a folder that is somebody else's.
    fn is_ours(&self, branch: &Branch) -> Result<(), ProviderError> {
        let files = self.files(branch)?;
        if files.is_empty() {
            return Ok(());
        }
        let page = files.get(&format!("{}/{PAGE}", self.path));
        let said = match page {
            Some(blob) => branch.content(blob).map_err(|e| self.told("read", e))?,
            None => Vec::new(),
        };
        if String::from_utf8_lossy(&said).starts_with(&mark(&self.owner)) {
            return Ok(());
        }
        Err(ProviderError::new(
            ErrorKind::Conflict,
            format!(
                "the folder `{}` of {} does not say that it is {}'s, so it is not written over; choose another folder, or take this one out of the repository",
                self.path, self.repository, self.owner
            ),
        ))
    }

    /// Makes the folder have these files, whoever else pushes meanwhile.
    fn put(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
    ) -> Result<Option<Written>, ProviderError> {
        for attempt in 0..AGAIN {
            let branch = self.fetch(&format!("branch-{attempt}"), 1)?;
            self.is_ours(&branch)?;
            let made = branch
                .commit(&self.path, files, message)
                .map_err(|e| self.told("commit to", e))?;
            let commit = match (made, branch.tip()) {
                (None, None) => return Ok(None),
                (None, Some(tip)) => tip.to_owned(),
                (Some(commit), _) => {
                    let pushed = branch.push(&commit).map_err(|e| self.told("push to", e))?;
                    if pushed == Pushed::Overtaken {
                        continue;
                    }
                    commit
                }
            };
            let tree = branch.folder(&commit, &self.path);
            let tree = tree.map_err(|e| self.told("read", e))?.unwrap_or_default();
            return Ok(Some(Written { commit, tree }));
        }
        Err(ProviderError::new(
            ErrorKind::Conflict,
            format!(
                "others push to {} faster than this; run again when they are done",
                self.repository
            ),
        ))
    }

    fn told(&self, what: &str, error: GitError) -> ProviderError {
        let message = match error {
            GitError::Missing => {
                return ProviderError::new(
                    ErrorKind::Invalid,
                    "configuration repositories need the program `git`, which is not there; install it",
                );
            }
            other => format!("git cannot {what} {}: {other}", self.repository),
        };
        let remedy = "look at the address, and at your access to it: `git ls-remote` must be able to read it without asking, and `git push` to write";
        ProviderError::new(ErrorKind::Other, format!("{message}; {remedy}"))
    }
}

/// Where a repository is reached. The sandbox reaches no internet: there a bare repository of its own stands for one of the
/// internet, beside the stack file.
fn reached(client: &Client, repository: &str) -> Result<String, ProviderError> {
    if !client.is_sandbox() || repository.starts_with("file://") {
        return Ok(repository.to_owned());
    }
    let directory = &client.environment().directory;
    let absolute = files::absolute(directory)?;
    let at = sandbox_repository(&absolute, repository);
    if !files::exists(&at) {
        files::unversioned(&absolute.join(OWN))?;
        let path = at.display().to_string();
        let arguments = ["init", "--quiet", "--bare", "--template=", "--", &path];
        let made = Git::at(&absolute).run(&arguments);
        made.map_err(|e| {
            ProviderError::new(ErrorKind::Other, format!("git cannot make {path}: {e}"))
        })?;
    }
    Ok(format!("file://{}", at.display()))
}

/// Where what stands for repositories of the internet is in the sandbox, in the folder of the stack file.
const OWN: &str = ".infra/sandbox";

/// The repository that stands for one of the internet in the sandbox, beside a stack file in a folder. It may not be there yet.
pub fn sandbox_repository(directory: &Path, repository: &str) -> PathBuf {
    let letters = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    let (_, name) = repository.split_once("://").unwrap_or(("", repository));
    let name: String = name.trim_end_matches(".git").chars().map(letters).collect();
    directory.join(OWN).join(format!("{name}.git"))
}

fn login(given: Option<&Login>, bench: &Bench) -> Result<git::Login, ProviderError> {
    let Some(given) = given else {
        return Ok(git::Login::default());
    };
    let file = |name: &str, text: &Option<String>| {
        let text = text.as_deref().map(|t| format!("{}\n", t.trim_end()));
        text.map(|t| bench.write(name, t.as_bytes())).transpose()
    };
    Ok(git::Login {
        username: given.username.clone(),
        password: given.password.clone(),
        key: file("key", &given.ssh_key)?,
        known_hosts: file("known_hosts", &given.known_hosts)?,
    })
}

/// Lets a thread of its own wait for `git`.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(ProviderError::new(ErrorKind::Other, e.to_string())))
}

/// The trailer that says which operation a commit is of.
fn trailer(operation: &Operation) -> String {
    format!("Infra-Operation: {}", operation.id.0)
}

/// Makes the folder as it shall be, by at most one commit.
pub(super) async fn write(
    client: &Client,
    operation: &Operation,
    record: &RepositoryRecord,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Written, ProviderError> {
    let desk = Desk::new(client, record)?;
    let message = format!(
        "{}: as {} says\n\n{}\n",
        record.path,
        record.owner,
        trailer(operation)
    );
    aside(move || {
        let written = desk.put(&files, &message)?;
        written.ok_or_else(|| ProviderError::invalid("files", "there is nothing to commit"))
    })
    .await
}

/// Takes the folder out of the repository.
pub(super) async fn remove(
    client: &Client,
    operation: &Operation,
    record: &RepositoryRecord,
    why: &str,
) -> Result<(), ProviderError> {
    let desk = Desk::new(client, record)?;
    let message = format!(
        "{}: {why}, says {}\n\n{}\n",
        record.path,
        record.owner,
        trailer(operation)
    );
    aside(move || desk.put(&BTreeMap::new(), &message).map(|_| ())).await
}

/// Whether an operation's commit is in the branch, with the folder as that commit left it.
pub(super) async fn made_by(
    client: &Client,
    operation: &Operation,
    record: &RepositoryRecord,
) -> Result<bool, ProviderError> {
    let desk = Desk::new(client, record)?;
    let line = trailer(operation);
    aside(move || {
        let branch = desk.fetch("branch", DEPTH)?;
        let found = branch.with_line(&line).map_err(|e| desk.told("read", e))?;
        Ok(found.is_some())
    })
    .await
}

/// Whether the folder is in a revision as the record says; revisions that are not in the branch are not.
pub(super) async fn is_same_in(
    client: &Client,
    record: &RepositoryRecord,
    revision: String,
) -> Result<bool, ProviderError> {
    let desk = Desk::new(client, record)?;
    let wanted = record.tree.clone();
    aside(move || {
        let branch = desk.fetch("branch", DEPTH)?;
        let tree = branch.folder(&revision, &desk.path);
        Ok(tree.is_ok_and(|tree| tree == wanted))
    })
    .await
}

/// The texts of the folder's files, in the newest commit, and that commit.
pub(super) async fn texts(
    client: &Client,
    record: &RepositoryRecord,
) -> Result<(String, BTreeMap<String, String>), ProviderError> {
    let desk = Desk::new(client, record)?;
    aside(move || {
        let branch = desk.fetch("branch", 1)?;
        let mut texts = BTreeMap::new();
        for (path, blob) in desk.files(&branch)? {
            let bytes = branch.content(&blob).map_err(|e| desk.told("read", e))?;
            texts.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok((branch.tip().unwrap_or_default().to_owned(), texts))
    })
    .await
}

/// The record as the repository has it. Files that others have changed are in it as they are there, so that the plan shows what it
/// puts right.
pub(super) async fn found(
    client: &Client,
    prior: &RepositoryRecord,
) -> Result<Option<RepositoryRecord>, ProviderError> {
    let desk = Desk::new(client, prior)?;
    let prior = prior.clone();
    aside(move || {
        let tip = desk.tip()?;
        // Made but not looked at yet: which files there are is not known by the record.
        let half_made = prior.commit.is_none();
        if tip.is_some() && tip == prior.commit {
            return Ok(Some(prior));
        }
        let branch = desk.fetch("branch", 1)?;
        let tree = match branch.tip() {
            Some(tip) => branch
                .folder(tip, &desk.path)
                .map_err(|e| desk.told("read", e))?,
            None => None,
        };
        if tree.is_none() {
            return Ok(None);
        }
        if half_made || tree == prior.tree {
            return Ok(Some(prior));
        }
        Ok(Some(RepositoryRecord {
            files: desk.seen(&branch, &prior)?,
            commit: None,
            ..prior
        }))
    })
    .await
}

/// A file as the plan shows it: what it says where it is one object, else its text.
fn value_of(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes).into_owned();
    match yaml::documents(&text, "this").as_deref() {
        Ok([one]) => json::implied(one),
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_no_place_in_urls() {
        for good in [
            "https://github.com/acme/config",
            "ssh://git@github.com/acme/config",
            "file:///srv/config.git",
        ] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "git@github.com:acme/config",
            "/srv/config.git",
            "https://me:hush@example.com/a",
        ] {
            let error = check_url(bad).expect_err(bad);
            assert!(!error.message.contains("hush"), "{error}");
        }
    }
}
