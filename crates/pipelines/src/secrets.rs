//! What pipelines must be given that stands in no file.

use crate::setup::{Place, Platform, Settings};
use crate::target::{Login, Registry, Signer};
use crate::{Error, common, delivered};

/// What is to be put where the platform keeps secrets, and what it is.
///
/// # Errors
/// As [`render`](crate::render).
pub fn secrets(
    settings: &Settings,
    place: &Place,
    platform: Platform,
) -> Result<Vec<(&'static str, String)>, Error> {
    let registry = Registry::find(settings, place, platform)?;
    let mut keys = false;
    for app in settings.apps.iter().filter(|app| !app.images.is_empty()) {
        let file = common::path(app, platform);
        let signer = Signer::find(settings, app, platform, &file)?;
        keys |= matches!(signer, Signer::Key(_));
    }
    let mut out = Vec::new();
    if registry.login == Login::Password {
        out.push((
            "REGISTRY_USERNAME",
            format!(
                "the name of a robot account of {} that may push",
                registry.host
            ),
        ));
        out.push(("REGISTRY_PASSWORD", "its password".to_owned()));
    }
    if keys {
        out.push((
            "COSIGN_PRIVATE_KEY",
            "the private key, of which the stack has the public one".to_owned(),
        ));
        out.push(("COSIGN_PASSWORD", "what that is encrypted with".to_owned()));
    }
    if settings.sonarqube.is_some() {
        out.push(("SONAR_TOKEN", "a token of SonarQube's".to_owned()));
    }
    if let Some((_, url)) = delivered(settings, place)? {
        if url.starts_with("ssh://") {
            out.push(("CONFIG_SSH_KEY", format!("a key that may write to {url}")));
        } else {
            out.push(("CONFIG_TOKEN", format!("a token that may write to {url}")));
        }
    }
    Ok(out)
}
