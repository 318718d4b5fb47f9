//! Cloud SQL, through `google-cloud-sql-v1`.

use super::arguments::Body::{Field, None};
use super::{Method, rpc};
use google_cloud_sql_v1::client::{
    SqlBackupRunsService, SqlDatabasesService, SqlFlagsService, SqlInstancesService,
    SqlOperationsService, SqlTiersService, SqlUsersService,
};
use google_cloud_sql_v1::model as v1;

/// All methods.
#[rustfmt::skip]
pub(super) static METHODS: &[Method] = &[
    rpc!("sql.instances.insert" "projects/{project}/instances"
        SqlInstancesService.insert(v1::SqlInstancesInsertRequest) Field("body")),
    rpc!("sql.instances.list" "projects/{project}/instances"
        SqlInstancesService.list(v1::SqlInstancesListRequest) None),
    rpc!("sql.instances.get" "projects/{project}/instances/{instance}"
        SqlInstancesService.get(v1::SqlInstancesGetRequest) None),
    rpc!("sql.instances.patch" "projects/{project}/instances/{instance}"
        SqlInstancesService.patch(v1::SqlInstancesPatchRequest) Field("body"), exact),
    rpc!("sql.instances.delete" "projects/{project}/instances/{instance}"
        SqlInstancesService.delete(v1::SqlInstancesDeleteRequest) None),
    rpc!("sql.projects.instances.getLatestRecoveryTime" "projects/{project}/instances/{instance}/getLatestRecoveryTime"
        SqlInstancesService.get_latest_recovery_time(v1::SqlInstancesGetLatestRecoveryTimeRequest) None),
    rpc!("sql.backupRuns.list" "projects/{project}/instances/{instance}/backupRuns"
        SqlBackupRunsService.list(v1::SqlBackupRunsListRequest) None),
    rpc!("sql.databases.insert" "projects/{project}/instances/{instance}/databases"
        SqlDatabasesService.insert(v1::SqlDatabasesInsertRequest) Field("body")),
    rpc!("sql.databases.list" "projects/{project}/instances/{instance}/databases"
        SqlDatabasesService.list(v1::SqlDatabasesListRequest) None),
    rpc!("sql.databases.get" "projects/{project}/instances/{instance}/databases/{database}"
        SqlDatabasesService.get(v1::SqlDatabasesGetRequest) None),
    rpc!("sql.databases.patch" "projects/{project}/instances/{instance}/databases/{database}"
        SqlDatabasesService.patch(v1::SqlDatabasesUpdateRequest) Field("body"), exact),
    rpc!("sql.databases.delete" "projects/{project}/instances/{instance}/databases/{database}"
        SqlDatabasesService.delete(v1::SqlDatabasesDeleteRequest) None),
    rpc!("sql.users.insert" "projects/{project}/instances/{instance}/users"
        SqlUsersService.insert(v1::SqlUsersInsertRequest) Field("body")),
    rpc!("sql.users.list" "projects/{project}/instances/{instance}/users"
        SqlUsersService.list(v1::SqlUsersListRequest) None),
    rpc!("sql.users.update" "projects/{project}/instances/{instance}/users"
        SqlUsersService.update(v1::SqlUsersUpdateRequest) Field("body")),
    rpc!("sql.users.delete" "projects/{project}/instances/{instance}/users"
        SqlUsersService.delete(v1::SqlUsersDeleteRequest) None),
    rpc!("sql.operations.get" "projects/{project}/operations/{operation}"
        SqlOperationsService.get(v1::SqlOperationsGetRequest) None),
    rpc!("sql.tiers.list" "projects/{project}/tiers"
        SqlTiersService.list(v1::SqlTiersListRequest) None),
    rpc!("sql.flags.list" "flags"
        SqlFlagsService.list(v1::SqlFlagsListRequest) None),
];
