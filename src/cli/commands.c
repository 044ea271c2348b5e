/* SPDX-License-Identifier: MIT */
/* The list of commands, in the order in which `lq --help` shows them. */
#include "cli/cli.h"

extern const struct lq_command lq_cmd_init, lq_cmd_run, lq_cmd_import, lq_cmd_capture;
extern const struct lq_command lq_cmd_register, lq_cmd_unregister, lq_cmd_commands;
extern const struct lq_command lq_cmd_watch;
extern const struct lq_command lq_cmd_status, lq_cmd_last, lq_cmd_errors, lq_cmd_warnings;
extern const struct lq_command lq_cmd_events, lq_cmd_summary, lq_cmd_history, lq_cmd_info;
extern const struct lq_command lq_cmd_output, lq_cmd_event, lq_cmd_context, lq_cmd_diff;
extern const struct lq_command lq_cmd_query, lq_cmd_filter, lq_cmd_sql, lq_cmd_schema;
extern const struct lq_command lq_cmd_formats, lq_cmd_inspect;
extern const struct lq_command lq_cmd_hosts, lq_cmd_new_errors, lq_cmd_first_seen;
extern const struct lq_command lq_cmd_regressions, lq_cmd_flaky, lq_cmd_slowest, lq_cmd_shell;
extern const struct lq_command lq_cmd_sync, lq_cmd_pull, lq_cmd_share, lq_cmd_policy, lq_cmd_prune,
    lq_cmd_clean, lq_cmd_doctor;
extern const struct lq_command lq_cmd_index;
extern const struct lq_command lq_cmd_ci, lq_cmd_report, lq_cmd_annotate;
extern const struct lq_command lq_cmd_docs, lq_cmd_serve, lq_cmd_redact, lq_cmd_sync_worker;

/* One a line, so that an addition is one line. */
/* clang-format off */
const struct lq_command *const lq_commands[] = {
    &lq_cmd_init,
    &lq_cmd_run,
    &lq_cmd_import,
    &lq_cmd_capture,
    &lq_cmd_register,
    &lq_cmd_unregister,
    &lq_cmd_commands,
    &lq_cmd_watch,
    &lq_cmd_status,
    &lq_cmd_last,
    &lq_cmd_errors,
    &lq_cmd_warnings,
    &lq_cmd_events,
    &lq_cmd_summary,
    &lq_cmd_history,
    &lq_cmd_info,
    &lq_cmd_output,
    &lq_cmd_event,
    &lq_cmd_context,
    &lq_cmd_inspect,
    &lq_cmd_diff,
    &lq_cmd_hosts,
    &lq_cmd_new_errors,
    &lq_cmd_first_seen,
    &lq_cmd_regressions,
    &lq_cmd_flaky,
    &lq_cmd_slowest,
    &lq_cmd_query,
    &lq_cmd_filter,
    &lq_cmd_sql,
    &lq_cmd_shell,
    &lq_cmd_schema,
    &lq_cmd_formats,
    &lq_cmd_sync,
    &lq_cmd_pull,
    &lq_cmd_share,
    &lq_cmd_policy,
    &lq_cmd_prune,
    &lq_cmd_clean,
    &lq_cmd_doctor,
    &lq_cmd_index,
    &lq_cmd_redact,
    &lq_cmd_ci,
    &lq_cmd_report,
    &lq_cmd_annotate,
    &lq_cmd_serve,
    &lq_cmd_docs,
    &lq_cmd_sync_worker,
    NULL,
};

const struct lq_section lq_sections[] = {
    { &lq_cmd_init, "Record" },
    { &lq_cmd_status, "See what went wrong" },
    { &lq_cmd_hosts, "Ask across machines and time" },
    { &lq_cmd_query, "Ask anything" },
    { &lq_cmd_sync, "Share and keep" },
    { &lq_cmd_ci, "For CI and agents" },
    { NULL, NULL },
};
/* clang-format on */
