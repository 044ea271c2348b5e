/* SPDX-License-Identifier: MIT */
/* lq annotate: errors and warnings in the forms that GitHub, GitLab and code scanners read. */
#include "base/file.h"
#include "base/text.h"
#include "cli/compare.h"
#include <lq/run.h>
#include <unistd.h>

struct annotate_args {
    bool github, gitlab, sarif;
    const char *ref;
};

static const struct lq_opt annotate_opts[] = {
    LQ_OPT(struct annotate_args, github, 0, "github", NULL, "workflow commands of GitHub Actions"),
    LQ_OPT(struct annotate_args, gitlab, 0, "gitlab", NULL, "GitLab's code quality report"),
    LQ_OPT(struct annotate_args, sarif, 0, "sarif", NULL, "SARIF 2.1.0"),
    LQ_ARG(struct annotate_args, ref, "run", "or event; the newest run by default"),
    LQ_OPT_END,
};

/* The events, errors first; `nth` tells those apart that are the same mistake in the same file. */
static const char events_sql[] =
    "CREATE TEMP TABLE lq_annotation AS SELECT severity, file_path, line_number, column_number, "
    "coalesce(message, test_name, severity) AS message, coalesce(error_code, test_name) AS code, "
    "coalesce(tool_name, 'lq') AS tool, cwd, error_fingerprint AS fingerprint, "
    "coalesce(error_code, category, severity) AS rule, event_id, "
    "row_number() OVER (PARTITION BY severity, error_fingerprint, file_path ORDER BY event_id) "
    "AS nth FROM lq_events WHERE severity IN ('error', 'warning') AND "
    "coalesce(run_uid, file) = $1::VARCHAR AND ($2::BIGINT = 0 OR event_id = $2::BIGINT)";

enum column { SEVERITY, FILE_PATH, LINE, COLUMN, MESSAGE, CODE, TOOL, CWD, FINGERPRINT, RULE };
#define COLUMNS                                                                                    \
    "severity, file_path, line_number, column_number, message, code, tool, cwd, fingerprint, rule"

static struct lq_str text_at(const struct lq_rows *rows, size_t column)
{
    const struct lq_value value = lq_rows_get(rows, column);

    return value.kind == LQ_VALUE_NULL ? (struct lq_str){ 0 } : value.text;
}

/* ---- paths ---- */

/* The folder that annotations are relative to: of the git repository, else of the project. */
static char *repository_root(const struct lq_project *project)
{
    LQ_CLEANUP(lq_free) char *folder = lq_strdup(project->root);

    for (;;) {
        LQ_CLEANUP(lq_free) char *git = lq_path_join(folder, ".git");
        char *slash = strrchr(folder, '/');

        if (access(git, F_OK) == 0)
            return LQ_TAKE(folder);
        if (!slash || slash == folder)
            return lq_strdup(project->root);
        *slash = '\0';
    }
}

/* Append the path's parts to `clean`, without "." and with ".." taken back; false: above the top. */
static bool add_parts(struct lq_buf *clean, struct lq_str path)
{
    for (size_t at = 0; at < path.len;) {
        size_t end = at;

        while (end < path.len && path.ptr[end] != '/')
            end++;
        if (end - at == 2 && memcmp(path.ptr + at, "..", 2) == 0) {
            const char *slash;

            if (clean->len == 0)
                return false;
            slash = strrchr(lq_buf_text(clean), '/');
            lq_buf_truncate(clean, slash ? (size_t)(slash - lq_buf_text(clean)) : 0);
        } else if (end > at && !(end - at == 1 && path.ptr[at] == '.')) {
            if (clean->len > 0)
                lq_buf_addc(clean, '/');
            lq_buf_add(clean, path.ptr + at, end - at);
        }
        at = end + 1;
    }
    return true;
}

/* What is left of the absolute `path` below `root`; ptr NULL: it does not lie there. */
static struct lq_str below(struct lq_str path, const char *root)
{
    const size_t len = root ? strlen(root) : 0;

    if (len == 0 || path.len < len || memcmp(path.ptr, root, len) != 0 ||
        (path.len > len && path.ptr[len] != '/' && root[len - 1] != '/'))
        return (struct lq_str){ 0 };
    return (struct lq_str){ path.ptr + len, path.len - len };
}

/*
 * Append `file`, as a tool that ran in `cwd` printed it, relative to the repository `root` (NULL: not
 * known): "../src/a.c" in build/ is "src/a.c". What lies elsewhere is left as it is.
 */
static void add_repository_path(struct lq_buf *path, struct lq_str file, struct lq_str cwd,
                                const char *root)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf clean = LQ_BUF_INIT;
    struct lq_str start = { 0 };
    bool inside;

    if (file.len > 0 && file.ptr[0] == '/') {
        file = below(file, root);
        inside = file.ptr && add_parts(&clean, file);
    } else {
        start = below(cwd, root);
        inside = (!start.ptr || add_parts(&clean, start)) && add_parts(&clean, file);
    }
    if (inside && clean.len > 0)
        lq_buf_add(path, lq_buf_text(&clean), clean.len);
}

/* The path of the present row; file.len 0: the event names no file. */
static void add_path(struct lq_buf *path, const struct lq_rows *rows, const char *root)
{
    const struct lq_str file = text_at(rows, FILE_PATH);

    add_repository_path(path, file, text_at(rows, CWD), root);
    if (path->len == 0)
        lq_buf_add(path, file.ptr, file.len);
}

/* ---- GitHub ---- */

/* Escape as GitHub's own toolkit does; in properties ':' and ',' too. */
static void add_escaped(struct lq_buf *out, struct lq_str text, bool property)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf visible = LQ_BUF_INIT;

    lq_text_add_visible(&visible, text, true);
    for (const char *at = lq_buf_text(&visible); *at; at++) {
        if (strchr("%\r\n", *at) || (property && strchr(":,", *at)))
            lq_buf_addf(out, "%%%02X", (unsigned char)*at);
        else
            lq_buf_addc(out, *at);
    }
}

static void add_github_title(struct lq_buf *line, const struct lq_rows *rows)
{
    const struct lq_str tool = text_at(rows, TOOL), code = text_at(rows, CODE);

    lq_buf_adds(line, "title=");
    add_escaped(line, tool, true);
    if (code.len > 0) {
        lq_buf_addc(line, ' ');
        add_escaped(line, code, true);
    }
}

static void add_github(struct lq_buf *line, const struct lq_rows *rows, const char *root)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf path = LQ_BUF_INIT;

    lq_buf_addf(line, "::%.*s ", (int)text_at(rows, SEVERITY).len, text_at(rows, SEVERITY).ptr);
    add_path(&path, rows, root);
    if (path.len > 0) {
        lq_buf_adds(line, "file=");
        add_escaped(line, (struct lq_str){ path.data, path.len }, true);
        lq_buf_addc(line, ',');
        if (lq_rows_get_int(rows, LINE) > 0)
            lq_buf_addf(line, "line=%lld,", (long long)lq_rows_get_int(rows, LINE));
        if (lq_rows_get_int(rows, LINE) > 0 && lq_rows_get_int(rows, COLUMN) > 0)
            lq_buf_addf(line, "col=%lld,", (long long)lq_rows_get_int(rows, COLUMN));
    }
    add_github_title(line, rows);
    lq_buf_adds(line, "::");
    add_escaped(line, text_at(rows, MESSAGE), false);
    lq_buf_addc(line, '\n');
}

/* ---- GitLab ---- */

static void add_json_member(struct lq_buf *out, const char *name, struct lq_str text)
{
    lq_buf_addf(out, "\"%s\": ", name);
    lq_out_add_json(out, text);
}

static void add_gitlab(struct lq_buf *out, const struct lq_rows *rows, const char *root)
{
    const bool error = lq_str_eq(text_at(rows, SEVERITY), LQ_STR("error"));
    const int64_t line = lq_rows_get_int(rows, LINE);
    LQ_CLEANUP(lq_buf_release) struct lq_buf path = LQ_BUF_INIT;

    add_path(&path, rows, root);
    lq_buf_adds(out, " {");
    add_json_member(out, "description", text_at(rows, MESSAGE));
    lq_buf_adds(out, ", ");
    add_json_member(out, "check_name", text_at(rows, RULE));
    lq_buf_adds(out, ", ");
    add_json_member(out, "fingerprint", text_at(rows, FINGERPRINT));
    lq_buf_addf(out, ", \"severity\": \"%s\", \"location\": {", error ? "major" : "minor");
    add_json_member(out, "path", (struct lq_str){ lq_buf_text(&path), path.len });
    lq_buf_addf(out, ", \"lines\": {\"begin\": %lld}}}", (long long)(line > 0 ? line : 1));
}

/* ---- SARIF ---- */

/* Append the path as a URI reference (RFC 3986): an absolute one as file URI. */
static void add_uri(struct lq_buf *out, struct lq_str path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

    if (path.len > 0 && path.ptr[0] == '/')
        lq_buf_adds(out, "file://");
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] && strchr(plain, path.ptr[i]))
            lq_buf_addc(out, path.ptr[i]);
        else
            lq_buf_addf(out, "%%%02X", (unsigned char)path.ptr[i]);
    }
}

static void add_sarif_location(struct lq_buf *out, const struct lq_rows *rows, const char *root)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf path = LQ_BUF_INIT;
    const int64_t line = lq_rows_get_int(rows, LINE), column = lq_rows_get_int(rows, COLUMN);

    add_path(&path, rows, root);
    if (path.len == 0)
        return;
    lq_buf_adds(
        out, ",\n    \"locations\": [{\"physicalLocation\": {\"artifactLocation\": {\"uri\": \"");
    add_uri(out, (struct lq_str){ path.data, path.len });
    lq_buf_addf(out, "\"%s}", path.data[0] == '/' ? "" : ", \"uriBaseId\": \"%SRCROOT%\"");
    if (line > 0) {
        lq_buf_addf(out, ", \"region\": {\"startLine\": %lld", (long long)line);
        if (column > 0)
            lq_buf_addf(out, ", \"startColumn\": %lld", (long long)column);
        lq_buf_addc(out, '}');
    }
    lq_buf_adds(out, "}}]");
}

static void add_sarif(struct lq_buf *out, const struct lq_rows *rows, const char *root)
{
    const struct lq_str fingerprint = text_at(rows, FINGERPRINT);

    lq_buf_adds(out, "   {");
    add_json_member(out, "ruleId", text_at(rows, RULE));
    lq_buf_adds(out, ", ");
    add_json_member(out, "level", text_at(rows, SEVERITY));
    lq_buf_adds(out, ", \"message\": {");
    add_json_member(out, "text", text_at(rows, MESSAGE));
    lq_buf_addc(out, '}');
    add_sarif_location(out, rows, root);
    if (fingerprint.len > 0) {
        lq_buf_adds(out, ",\n    \"partialFingerprints\": {");
        add_json_member(out, "lqFingerprint/v1", fingerprint);
        lq_buf_addc(out, '}');
    }
    lq_buf_addc(out, '}');
}

/* ---- printing ---- */

/* `with`: the repository's root or, for rules, the tool. */
typedef void add_fn(struct lq_buf *out, const struct lq_rows *rows, const char *with);

static enum lq_status flush(FILE *out, struct lq_buf *buf, struct lq_error *err)
{
    const bool whole = fwrite(lq_buf_text(buf), 1, buf->len, out) == buf->len && !buf->overflow;

    lq_buf_clear(buf);
    return whole ? LQ_OK : lq_error_set(err, LQ_IO, "cannot write the output");
}

/* Print the rows of `sql`, with `separator` between two. */
static enum lq_status print_rows(FILE *out, struct lq_query *query, const char *sql,
                                 const struct lq_value *params, size_t n_params, add_fn *add,
                                 const char *separator, const char *with, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;
    bool more;

    LQ_TRY(lq_query_run(query, false, sql, params, n_params, &rows, err));
    for (bool first = true;; first = false) {
        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        lq_buf_adds(&buf, first ? "" : separator);
        add(&buf, rows, with);
        LQ_TRY(flush(out, &buf, err));
    }
}

static enum lq_status print_github(FILE *out, struct lq_query *query, const char *root,
                                   struct lq_error *err)
{
    return print_rows(out, query,
                      "SELECT " COLUMNS " FROM lq_annotation ORDER BY severity, event_id", NULL, 0,
                      add_github, "", root, err);
}

static enum lq_status print_gitlab(FILE *out, struct lq_query *query, const char *root,
                                   struct lq_error *err)
{
    /* A report must not hold one fingerprint twice; line numbers, which change, stay out of it. */
    static const char sql[] =
        "SELECT " COLUMNS " FROM (SELECT * REPLACE (md5(concat_ws(chr(10), severity, "
        "coalesce(fingerprint, message), file_path, nth)) AS fingerprint) FROM lq_annotation "
        "WHERE file_path IS NOT NULL) ORDER BY severity, event_id";
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    fputs("[\n", out);
    LQ_TRY(print_rows(out, query, sql, NULL, 0, add_gitlab, ",\n", root, err));
    fputs("\n]\n", out);
    fflush(out);
    LQ_TRY(lq_query_run(query, false, "SELECT count(*) FROM lq_annotation WHERE file_path IS NULL",
                        NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    if (lq_rows_get_int(rows, 0) > 0)
        lq_say("left out %lld that name no file, which the format demands",
               (long long)lq_rows_get_int(rows, 0));
    return LQ_OK;
}

/* A rule: its id, and the texts that code scanning shows. */
static void add_rule(struct lq_buf *out, const struct lq_rows *rows, const char *tool)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    lq_buf_addf(&text, "%s: ", tool);
    lq_buf_add(&text, text_at(rows, 0).ptr, text_at(rows, 0).len);
    lq_buf_adds(out, "{");
    add_json_member(out, "id", text_at(rows, 0));
    lq_buf_adds(out, ", \"shortDescription\": {");
    add_json_member(out, "text", (struct lq_str){ text.data, text.len });
    lq_buf_adds(out, "}}");
}

/* One SARIF run: what one tool said. */
static enum lq_status print_tool(FILE *out, struct lq_query *query, const char *tool,
                                 const struct lq_ci_run *run, const char *root,
                                 struct lq_error *err)
{
    const struct lq_value param = lq_value_text(tool);
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *id = lq_format("lq/%s/%s/%s", run->name ? run->name : "", tool,
                                             run->identity ? run->identity : "");

    lq_buf_adds(&buf, "  {\"tool\": {\"driver\": {");
    add_json_member(&buf, "name", lq_str_of(tool));
    lq_buf_adds(&buf, ", \"rules\": [");
    LQ_TRY(flush(out, &buf, err));
    LQ_TRY(print_rows(out, query,
                      "SELECT DISTINCT rule FROM lq_annotation WHERE tool = $1::VARCHAR ORDER BY 1",
                      &param, 1, add_rule, ", ", tool, err));
    lq_buf_adds(&buf, "]}},\n   \"automationDetails\": {");
    add_json_member(&buf, "id", lq_str_of(id));
    lq_buf_addf(
        &buf, "},\n   \"invocations\": [{\"executionSuccessful\": %s}],\n   \"results\": [\n",
        run->outcome && (strcmp(run->outcome, "ok") == 0 || strcmp(run->outcome, "warn") == 0)
            ? "true"
            : "false");
    LQ_TRY(flush(out, &buf, err));
    LQ_TRY(print_rows(out, query,
                      "SELECT " COLUMNS " FROM lq_annotation WHERE tool = $1::VARCHAR "
                      "ORDER BY event_id",
                      &param, 1, add_sarif, ",\n", root, err));
    lq_buf_adds(&buf, "\n   ]}");
    return flush(out, &buf, err);
}

static enum lq_status print_sarif(FILE *out, struct lq_query *query, const struct lq_ci_run *run,
                                  const char *root, struct lq_error *err)
{
    LQ_CLEANUP(lq_map_release) struct lq_map tools = { 0 };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = true;

    LQ_TRY(lq_query_run(query, false, "SELECT DISTINCT tool FROM lq_annotation ORDER BY tool", NULL,
                        0, &rows, err));
    for (;;) {
        LQ_CLEANUP(lq_free) char *tool = NULL;

        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            break;
        tool = lq_rows_get_text(rows, 0);
        lq_map_add(&tools, tool, "");
    }
    /* A result without findings clears what an earlier one reported. */
    if (tools.count == 0)
        lq_map_add(&tools, "lq", "");
    fputs("{\"version\": \"2.1.0\",\n"
          " \"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",\n \"runs\": [\n",
          out);
    for (size_t i = 0; i < tools.count; i++) {
        fputs(i ? ",\n" : "", out);
        LQ_TRY(print_tool(out, query, tools.keys[i], run, root, err));
    }
    fputs("\n ]}\n", out);
    return LQ_OK;
}

/* The form asked for or, without a word, the one of the CI that we run in. */
static enum lq_status choose(struct annotate_args *form, struct lq_error *err)
{
    if (form->github + form->gitlab + form->sarif > 1)
        return lq_error_set(err, LQ_USAGE, "--github, --gitlab and --sarif exclude each other");
    if (form->github + form->gitlab + form->sarif == 1)
        return LQ_OK;
    form->github = getenv("GITHUB_ACTIONS") != NULL;
    form->gitlab = !form->github && getenv("GITLAB_CI") != NULL;
    if (!form->github && !form->gitlab)
        return lq_error_set(err, LQ_USAGE, "lq annotate needs --github, --gitlab or --sarif");
    return LQ_OK;
}

static enum lq_status annotate_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    struct annotate_args form = *(const struct annotate_args *)argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ci_run_release) struct lq_ci_run run = { 0 };
    LQ_CLEANUP(lq_free) char *root = cli->has_project ? repository_root(&cli->project) : NULL;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *made = NULL;
    bool empty, more;

    LQ_TRY(choose(&form, err));
    if (cli->format != LQ_OUT_TABLE)
        return lq_error_set(err, LQ_USAGE, "lq annotate prints --github, --gitlab or --sarif only");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_ci_find_run(query, form.ref, &run, err));
    LQ_TRY(lq_query_run(
        query, false, events_sql,
        (const struct lq_value[]){ lq_value_text(run.identity), lq_value_int(run.event_id) }, 2,
        &made, err));
    LQ_TRY(lq_rows_next(made, &more, err));
    return form.github   ? print_github(cli->out, query, root, err)
           : form.gitlab ? print_gitlab(cli->out, query, root, err)
                         : print_sarif(cli->out, query, &run, root, err);
}

const struct lq_command lq_cmd_annotate = {
    .name = "annotate",
    .summary = "print errors and warnings as GitHub, GitLab or SARIF reads them",
    .needs = LQ_NEEDS_SCOPE,
    .opts = annotate_opts,
    .args_size = sizeof(struct annotate_args),
    .main = annotate_main,
};
