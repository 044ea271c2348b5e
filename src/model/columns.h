/* SPDX-License-Identifier: MIT */
/*
 * The columns of a run's Parquet file, in their order. The writer, the readers' views, `lq schema`
 * and docs/format.md follow from this table.
 *
 * X(name, SQL type, rows, text):
 *   rows  RUN    the same value on every row of the file
 *         ONCE   on the run row only (event_id NULL); NULL on event rows
 *         EVENT  on event rows only; NULL on the run row
 */
#ifndef LQ_MODEL_COLUMNS_H
#define LQ_MODEL_COLUMNS_H

/* clang-format off */
#define LQ_COLUMNS(X) \
    X(run_id, "BIGINT", RUN, "number of the run in its project, from 1") \
    X(source_name, "VARCHAR", RUN, "name of the run: the registered command, -n, or the program") \
    X(source_type, "VARCHAR", RUN, "run, import or capture") \
    X(command, "VARCHAR", RUN, "the command line") \
    X(started_at, "TIMESTAMPTZ", RUN, "start, UTC") \
    X(completed_at, "TIMESTAMPTZ", RUN, "end, UTC") \
    X(exit_code, "BIGINT", RUN, "exit code; 128+n after signal n; NULL for imports and captures") \
    X(cwd, "VARCHAR", RUN, "folder the command ran in") \
    X(executable_path, "VARCHAR", RUN, "program that was started") \
    X(environment, "MAP(VARCHAR, VARCHAR)", ONCE, "recorded environment variables") \
    X(hostname, "VARCHAR", RUN, "machine, as identified when the run was recorded") \
    X(platform, "VARCHAR", RUN, "operating system: Linux") \
    X(arch, "VARCHAR", RUN, "processor: x86_64") \
    X(git_commit, "VARCHAR", RUN, "commit that was checked out") \
    X(git_branch, "VARCHAR", RUN, "branch; NULL when detached") \
    X(git_dirty, "BOOLEAN", RUN, "whether tracked files were changed") \
    X(ci, "MAP(VARCHAR, VARCHAR)", ONCE, "CI provider and what it tells about the job") \
    X(event_id, "BIGINT", EVENT, "number of the event in its run, from 1; NULL on the run row") \
    X(severity, "VARCHAR", EVENT, "error, warning, note or info; NULL for passed and skipped tests") \
    X(file_path, "VARCHAR", EVENT, "file, as the tool printed it; a relative one below make's `Entering directory` is joined to that folder") \
    X(line_number, "BIGINT", EVENT, "line in that file, from 1") \
    X(column_number, "BIGINT", EVENT, "column in that line, as the tool counts") \
    X(message, "VARCHAR", EVENT, "what the tool says, without severity and code") \
    X(raw_text, "VARCHAR", EVENT, "the log lines that make up the event, without escape codes") \
    X(tool_name, "VARCHAR", EVENT, "tool that printed it") \
    X(category, "VARCHAR", EVENT, "compile, link, lint, type, test, build, runtime") \
    X(error_code, "VARCHAR", EVENT, "the tool's code for it: -Wunused, F401") \
    X(error_fingerprint, "VARCHAR", EVENT, "tool_category_hash: equal for the same mistake anywhere") \
    X(log_line_start, "BIGINT", EVENT, "first line in the raw log, from 1") \
    X(log_line_end, "BIGINT", EVENT, "last line in the raw log") \
    X(run_uid, "VARCHAR", RUN, "UUIDv7: identity of the run in every store") \
    X(origin, "VARCHAR", RUN, "UUIDv4 of the .lq folder that recorded it") \
    X(namespace, "VARCHAR", RUN, "namespace of the project when recorded") \
    X(project, "VARCHAR", RUN, "project when recorded") \
    X(duration_sec, "DOUBLE", ONCE, "run time") \
    X(outcome, "VARCHAR", ONCE, "ok, warn, fail, timeout or interrupted") \
    X(signal, "VARCHAR", ONCE, "signal that ended the command: SIGSEGV") \
    X(error_count, "BIGINT", ONCE, "events of severity error") \
    X(warning_count, "BIGINT", ONCE, "events of severity warning") \
    X(test_pass_count, "BIGINT", ONCE, "tests that passed, as far as the log names them") \
    X(test_fail_count, "BIGINT", ONCE, "tests that failed or could not run") \
    X(test_skip_count, "BIGINT", ONCE, "tests that were skipped") \
    X(test_name, "VARCHAR", EVENT, "name of the test") \
    X(test_status, "VARCHAR", EVENT, "pass, fail, error or skip") \
    X(test_duration_sec, "DOUBLE", EVENT, "run time of the test") \
    X(lq_version, "VARCHAR", RUN, "version of lq that recorded it")
/* clang-format on */

#endif
