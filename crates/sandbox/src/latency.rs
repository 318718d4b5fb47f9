//! How long the cloud takes for what it does in the background. One table of realistic seconds; the faster
//! settings are fractions of it. Durations of requests themselves are not here.

use crate::clock::Millis;

/// The pace of background work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Latency {
    /// Everything is ready at once.
    None,
    /// Milliseconds: a cluster takes 300. States are seen, nobody waits.
    #[default]
    Fast,
    /// The real minutes, on a clock that runs 60 times as fast: a cluster takes 10 s.
    Realistic,
}

/// A setting that is not one of `none`, `fast`, `realistic`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown latency {0:?}: expected none, fast or realistic")]
pub struct UnknownLatency(String);

impl std::str::FromStr for Latency {
    type Err = UnknownLatency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "fast" => Ok(Self::Fast),
            "realistic" => Ok(Self::Realistic),
            other => Err(UnknownLatency(other.to_owned())),
        }
    }
}

impl Latency {
    /// How long `work` takes at this pace.
    pub(crate) fn of(self, work: Work) -> Millis {
        let seconds = work.seconds();
        match self {
            Self::None => 0,
            Self::Fast => (seconds / 2).max(2),
            Self::Realistic => seconds * 1000 / 60,
        }
    }
}

/// Work that a cloud does in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    VpcCreate,
    SubnetCreate,
    NatGatewayCreate,
    NatGatewayDelete,
    /// How long a deleted NAT gateway is still shown.
    NatGatewayLinger,
    VpcEndpointCreate,
    VpcEndpointDelete,
    ClusterCreate,
    ClusterUpdate,
    ClusterDelete,
    NodegroupCreate,
    NodegroupUpdate,
    NodegroupDelete,
    AddonCreate,
    AddonUpdate,
    AddonDelete,
    /// Of any type.
    CloudControlRequest,
    LoadBalancerCreate,
    /// How long network interfaces of a deleted load balancer hold its subnets and groups.
    LoadBalancerDelete,
    TargetRegistration,
    DatabaseCreate,
    DatabaseModify,
    DatabaseDelete,
    InstanceLaunch,
    InstanceTerminate,
    /// Until the name servers have a change of Route 53.
    DnsChange,
    /// Until a requested certificate says which records it waits for.
    CertificateRecords,
    /// From the records to the certificate.
    CertificateIssue,
    /// Networks, addresses, firewalls and what else compute makes at once.
    ComputeQuick,
    /// Parts of a load balancer.
    ComputeSlow,
    GkeClusterCreate,
    GkeClusterUpdate,
    GkeClusterDelete,
    GkePoolCreate,
    GkePoolUpdate,
    GkePoolDelete,
    CloudSqlCreate,
    CloudSqlUpdate,
    CloudSqlDelete,
    /// Databases and users of an instance.
    CloudSqlQuick,
    ServiceConnect,
    ServiceEnable,
    RepositoryCreate,
    /// What Resource Manager makes in seconds.
    ArmQuick,
    /// Networks, security groups, addresses.
    ArmNetwork,
    /// Load balancers, NAT gateways, private endpoints.
    ArmBalancer,
    ArmGatewayCreate,
    ArmGatewayDelete,
    ArmGroupDelete,
    AksClusterCreate,
    AksClusterUpdate,
    AksClusterDelete,
    AksPoolCreate,
    AksPoolUpdate,
    AksPoolDelete,
    FlexibleServerCreate,
    FlexibleServerUpdate,
    FlexibleServerDelete,
    FlexibleServerQuick,
    StorageAccountCreate,
    VaultCreate,
    WorkspaceCreate,
    PrivateZoneCreate,
    /// From its node to ready.
    PodStart,
    PodStop,
    /// How long the work of a Job's pod takes.
    PodRun,
    /// The load balancer of a Service.
    ServiceBalancer,
    /// What an operator makes of a custom resource.
    OperatorStep,
}

impl Work {
    /// Typical seconds on the real cloud.
    #[allow(
        clippy::match_same_arms,
        reason = "one line for each, so that one can change by itself"
    )]
    fn seconds(self) -> Millis {
        match self {
            Self::VpcCreate | Self::SubnetCreate => 2,
            Self::NatGatewayCreate => 90,
            Self::NatGatewayDelete => 60,
            Self::NatGatewayLinger => 3600,
            Self::VpcEndpointCreate => 60,
            Self::VpcEndpointDelete => 45,
            Self::ClusterCreate => 600,
            Self::ClusterUpdate => 480,
            Self::ClusterDelete => 180,
            Self::NodegroupCreate | Self::NodegroupUpdate => 180,
            Self::NodegroupDelete => 240,
            Self::AddonCreate => 40,
            Self::AddonUpdate => 30,
            Self::AddonDelete => 20,
            Self::CloudControlRequest => 10,
            Self::LoadBalancerCreate => 150,
            Self::LoadBalancerDelete => 60,
            Self::TargetRegistration => 20,
            Self::DatabaseCreate => 420,
            Self::DatabaseModify => 120,
            Self::DatabaseDelete => 300,
            Self::InstanceLaunch => 40,
            Self::InstanceTerminate => 45,
            Self::DnsChange => 40,
            Self::CertificateRecords => 5,
            Self::CertificateIssue => 120,
            Self::ComputeQuick => 10,
            Self::ComputeSlow => 25,
            Self::GkeClusterCreate => 380,
            Self::GkeClusterUpdate => 150,
            Self::GkeClusterDelete => 200,
            Self::GkePoolCreate => 90,
            Self::GkePoolUpdate => 150,
            Self::GkePoolDelete => 120,
            Self::CloudSqlCreate => 420,
            Self::CloudSqlUpdate => 90,
            Self::CloudSqlDelete => 60,
            Self::CloudSqlQuick => 4,
            Self::ServiceConnect => 50,
            Self::ServiceEnable => 15,
            Self::RepositoryCreate => 8,
            Self::ArmQuick => 4,
            Self::ArmNetwork => 6,
            Self::ArmBalancer => 12,
            Self::ArmGatewayCreate => 360,
            Self::ArmGatewayDelete => 240,
            Self::ArmGroupDelete => 60,
            Self::AksClusterCreate => 300,
            Self::AksClusterUpdate => 120,
            Self::AksClusterDelete => 240,
            Self::AksPoolCreate => 150,
            Self::AksPoolUpdate => 60,
            Self::AksPoolDelete => 90,
            Self::FlexibleServerCreate => 360,
            Self::FlexibleServerUpdate => 90,
            Self::FlexibleServerDelete => 45,
            Self::FlexibleServerQuick => 20,
            Self::StorageAccountCreate => 25,
            Self::VaultCreate => 40,
            Self::WorkspaceCreate => 30,
            Self::PrivateZoneCreate => 35,
            Self::PodStart => 8,
            Self::PodStop => 4,
            Self::PodRun => 10,
            Self::ServiceBalancer => 60,
            Self::OperatorStep => 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_takes_nothing_then_milliseconds_then_accelerated_minutes() {
        let paces = [
            (Latency::None, 0),
            (Latency::Fast, 300),
            (Latency::Realistic, 10_000),
        ];
        for (pace, expected) in paces {
            assert_eq!(pace.of(Work::ClusterCreate), expected, "{pace:?}");
        }
    }

    #[test]
    fn latency_is_parsed_by_name() {
        assert_eq!("realistic".parse(), Ok(Latency::Realistic));
        assert!("slow".parse::<Latency>().is_err());
    }
}
