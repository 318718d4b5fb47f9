//! Parameters of engines, as far as stacks set them: type, default, whether a change needs a restart.

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) default: Option<&'static str>,
    pub(super) kind: &'static str,
    pub(super) allowed: Option<&'static str>,
    /// `dynamic` at once, `static` after a restart.
    pub(super) apply: &'static str,
    pub(super) modifiable: bool,
}

const fn dynamic(
    name: &'static str,
    default: Option<&'static str>,
    kind: &'static str,
    allowed: Option<&'static str>,
) -> Parameter {
    Parameter {
        name,
        default,
        kind,
        allowed,
        apply: "dynamic",
        modifiable: true,
    }
}

const fn restart(
    name: &'static str,
    default: Option<&'static str>,
    kind: &'static str,
    allowed: Option<&'static str>,
) -> Parameter {
    Parameter {
        name,
        default,
        kind,
        allowed,
        apply: "static",
        modifiable: true,
    }
}

const fn fixed(name: &'static str, default: Option<&'static str>, kind: &'static str) -> Parameter {
    Parameter {
        name,
        default,
        kind,
        allowed: None,
        apply: "static",
        modifiable: false,
    }
}

const BOOL: Option<&str> = Some("0,1");

const POSTGRES: &[Parameter] = &[
    dynamic("application_name", None, "string", None),
    fixed(
        "archive_command",
        Some("/etc/rds/dbbin/pgscripts/rds_wal_archive %p"),
        "string",
    ),
    dynamic("array_nulls", None, "boolean", BOOL),
    dynamic("authentication_timeout", None, "integer", Some("1-600")),
    dynamic("autovacuum", Some("1"), "boolean", BOOL),
    dynamic(
        "autovacuum_analyze_scale_factor",
        Some("0.05"),
        "float",
        Some("0-100"),
    ),
    dynamic(
        "autovacuum_analyze_threshold",
        None,
        "integer",
        Some("0-2147483647"),
    ),
    restart(
        "autovacuum_max_workers",
        Some("GREATEST({DBInstanceClassMemory/64371566592},3)"),
        "integer",
        Some("1-262143"),
    ),
    dynamic(
        "autovacuum_naptime",
        Some("15"),
        "integer",
        Some("1-2147483"),
    ),
    dynamic(
        "autovacuum_vacuum_cost_delay",
        None,
        "float",
        Some("-1-100"),
    ),
    dynamic(
        "autovacuum_vacuum_cost_limit",
        None,
        "integer",
        Some("-1-10000"),
    ),
    dynamic(
        "autovacuum_vacuum_scale_factor",
        Some("0.1"),
        "float",
        Some("0-100"),
    ),
    dynamic(
        "checkpoint_completion_target",
        Some("0.9"),
        "float",
        Some("0-1"),
    ),
    dynamic("checkpoint_timeout", None, "integer", Some("30-3600")),
    dynamic("client_encoding", None, "string", None),
    dynamic("deadlock_timeout", None, "integer", Some("1-2147483647")),
    dynamic(
        "default_statistics_target",
        None,
        "integer",
        Some("1-10000"),
    ),
    dynamic(
        "default_transaction_isolation",
        None,
        "string",
        Some("serializable,repeatable read,read committed,read uncommitted"),
    ),
    dynamic(
        "effective_cache_size",
        Some("{DBInstanceClassMemory/16384}"),
        "integer",
        Some("1-2147483647"),
    ),
    dynamic("effective_io_concurrency", None, "integer", Some("0-1000")),
    fixed("fsync", Some("1"), "boolean"),
    dynamic("hot_standby_feedback", None, "boolean", BOOL),
    restart("huge_pages", Some("on"), "string", Some("on,off,try")),
    dynamic(
        "idle_in_transaction_session_timeout",
        Some("86400000"),
        "integer",
        Some("0-2147483647"),
    ),
    dynamic(
        "idle_session_timeout",
        None,
        "integer",
        Some("0-2147483647"),
    ),
    dynamic("lock_timeout", None, "integer", Some("0-2147483647")),
    dynamic(
        "log_autovacuum_min_duration",
        Some("10000"),
        "integer",
        Some("-1-2147483647"),
    ),
    dynamic("log_checkpoints", None, "boolean", BOOL),
    dynamic("log_connections", None, "string", None),
    dynamic("log_disconnections", None, "boolean", BOOL),
    dynamic("log_duration", None, "boolean", BOOL),
    dynamic("log_lock_waits", None, "boolean", BOOL),
    dynamic(
        "log_min_duration_statement",
        None,
        "integer",
        Some("-1-2147483647"),
    ),
    dynamic("log_min_messages", None, "string", None),
    dynamic("log_statement", None, "string", Some("none,ddl,mod,all")),
    dynamic("log_temp_files", None, "integer", Some("-1-2147483647")),
    dynamic(
        "maintenance_work_mem",
        Some("GREATEST({DBInstanceClassMemory*1024/63963136},65536)"),
        "integer",
        Some("1024-2147483647"),
    ),
    restart(
        "max_connections",
        Some("LEAST({DBInstanceClassMemory/9531392},5000)"),
        "integer",
        Some("6-262143"),
    ),
    restart(
        "max_locks_per_transaction",
        None,
        "integer",
        Some("10-2147483647"),
    ),
    dynamic(
        "max_parallel_workers",
        Some("GREATEST({DBInstanceVCPU/2},8)"),
        "integer",
        Some("0-1024"),
    ),
    dynamic(
        "max_parallel_workers_per_gather",
        None,
        "integer",
        Some("0-1024"),
    ),
    restart(
        "max_prepared_transactions",
        Some("0"),
        "integer",
        Some("0-262143"),
    ),
    restart(
        "max_replication_slots",
        Some("20"),
        "integer",
        Some("5-262143"),
    ),
    dynamic(
        "max_slot_wal_keep_size",
        None,
        "integer",
        Some("-1-2147483647"),
    ),
    dynamic(
        "max_standby_streaming_delay",
        Some("14000"),
        "integer",
        Some("-1-2147483647"),
    ),
    restart("max_wal_senders", Some("35"), "integer", Some("5-262143")),
    dynamic("max_wal_size", None, "integer", Some("201-2147483647")),
    restart(
        "max_worker_processes",
        Some("GREATEST({DBInstanceVCPU*2},8)"),
        "integer",
        Some("0-262143"),
    ),
    dynamic("min_wal_size", None, "integer", Some("128-2147483647")),
    dynamic(
        "password_encryption",
        None,
        "string",
        Some("md5,scram-sha-256"),
    ),
    dynamic(
        "pg_stat_statements.max",
        None,
        "integer",
        Some("100-2147483647"),
    ),
    dynamic(
        "pg_stat_statements.track",
        Some("TOP"),
        "string",
        Some("none,top,all"),
    ),
    dynamic(
        "pgaudit.log",
        None,
        "string",
        Some("ddl,function,misc,read,role,write,none,all,-ddl,-function,-misc,-read,-role,-write"),
    ),
    fixed("port", Some("{EndPointPort}"), "integer"),
    dynamic("random_page_cost", None, "float", Some("0-1.79769e+308")),
    dynamic(
        "rds.accepted_password_auth_method",
        Some("md5+scram"),
        "string",
        Some("md5+scram,scram"),
    ),
    dynamic("rds.allowed_extensions", None, "string", None),
    dynamic(
        "rds.force_autovacuum_logging_level",
        Some("warning"),
        "string",
        None,
    ),
    dynamic("rds.force_ssl", Some("1"), "boolean", BOOL),
    dynamic(
        "rds.log_retention_period",
        Some("4320"),
        "integer",
        Some("1440-10080"),
    ),
    restart("rds.logical_replication", Some("0"), "boolean", BOOL),
    restart("rds.restrict_password_commands", None, "boolean", BOOL),
    dynamic("search_path", None, "string", None),
    fixed("server_encoding", None, "string"),
    restart(
        "shared_buffers",
        Some("{DBInstanceClassMemory/32768}"),
        "integer",
        Some("16-1073741823"),
    ),
    restart(
        "shared_preload_libraries",
        Some("pg_stat_statements"),
        "list",
        None,
    ),
    fixed("ssl", Some("1"), "boolean"),
    dynamic(
        "ssl_max_protocol_version",
        None,
        "string",
        Some("TLSv1.2,TLSv1.3"),
    ),
    dynamic(
        "ssl_min_protocol_version",
        Some("TLSv1.2"),
        "string",
        Some("TLSv1.2,TLSv1.3"),
    ),
    dynamic("statement_timeout", None, "integer", Some("0-2147483647")),
    dynamic(
        "synchronous_commit",
        Some("on"),
        "string",
        Some("local,on,off"),
    ),
    dynamic(
        "tcp_keepalives_idle",
        Some("300"),
        "integer",
        Some("0-2147483647"),
    ),
    dynamic("temp_buffers", None, "integer", Some("100-1073741823")),
    dynamic("timezone", Some("UTC"), "string", None),
    restart(
        "track_activity_query_size",
        Some("4096"),
        "integer",
        Some("100-1048576"),
    ),
    dynamic("track_io_timing", Some("1"), "boolean", BOOL),
    restart("wal_buffers", None, "integer", Some("-1-262143")),
    dynamic("wal_compression", Some("zstd"), "string", None),
    fixed("wal_level", Some("replica"), "string"),
    dynamic("wal_sender_timeout", None, "integer", Some("0-3600000")),
    dynamic("work_mem", None, "integer", Some("64-2147483647")),
];

const MYSQL: &[Parameter] = &[
    dynamic("autocommit", None, "boolean", BOOL),
    fixed("basedir", Some("/rdsdbbin/mysql"), "string"),
    dynamic(
        "binlog_format",
        Some("MIXED"),
        "string",
        Some("ROW,STATEMENT,MIXED"),
    ),
    dynamic(
        "binlog_row_image",
        None,
        "string",
        Some("full,minimal,noblob"),
    ),
    dynamic("character_set_client", None, "string", None),
    dynamic("character_set_connection", None, "string", None),
    dynamic("character_set_database", None, "string", None),
    dynamic("character_set_results", None, "string", None),
    dynamic("character_set_server", None, "string", None),
    dynamic("collation_connection", None, "string", None),
    dynamic("collation_server", None, "string", None),
    dynamic("connect_timeout", None, "integer", Some("2-31536000")),
    dynamic("event_scheduler", None, "string", Some("ON,OFF")),
    dynamic(
        "explicit_defaults_for_timestamp",
        Some("1"),
        "boolean",
        BOOL,
    ),
    dynamic("general_log", None, "boolean", BOOL),
    dynamic(
        "group_concat_max_len",
        None,
        "integer",
        Some("4-18446744073709547520"),
    ),
    dynamic(
        "innodb_buffer_pool_size",
        Some("{DBInstanceClassMemory*3/4}"),
        "integer",
        Some("5242880-9223372036854775807"),
    ),
    dynamic(
        "innodb_flush_log_at_trx_commit",
        Some("1"),
        "integer",
        Some("0-2"),
    ),
    dynamic(
        "innodb_lock_wait_timeout",
        None,
        "integer",
        Some("1-1073741824"),
    ),
    restart(
        "innodb_log_file_size",
        Some("134217728"),
        "integer",
        Some("4194304-273804165120"),
    ),
    dynamic("innodb_print_all_deadlocks", None, "boolean", BOOL),
    dynamic("interactive_timeout", None, "integer", Some("1-31536000")),
    dynamic("local_infile", Some("1"), "boolean", BOOL),
    dynamic("log_bin_trust_function_creators", None, "boolean", BOOL),
    dynamic(
        "log_output",
        Some("TABLE"),
        "string",
        Some("TABLE,FILE,NONE"),
    ),
    dynamic("long_query_time", None, "float", Some("0-31536000")),
    restart("lower_case_table_names", Some("0"), "integer", Some("0,1")),
    dynamic(
        "max_allowed_packet",
        None,
        "integer",
        Some("1024-1073741824"),
    ),
    dynamic(
        "max_connections",
        Some("{DBInstanceClassMemory/12582880}"),
        "integer",
        Some("1-100000"),
    ),
    dynamic(
        "max_connect_errors",
        None,
        "integer",
        Some("1-9223372036854775807"),
    ),
    dynamic("net_read_timeout", None, "integer", Some("1-31536000")),
    restart("performance_schema", Some("0"), "boolean", BOOL),
    fixed("port", Some("{EndPointPort}"), "integer"),
    dynamic("read_only", Some("{TrueIfReplica}"), "string", None),
    dynamic("require_secure_transport", None, "boolean", BOOL),
    dynamic("slow_query_log", None, "boolean", BOOL),
    dynamic(
        "sort_buffer_size",
        None,
        "integer",
        Some("32768-18446744073709551615"),
    ),
    dynamic("sql_mode", Some("NO_ENGINE_SUBSTITUTION"), "string", None),
    dynamic("sync_binlog", Some("1"), "integer", Some("0-4294967295")),
    dynamic("table_open_cache", None, "integer", Some("1-524288")),
    dynamic("time_zone", None, "string", None),
    restart("tls_version", Some("TLSv1.2,TLSv1.3"), "list", None),
    dynamic(
        "tmp_table_size",
        None,
        "integer",
        Some("1024-9223372036854775807"),
    ),
    dynamic(
        "transaction_isolation",
        None,
        "string",
        Some("READ-UNCOMMITTED,READ-COMMITTED,REPEATABLE-READ,SERIALIZABLE"),
    ),
    dynamic("wait_timeout", None, "integer", Some("1-31536000")),
];

/// The parameters of a family, by name.
pub(super) fn of_family(family: &str) -> &'static [Parameter] {
    if family.starts_with("postgres") {
        POSTGRES
    } else {
        MYSQL
    }
}

impl Parameter {
    /// The default value, where it differs by family.
    pub(super) fn default_in(&self, family: &str) -> Option<&'static str> {
        let old = matches!(family, "postgres13" | "postgres14");
        if self.name == "rds.force_ssl" && old {
            Some("0")
        } else {
            self.default
        }
    }

    /// Whether a value is allowed.
    pub(super) fn allows(&self, value: &str) -> bool {
        // Formulas are worked out by RDS when the instance's class is known.
        if value.contains('{') || value.is_empty() {
            return true;
        }
        let Some(allowed) = self.allowed else {
            return self.kind != "integer" || value.parse::<i64>().is_ok();
        };
        match self.kind {
            "integer" | "float" => {
                let Ok(number) = value.parse::<f64>() else {
                    return false;
                };
                if self.kind == "integer" && number.fract() != 0.0 {
                    return false;
                }
                // A minus in front belongs to the least value.
                let split = allowed
                    .get(1..)
                    .and_then(|rest| rest.find('-'))
                    .map(|index| index + 1);
                let bounds = split.map(|index| (&allowed[..index], &allowed[index + 1..]));
                match bounds.map(|(least, most)| (least.parse::<f64>(), most.parse::<f64>())) {
                    Some((Ok(least), Ok(most))) => (least..=most).contains(&number),
                    _ => allowed.split(',').any(|known| known == value),
                }
            }
            _ => value.split(',').all(|part| {
                allowed
                    .split(',')
                    .any(|known| known.eq_ignore_ascii_case(part.trim()))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_kind() {
        let cases = [
            ("work_mem", "65536", true),
            ("work_mem", "1", false),
            ("work_mem", "x", false),
            ("autovacuum_vacuum_cost_limit", "-1", true),
            ("rds.force_ssl", "2", false),
            ("log_statement", "ddl", true),
            ("log_statement", "some", false),
            ("shared_buffers", "{DBInstanceClassMemory/4}", true),
            (
                "shared_preload_libraries",
                "pg_stat_statements,pgaudit",
                true,
            ),
        ];
        for (name, value, fits) in cases {
            let parameter = POSTGRES
                .iter()
                .find(|parameter| parameter.name == name)
                .expect("known");
            assert_eq!(parameter.allows(value), fits, "{name}={value}");
        }
    }
}
