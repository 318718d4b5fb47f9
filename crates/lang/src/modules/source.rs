//! What `source` of a module call can say: a stack file beside this one, or one in a git repository.

use std::fmt;

/// A stack file in a git repository: `git::https://example.com/infra.git//modules/queue.toml?ref=v1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitSource {
    /// What `git fetch` takes: a URL, `user@host:path`, or an absolute path.
    pub url: String,
    /// The file inside the repository.
    pub path: String,
    /// A branch, tag or commit; the default branch when there is none.
    pub reference: Option<String>,
}

impl GitSource {
    /// Reads a `source` that is in a repository; none when it is a path, or wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<GitSource> {
        match parse(text) {
            Ok(ModuleSource::Git(git)) => Some(git),
            _ => None,
        }
    }
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "git::{}//{}", self.url, self.path)?;
        self.reference
            .as_ref()
            .map_or(Ok(()), |reference| write!(f, "?ref={reference}"))
    }
}

/// Where a module's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModuleSource {
    /// A path, relative to the folder of the file that calls.
    File(String),
    /// In a repository.
    Git(GitSource),
}

/// What is wrong with a `source`, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceError {
    pub(crate) why: String,
    pub(crate) help: String,
}

const GIT_FORM: &str = "write `git::https://HOST/REPOSITORY.git//PATH/FILE.toml?ref=TAG`";

/// Reads a `source`.
pub(crate) fn parse(text: &str) -> Result<ModuleSource, SourceError> {
    let refuse = |why: &str, help: &str| SourceError {
        why: why.to_owned(),
        help: help.to_owned(),
    };
    if let Some(rest) = text.strip_prefix("git::") {
        return git(rest).map(ModuleSource::Git);
    }
    if !["./", "../", "/"].iter().any(|p| text.starts_with(p)) {
        let looks_remote = text.contains("://")
            || text.contains('@')
            || text.starts_with("github.com/")
            || text.ends_with(".git");
        return Err(if looks_remote {
            refuse("a module elsewhere is in a git repository", GIT_FORM)
        } else if std::path::Path::new(text).extension() == Some("toml".as_ref()) {
            SourceError {
                why: "a path begins with `./` or `../`".to_owned(),
                help: format!("write `./{text}`"),
            }
        } else {
            refuse(
                "this is neither a path nor a git repository",
                "write a path such as `./modules/queue.toml`, or `git::https://…//FILE.toml?ref=TAG`; there is no registry of modules",
            )
        });
    }
    if std::path::Path::new(text).extension() != Some("toml".as_ref()) {
        return Err(SourceError {
            why: "a module is a stack file, which ends in `.toml`".to_owned(),
            help: format!("name the file, as in `{}.toml`", text.trim_end_matches('/')),
        });
    }
    Ok(ModuleSource::File(text.to_owned()))
}

fn git(text: &str) -> Result<GitSource, SourceError> {
    let refuse = |why: &str, help: &str| SourceError {
        why: why.to_owned(),
        help: help.to_owned(),
    };
    let (place, query) = text
        .rsplit_once('?')
        .map_or((text, None), |(place, query)| (place, Some(query)));
    let mut reference = None;
    for pair in query.into_iter().flat_map(|q| q.split('&')) {
        match pair.split_once('=') {
            Some(("ref", value)) if !value.is_empty() && !value.starts_with('-') => {
                reference = Some(value.to_owned());
            }
            _ => {
                return Err(refuse(
                    "after `?` stands `ref=` with a branch, tag or commit",
                    GIT_FORM,
                ));
            }
        }
    }
    // `//` separates the repository from the file, except after a scheme.
    let scheme = place.find("://").map_or(0, |i| i + 3);
    let Some(at) = place[scheme..].find("//").map(|i| i + scheme) else {
        return Err(refuse(
            "this names no file inside the repository",
            "put `//` and the path of the stack file after the repository, as in `….git//modules/queue.toml?ref=v1`",
        ));
    };
    let (url, path) = (&place[..at], &place[at + 2..]);
    let inside = std::path::Path::new(path);
    if inside.extension() != Some("toml".as_ref())
        || !inside
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)))
    {
        return Err(refuse(
            "after `//` stands the path of a stack file inside the repository, which ends in `.toml`",
            GIT_FORM,
        ));
    }
    let known = ["https://", "http://", "ssh://", "git://", "file://", "/"];
    let address_of_ssh = !url.contains("://") && url.contains('@') && url.contains(':');
    if url.starts_with('-') || !(known.iter().any(|k| url.starts_with(k)) || address_of_ssh) {
        return Err(refuse("this is not the address of a repository", GIT_FORM));
    }
    if let Some((user, _)) = url[scheme..]
        .split('/')
        .next()
        .unwrap_or("")
        .split_once('@')
        && scheme > 0
        && user.contains(':')
    {
        return Err(refuse(
            "a password does not belong into a stack file",
            "leave it out of the address and give it to git, by a credential helper or ssh",
        ));
    }
    Ok(GitSource {
        url: url.to_owned(),
        path: path.to_owned(),
        reference,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_read() {
        for (text, url, path, reference) in [
            (
                "git::https://example.com/a.git//m/q.toml?ref=v1",
                "https://example.com/a.git",
                "m/q.toml",
                Some("v1"),
            ),
            (
                "git::file:///srv/a.git//q.toml",
                "file:///srv/a.git",
                "q.toml",
                None,
            ),
            (
                "git::/srv/a.git//q.toml?ref=x/y",
                "/srv/a.git",
                "q.toml",
                Some("x/y"),
            ),
            (
                "git::git@github.com:o/r.git//q.toml",
                "git@github.com:o/r.git",
                "q.toml",
                None,
            ),
            (
                "git::ssh://git@h/r//q.toml",
                "ssh://git@h/r",
                "q.toml",
                None,
            ),
        ] {
            let Ok(ModuleSource::Git(git)) = parse(text) else {
                panic!("{text}");
            };
            assert_eq!(
                (&*git.url, &*git.path, git.reference.as_deref()),
                (url, path, reference)
            );
            assert_eq!(git.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_source_is_refused_with_a_remedy() {
        for (text, help) in [
            ("modules/q.toml", "./modules/q.toml"),
            ("./modules/q", "./modules/q.toml"),
            ("hashicorp/consul/aws", "no registry"),
            ("https://example.com/a.git", "git::https"),
            ("git::https://example.com/a.git", "//"),
            ("git::https://example.com/a.git//m", "FILE.toml"),
            ("git::https://example.com/a.git//../q.toml", "FILE.toml"),
            ("git::https://example.com/a.git//q.toml?depth=1", "ref="),
            (
                "git::https://example.com/a.git//q.toml?ref=--upload",
                "ref=",
            ),
            ("git::--upload-pack=x//q.toml", "git::https"),
            ("git::https://u:secret@example.com/a//q.toml", "credential"),
        ] {
            let Err(error) = parse(text) else {
                panic!("{text}");
            };
            assert!(
                error.help.contains(help) || error.why.contains(help),
                "{text}: {error:?}"
            );
        }
    }
}
