//! The services and the call limits that the engine keeps for them, from the default quotas of each service's
//! documentation ("Quotas and limits"), per second. Nothing is called here.

use infra_model::schema::ApiFamily;

/// A service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// Its key under `endpoints`, and what errors call it.
    pub(crate) name: &'static str,
    /// `compute.googleapis.com`
    pub(crate) host: &'static str,
    /// What stands before every path: `compute/v1`.
    pub(crate) base: &'static str,
    /// Whether its calls go through Google's official crate.
    pub(crate) official: bool,
    /// Limits of calls that read.
    pub(crate) read: Family,
    /// Limits of calls that change.
    pub(crate) write: Family,
}

/// A group of calls that share limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    concurrent: usize,
    burst: f64,
    per_second: f64,
}

const fn family(name: &'static str, concurrent: usize, burst: f64, per_second: f64) -> Family {
    Family {
        name,
        concurrent,
        burst,
        per_second,
    }
}

const fn service(
    name: &'static str,
    host: &'static str,
    base: &'static str,
    read: Family,
    write: Family,
) -> Service {
    Service {
        name,
        host,
        base,
        official: true,
        read,
        write,
    }
}

/// The same, called over REST by a client of our own.
const fn plain(service: Service) -> Service {
    Service {
        official: false,
        ..service
    }
}

/// Compute Engine: 1,500 reads and 1,500 changes a minute and region.
pub(crate) const COMPUTE: Service = service(
    "compute",
    "compute.googleapis.com",
    "compute/v1",
    family("compute.read", 32, 100.0, 25.0),
    family("compute.write", 32, 50.0, 25.0),
);
/// Kubernetes Engine: 3,000 reads and 600 changes a minute.
pub(crate) const CONTAINER: Service = service(
    "container",
    "container.googleapis.com",
    "v1",
    family("container.read", 16, 50.0, 50.0),
    family("container.write", 16, 20.0, 10.0),
);
/// Cloud SQL Admin: 180 changes a minute and user.
pub(crate) const SQL: Service = service(
    "sql",
    "sqladmin.googleapis.com",
    "v1",
    family("sql.read", 16, 40.0, 8.0),
    family("sql.write", 8, 20.0, 3.0),
);
/// Identity and Access Management: 600 changes a minute.
pub(crate) const IAM: Service = service(
    "iam",
    "iam.googleapis.com",
    "v1",
    family("iam.read", 16, 60.0, 50.0),
    family("iam.write", 8, 20.0, 10.0),
);
/// Its pools of identities from outside, which the official crate lacks.
pub(crate) const FEDERATION: Service = plain(IAM);
/// Resource Manager, for the policy of a project: 600 a minute.
pub(crate) const PROJECTS: Service = service(
    "cloudresourcemanager",
    "cloudresourcemanager.googleapis.com",
    "v3",
    family("cloudresourcemanager.read", 16, 20.0, 10.0),
    family("cloudresourcemanager.write", 4, 10.0, 5.0),
);
/// Service Usage: 120 changes a minute.
pub(crate) const USAGE: Service = service(
    "serviceusage",
    "serviceusage.googleapis.com",
    "v1",
    family("serviceusage.read", 16, 40.0, 10.0),
    family("serviceusage.write", 8, 20.0, 2.0),
);
/// Its first version, for what the second lacks; nobody's crate speaks it.
pub(crate) const USAGE_BETA: Service = plain(Service {
    base: "v1beta1",
    ..USAGE
});
/// Service Networking, which has no official crate.
pub(crate) const PEERING: Service = plain(service(
    "servicenetworking",
    "servicenetworking.googleapis.com",
    "v1",
    family("servicenetworking.read", 8, 20.0, 5.0),
    family("servicenetworking.write", 4, 10.0, 1.0),
));
/// Key management: 300 reads and 60 changes a minute.
pub(crate) const KMS: Service = service(
    "kms",
    "cloudkms.googleapis.com",
    "v1",
    family("kms.read", 8, 20.0, 5.0),
    family("kms.write", 4, 10.0, 1.0),
);
/// Secret Manager: 600 reads and 600 changes a minute.
pub(crate) const SECRETS: Service = service(
    "secretmanager",
    "secretmanager.googleapis.com",
    "v1",
    family("secretmanager.read", 16, 40.0, 10.0),
    family("secretmanager.write", 8, 20.0, 10.0),
);
/// Artifact Registry.
pub(crate) const ARTIFACTS: Service = service(
    "artifactregistry",
    "artifactregistry.googleapis.com",
    "v1",
    family("artifactregistry.read", 16, 40.0, 10.0),
    family("artifactregistry.write", 8, 20.0, 5.0),
);
/// Cloud DNS.
pub(crate) const DNS: Service = service(
    "dns",
    "dns.googleapis.com",
    "dns/v1",
    family("dns.read", 16, 40.0, 10.0),
    family("dns.write", 8, 20.0, 5.0),
);
/// Cloud Storage, its JSON API: about one bucket in two seconds. The official crate speaks gRPC only.
pub(crate) const STORAGE: Service = plain(service(
    "storage",
    "storage.googleapis.com",
    "storage/v1",
    family("storage.read", 16, 50.0, 20.0),
    family("storage.write", 8, 10.0, 1.0),
));

/// Any other service, by its host: `google_rest_resource`.
pub(crate) const REST: Service = plain(service(
    "rest",
    "",
    "",
    family("rest.read", 16, 20.0, 10.0),
    family("rest.write", 8, 10.0, 5.0),
));

pub(crate) const ALL: [Service; 13] = [
    COMPUTE, CONTAINER, SQL, IAM, PROJECTS, USAGE, PEERING, KMS, SECRETS, ARTIFACTS, DNS, STORAGE,
    REST,
];

/// The limits as the engine takes them.
pub(crate) fn limits() -> Vec<ApiFamily> {
    ALL.iter()
        .flat_map(|s| [s.read, s.write])
        .map(|f| ApiFamily {
            name: f.name,
            concurrent: f.concurrent,
            burst: f.burst,
            per_second: f.per_second,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_can_be_sent_elsewhere() {
        for service in ALL {
            assert!(
                crate::config::SERVICES.contains(&service.name),
                "{}",
                service.name
            );
        }
        assert_eq!(ALL.len(), crate::config::SERVICES.len());
    }
}
