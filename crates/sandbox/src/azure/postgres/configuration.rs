//! Settings of a server: each has a value from the beginning, and is never taken away.

use crate::azure::flexible::settings::{self, Setting, Table};
use crate::azure::kind::Kind;
use crate::latency::Work;

pub(super) const KIND: Kind = Kind {
    create: Work::FlexibleServerQuick,
    update: Work::FlexibleServerQuick,
    prepare: |_, write| settings::prepare(write, &TABLE),
    ..Kind::plain(
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        "azurerm_postgresql_flexible_server_configuration",
    )
};

pub(super) static TABLE: Table = Table {
    kind: KIND.name,
    product: "PostgreSQL",
    documentation: "https://www.postgresql.org/docs/current/runtime-config.html",
    worded: false,
    settings: &SETTINGS,
};

const SETTINGS: [Setting; 30] = [
    Setting(
        "azure.extensions",
        "Set",
        "",
        "address_standardizer,btree_gin,btree_gist,citext,cube,dblink,hstore,intarray,ltree,pg_buffercache,pg_cron,pg_partman,pg_stat_statements,pg_trgm,pgaudit,pgcrypto,pgrowlocks,pgstattuple,postgis,postgres_fdw,tablefunc,unaccent,uuid-ossp,vector",
        true,
    ),
    Setting("autovacuum", "Boolean", "on", "on,off", true),
    Setting("autovacuum_max_workers", "Integer", "3", "1-262143", false),
    Setting(
        "backslash_quote",
        "Enumeration",
        "safe_encoding",
        "safe_encoding,on,off",
        true,
    ),
    Setting(
        "connection_throttle.enable",
        "Boolean",
        "off",
        "on,off",
        true,
    ),
    Setting("deadlock_timeout", "Integer", "1000", "1-2147483647", true),
    Setting(
        "default_statistics_target",
        "Integer",
        "100",
        "1-10000",
        true,
    ),
    Setting(
        "effective_cache_size",
        "Integer",
        "393216",
        "1-2147483647",
        true,
    ),
    Setting(
        "idle_in_transaction_session_timeout",
        "Integer",
        "0",
        "0-2147483647",
        true,
    ),
    Setting("log_checkpoints", "Boolean", "on", "on,off", true),
    Setting("log_connections", "Boolean", "on", "on,off", true),
    Setting("log_disconnections", "Boolean", "on", "on,off", true),
    Setting("log_lock_waits", "Boolean", "off", "on,off", true),
    Setting(
        "log_min_duration_statement",
        "Integer",
        "-1",
        "-1-2147483647",
        true,
    ),
    Setting(
        "log_statement",
        "Enumeration",
        "none",
        "none,ddl,mod,all",
        true,
    ),
    Setting("logfiles.retention_days", "Integer", "3", "1-7", true),
    Setting(
        "maintenance_work_mem",
        "Integer",
        "65536",
        "1024-2097151",
        true,
    ),
    Setting("max_connections", "Integer", "429", "25-5000", false),
    Setting("max_wal_senders", "Integer", "10", "5-100", false),
    Setting("max_worker_processes", "Integer", "8", "0-262143", false),
    Setting(
        "password_encryption",
        "Enumeration",
        "scram-sha-256",
        "md5,scram-sha-256",
        true,
    ),
    Setting(
        "pgaudit.log",
        "Set",
        "none",
        "none,read,write,function,role,ddl,misc,all",
        true,
    ),
    Setting("random_page_cost", "Numeric", "2", "0-1.79769e+308", true),
    Setting("require_secure_transport", "Boolean", "on", "on,off", true),
    Setting(
        "shared_buffers",
        "Integer",
        "131072",
        "16-1073741823",
        false,
    ),
    Setting(
        "shared_preload_libraries",
        "Set",
        "pg_cron,pg_stat_statements",
        "auto_explain,azure_storage,pg_cron,pg_hint_plan,pg_partman_bgw,pg_stat_statements,pgaudit,pglogical,timescaledb,wal2json",
        false,
    ),
    Setting(
        "ssl_min_protocol_version",
        "Enumeration",
        "TLSv1.2",
        "TLSv1.2,TLSv1.3",
        true,
    ),
    Setting("statement_timeout", "Integer", "0", "0-2147483647", true),
    Setting(
        "wal_level",
        "Enumeration",
        "replica",
        "replica,logical",
        false,
    ),
    Setting("work_mem", "Integer", "4096", "4096-2097151", true),
];
