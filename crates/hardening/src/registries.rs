//! Registries of the cluster's own cloud, which nobody reads without logging in. Who verifies signatures, scans images or looks for new
//! versions of them reads there by an identity of its own: nodes may pull, but pods do not get what nodes have.

use crate::azure;
use crate::controls::{gitops, policy, supply_chain};
use crate::flow::Pods;
use crate::identity::{Grant, Identity, Lowered};
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use infra_model::Value;
use std::collections::BTreeSet;

/// A registry that is read; templates.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    /// What rights are given over: an ARN on AWS, a repository's id on Google Cloud, the registry's id on Azure.
    pub(crate) target: String,
    /// Its name in the cloud, where it has one.
    pub(crate) name: Option<String>,
}

/// Where a host of a registry belongs: the word that providers of logins have for its cloud.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html>,
/// <https://cloud.google.com/artifact-registry/docs/docker/names>,
/// <https://learn.microsoft.com/azure/container-registry/container-registry-concepts>
pub(crate) fn cloud_of(image: &str) -> Option<&'static str> {
    let host = image.split('/').next().unwrap_or_default();
    if ecr(image, true).is_some() {
        Some("aws")
    } else if host.ends_with("-docker.pkg.dev") {
        Some("google")
    } else if azure::is_registry(host) {
        Some("azure")
    } else {
        None
    }
}

/// The ARN of a repository of ECR by the name of its image; `all` whose names begin so.
fn ecr(image: &str, all: bool) -> Option<String> {
    let (host, path) = image.split_once('/').unwrap_or((image, ""));
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let (region, partition) = match rest.strip_suffix(".amazonaws.com") {
        Some(region) if region.starts_with("us-gov-") => (region, "aws-us-gov"),
        Some(region) => (region, "aws"),
        None => (rest.strip_suffix(".amazonaws.com.cn")?, "aws-cn"),
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let known = account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && !region.is_empty()
        && region.chars().all(legal);
    let under = if all { "*" } else { "" };
    known.then(|| format!("arn:{partition}:ecr:{region}:{account}:repository/{path}{under}"))
}

/// The word for a cloud.
fn word(cloud: &Cloud) -> &'static str {
    match cloud {
        Cloud::Aws(_) => "aws",
        Cloud::Google(_) => "google",
        Cloud::Azure(_) => "azure",
    }
}

/// Images that controls read: by what their names begin with, those that must be trusted or signed; by their own names, those of which new
/// versions are looked for. Each with whether it is a beginning.
fn named(inside: &Inside<'_>) -> BTreeSet<(String, bool)> {
    let mut out = BTreeSet::new();
    let all = |registry: String| (registry, true);
    if inside.on("policy")
        && let Ok(policies) = inside.config::<policy::Config>("policy")
    {
        out.extend(policies.registries.into_iter().map(all));
    }
    if inside.on("supply_chain")
        && let Ok(signed) = inside.config::<supply_chain::Config>("supply_chain")
    {
        out.extend(signed.registries.into_iter().map(all));
    }
    if inside.on("gitops")
        && let Ok(delivered) = inside.config::<gitops::Config>("gitops")
    {
        out.extend(delivered.images.into_iter().map(|i| (i.image, false)));
    }
    out
}

/// Tells of registries of the cluster's cloud that are named, and which nobody can be let read: they are not the stack's, and their names do
/// not say what rights would be given over.
pub(crate) fn check(inside: &mut Inside<'_>) {
    let cloud = word(&inside.site.cloud);
    if inside.origin.is_some() || !inside.registries().is_empty() {
        return;
    }
    let all = named(inside);
    let foreign = all.iter().find(|(image, _)| cloud_of(image) == Some(cloud));
    if let Some((image, _)) = foreign {
        let message = format!(
            "`{image}` is a private registry, and none of the stack's: what verifies or scans its images cannot log in there"
        );
        let help = "declare it in the stack, `[registry.app]`, so that it may be read; or let the pods' identities read it yourself";
        inside.draft.remark("cluster", message, help);
    }
}

impl Inside<'_> {
    /// The registries that the platform's own pods read: all of the stack's on this cloud, and of ECR those that are named. A copy for a
    /// drill reads the real ones.
    pub(crate) fn registries(&self) -> Vec<Registry> {
        let cloud = word(&self.site.cloud);
        let literal = |target: &str| Registry {
            target: escape(target),
            name: None,
        };
        let mut found: Vec<Registry> = match &self.origin {
            Some(origin) => origin
                .registries
                .iter()
                .map(|r| Registry {
                    name: Some(escape(&r.name)),
                    ..literal(&r.target)
                })
                .collect(),
            None => (self.draft.instance.list)("registry")
                .into_iter()
                .filter(|known| {
                    let stands = known.facts.get("cloud").and_then(Value::as_str);
                    stands.and_then(|text| text.split('.').next()) == Some(cloud)
                })
                .map(|known| Registry {
                    target: format!("${{{}.arn}}", known.reference),
                    name: Some(format!("${{{}.name}}", known.reference)),
                })
                .collect(),
        };
        if cloud == "aws" {
            let all = named(self);
            let named = all.iter().filter_map(|(image, all)| ecr(image, *all));
            found.extend(named.map(|arn| literal(&arn)));
        }
        found
    }

    /// Lets pods read the registries; nothing where there is none.
    pub(crate) fn reads_images(
        &mut self,
        name: &str,
        pods: &Pods,
        service_account: &str,
    ) -> Option<Lowered> {
        let registries = self.registries();
        if registries.is_empty() {
            return None;
        }
        // On Google Cloud the account of this name is the real one's too, and what is given to it is given already.
        let shared = self.origin.is_some() && matches!(self.site.cloud, Cloud::Google(_));
        let grants = registries.into_iter().filter(|_| !shared);
        Some(self.identity(&Identity {
            name: name.to_owned(),
            pods: pods.clone(),
            service_account: service_account.to_owned(),
            grants: grants.map(|r| Grant::Pull(r.target)).collect(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_registries_tell_their_cloud() {
        for (image, cloud) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/", Some("aws")),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop/",
                Some("aws"),
            ),
            ("europe-west1-docker.pkg.dev/acme/shop/", Some("google")),
            ("acme.azurecr.io/", Some("azure")),
            ("acme.azurecr.us/shop", Some("azure")),
            ("acme.azurecr.cn/shop", Some("azure")),
            ("ghcr.io/acme/", None),
            ("azurecr.io.example.com/acme/", None),
            ("12.dkr.ecr.eu-west-1.amazonaws.com/", None),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com.example.com/",
                None,
            ),
        ] {
            assert_eq!(cloud_of(image), cloud, "{image}");
        }
    }

    #[test]
    fn rights_in_ecr_are_for_what_is_named() {
        for (image, all, arn) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/",
                true,
                "arn:aws:ecr:eu-west-1:123456789012:repository/*",
            ),
            (
                "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/shop/",
                true,
                "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/shop/*",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop/front",
                false,
                "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop/front",
            ),
        ] {
            assert_eq!(ecr(image, all).as_deref(), Some(arn));
        }
    }
}
