/* SPDX-License-Identifier: MIT */
/* Events that families put together. */
#include "parse/report.h"

void lq_report_begin(struct lq_report *report, struct lq_line line)
{
    struct lq_clip *const texts[] = { &report->name, &report->file, &report->message, &report->code,
                                      &report->raw };

    for (size_t i = 0; i < LQ_COUNT(texts); i++) {
        texts[i]->max = LQ_MESSAGE_MAX_BYTES;
        lq_clip_clear(texts[i]);
    }
    report->raw.max = LQ_RAW_TEXT_MAX_BYTES;
    report->line_number = report->column_number = 0;
    report->first = report->last = line.number;
    report->open = true;
    lq_clip_add(&report->raw, line.text);
}

void lq_report_add(struct lq_report *report, struct lq_line line)
{
    if (!line.text.len)
        return;
    for (; report->last < line.number; report->last++)
        lq_clip_add(&report->raw, LQ_STR("\n"));
    lq_clip_add(&report->raw, line.text);
}

void lq_report_set(struct lq_clip *clip, struct lq_str text)
{
    lq_clip_clear(clip);
    lq_clip_add(clip, text);
}

void lq_report_place(struct lq_report *report, struct lq_str file, struct lq_str line,
                     struct lq_str column)
{
    lq_report_set(&report->file, file);
    report->line_number = lq_digits(line);
    report->column_number = lq_digits(column);
}

struct lq_event lq_report_event(const struct lq_report *report, const char *tool,
                                const char *category)
{
    struct lq_event event = lq_event_of(tool, category, report->first);

    event.severity = LQ_SEVERITY_ERROR;
    event.test_name = lq_clip_text(&report->name);
    event.file_path = lq_clip_text(&report->file);
    event.line_number = report->line_number;
    event.column_number = report->column_number;
    event.message = lq_clip_text(&report->message);
    event.error_code = lq_clip_text(&report->code);
    event.raw_text = lq_clip_text(&report->raw);
    event.log_line_end = report->last;
    return event;
}

struct lq_event lq_report_test(const struct lq_report *report, const char *tool,
                               enum lq_test_status status)
{
    struct lq_event event = lq_report_event(report, tool, "test");

    event.test_status = status;
    if (status != LQ_TEST_FAIL && status != LQ_TEST_ERROR)
        event.severity = LQ_SEVERITY_NONE;
    return event;
}

void lq_report_release(struct lq_report *report)
{
    lq_clip_release(&report->name);
    lq_clip_release(&report->file);
    lq_clip_release(&report->message);
    lq_clip_release(&report->code);
    lq_clip_release(&report->raw);
}
