//! A branch of a repository, and one folder of it that is written whole: fetched into a scratch folder, changed by one commit,
//! pushed. Nothing is checked out, and nothing beside the folder is touched.

use crate::git::{Git, GitError};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The name by which the fetched branch goes in the scratch folder.
const HERE: &str = "refs/heads/infra";

/// A branch as it was when it was fetched.
pub struct Branch {
    git: Git,
    repository: String,
    name: String,
    /// Its newest commit; none when there is no such branch yet.
    tip: Option<String>,
}

/// How a push went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The commit is the branch's newest.
    Done,
    /// Somebody else was faster: the branch has to be fetched again.
    Overtaken,
}

/// The newest commit of a branch, without fetching it; none when there is no such branch.
///
/// # Errors
/// Those of `git`.
pub fn tip(git: &Git, repository: &str, branch: &str) -> Result<Option<String>, GitError> {
    let wanted = format!("refs/heads/{branch}");
    let listed = git.run(&["ls-remote", "--", repository, &wanted])?;
    let listed = String::from_utf8_lossy(&listed);
    let line = listed.lines().find(|l| l.ends_with(&format!("\t{wanted}")));
    Ok(line.and_then(|l| l.split('\t').next()).map(str::to_owned))
}

impl Branch {
    /// Fetches a branch, so many commits deep, into the (empty) folder of `git`.
    ///
    /// # Errors
    /// Those of `git`.
    pub fn fetch(git: Git, repository: &str, name: &str, depth: u32) -> Result<Branch, GitError> {
        git.run(&["init", "--quiet", "--bare", "--template="])?;
        let tip = tip(&git, repository, name)?;
        if tip.is_some() {
            let depth = format!("--depth={depth}");
            let from = format!("+refs/heads/{name}:{HERE}");
            git.run(&[
                "fetch",
                "--quiet",
                "--no-tags",
                &depth,
                "--",
                repository,
                &from,
            ])?;
        }
        let mut branch = Branch {
            git,
            repository: repository.to_owned(),
            name: name.to_owned(),
            tip,
        };
        if branch.tip.is_some() {
            // It may have moved since it was listed.
            branch.tip = Some(branch.id(HERE)?);
        }
        Ok(branch)
    }

    /// Its newest commit.
    #[must_use]
    pub fn tip(&self) -> Option<&str> {
        self.tip.as_deref()
    }

    /// The files of a folder in a commit (`.` for all), by their paths from the root, with what `git` calls their contents.
    ///
    /// # Errors
    /// Those of `git`.
    pub fn files(&self, commit: &str, folder: &str) -> Result<BTreeMap<String, String>, GitError> {
        let below = format!("{folder}/");
        let listed = self
            .git
            .run(&["ls-tree", "-r", "-z", commit, "--", &below])?;
        let listed = String::from_utf8_lossy(&listed);
        let one = |entry: &str| {
            let (about, path) = entry.split_once('\t')?;
            let blob = about.split(' ').nth(2)?;
            Some((path.to_owned(), blob.to_owned()))
        };
        Ok(listed.split('\0').filter_map(one).collect())
    }

    /// What `git` calls the content of a folder in a commit; none when there is no such folder.
    ///
    /// # Errors
    /// Those of `git`, and a commit that was not fetched.
    pub fn folder(&self, commit: &str, folder: &str) -> Result<Option<String>, GitError> {
        self.id(&format!("{commit}^{{commit}}"))?;
        Ok(self.id(&format!("{commit}:{folder}")).ok())
    }

    /// A file's content.
    ///
    /// # Errors
    /// Those of `git`.
    pub fn content(&self, blob: &str) -> Result<Vec<u8>, GitError> {
        self.git.run(&["cat-file", "blob", blob])
    }

    /// The newest commit whose message has a line, as far as the branch was fetched.
    ///
    /// # Errors
    /// Those of `git`.
    pub fn with_line(&self, line: &str) -> Result<Option<String>, GitError> {
        let Some(tip) = &self.tip else {
            return Ok(None);
        };
        let grep = format!("--grep={line}");
        let found = self.git.run(&[
            "log",
            "-1",
            "--format=%H",
            "--fixed-strings",
            &grep,
            tip,
            "--",
        ])?;
        let found = String::from_utf8_lossy(&found).trim().to_owned();
        Ok((!found.is_empty()).then_some(found))
    }

    /// The message of a commit.
    ///
    /// # Errors
    /// Those of `git`.
    pub fn message(&self, commit: &str) -> Result<String, GitError> {
        let said = self.git.run(&["log", "-1", "--format=%B", commit, "--"])?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// A commit after the newest, in which a folder has exactly these files (paths from the root of the repository), and all
    /// else is as it was; none when it is so already.
    ///
    /// # Errors
    /// Those of `git`.
    pub fn commit(
        &self,
        folder: &str,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
    ) -> Result<Option<String>, GitError> {
        const NEW: &str = "refs/heads/infra-new";
        let mut stream = Vec::new();
        let mut head = String::new();
        let _ = write!(
            head,
            "commit {NEW}\ncommitter infra <infra@localhost> now\ndata {}\n{message}\n",
            message.len()
        );
        if let Some(tip) = &self.tip {
            let _ = write!(head, "from {tip}\nD {folder}\n");
        }
        stream.extend(head.into_bytes());
        for (path, content) in files {
            stream.extend(format!("M 100644 inline {path}\ndata {}\n", content.len()).into_bytes());
            stream.extend(content);
            stream.push(b'\n');
        }
        stream.extend(b"\ndone\n");
        let import = [
            "fast-import",
            "--quiet",
            "--done",
            "--force",
            "--date-format=now",
        ];
        self.git.feed(&import, &stream)?;
        let commit = self.id(NEW)?;
        if let Some(tip) = &self.tip
            && self.tree(tip)? == self.tree(&commit)?
        {
            return Ok(None);
        }
        if self.tip.is_none() && files.is_empty() {
            return Ok(None);
        }
        Ok(Some(commit))
    }

    /// Makes a commit the branch's newest, if nobody has moved the branch since.
    ///
    /// # Errors
    /// Those of `git`; a branch that is protected from this login, for one.
    pub fn push(&self, commit: &str) -> Result<Pushed, GitError> {
        let to = format!("{commit}:refs/heads/{}", self.name);
        let arguments = [
            "push",
            "--porcelain",
            "--no-verify",
            "--",
            &self.repository,
            &to,
        ];
        let output = self.git.output(&arguments, &[])?;
        if output.status.success() {
            return Ok(Pushed::Done);
        }
        // What git says of a branch that has moved: the line of the branch, in the form that is for programs.
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let overtaken = [
            "(non-fast-forward)",
            "(fetch first)",
            "cannot lock ref",
            "failed to update ref",
        ];
        if overtaken.iter().any(|words| said.contains(words)) {
            return Ok(Pushed::Overtaken);
        }
        let refused = said.lines().find(|l| l.starts_with('!'));
        let remote = said
            .lines()
            .rev()
            .find(|l| l.contains("remote:") || l.starts_with("fatal:"));
        let why = [refused, remote].into_iter().flatten().collect::<Vec<_>>();
        Err(GitError::Failed(match why.as_slice() {
            [] => said
                .lines()
                .last()
                .unwrap_or("it did not say why")
                .to_owned(),
            all => all.join("; ").replace('\t', " "),
        }))
    }

    fn tree(&self, commit: &str) -> Result<String, GitError> {
        self.id(&format!("{commit}^{{tree}}"))
    }

    fn id(&self, name: &str) -> Result<String, GitError> {
        let said = self.git.run(&["rev-parse", "--verify", "--quiet", name])?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A bare repository, and folders beside it; none where there is no `git`.
    fn repository() -> Option<(tempfile::TempDir, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = folder.path().join("config.git");
        std::fs::create_dir(&bare).expect("a folder");
        match Git::at(&bare).run(&["init", "--quiet", "--bare", "--initial-branch=main"]) {
            Err(GitError::Missing) => None,
            made => {
                made.expect("a repository");
                let url = format!("file://{}", bare.display());
                Some((folder, url))
            }
        }
    }

    fn fetched(folder: &Path, name: &str, url: &str) -> Branch {
        let scratch = folder.join(name);
        std::fs::create_dir(&scratch).expect("a folder");
        Branch::fetch(Git::at(&scratch), url, "main", 10).expect("is fetched")
    }

    fn files(entries: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let one = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        entries.iter().map(one).collect()
    }

    #[test]
    fn a_folder_is_written_whole_and_the_rest_is_left() {
        let Some((folder, url)) = repository() else {
            return;
        };
        let at = folder.path();
        let first = fetched(at, "1", &url);
        assert_eq!(first.tip(), None);
        let both = files(&[("platform/a.yaml", "a: 1\n"), ("platform/b/c.yaml", "")]);
        let commit = first
            .commit("platform", &both, "One\n\nTrailer: 1\n")
            .expect("commits");
        let commit = commit.expect("something is new");
        assert_eq!(first.push(&commit).expect("is pushed"), Pushed::Done);

        // Somebody else's file beside it.
        let theirs = fetched(at, "2", &url);
        let app = files(&[("apps/shop/image.yaml", "tag: 1\n")]);
        let moved = theirs
            .commit("apps", &app, "App\n")
            .expect("commits")
            .expect("is new");
        theirs.push(&moved).expect("is pushed");

        // Who has fetched before that is overtaken, and does not undo it.
        let one = files(&[("platform/a.yaml", "a: 2\n")]);
        let late = {
            let scratch = at.join("late");
            std::fs::create_dir(&scratch).expect("a folder");
            let branch = Branch::fetch(Git::at(&scratch), &url, "main", 1).expect("is fetched");
            let again = fetched(at, "3", &url);
            let commit = again
                .commit("platform", &one, "Two\n")
                .expect("commits")
                .expect("is new");
            again.push(&commit).expect("is pushed");
            branch
        };
        let commit = late.commit("platform", &both, "Late\n").expect("commits");
        // It had fetched what is there now but for the last commit.
        assert_eq!(commit, None);
        let changed = files(&[("platform/z.yaml", "z: 1\n")]);
        let commit = late
            .commit("platform", &changed, "Late\n")
            .expect("commits")
            .expect("is new");
        assert_eq!(late.push(&commit).expect("answers"), Pushed::Overtaken);

        let seen = fetched(at, "4", &url);
        let tip = seen.tip().expect("a branch").to_owned();
        let listed = seen.files(&tip, "platform").expect("is listed");
        assert_eq!(listed.keys().collect::<Vec<_>>(), ["platform/a.yaml"]);
        assert_eq!(
            seen.content(&listed["platform/a.yaml"]).expect("is there"),
            b"a: 2\n"
        );
        assert_eq!(seen.files(&tip, "apps").expect("is listed").len(), 1);
        let tree = seen.folder(&tip, "platform").expect("looks");
        assert!(tree.is_some_and(|t| t.len() >= 40));
        assert_eq!(seen.folder(&tip, "nowhere").expect("looks"), None);
        let trailed = seen
            .with_line("Trailer: 1")
            .expect("looks")
            .expect("is found");
        assert!(
            seen.message(&trailed)
                .expect("is there")
                .starts_with("One\n")
        );
        assert_eq!(seen.with_line("Trailer: 2").expect("looks"), None);
        // The same again is nothing.
        assert_eq!(
            seen.commit("platform", &one, "Again\n").expect("commits"),
            None
        );
        let gone = seen
            .commit("platform", &BTreeMap::new(), "Gone\n")
            .expect("commits");
        assert!(gone.is_some());
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = format!("file://{}/nowhere.git", folder.path().display());
        match tip(&Git::at(folder.path()), &nowhere, "main") {
            Err(GitError::Missing) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(found) => panic!("{found:?} is found nowhere"),
        }
    }
}
