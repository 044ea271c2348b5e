/* SPDX-License-Identifier: MIT */
/* Prints plans of a sync, and how things stand with destinations. */
#include "cli/sync_report.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/size.h"

#define JSON_VERSION 1

static const char *const why_names[] = {
    [LQ_SYNC_NEW] = "new",
    [LQ_SYNC_MISSING] = "missing",
    [LQ_SYNC_DAMAGED] = "damaged",
    [LQ_SYNC_CONVERT] = "convert",
};
static const char *const outcome_names[] = {
    [LQ_SYNC_PENDING] = "pending", [LQ_SYNC_COPIED] = "synced", [LQ_SYNC_PRESENT] = "present",
    [LQ_SYNC_FAILED] = "failed",   [LQ_SYNC_GONE] = "gone",
};

/* ---- for people ---- */

static void print_line(FILE *out, const char *what, const char *path, const char *reason)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;

    lq_text_add_visible(&line, lq_str_of(path), false);
    if (reason) {
        lq_buf_adds(&line, ": ");
        lq_text_add_visible(&line, lq_str_of(reason), false);
    }
    fprintf(out, "%-8s %s\n", what, lq_buf_text(&line));
}

void lq_sync_print_files(FILE *out, const struct lq_sync_plan *plan)
{
    for (size_t i = 0; i < lq_sync_plan_file_count(plan); i++) {
        const struct lq_sync_file *file = lq_sync_plan_file(plan, i);
        const bool pending = file->outcome == LQ_SYNC_PENDING;

        print_line(out,
                   pending ? why_names[file->why]
                   : file->is_link && file->outcome == LQ_SYNC_COPIED
                       ? "linked"
                       : outcome_names[file->outcome],
                   file->remote_path ? file->remote_path : file->path, file->error);
    }
    for (size_t i = 0; i < lq_sync_plan_extra_count(plan); i++)
        print_line(out, "extra", lq_sync_plan_extra(plan, i)->remote_path, NULL);
}

static void print_time(FILE *out, const char *title, int64_t time)
{
    char text[28];

    lq_time_rfc3339(time, text);
    fprintf(out, "  %-9s %.10s %.8s UTC\n", title, text, text + 11);
}

static void print_state(FILE *out, const struct lq_sync_state *state)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    char size[LQ_SIZE_TEXT_BYTES];

    lq_text_add_visible(&text, lq_str_of(state->destination), false);
    fprintf(out, "%s%s\n", lq_buf_text(&text), state->configured ? "  (configured)" : "");
    lq_size_format(state->n_present_bytes, size);
    fprintf(out, "  %-9s %lld %s", "present", (long long)state->n_present,
            state->n_present == 1 ? "run" : "runs");
    if (state->n_raw > 0)
        fprintf(out, ", %lld raw logs", (long long)state->n_raw);
    if (state->known && state->mode == LQ_SYNC_MODE_SYMLINK)
        fprintf(out, ", by a link to .lq/logs\n");
    else
        fprintf(out, " (%s)\n", size);
    fprintf(out, "  %-9s %lld %s\n", "pending", (long long)state->n_pending,
            state->n_pending == 1 ? "run" : "runs");
    fprintf(out, "  %-9s %zu\n", "failed", state->n_failures);
    for (size_t i = 0; i < state->n_failures; i++) {
        fprintf(out, "    ");
        lq_buf_clear(&text);
        lq_text_add_visible(&text, lq_str_of(state->failures[i].path), false);
        lq_buf_adds(&text, ": ");
        lq_text_add_visible(&text, lq_str_of(state->failures[i].reason), false);
        fprintf(out, "%s\n", lq_buf_text(&text));
    }
    if (state->last_success)
        print_time(out, "last sync", state->last_success);
    else
        fprintf(out, "  %-9s never\n", "last sync");
    if (state->problem) {
        lq_buf_clear(&text);
        lq_text_add_visible(&text, lq_str_of(state->problem), false);
        fprintf(out, "  %-9s %s\n", "problem", lq_buf_text(&text));
    }
}

/* ---- JSON ---- */

static void add_text(struct lq_buf *buf, const char *key, const char *text)
{
    lq_buf_addf(buf, "\"%s\": ", key);
    if (text)
        lq_out_add_json(buf, lq_str_of(text));
    else
        lq_buf_adds(buf, "null");
}

static void add_time(struct lq_buf *buf, const char *key, int64_t time)
{
    char text[28];

    lq_time_rfc3339(time, text);
    add_text(buf, key, time > 0 ? text : NULL);
}

static void add_file(struct lq_buf *buf, const struct lq_sync_file *file)
{
    lq_buf_adds(buf, "{");
    add_text(buf, "path", file->path);
    lq_buf_adds(buf, ", ");
    add_text(buf, "remote_path", file->remote_path);
    lq_buf_addf(buf,
                ", \"kind\": \"%s\", \"why\": \"%s\", \"outcome\": \"%s\", \"size_bytes\": %lld, ",
                file->is_link  ? "link"
                : file->is_raw ? "raw"
                               : "run",
                why_names[file->why], outcome_names[file->outcome], (long long)file->size_bytes);
    add_text(buf, "error", file->error);
    lq_buf_addc(buf, '}');
}

/* Where an item of an array begins, and its end. */
static void next_item(struct lq_buf *buf, size_t index)
{
    lq_buf_adds(buf, index ? ",\n    " : "\n    ");
}

static void end_items(struct lq_buf *buf, size_t count)
{
    lq_buf_adds(buf, count ? "\n  ]" : "]");
}

/* A plan may hold very many files: each item is written as it comes. */
static void write_out(FILE *out, struct lq_buf *buf)
{
    fputs(lq_buf_text(buf), out);
    lq_buf_clear(buf);
}

static void print_plan(FILE *out, struct lq_buf *buf, const struct lq_sync_plan *plan)
{
    const size_t n_files = plan ? lq_sync_plan_file_count(plan) : 0;
    const size_t n_skips = plan ? lq_sync_plan_skip_count(plan) : 0;
    const size_t n_extras = plan ? lq_sync_plan_extra_count(plan) : 0;

    lq_buf_adds(buf, "  \"files\": [");
    for (size_t i = 0; i < n_files; i++) {
        next_item(buf, i);
        add_file(buf, lq_sync_plan_file(plan, i));
        write_out(out, buf);
    }
    end_items(buf, n_files);
    lq_buf_adds(buf, ",\n  \"skipped\": [");
    for (size_t i = 0; i < n_skips; i++) {
        next_item(buf, i);
        lq_buf_addc(buf, '{');
        add_text(buf, "path", lq_sync_plan_skip(plan, i)->path);
        lq_buf_adds(buf, ", ");
        add_text(buf, "reason", lq_sync_plan_skip(plan, i)->reason);
        lq_buf_addc(buf, '}');
    }
    end_items(buf, n_skips);
    lq_buf_adds(buf, ",\n  \"extra\": [");
    for (size_t i = 0; i < n_extras; i++) {
        next_item(buf, i);
        lq_buf_addc(buf, '{');
        add_text(buf, "remote_path", lq_sync_plan_extra(plan, i)->remote_path);
        lq_buf_addf(buf, ", \"size_bytes\": %lld}",
                    (long long)lq_sync_plan_extra(plan, i)->size_bytes);
        write_out(out, buf);
    }
    end_items(buf, n_extras);
}

void lq_sync_print_json(FILE *out, const struct lq_sync_plan *plan, const char *destination,
                        const struct lq_sync_opts *opts, const char *error)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;
    struct lq_sync_counts counts = { 0 };

    if (plan)
        lq_sync_plan_counts(plan, &counts);
    lq_buf_addf(&buf, "{\n  \"version\": %d,\n  ", JSON_VERSION);
    add_text(&buf, "destination", plan ? lq_sync_plan_destination(plan) : destination);
    lq_buf_addf(&buf, ",\n  \"mode\": \"%s\",\n  \"dry_run\": %s,\n  ",
                lq_sync_mode_name(opts->mode), opts->dry_run ? "true" : "false");
    add_text(&buf, "error", error);
    lq_buf_addf(&buf,
                ",\n  \"counts\": {\"files\": %zu, \"raw\": %zu, \"bytes\": %lld, \"synced\": %zu, "
                "\"synced_bytes\": %lld, \"present\": %zu, \"failed\": %zu, \"verified\": %zu},\n",
                counts.n_files, counts.n_raw, (long long)counts.n_bytes, counts.n_copied,
                (long long)counts.n_copied_bytes, counts.n_present, counts.n_failed,
                counts.n_verified);
    print_plan(out, &buf, plan);
    lq_buf_adds(&buf, "\n}\n");
    write_out(out, &buf);
}

/* ---- how things stand ---- */

struct status_printer {
    FILE *out;
    bool json;
    size_t n_printed;
};

static void print_state_json(FILE *out, const struct lq_sync_state *state, size_t index)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;

    next_item(&buf, index);
    lq_buf_addc(&buf, '{');
    add_text(&buf, "destination", state->destination);
    lq_buf_addf(&buf,
                ", \"configured\": %s, \"mode\": \"%s\", \"present_runs\": %lld, "
                "\"present_raw\": %lld, \"present_bytes\": %lld, \"pending_runs\": %lld, "
                "\"failed_runs\": %zu, ",
                state->configured ? "true" : "false", lq_sync_mode_name(state->mode),
                (long long)state->n_present, (long long)state->n_raw,
                (long long)state->n_present_bytes, (long long)state->n_pending, state->n_failures);
    add_time(&buf, "last_success", state->last_success);
    lq_buf_adds(&buf, ", ");
    add_text(&buf, "problem", state->problem);
    lq_buf_adds(&buf, ", \"failures\": [");
    for (size_t i = 0; i < state->n_failures; i++) {
        lq_buf_adds(&buf, i ? ", {" : "{");
        add_text(&buf, "path", state->failures[i].path);
        lq_buf_adds(&buf, ", ");
        add_text(&buf, "reason", state->failures[i].reason);
        lq_buf_adds(&buf, ", ");
        add_time(&buf, "failed_at", state->failures[i].failed_at);
        lq_buf_addc(&buf, '}');
    }
    lq_buf_adds(&buf, "]}");
    write_out(out, &buf);
}

static void on_state(void *ctx, const struct lq_sync_state *state)
{
    struct status_printer *printer = ctx;

    if (printer->json)
        print_state_json(printer->out, state, printer->n_printed);
    else
        print_state(printer->out, state);
    printer->n_printed++;
}

enum lq_status lq_sync_print_status(FILE *out, struct lq_store *store, const char *configured,
                                    const struct lq_sync_opts *opts, bool json,
                                    struct lq_error *err)
{
    struct status_printer printer = { .out = out, .json = json };
    enum lq_status status;

    if (json)
        fprintf(out, "{\n  \"version\": %d,\n  \"destinations\": [", JSON_VERSION);
    status = lq_sync_status(store, configured, opts, on_state, &printer, err);
    if (json)
        fputs(printer.n_printed ? "\n  ]\n}\n" : "]\n}\n", out);
    return status;
}
