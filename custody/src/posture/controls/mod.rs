//! Every control, in the order of the reports.

mod answers;
mod exports;
mod offenders;
mod people;
mod process;
mod record;
mod revocation;
mod secrets;
mod served;
mod sessions;
mod team;
mod upkeep;
mod walls;

use super::control::{Control, Family};

macro_rules! controls {
    ($($id:literal $claims:expr, $family:ident, $statement:literal, $check_text:literal, $frameworks:expr, $check:path;)+) => {
        /// Every control.
        pub const CONTROLS: &[Control] = &[$(Control {
            id: $id,
            claims: &$claims,
            family: Family::$family,
            statement: $statement,
            check_text: $check_text,
            frameworks: &$frameworks,
            check: |probe| Box::pin($check(probe)),
        }),+];
    };
}

controls! {
    "tenant-isolation" ["AC-5", "AC-6", "AC-9"], Isolation, "control.tenant_isolation", "control.tenant_isolation_check",
        ["CC6.1", "CC6.3"], walls::tenant_isolation;
    "rls-coverage" ["AC-8"], Isolation, "control.rls_coverage", "control.rls_coverage_check", ["CC6.1", "CC8.1"], walls::rls_coverage;
    "privileged-functions" ["AC-8"], Isolation, "control.privileged_functions", "control.privileged_functions_check",
        ["CC6.1", "CC8.1"], walls::privileged_functions;
    "modes-apart" ["AC-7"], Isolation, "control.modes_apart", "control.modes_apart_check", ["CC6.1"], walls::modes_apart;
    "key-modes" ["AC-14"], Isolation, "control.key_modes", "control.key_modes_check", ["CC6.1", "CC6.3"], team::key_modes;
    "serving-logins" ["AC-8"], Isolation, "control.serving_logins", "control.serving_logins_check", ["CC6.3", "CC8.1"], walls::serving_logins;
    "database-version" ["AC-8"], Isolation, "control.database_version", "control.database_version_check", ["CC7.1"], walls::database_version;
    "guard-audit" ["AC-1", "AC-15"], Access, "control.guard_audit", "control.guard_audit_check", ["CC6.1", "CC6.6"], served::guard_audit;
    "unknown-hosts" ["AC-10", "AC-11"], Access, "control.unknown_hosts", "control.unknown_hosts_check", ["CC6.6"], served::unknown_hosts;
    "request-origin" ["WEB-3"], Access, "control.request_origin", "control.request_origin_check", ["CC6.6"], served::request_origin;
    "new-accounts" ["ID-3"], Access, "control.new_accounts", "control.new_accounts_check", ["CC6.1", "CC6.2"], people::new_accounts;
    "same-answers" ["ID-4"], Access, "control.same_answers", "control.same_answers_check", ["CC6.1", "CC6.6"], people::same_answers;
    "access-tokens" ["ID-8"], Access, "control.access_tokens", "control.access_tokens_check", ["CC6.1", "CC6.6"], sessions::access_tokens;
    "token-reuse" ["ID-9"], Access, "control.token_reuse", "control.token_reuse_check", ["CC6.1", "CC6.6"], sessions::token_reuse;
    "password-change" ["ID-10"], Access, "control.password_change", "control.password_change_check", ["CC6.1", "CC6.2"], sessions::password_change;
    "deactivation" ["ID-11"], Access, "control.deactivation", "control.deactivation_check", ["CC6.2", "CC6.3"], sessions::deactivation;
    "role-permissions" ["AC-2"], Access, "control.role_permissions", "control.role_permissions_check", ["CC6.3"], team::role_permissions;
    "first-party-tokens" ["KEY-6", "ID-8"], Access, "control.first_party_tokens", "control.first_party_tokens_check", ["CC6.1", "CC6.6"],
        sessions::first_party_tokens;
    "key-revocation" ["KEY-3"], Access, "control.key_revocation", "control.key_revocation_check", ["CC6.2", "CC6.3"], revocation::key_revocation;
    "revocation-latency" ["KEY-3"], Access, "control.revocation_latency", "control.revocation_latency_check", ["CC6.2", "CC6.3"],
        revocation::latency;
    "database-copy" ["KEY-3"], Access, "control.database_copy", "control.database_copy_check", ["CC6.2", "CC7.4"], revocation::database_copy;
    "key-expiry" ["KEY-3"], Access, "control.key_expiry", "control.key_expiry_check", ["CC6.2", "CC6.3"], revocation::key_expiry;
    "key-scopes" ["KEY-1"], Access, "control.key_scopes", "control.key_scopes_check", ["CC6.3"], revocation::key_scopes;
    "stopped-tenants" ["AC-12"], Access, "control.stopped_tenants", "control.stopped_tenants_check", ["CC6.2", "CC7.4"], revocation::stopped_tenants;
    "api-guards" ["AC-1", "AC-15"], Access, "control.api_guards", "control.api_guards_check", ["CC6.1", "CC6.6"], answers::api_guards;
    "operator-pages" ["AC-4"], Access, "control.operator_pages", "control.operator_pages_check", ["CC6.3"], answers::operator_pages;
    "owner-kept" ["AC-3"], Access, "control.owner_kept", "control.owner_kept_check", ["CC6.2", "CC6.3"], upkeep::owner_kept;
    "audit-append-only" ["AUD-4"], Record, "control.audit_append_only", "control.audit_append_only_check", ["CC7.2"], record::append_only;
    "audit-atomic" ["AUD-5"], Record, "control.audit_atomic", "control.audit_atomic_check", ["CC7.2"], record::atomic;
    "audit-intact" ["AUD-1"], Record, "control.audit_intact", "control.audit_intact_check", ["CC7.2", "CC7.3"], record::intact;
    "actors-apart" ["AUD-2"], Record, "control.actors_apart", "control.actors_apart_check", ["CC7.2"], upkeep::actors_apart;
    "key-acts" ["KEY-5"], Record, "control.key_acts", "control.key_acts_check", ["CC6.2", "CC7.2"], upkeep::key_acts;
    "team-acts" ["AC-16"], Record, "control.team_acts", "control.team_acts_check", ["CC6.2", "CC7.2"], team::team_acts;
    "audit-export" ["AUD-3"], Record, "control.audit_export", "control.audit_export_check", ["CC7.2", "CC7.3"], exports::audit_export;
    "audit-retention" ["AUD-4"], Record, "control.audit_retention", "control.audit_retention_check", ["CC7.2"], upkeep::audit_retention;
    "audit-room" ["AUD-1"], Record, "control.audit_room", "control.audit_room_check", ["CC7.2"], upkeep::audit_room;
    "password-hashing" ["ID-2"], Secrets, "control.password_hashing", "control.password_hashing_check", ["CC6.1"], secrets::password_hashing;
    "key-digests" ["KEY-2"], Secrets, "control.key_digests", "control.key_digests_check", ["CC6.1"], secrets::key_digests;
    "sealed-secrets" ["EN-2"], Secrets, "control.sealed_secrets", "control.sealed_secrets_check", ["CC6.1", "CC6.7"], secrets::sealed;
    "signing-keys" ["EN-2"], Secrets, "control.signing_keys", "control.signing_keys_check", ["CC6.1"], upkeep::signing_keys_turn;
    "masked-logs" ["OBS-3"], Secrets, "control.masked_logs", "control.masked_logs_check", ["CC6.7", "CC7.2"], process::masked_logs;
    "scrubbed-errors" ["OBS-2", "OBS-3"], Secrets, "control.scrubbed_errors", "control.scrubbed_errors_check", ["CC6.7", "CC7.2"], process::scrubbed_errors;
    "security-headers" ["WEB-2"], Browser, "control.security_headers", "control.security_headers_check", ["CC6.6"], served::security_headers;
    "https-only" ["EN-4"], Browser, "control.https_only", "control.https_only_check", ["CC6.6", "CC6.7"], served::https_only;
    "script-policy" ["WEB-1"], Browser, "control.script_policy", "control.script_policy_check", ["CC6.6", "CC6.8"], served::script_policy;
    "session-cookies" ["ID-5"], Browser, "control.session_cookies", "control.session_cookies_check", ["CC6.1", "CC6.7"], answers::session_cookies;
    "cross-origin" ["WEB-5"], Browser, "control.cross_origin", "control.cross_origin_check", ["CC6.6"], answers::cross_origin;
    "form-limits" ["RL-2"], Service, "control.form_limits", "control.form_limits_check", ["CC6.6"], answers::form_limits;
    "limits-told" ["RL-1"], Service, "control.limits_told", "control.limits_told_check", ["CC6.6"], answers::limits_told;
    "shared-limits" ["RL-3"], Service, "control.shared_limits", "control.shared_limits_check", ["CC6.6", "CC7.1"], answers::shared_limits;
    "blocks-enforced" ["RL-4"], Service, "control.blocks_enforced", "control.blocks_enforced_check", ["CC6.6", "CC7.4"], offenders::blocks_enforced;
    "clear-refusals" ["WEB-7"], Service, "control.clear_refusals", "control.clear_refusals_check", ["CC6.6", "CC8.1"], revocation::clear_refusals;
    "idempotency" ["WEB-8"], Service, "control.idempotency", "control.idempotency_check", ["CC8.1"], upkeep::idempotency;
    "request-ids" ["OBS-1"], Service, "control.request_ids", "control.request_ids_check", ["CC7.2", "CC7.3"], answers::request_ids;
    "metrics-inside" ["OBS-1"], Service, "control.metrics_inside", "control.metrics_inside_check", ["CC6.6", "CC7.2"], answers::metrics_inside;
    "bounded-work" ["EV-6"], Service, "control.bounded_work", "control.bounded_work_check", ["CC7.1"], upkeep::bounded_work;
    "faulty-settings" ["EN-5"], Service, "control.faulty_settings", "control.faulty_settings_check", ["CC8.1"], process::faulty_settings;
    "security-contact" ["EV-4"], Service, "control.security_contact", "control.security_contact_check", ["CC7.3", "CC7.4"], answers::security_contact;
}
