//! The machine types that zones offer (Compute Engine, "Machine families resource and comparison guide").

use serde_json::{Value, json};

use super::super::context::Input;
use super::super::error::GoogleResult;
use super::super::places;
use super::filter;
use super::reference::{PREFIX, missing};
use crate::http::HttpReply;

/// A series: its name, its classes with GiB of memory per processor, its sizes by processors, its architecture.
struct Series {
    name: &'static str,
    classes: &'static [(&'static str, f64)],
    sizes: &'static [u64],
    architecture: &'static str,
}

const X86: &str = "X86_64";
const ARM: &str = "ARM64";
const ALL: &[(&str, f64)] = &[("standard", 4.0), ("highmem", 8.0), ("highcpu", 1.0)];
const STANDARD: &[(&str, f64)] = &[("standard", 4.0)];

const fn series(
    name: &'static str,
    classes: &'static [(&'static str, f64)],
    sizes: &'static [u64],
    architecture: &'static str,
) -> Series {
    Series {
        name,
        classes,
        sizes,
        architecture,
    }
}

const SERIES: &[Series] = &[
    series("e2", ALL, &[2, 4, 8, 16, 32], X86),
    series("n1", ALL, &[1, 2, 4, 8, 16, 32, 64, 96], X86),
    series("n2", ALL, &[2, 4, 8, 16, 32, 48, 64, 80, 96, 128], X86),
    series("n2d", ALL, &[2, 4, 8, 16, 32, 48, 64, 80, 96, 128], X86),
    series("n4", ALL, &[2, 4, 8, 16, 32, 48, 64, 80], X86),
    series("c2", STANDARD, &[4, 8, 16, 30, 60], X86),
    series("c2d", ALL, &[2, 4, 8, 16, 32, 56, 112], X86),
    series("c3", ALL, &[4, 8, 22, 44, 88, 176], X86),
    series("c3d", ALL, &[4, 8, 16, 30, 60, 90, 180, 360], X86),
    series("c4", ALL, &[2, 4, 8, 16, 32, 48, 96, 192], X86),
    series("c4a", ALL, &[1, 2, 4, 8, 16, 32, 48, 64, 72], ARM),
    series("t2d", STANDARD, &[1, 2, 4, 8, 16, 32, 48, 60], X86),
    series("t2a", STANDARD, &[1, 2, 4, 8, 16, 32, 48], ARM),
    series("g2", STANDARD, &[4, 8, 12, 16, 24, 32, 48, 96], X86),
];

/// Types that share a processor: name and MiB.
const SHARED: [(&str, u64); 5] = [
    ("e2-micro", 1024),
    ("e2-small", 2048),
    ("e2-medium", 4096),
    ("f1-micro", 614),
    ("g1-small", 1740),
];

/// The only zones with machines of the series T2A ("Arm VMs on Compute Engine").
const T2A: [&str; 8] = [
    "asia-southeast1-b",
    "asia-southeast1-c",
    "europe-west4-a",
    "europe-west4-b",
    "europe-west4-c",
    "us-central1-a",
    "us-central1-b",
    "us-central1-f",
];

struct MachineType {
    name: String,
    cpus: u64,
    mib: u64,
    shared: bool,
    architecture: &'static str,
}

fn all() -> impl Iterator<Item = MachineType> {
    let sized = SERIES.iter().flat_map(|series| {
        series.classes.iter().flat_map(move |(class, gib)| {
            series.sizes.iter().map(move |cpus| MachineType {
                name: format!("{}-{class}-{cpus}", series.name),
                cpus: *cpus,
                // Whole GiB, small numbers.
                mib: (*cpus as f64 * gib * 1024.0) as u64,
                shared: false,
                architecture: series.architecture,
            })
        })
    });
    let shared = SHARED.iter().map(|(name, mib)| MachineType {
        name: (*name).to_owned(),
        cpus: if name.starts_with("e2") { 2 } else { 1 },
        mib: *mib,
        shared: true,
        architecture: X86,
    });
    sized.chain(shared)
}

/// What of a type's processors and memory its name says: `custom-2-4096`, `n2-custom-4-8192`.
fn custom(name: &str) -> Option<MachineType> {
    let (series, rest) = match name.strip_prefix("custom-") {
        Some(rest) => ("n1", rest),
        None => name.split_once("-custom-")?,
    };
    let mut numbers = rest.trim_end_matches("-ext").split('-');
    let cpus = numbers.next()?.parse().ok()?;
    let mib: u64 = numbers.next()?.parse().ok()?;
    let known = matches!(series, "e2" | "n1" | "n2" | "n2d" | "n4");
    let whole = numbers.next().is_none() && mib.is_multiple_of(256);
    (known && whole).then(|| MachineType {
        name: name.to_owned(),
        cpus,
        mib,
        shared: false,
        architecture: X86,
    })
}

fn in_zone(kind: &MachineType, zone: &str) -> bool {
    !kind.name.starts_with("t2a-") || T2A.contains(&zone)
}

fn find(name: &str, zone: &str) -> Option<MachineType> {
    let known = all().find(|kind| kind.name == name);
    known
        .or_else(|| custom(name))
        .filter(|kind| in_zone(kind, zone))
}

/// Whether a zone offers a type.
pub(crate) fn offered(name: &str, zone: &str) -> bool {
    find(name, zone).is_some()
}

fn show(project: &str, zone: &str, kind: &MachineType) -> Value {
    let path = format!("projects/{project}/zones/{zone}/machineTypes/{}", kind.name);
    json!({
        "kind": "compute#machineType",
        "id": super::place::number(&kind.name),
        "creationTimestamp": "1969-12-31T16:00:00.000-08:00",
        "name": kind.name,
        "description": format!("{} vCPU, {} MiB", kind.cpus, kind.mib),
        "guestCpus": kind.cpus,
        "memoryMb": kind.mib,
        "imageSpaceGb": 0,
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "zone": zone,
        "isSharedCpu": kind.shared,
        "architecture": kind.architecture,
        "selfLink": format!("{PREFIX}{path}"),
    })
}

/// `machineTypes.get` and `list`.
pub(crate) fn run(input: &Input<'_>) -> GoogleResult<HttpReply> {
    let (project, zone) = (input.project(), input.location());
    if !places::is_zone(zone) {
        return Err(missing(&format!("projects/{project}/zones/{zone}")));
    }
    if let Some(name) = input.variable("machineType") {
        let Some(kind) = find(name, zone) else {
            return Err(missing(&format!(
                "projects/{project}/zones/{zone}/machineTypes/{name}"
            )));
        };
        return Ok(HttpReply::json(200, &show(project, zone, &kind)));
    }
    let here = all().filter(|kind| in_zone(kind, zone));
    let items = here.map(|kind| show(project, zone, &kind)).collect();
    let items = filter::apply(items, input)?;
    let path = format!("projects/{project}/zones/{zone}/machineTypes");
    let answer = json!({
        "kind": "compute#machineTypeList",
        "id": path,
        "items": [],
        "selfLink": format!("{PREFIX}{path}"),
    });
    let answer = input.paged(answer, "items", items, filter::size(input)?)?;
    Ok(HttpReply::json(200, &answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_offer_what_they_have() {
        for (name, zone, expected) in [
            ("e2-medium", "europe-west1-b", true),
            ("n2-standard-4", "europe-west1-b", true),
            ("n2-standard-5", "europe-west1-b", false),
            ("n2-custom-6-10240", "europe-west1-b", true),
            ("custom-2-4096", "europe-west1-b", true),
            ("custom-2-4097", "europe-west1-b", false),
            ("t2a-standard-4", "europe-west1-b", false),
            ("t2a-standard-4", "europe-west4-a", true),
            ("huge", "europe-west1-b", false),
        ] {
            assert_eq!(offered(name, zone), expected, "{name} in {zone}");
        }
    }
}
