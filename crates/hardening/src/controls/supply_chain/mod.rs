//! Where images come from and what is wrong with them: scanning of what runs, and signatures that are asked for before it runs.

mod clair;
mod signatures;
mod trivy;

use crate::control::Control;
use crate::inside::Inside;
use infra_model::Record;
use infra_model::diagnostic::meant;

/// Images are scanned for known holes while they run, and let in only when they are signed by whom you say.
#[derive(Record)]
pub(crate) struct Config {
    /// Whether what runs is scanned, by the Trivy operator.
    #[record(optional, default = true)]
    pub(crate) scan: bool,
    /// Which holes are told about.
    #[record(optional, default = "HIGH,CRITICAL")]
    pub(crate) severity: String,
    /// Whether holes are told about that nobody has mended yet.
    #[record(optional, default = false)]
    pub(crate) unfixed: bool,
    /// Whether Clair runs too, for pipelines that ask it; its database is one of the control `database`.
    #[record(optional, default = false)]
    pub(crate) clair: bool,
    /// Who may ask Clair, on port 6060: services of apps (`ci.runner`) or ranges of addresses; without any, nobody.
    #[record(optional)]
    pub(crate) clair_from: Vec<String>,
    /// Who verifies signatures: `kyverno` or `policy-controller`. By default Kyverno, unless policies are Gatekeeper's.
    #[record(optional)]
    pub(crate) verifier: Option<String>,
    /// What names of images begin with that must be signed; by default the registries of the control `policy`.
    #[record(optional)]
    pub(crate) registries: Vec<String>,
    /// Whose signatures count, made without keys: the pipelines' identities.
    #[record(block)]
    pub(crate) identities: Vec<Identity>,
    /// Whose signatures count, made with keys: public keys, PEM.
    #[record(optional)]
    pub(crate) keys: Vec<String>,
    /// What becomes of images that are not signed: `enforce` refuses them, `audit` only reports them.
    #[record(optional, default = "enforce")]
    pub(crate) mode: String,
}

/// An identity that signs without a key: who vouches for it, and its name there.
#[derive(Record)]
pub(crate) struct Identity {
    /// Who vouches: `https://token.actions.githubusercontent.com` for GitHub Actions, `https://gitlab.com` for GitLab.
    #[record(required)]
    pub(crate) issuer: String,
    /// The identity itself.
    #[record(optional)]
    pub(crate) subject: Option<String>,
    /// A regular expression for it, such as `^https://github.com/acme/.+`.
    #[record(optional)]
    pub(crate) subject_regexp: Option<String>,
}

/// Who verifies signatures, if any are asked for.
pub(crate) fn verifier(inside: &Inside<'_>) -> Option<&'static str> {
    let on = inside.on(SupplyChain::NAME);
    let config = on.then(|| inside.config::<Config>(SupplyChain::NAME).ok());
    let config = config.flatten()?;
    let asked = !(config.identities.is_empty() && config.keys.is_empty());
    asked.then(|| signatures::verifier(&config, inside))
}

/// The control.
pub(crate) struct SupplyChain;

impl Control for SupplyChain {
    const NAME: &'static str = "supply_chain";
    const BASELINE: bool = false;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        if !check(config, inside) {
            return;
        }
        if config.scan {
            trivy::expand(config, inside);
        }
        if config.clair {
            clair::expand(config, inside);
        } else if !config.clair_from.is_empty() {
            inside.draft.refuse(
                "supply_chain.clair_from",
                "nobody is asked: Clair does not run",
                "write `clair = true` too",
            );
        }
        if config.identities.is_empty() && config.keys.is_empty() {
            inside.draft.remark(
                "supply_chain.identities",
                "no signature is asked for: nobody is named whose count",
                "write `identities = [{ issuer = \"https://token.actions.githubusercontent.com\", subject_regexp = \"^https://github.com/acme/.+\" }]`",
            );
        } else {
            signatures::expand(config, inside);
        }
    }
}

fn check(config: &Config, inside: &mut Inside<'_>) -> bool {
    let before = inside.draft.is_refused();
    let draft = &mut inside.draft;
    let verifier = config.verifier.as_deref().unwrap_or("kyverno");
    for (path, given, known) in [
        (
            "supply_chain.verifier",
            verifier,
            ["kyverno", "policy-controller"],
        ),
        (
            "supply_chain.mode",
            config.mode.as_str(),
            ["enforce", "audit"],
        ),
    ] {
        if !known.contains(&given) {
            let meant = meant(given, known);
            draft.refuse(
                path,
                format!("`{path}` cannot be `{given}`{meant}"),
                format!("write \"{}\" or \"{}\"", known[0], known[1]),
            );
        }
    }
    let severities = ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
    for severity in config.severity.split(',') {
        if !severities.contains(&severity) {
            let meant = meant(severity, severities);
            draft.refuse(
                "supply_chain.severity",
                format!("there is no severity `{severity}`{meant}"),
                "write them with commas between: `severity = \"HIGH,CRITICAL\"`",
            );
        }
    }
    for (index, identity) in config.identities.iter().enumerate() {
        let path = format!("supply_chain.identities[{index}]");
        match (&identity.subject, &identity.subject_regexp) {
            (Some(_), None) => {}
            (None, Some(expression)) if !expression.starts_with('^') => draft.refuse(
                &format!("{path}.subject_regexp"),
                format!("`{expression}` would match in the middle of somebody else's identity"),
                format!("begin it with ^: \"^{expression}\""),
            ),
            (None, Some(_)) => {}
            _ => draft.refuse(
                &path,
                "an identity is a subject or a regular expression for subjects",
                "write one of `subject` and `subject_regexp`",
            ),
        }
    }
    for (index, key) in config.keys.iter().enumerate() {
        let path = format!("supply_chain.keys[{index}]");
        if key.contains("PRIVATE KEY") {
            draft.refuse(
                &path,
                "this is a private key",
                "write the public one, `cosign.pub`: whoever has the other can sign",
            );
        } else if !key.contains("-----BEGIN PUBLIC KEY-----") {
            draft.refuse(
                &path,
                "this is no public key",
                "write it as `cosign public-key` prints it, PEM",
            );
        }
    }
    before == inside.draft.is_refused()
}
