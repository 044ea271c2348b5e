/* SPDX-License-Identifier: MIT */
/* ShellCheck's form for terminals: a place, the line of the script, then a marked line for each finding. */
#include "base/alloc.h"
#include "parse/engine.h"

struct report {
    int64_t line_number, first;
    bool source_seen;
    struct lq_clip file, source;
};

static void report_free(void *state)
{
    struct report *report = state;

    lq_clip_release(&report->file);
    lq_clip_release(&report->source);
    free(report);
}

static struct report *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_SHELLCHECK, report_free);

    if (!*slot) {
        struct report *report = lq_alloc(sizeof *report);

        report->file.max = LQ_MESSAGE_MAX_BYTES;
        report->source.max = LQ_RAW_TEXT_MAX_BYTES / 2;
        *slot = report;
    }
    return *slot;
}

/* "In bin/deploy.sh line 3:" */
static bool begin(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct report *report = state_of(parser);

    lq_clip_clear(&report->file);
    lq_clip_add(&report->file, lq_parser_field(parser, rule, LQ_FIELD_FILE));
    lq_clip_clear(&report->source);
    lq_clip_add(&report->source, line.text);
    report->line_number = lq_digits(lq_parser_field(parser, rule, LQ_FIELD_LINE));
    report->first = line.number;
    report->source_seen = false;
    lq_parser_activate(parser, &lq_family_shellcheck);
    return true;
}

static enum lq_severity severity_of(struct lq_str word)
{
    if (lq_str_eq(word, LQ_STR("error")))
        return LQ_SEVERITY_ERROR;
    if (lq_str_eq(word, LQ_STR("info")) || lq_str_eq(word, LQ_STR("style")))
        return LQ_SEVERITY_INFO;
    return LQ_SEVERITY_WARNING; /* said so, or a version that does not say */
}

static void emit(struct lq_parser *parser, struct report *report, struct lq_line line)
{
    struct lq_event event = lq_event_of("shellcheck", "lint", line.number);
    struct lq_clip raw = { .max = LQ_RAW_TEXT_MAX_BYTES };

    event.severity = severity_of(lq_parser_group(parser, 3));
    event.file_path = lq_clip_text(&report->file);
    event.line_number = report->line_number;
    event.column_number = (int64_t)lq_parser_group(parser, 1).len + 1;
    event.error_code = lq_parser_group(parser, 2);
    event.message = lq_parser_group(parser, 4);
    lq_clip_add(&raw, lq_clip_text(&report->source));
    lq_clip_add(&raw, LQ_STR("\n"));
    lq_clip_add(&raw, line.text);
    event.raw_text = lq_clip_text(&raw);
    lq_parser_emit(parser, &event);
    lq_clip_release(&raw);
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct report *report = state_of(parser);

    if (lq_parser_try(
            parser, "^( *)\\^(?:-*\\^)?-*-? ?(SC\\d+)(?: \\((error|warning|info|style)\\))?: (.*)$",
            line.text)) {
        emit(parser, report, line);
        return true;
    }
    if (report->source_seen) {
        lq_parser_activate(parser, NULL);
        return false;
    }
    report->source_seen = true;
    lq_clip_add(&report->source, LQ_STR("\n"));
    lq_clip_add(&report->source, line.text);
    return true;
}

const struct lq_family lq_family_shellcheck = { .match = begin, .line = take_line };
