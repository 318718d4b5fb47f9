//! Settings of a server (<https://learn.microsoft.com/azure/mysql/flexible-server/concepts-server-parameters>): what each may be, and
//! whether it takes effect at once, as MySQL's manual has it.

use crate::azure::flexible::settings::{self, Setting, Table};
use crate::azure::kind::Kind;
use crate::latency::Work;

pub(super) const KIND: Kind = Kind {
    create: Work::FlexibleServerQuick,
    update: Work::FlexibleServerQuick,
    prepare: |_, write| settings::prepare(write, &TABLE),
    ..Kind::plain(
        "Microsoft.DBforMySQL/flexibleServers/configurations",
        "azurerm_mysql_flexible_server_configuration",
    )
};

pub(super) static TABLE: Table = Table {
    kind: KIND.name,
    product: "MySQL",
    documentation: "https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html",
    worded: true,
    settings: &SETTINGS,
};

const SWITCH: &str = "ON,OFF";

/// A setting that is on or off, and takes effect at once.
const fn switch(name: &'static str, usual: &'static str) -> Setting {
    Setting(name, "Enumeration", usual, SWITCH, true)
}

const SETTINGS: [Setting; 22] = [
    switch("audit_log_enabled", "OFF"),
    Setting(
        "audit_log_events",
        "Set",
        "CONNECTION",
        "ADMIN,CONNECTION,DCL,DDL,DML,DML_NONSELECT,DML_SELECT,GENERAL,TABLE_ACCESS",
        true,
    ),
    Setting(
        "binlog_expire_logs_seconds",
        "Integer",
        "0",
        "0-4294967295",
        true,
    ),
    Setting(
        "character_set_server",
        "Enumeration",
        "utf8mb4",
        "ascii,latin1,latin2,utf16,utf8mb3,utf8mb4",
        true,
    ),
    Setting(
        "enforce_gtid_consistency",
        "Enumeration",
        "OFF",
        "OFF,ON,WARN",
        true,
    ),
    switch("event_scheduler", "OFF"),
    Setting(
        "gtid_mode",
        "Enumeration",
        "OFF",
        "OFF,OFF_PERMISSIVE,ON_PERMISSIVE,ON",
        true,
    ),
    Setting(
        "innodb_flush_log_at_trx_commit",
        "Enumeration",
        "1",
        "0,1,2",
        true,
    ),
    Setting(
        "innodb_lock_wait_timeout",
        "Integer",
        "50",
        "1-1073741824",
        true,
    ),
    Setting(
        "interactive_timeout",
        "Integer",
        "28800",
        "1-31536000",
        true,
    ),
    switch("log_bin_trust_function_creators", "OFF"),
    Setting("long_query_time", "Numeric", "10", "0-31536000", true),
    Setting(
        "max_allowed_packet",
        "Integer",
        "67108864",
        "1024-1073741824",
        true,
    ),
    Setting("max_connections", "Integer", "683", "10-100000", true),
    Setting("performance_schema", "Enumeration", "OFF", SWITCH, false),
    switch("require_secure_transport", "ON"),
    switch("slow_query_log", "OFF"),
    switch("sql_generate_invisible_primary_key", "ON"),
    Setting("time_zone", "String", "SYSTEM", "", true),
    Setting("tls_version", "Set", "TLSv1.2", "TLSv1.2,TLSv1.3", false),
    Setting(
        "transaction_isolation",
        "Enumeration",
        "REPEATABLE-READ",
        "READ-UNCOMMITTED,READ-COMMITTED,REPEATABLE-READ,SERIALIZABLE",
        true,
    ),
    Setting("wait_timeout", "Integer", "28800", "1-31536000", true),
];
