//! `google_compute_url_map`.

use crate::api::{Api, Update};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::BTreeSet;

/// Which backend service answers which host and path.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct UrlMapRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// The backend service of what no rule names.
    #[record(optional, compare = resource_name)]
    pub(crate) default_service: Option<String>,
    /// Where requests are sent away to that no rule names.
    #[record(block, max = 1)]
    pub(crate) default_url_redirect: Vec<Redirect>,
    /// Hosts and the paths that hold for them.
    #[record(block, set)]
    pub(crate) host_rule: Vec<HostRule>,
    /// Paths and who answers them.
    #[record(block)]
    pub(crate) path_matcher: Vec<PathMatcher>,
    /// Where requests must come out: a change that says otherwise is refused.
    #[record(block)]
    pub(crate) test: Vec<Test>,
    /// Changes with every change: one made by others in between is refused.
    #[record(computed)]
    pub(crate) fingerprint: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/urlMaps/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

/// A redirect.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Redirect {
    /// The host.
    #[record(optional)]
    pub(crate) host_redirect: Option<String>,
    /// Whether to HTTPS.
    #[record(optional)]
    pub(crate) https_redirect: Option<bool>,
    /// The path.
    #[record(optional)]
    pub(crate) path_redirect: Option<String>,
    /// What stands for the matched beginning of the path.
    #[record(optional)]
    pub(crate) prefix_redirect: Option<String>,
    /// `MOVED_PERMANENTLY_DEFAULT`, `FOUND`, `SEE_OTHER`, …
    #[record(optional)]
    pub(crate) redirect_response_code: Option<String>,
    /// Whether the query is left out.
    #[record(required)]
    pub(crate) strip_query: bool,
}

/// Hosts.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct HostRule {
    /// Names, `*` at their beginning.
    #[record(required)]
    pub(crate) hosts: BTreeSet<String>,
    /// The path matcher by name.
    #[record(required)]
    pub(crate) path_matcher: String,
    /// What it is.
    #[record(optional)]
    pub(crate) description: Option<String>,
}

/// Paths.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PathMatcher {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The backend service of what no rule names.
    #[record(optional, compare = resource_name)]
    pub(crate) default_service: Option<String>,
    /// Where requests are sent away to that no rule names.
    #[record(block, max = 1)]
    pub(crate) default_url_redirect: Vec<Redirect>,
    /// What it is.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Rules.
    #[record(block)]
    pub(crate) path_rule: Vec<PathRule>,
}

/// A rule.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PathRule {
    /// Paths, `*` at their end.
    #[record(required)]
    pub(crate) paths: BTreeSet<String>,
    /// The backend service.
    #[record(optional, compare = resource_name)]
    pub(crate) service: Option<String>,
    /// Where requests are sent away to.
    #[record(block, max = 1)]
    pub(crate) url_redirect: Vec<Redirect>,
}

/// A request, and who must answer it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Test {
    /// The host.
    #[record(required)]
    pub(crate) host: String,
    /// The path.
    #[record(required)]
    pub(crate) path: String,
    /// The backend service that must answer.
    #[record(required, compare = resource_name)]
    pub(crate) service: String,
    /// What it is about.
    #[record(optional)]
    pub(crate) description: Option<String>,
}

pub(crate) struct UrlMap;

impl Kind for UrlMap {
    type Record = UrlMapRecord;
    const TYPE: &'static str = "google_compute_url_map";
    const API: Api = super::api(
        "compute.urlMaps",
        "projects/{project}/global/urlMaps",
        Update::Patch,
    );
    const RULES: Rules = &[
        ("host_rule", Rule::Named("hostRules")),
        ("path_matcher", Rule::Named("pathMatchers")),
        ("path_matcher.path_rule", Rule::Named("pathRules")),
        ("test", Rule::Named("tests")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(12, 12, 12)
    }
}
