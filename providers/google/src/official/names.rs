//! The names of enumerations. The crates made from protocol buffers write an enumeration as its number; the provider's
//! schemas, as the services' documentation, know names.

use serde::Serialize;
use serde::ser::{
    Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, Serializer,
};
use serde_json::{Error, Map, Value as Json};
use std::any::type_name;
use std::collections::HashMap;
use std::sync::OnceLock;

type Name = fn(i32) -> Option<String>;

macro_rules! enumerations {
    ($($krate:ident::model { $($($part:ident)::+),* $(,)? })*) => {
        #[allow(deprecated)]
        fn known() -> HashMap<&'static str, Name> {
            let mut out: HashMap<&'static str, Name> = HashMap::new();
            $($(out.insert(
                type_name::<$krate::model::$($part)::+>(),
                |number| <$krate::model::$($part)::+>::from(number).name().map(str::to_owned),
            );)*)*
            out
        }
    };
}

enumerations! {
    google_cloud_container_v1::model {
        linux_node_config::node_kernel_module_loading::Policy, linux_node_config::CgroupMode, linux_node_config::TransparentHugepageEnabled,
        linux_node_config::TransparentHugepageDefrag, windows_node_config::OSVersion, node_config::LocalSsdEncryptionMode,
        node_config::EffectiveCgroupMode, taint_config::ArchitectureTaintBehavior, advanced_machine_features::PerformanceMonitoringUnit,
        node_network_config::network_performance_config::Tier, sandbox_config::Type, reservation_affinity::Type,
        sole_tenant_config::node_affinity::Operator, containerd_config::registry_host_config::HostCapability, node_taint::Effect,
        cloud_run_config::LoadBalancerType, network_policy::Provider, binary_authorization::EvaluationMode, cluster::Status,
        node_creation_config::Mode, control_plane_egress::Mode, anonymous_authentication_config::Mode, compliance_posture_config::Mode,
        security_posture_config::Mode, security_posture_config::VulnerabilityMode, additional_ip_ranges_config::Status, operation::Status,
        operation::Type, set_master_auth_request::Action, node_pool::update_info::blue_green_info::Phase, node_pool::placement_policy::Type,
        node_pool::Status, maintenance_exclusion_options::Scope, maintenance_exclusion_options::EndTimeBehavior,
        cluster_autoscaling::AutoscalingProfile, cluster_autoscaling::AutopilotGeneralProfile, node_pool_autoscaling::LocationPolicy,
        gpu_sharing_config::GPUSharingStrategy, gpu_driver_installation_config::GPUDriverVersion, workload_metadata_config::Mode,
        status_condition::Code, network_config::cluster_network_performance_config::Tier, gateway_api_config::Channel,
        autopilot_compatibility_issue::IssueType, release_channel::Channel, dns_config::Provider, dns_config::DNSScope, database_encryption::State,
        database_encryption::CurrentState, usable_subnetwork_secondary_range::Status, gpu_direct_config::GPUDirectStrategy,
        notification_config::EventType, confidential_nodes::ConfidentialInstanceType, upgrade_info_event::State, upgrade_info_event::EventType,
        disruption_event::DisruptionType, logging_component_config::Component, advanced_datapath_observability_config::RelayMode,
        logging_variant_config::Variant, monitoring_component_config::Component, dataplane_v_2_config::ScalabilityMode, auto_monitoring_config::Scope,
        pod_autoscaling::HPAProfile, fleet::MembershipType, enterprise_config::ClusterTier, secondary_boot_disk::Mode,
        cluster_upgrade_info::AutoUpgradeStatus, cluster_upgrade_info::AutoUpgradePausedReason, rollback_safe_upgrade_status::Mode,
        upgrade_details::State, upgrade_details::StartType, node_pool_upgrade_info::AutoUpgradeStatus,
        node_pool_upgrade_info::AutoUpgradePausedReason, gke_auto_upgrade_config::PatchMode, network_tier_config::NetworkTier,
        managed_open_telemetry_config::Scope, PrivateIPv6GoogleAccess, UpgradeResourceType, DatapathProvider, NodePoolUpdateStrategy, StackType,
        IPv6AccessType, InTransitEncryptionConfig
    }
    google_cloud_sql_v1::model {
        backup::SqlBackupType, backup::SqlBackupState, blue_green_deployment::source_target_paired_node::deployment_task::Type,
        blue_green_deployment::source_target_paired_node::deployment_task::State, blue_green_deployment::source_target_paired_node::State,
        blue_green_deployment::State, get_blue_green_deployment_request::BlueGreenDeploymentView, connect_settings::CaMode,
        connect_settings::MdxProtocolSupport, sql_instances_reset_ssl_config_request::ResetSslMode, backup_reencryption_config::BackupType,
        sql_instances_verify_external_sync_settings_request::ExternalSyncMode, sql_instances_verify_external_sync_settings_request::MigrationType,
        database_instance::sql_out_of_disk_report::SqlOutOfDiskState, database_instance::SqlInstanceState, database_instance::SqlNetworkArchitecture,
        database_instance::DatabaseCenterIntegration, blue_green_deployment_info::State,
        sql_instances_reschedule_maintenance_request_body::RescheduleType, sql_external_sync_setting_error::SqlExternalSyncSettingErrorType,
        on_premises_configuration::SslOption, execute_sql_payload::PartialResultMode, api_warning::SqlApiWarningCode,
        backup_retention_settings::RetentionUnit, backup_configuration::TransactionalLogStorageState, backup_configuration::BackupTier,
        pre_check_response::MessageType, ip_configuration::SslMode, ip_configuration::CaMode, ip_configuration::ServerCertificateRotationMode,
        operation::SqlOperationType, operation::SqlOperationStatus, password_validation_policy::Complexity, settings::SqlActivationPolicy,
        settings::Edition, settings::ConnectorEnforcement, settings::DataApiAccess, performance_capture_config::TransactionKillType,
        sql_active_directory_config::ActiveDirectoryMode, dns_name_mapping::ConnectionType, dns_name_mapping::DnsScope,
        dns_name_mapping::RecordManager, user::SqlUserType, user::DualPasswordType, user::IamStatus, workload_capture::State, SqlBackupRunStatus,
        SqlBackupKind, SqlBackupRunType, SqlFlagType, SqlFlagScope, ExternalSyncParallelLevel, SqlInstanceType, SqlSuspensionReason, SqlFileType,
        BakType, SqlMaintenanceType, SqlBackendType, SqlIpAddressType, SqlDatabaseVersion, SqlPricingPlan, SqlReplicationType, SqlDataDiskType,
        SqlAvailabilityType, SqlUpdateTrack, AutoDnsStatus
    }
    google_cloud_kms_v1::model {
        autokey_config::State, autokey_config::KeyProjectResolutionMode, ekm_connection::KeyManagementMode, single_tenant_hsm_instance::State,
        single_tenant_hsm_instance_proposal::State, crypto_key::CryptoKeyPurpose, key_operation_attestation::AttestationFormat,
        crypto_key_version::CryptoKeyVersionAlgorithm, crypto_key_version::CryptoKeyVersionState, crypto_key_version::CryptoKeyVersionView,
        public_key::PublicKeyFormat, import_job::ImportMethod, import_job::ImportJobState, ProtectionLevel, AccessReason
    }
    google_cloud_secretmanager_v1::model {
        secret::SecretType, secret_version::State, rotation::managed_rotation_status::State
    }
    google_cloud_artifactregistry_v1::model {
        apt_artifact::PackageType, hash::HashType, cleanup_policy_condition::TagState, cleanup_policy::Action,
        remote_repository_config::docker_repository::PublicRepository, remote_repository_config::maven_repository::PublicRepository,
        remote_repository_config::npm_repository::PublicRepository, remote_repository_config::python_repository::PublicRepository,
        remote_repository_config::apt_repository::public_repository::RepositoryBase,
        remote_repository_config::yum_repository::public_repository::RepositoryBase, repository::maven_repository_config::VersionPolicy,
        repository::vulnerability_scanning_config::EnablementConfig, repository::vulnerability_scanning_config::EnablementState, repository::Format,
        repository::Mode, rule::Action, rule::Operation, project_settings::RedirectionState, vpcsc_config::VPCSCPolicy, yum_artifact::PackageType,
        VersionView
    }
    google_cloud_api_serviceusage_v1::model {
        disable_service_request::CheckIfServiceHasUsage, State
    }
    google_cloud_iam_admin_v1::model {
        list_service_account_keys_request::KeyType, role::RoleLaunchStage, permission::PermissionLaunchStage, permission::CustomRolesSupportLevel,
        lint_result::Level, lint_result::Severity, ServiceAccountKeyAlgorithm, ServiceAccountPrivateKeyType, ServiceAccountPublicKeyType,
        ServiceAccountKeyOrigin, RoleView
    }
    google_cloud_resourcemanager_v3::model {
        folder::State, organization::State, project::State, Purpose
    }
}

/// The name of a type's number, where the type is an enumeration that has one.
fn name(of: &str, number: i32) -> Option<String> {
    static KNOWN: OnceLock<HashMap<&'static str, Name>> = OnceLock::new();
    KNOWN.get_or_init(known).get(of)?(number)
}

/// An official type as JSON, as its service writes it where nobody asks for numbers.
///
/// # Errors
/// Those of the type's own serialization; Google's have none.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Json, Error> {
    // JSON itself, which has no enumerations, has a way of its own to say numbers.
    if of::<T>() == of::<Json>() {
        return serde_json::to_value(value);
    }
    value.serialize(Named(of::<T>()))
}

/// The type's name, also behind references.
fn of<T: ?Sized>() -> &'static str {
    type_name::<T>().trim_start_matches('&')
}

/// Writes one value, whose type has this name.
struct Named(&'static str);

/// Writes a list.
struct List(Vec<Json>);

/// Writes a message or a map.
struct Object(Map<String, Json>, Option<String>);

macro_rules! plain {
    ($($method:ident $ty:ty)*) => {
        $(fn $method(self, value: $ty) -> Result<Json, Error> {
            Ok(Json::from(value))
        })*
    };
}

impl Serializer for Named {
    type Ok = Json;
    type Error = Error;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = Impossible<Json, Error>;
    type SerializeTupleVariant = Impossible<Json, Error>;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Impossible<Json, Error>;

    plain! {
        serialize_bool bool serialize_i8 i8 serialize_i16 i16 serialize_i64 i64 serialize_u8 u8 serialize_u16 u16
        serialize_u32 u32 serialize_u64 u64 serialize_f32 f32 serialize_f64 f64 serialize_str &str serialize_bytes &[u8]
    }

    fn serialize_i32(self, number: i32) -> Result<Json, Error> {
        Ok(name(self.0, number).map_or_else(|| Json::from(number), Json::from))
    }

    fn serialize_char(self, value: char) -> Result<Json, Error> {
        Ok(Json::from(value.to_string()))
    }

    fn serialize_none(self) -> Result<Json, Error> {
        Ok(Json::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Json, Error> {
        json(value)
    }

    fn serialize_unit(self) -> Result<Json, Error> {
        Ok(Json::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Json, Error> {
        Ok(Json::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Json, Error> {
        Ok(Json::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Json, Error> {
        json(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Json, Error> {
        Ok(Json::Object(Map::from_iter([(
            variant.to_owned(),
            json(value)?,
        )])))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Error> {
        Ok(List(Vec::new()))
    }

    fn serialize_tuple(self, _: usize) -> Result<List, Error> {
        Ok(List(Vec::new()))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object, Error> {
        Ok(Object(Map::new(), None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object, Error> {
        Ok(Object(Map::new(), None))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        Err(unwritten(name))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(unwritten(name))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(unwritten(name))
    }
}

/// JSON of Google's has no such form.
fn unwritten(name: &str) -> Error {
    Error::custom(format!("`{name}` has no form in the services' JSON"))
}

impl SerializeSeq for List {
    type Ok = Json;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.0.push(json(value)?);
        Ok(())
    }

    fn end(self) -> Result<Json, Error> {
        Ok(Json::Array(self.0))
    }
}

impl SerializeTuple for List {
    type Ok = Json;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Json, Error> {
        SerializeSeq::end(self)
    }
}

impl SerializeMap for Object {
    type Ok = Json;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        // Keys of maps may be numbers; JSON has text only.
        self.1 = Some(match json(key)? {
            Json::String(key) => key,
            other => other.to_string(),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.1.take().unwrap_or_default();
        self.0.insert(key, json(value)?);
        Ok(())
    }

    fn end(self) -> Result<Json, Error> {
        Ok(Json::Object(self.0))
    }
}

impl SerializeStruct for Object {
    type Ok = Json;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.0.insert(key.to_owned(), json(value)?);
        Ok(())
    }

    fn end(self) -> Result<Json, Error> {
        Ok(Json::Object(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use google_cloud_container_v1::model::{Cluster, Operation};
    use google_cloud_sql_v1::model::DatabaseInstance;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    /// What an answer that has numbers for names is shown as.
    fn shown<T: DeserializeOwned + Serialize>(answer: Json) -> Json {
        json(&serde_json::from_value::<T>(answer).expect("is one")).expect("is written")
    }

    #[test]
    fn enumerations_are_shown_by_name() {
        let cluster = json!({
            "name": "c", "status": 2, "initialNodeCount": 2,
            "releaseChannel": {"channel": 3},
            "loggingConfig": {"componentConfig": {"enableComponents": [1, 2]}},
        });
        assert_eq!(
            shown::<Cluster>(cluster),
            json!({
                "name": "c", "status": "RUNNING", "initialNodeCount": 2,
                "releaseChannel": {"channel": "STABLE"},
                "loggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"]}},
            })
        );
        assert_eq!(shown::<Operation>(json!({"status": 3}))["status"], "DONE");
        let instance = shown::<DatabaseInstance>(
            json!({"state": 1, "settings": {"activationPolicy": 1, "settingsVersion": "7"}}),
        );
        assert_eq!(
            instance,
            json!({"state": "RUNNABLE", "settings": {"activationPolicy": "ALWAYS", "settingsVersion": "7"}})
        );
    }

    #[test]
    fn what_has_no_name_yet_stays_what_it_is() {
        assert_eq!(
            shown::<Operation>(json!({"status": 99})),
            json!({"status": 99})
        );
        let unheard = json!({"status": "UNHEARD_OF", "fieldOfTomorrow": {"a": [1, null]}});
        assert_eq!(shown::<Operation>(unheard.clone()), unheard);
    }
}
