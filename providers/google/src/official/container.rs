//! Kubernetes Engine, through `google-cloud-container-v1`.

use super::arguments::Body::{None, Whole};
use super::{Method, rpc};
use google_cloud_container_v1::client::ClusterManager;
use google_cloud_container_v1::model as v1;

/// All methods.
#[rustfmt::skip]
pub(super) static METHODS: &[Method] = &[
    rpc!("container.projects.locations.clusters.create" "{parent=projects/*/locations/*}/clusters"
        ClusterManager.create_cluster(v1::CreateClusterRequest) Whole),
    rpc!("container.projects.locations.clusters.list" "{parent=projects/*/locations/*}/clusters"
        ClusterManager.list_clusters(v1::ListClustersRequest) None),
    rpc!("container.projects.locations.clusters.get" "{name=projects/*/locations/*/clusters/*}"
        ClusterManager.get_cluster(v1::GetClusterRequest) None),
    rpc!("container.projects.locations.clusters.update" "{name=projects/*/locations/*/clusters/*}"
        ClusterManager.update_cluster(v1::UpdateClusterRequest) Whole),
    rpc!("container.projects.locations.clusters.setResourceLabels"
        "{name=projects/*/locations/*/clusters/*}:setResourceLabels"
        ClusterManager.set_labels(v1::SetLabelsRequest) Whole),
    rpc!("container.projects.locations.clusters.setMaintenancePolicy"
        "{name=projects/*/locations/*/clusters/*}:setMaintenancePolicy"
        ClusterManager.set_maintenance_policy(v1::SetMaintenancePolicyRequest) Whole),
    rpc!("container.projects.locations.clusters.delete" "{name=projects/*/locations/*/clusters/*}"
        ClusterManager.delete_cluster(v1::DeleteClusterRequest) None),
    rpc!("container.projects.locations.clusters.nodePools.create" "{parent=projects/*/locations/*/clusters/*}/nodePools"
        ClusterManager.create_node_pool(v1::CreateNodePoolRequest) Whole),
    rpc!("container.projects.locations.clusters.nodePools.list" "{parent=projects/*/locations/*/clusters/*}/nodePools"
        ClusterManager.list_node_pools(v1::ListNodePoolsRequest) None),
    rpc!("container.projects.locations.clusters.nodePools.get" "{name=projects/*/locations/*/clusters/*/nodePools/*}"
        ClusterManager.get_node_pool(v1::GetNodePoolRequest) None),
    rpc!("container.projects.locations.clusters.nodePools.update" "{name=projects/*/locations/*/clusters/*/nodePools/*}"
        ClusterManager.update_node_pool(v1::UpdateNodePoolRequest) Whole),
    rpc!("container.projects.locations.clusters.nodePools.setAutoscaling"
        "{name=projects/*/locations/*/clusters/*/nodePools/*}:setAutoscaling"
        ClusterManager.set_node_pool_autoscaling(v1::SetNodePoolAutoscalingRequest) Whole),
    rpc!("container.projects.locations.clusters.nodePools.setManagement"
        "{name=projects/*/locations/*/clusters/*/nodePools/*}:setManagement"
        ClusterManager.set_node_pool_management(v1::SetNodePoolManagementRequest) Whole),
    rpc!("container.projects.locations.clusters.nodePools.setSize"
        "{name=projects/*/locations/*/clusters/*/nodePools/*}:setSize"
        ClusterManager.set_node_pool_size(v1::SetNodePoolSizeRequest) Whole),
    rpc!("container.projects.locations.clusters.nodePools.delete" "{name=projects/*/locations/*/clusters/*/nodePools/*}"
        ClusterManager.delete_node_pool(v1::DeleteNodePoolRequest) None),
    rpc!("container.projects.locations.getServerConfig" "{name=projects/*/locations/*}/serverConfig"
        ClusterManager.get_server_config(v1::GetServerConfigRequest) None),
    rpc!("container.operations.get" "{name=projects/*/locations/*/operations/*}"
        ClusterManager.get_operation(v1::GetOperationRequest) None),
];
