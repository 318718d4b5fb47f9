//! Engines, their versions and the instance classes that can be ordered.

use super::pages;
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::regions;
use crate::aws::xml::Xml;

/// An engine.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) name: &'static str,
    description: &'static str,
    pub(super) port: u32,
    pub(super) license: &'static str,
    /// Oldest first; the default of each major version is its last but one.
    versions: &'static [&'static str],
    pub(super) logs: &'static [&'static str],
    /// User names that it keeps for itself.
    pub(super) reserved: &'static [&'static str],
    /// Whether a major version is two numbers (`8.0`) or one (`17`).
    dotted: bool,
}

const ENGINES: &[Engine] = &[
    Engine {
        name: "postgres",
        description: "PostgreSQL",
        port: 5432,
        license: "postgresql-license",
        versions: &[
            "13.20", "13.21", "13.22", "14.17", "14.18", "14.19", "14.20", "15.12", "15.13",
            "15.14", "15.15", "16.8", "16.9", "16.10", "16.11", "17.4", "17.5", "17.6", "17.7",
            "18.1",
        ],
        logs: &["postgresql", "upgrade", "iam-db-auth-error"],
        reserved: &[
            "admin",
            "rdsadmin",
            "rds_superuser",
            "user",
            "public",
            "authorization",
        ],
        dotted: false,
    },
    Engine {
        name: "mysql",
        description: "MySQL Community Edition",
        port: 3306,
        license: "general-public-license",
        versions: &[
            "8.0.40", "8.0.41", "8.0.42", "8.0.43", "8.0.44", "8.4.4", "8.4.5", "8.4.6", "8.4.7",
        ],
        logs: &[
            "audit",
            "error",
            "general",
            "iam-db-auth-error",
            "slowquery",
        ],
        reserved: &["rdsadmin", "mysql", "select", "user"],
        dotted: true,
    },
    Engine {
        name: "mariadb",
        description: "MariaDB Community Edition",
        port: 3306,
        license: "general-public-license",
        versions: &[
            "10.6.22", "10.6.23", "10.11.13", "10.11.14", "10.11.15", "11.4.7", "11.4.8", "11.4.9",
            "11.8.3", "11.8.5",
        ],
        logs: &[
            "audit",
            "error",
            "general",
            "iam-db-auth-error",
            "slowquery",
        ],
        reserved: &["rdsadmin", "mariadb", "select", "user"],
        dotted: true,
    },
];

/// A version of an engine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    pub(super) engine: &'static Engine,
    pub(super) name: &'static str,
}

impl Engine {
    fn major_of<'a>(&self, version: &'a str) -> &'a str {
        let dots = if self.dotted { 2 } else { 1 };
        let end = version
            .match_indices('.')
            .nth(dots - 1)
            .map_or(version.len(), |(index, _)| index);
        &version[..end]
    }

    fn all(&'static self) -> impl Iterator<Item = Version> {
        self.versions
            .iter()
            .map(move |name| Version { engine: self, name })
    }

    /// The default version of a major version, or of the engine.
    fn default_of(&'static self, major: Option<&str>) -> Option<Version> {
        let newest_settled = if self.name == "postgres" {
            "17"
        } else if self.name == "mysql" {
            "8.4"
        } else {
            "11.8"
        };
        let major = major.unwrap_or(newest_settled);
        let found: Vec<Version> = self
            .all()
            .filter(|version| self.major_of(version.name) == major)
            .collect();
        found.iter().rev().nth(1).or(found.last()).copied()
    }
}

impl Version {
    pub(super) fn major(&self) -> &'static str {
        self.engine.major_of(self.name)
    }

    /// `postgres17`, `mysql8.4`.
    pub(super) fn family(&self) -> String {
        format!("{}{}", self.engine.name, self.major())
    }

    fn number(&self) -> Vec<u32> {
        self.name
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect()
    }

    /// Whether an instance can go from here to there: newer, and to the same or a later major version.
    pub(super) fn upgrades_to(&self, other: &Self) -> bool {
        self.engine.name == other.engine.name && other.number() > self.number()
    }
}

/// The engine of a name.
pub(super) fn find(name: &str) -> AwsResult<&'static Engine> {
    ENGINES
        .iter()
        .find(|engine| engine.name == name)
        .ok_or_else(|| {
            let message =
                format!("Invalid DB engine: {name}. The sandbox has postgres, mysql and mariadb");
            AwsError::new("InvalidParameterValue", message)
        })
}

/// The version that a request means: exact, a major version, or the default.
pub(super) fn version(engine: &'static Engine, wanted: Option<&str>) -> AwsResult<Version> {
    let found = match wanted {
        None => engine.default_of(None),
        Some(text) => engine
            .all()
            .find(|version| version.name == text)
            .or_else(|| engine.default_of(Some(text))),
    };
    found.ok_or_else(|| {
        let message = format!(
            "Cannot find version {} for {}",
            wanted.unwrap_or_default(),
            engine.name
        );
        AwsError::new("InvalidParameterCombination", message)
    })
}

/// Whether a parameter group family exists.
pub(super) fn family_exists(family: &str) -> bool {
    ENGINES
        .iter()
        .flat_map(Engine::all)
        .any(|version| version.family() == family)
}

/// Families of instance classes with the sizes of each.
const CLASSES: &[(&str, &[&str])] = &[
    (
        "db.t3",
        &["micro", "small", "medium", "large", "xlarge", "2xlarge"],
    ),
    (
        "db.t4g",
        &["micro", "small", "medium", "large", "xlarge", "2xlarge"],
    ),
    (
        "db.m5",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
        ],
    ),
    (
        "db.m6g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
    (
        "db.m6i",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "32xlarge",
        ],
    ),
    (
        "db.m7g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
    (
        "db.m7i",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "48xlarge",
        ],
    ),
    (
        "db.r5",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
        ],
    ),
    (
        "db.r6g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
    (
        "db.r6i",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
            "32xlarge",
        ],
    ),
    (
        "db.r7g",
        &[
            "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
        ],
    ),
];

fn classes() -> impl Iterator<Item = String> {
    CLASSES
        .iter()
        .flat_map(|(family, sizes)| sizes.iter().map(move |size| format!("{family}.{size}")))
}

/// Whether an instance class can be had.
pub(super) fn class_exists(name: &str) -> bool {
    classes().any(|class| class == name)
}

/// Storage types with their least and most GiB.
pub(super) const STORAGE: &[(&str, i64, i64)] = &[
    ("gp2", 20, 65_536),
    ("gp3", 20, 65_536),
    ("io1", 100, 65_536),
    ("io2", 100, 65_536),
    ("standard", 10, 3072),
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeDBEngineVersions",
        accepts: &[
            "Engine",
            "EngineVersion",
            "DBParameterGroupFamily",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
            "DefaultOnly",
            "ListSupportedCharacterSets",
            "ListSupportedTimezones",
            "IncludeAll",
        ],
        handler: describe_versions,
    },
    Operation {
        name: "DescribeOrderableDBInstanceOptions",
        accepts: &[
            "Engine",
            "EngineVersion",
            "DBInstanceClass",
            "LicenseModel",
            "AvailabilityZoneGroup",
            "Vpc",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
        ],
        handler: describe_orderable,
    },
];

fn describe_versions(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let filters = super::filters(params)?;
    let mut found: Vec<(String, Version)> = Vec::new();
    for engine in ENGINES {
        if params.str("Engine").is_some_and(|name| name != engine.name) {
            continue;
        }
        let wanted = params.str("EngineVersion");
        let default_only = params.bool("DefaultOnly")?.unwrap_or(false);
        let versions: Vec<Version> = match (default_only, wanted) {
            (true, major) => engine
                .default_of(major)
                .or(engine.all().find(|v| Some(v.name) == major))
                .into_iter()
                .collect(),
            (false, None) => engine.all().collect(),
            (false, Some(text)) => engine
                .all()
                .filter(|version| version.name == text || version.major() == text)
                .collect(),
        };
        for version in versions {
            let family = version.family();
            if params
                .str("DBParameterGroupFamily")
                .is_some_and(|wanted| wanted != family)
            {
                continue;
            }
            let mut fits = true;
            for (name, values) in &filters {
                let field = match *name {
                    "engine" => engine.name,
                    "engine-version" => version.name,
                    "db-parameter-group-family" => family.as_str(),
                    "status" => "available",
                    "engine-mode" => "provisioned",
                    name => {
                        return Err(super::invalid(format!("Unrecognized filter name: {name}")));
                    }
                };
                fits &= values.contains(&field);
            }
            if fits {
                let number: Vec<String> = version
                    .number()
                    .iter()
                    .map(|part| format!("{part:04}"))
                    .collect();
                found.push((format!("{}/{}", engine.name, number.join(".")), version));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let page = pages(found, |(key, _)| key.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list(
        "DBEngineVersions",
        "DBEngineVersion",
        &page.items,
        |xml, (_, version)| {
            let engine = version.engine;
            xml.text("Engine", engine.name)
                .text("MajorEngineVersion", version.major())
                .text("EngineVersion", version.name)
                .text("DBParameterGroupFamily", version.family())
                .text("DBEngineDescription", engine.description)
                .text(
                    "DBEngineVersionDescription",
                    format!("{} {}", engine.description, version.name),
                )
                .list(
                    "ValidUpgradeTarget",
                    "UpgradeTarget",
                    engine.all().filter(|other| version.upgrades_to(other)),
                    |xml, target| {
                        xml.text("Engine", engine.name)
                            .text("EngineVersion", target.name)
                            .text(
                                "Description",
                                format!("{} {}", engine.description, target.name),
                            )
                            .text("AutoUpgrade", false)
                            .text("IsMajorVersionUpgrade", target.major() != version.major());
                    },
                )
                .texts("ExportableLogTypes", "member", engine.logs)
                .text("SupportsLogExportsToCloudwatchLogs", true)
                .text("SupportsReadReplica", true)
                .texts("SupportedFeatureNames", "member", [""; 0])
                .text("Status", "available")
                .text("SupportsParallelQuery", false)
                .text("SupportsGlobalDatabases", false)
                .text("SupportsBabelfish", false)
                .text("SupportsCertificateRotationWithoutRestart", true)
                .texts(
                    "SupportedCACertificateIdentifiers",
                    "member",
                    super::instance_settings::CERTIFICATES,
                );
        },
    )
    .opt("Marker", page.next);
    Ok(xml)
}

fn describe_orderable(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let engine = find(params.require("Engine")?)?;
    if params
        .str("LicenseModel")
        .is_some_and(|license| license != engine.license)
    {
        return Ok(Xml::new());
    }
    let mut found = Vec::new();
    for version in engine.all() {
        if params
            .str("EngineVersion")
            .is_some_and(|wanted| wanted != version.name && wanted != version.major())
        {
            continue;
        }
        for class in classes() {
            if params
                .str("DBInstanceClass")
                .is_some_and(|wanted| wanted != class)
            {
                continue;
            }
            for storage in STORAGE {
                let number: Vec<String> = version
                    .number()
                    .iter()
                    .map(|part| format!("{part:04}"))
                    .collect();
                found.push((
                    format!("{}/{class}/{}", number.join("."), storage.0),
                    version,
                    class.clone(),
                    *storage,
                ));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let page = pages(found, |(key, ..)| key.as_str(), params)?;
    let zones = regions::zones(&ctx.region);
    let mut xml = Xml::new();
    xml.list(
        "OrderableDBInstanceOptions",
        "OrderableDBInstanceOption",
        &page.items,
        |xml, (_, version, class, (storage, least, most))| {
            let provisioned = storage.starts_with("io");
            xml.text("Engine", engine.name)
                .text("EngineVersion", version.name)
                .text("DBInstanceClass", class)
                .text("LicenseModel", engine.license)
                .list(
                    "AvailabilityZones",
                    "AvailabilityZone",
                    &zones,
                    |xml, zone| {
                        xml.text("Name", zone);
                    },
                )
                .text("MultiAZCapable", true)
                .text("ReadReplicaCapable", true)
                .text("Vpc", true)
                .text("SupportsStorageEncryption", true)
                .text("StorageType", storage)
                .text("SupportsIops", provisioned || *storage == "gp3")
                .text("SupportsStorageThroughput", *storage == "gp3")
                .text("SupportsEnhancedMonitoring", true)
                .text("SupportsIAMDatabaseAuthentication", true)
                .text("SupportsPerformanceInsights", !class.ends_with(".micro"))
                .text("MinStorageSize", least)
                .text("MaxStorageSize", most)
                .texts("SupportedEngineModes", "member", ["provisioned"])
                .text("SupportsStorageAutoscaling", *storage != "standard")
                .text("SupportsKerberosAuthentication", true)
                .text("OutpostCapable", false)
                .texts("SupportedNetworkTypes", "member", ["IPV4", "DUAL"])
                .text("SupportsClusters", false);
        },
    )
    .opt("Marker", page.next);
    Ok(xml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_exact_major_or_default() {
        let postgres = find("postgres").expect("known");
        let cases = [
            (None, Some("17.6")),
            (Some("16"), Some("16.10")),
            (Some("16.8"), Some("16.8")),
            (Some("9"), None),
        ];
        for (wanted, expected) in cases {
            assert_eq!(
                version(postgres, wanted).ok().map(|version| version.name),
                expected,
                "{wanted:?}"
            );
        }
        let mysql = find("mysql").expect("known");
        assert_eq!(
            version(mysql, Some("8.0")).expect("known").family(),
            "mysql8.0"
        );
        let old = version(postgres, Some("16.9")).expect("known");
        let new = version(postgres, Some("16.10")).expect("known");
        assert!(old.upgrades_to(&new) && !new.upgrades_to(&old));
    }
}
