/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a log, read in all formats, or in FORMAT alone where one file makes a target for
 * each family. The first byte chooses how they are cut into pieces; each event must keep to its limits, and the
 * events must not depend on the pieces. */
#include <lq/format.h>
#include <stdlib.h>

#include "base/base.h"

#ifndef FORMAT
#define FORMAT NULL
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
    uint64_t hash;
    size_t n_events;
};

static void add(struct tally *tally, struct lq_str text)
{
    for (size_t i = 0; i < text.len; i++)
        tally->hash = (tally->hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
}

static void on_event(void *ctx, const struct lq_event *event)
{
    struct tally *tally = ctx;

    if (event->message.len > LQ_MESSAGE_MAX_BYTES || event->raw_text.len > LQ_RAW_TEXT_MAX_BYTES ||
        event->log_line_start < 1 || event->log_line_end < event->log_line_start ||
        !event->tool_name.len || !event->category.len || event->fingerprint.len < 18)
        abort();
    tally->n_events++;
    add(tally, event->file_path);
    add(tally, event->message);
    add(tally, event->raw_text);
    add(tally, event->test_name);
    add(tally, event->error_code);
    tally->hash += (uint64_t)event->log_line_start * 31 + (uint64_t)event->line_number;
}

static struct tally parse(const uint8_t *data, size_t size, size_t piece)
{
    struct tally tally = { 0 };
    const struct lq_parser_opts opts = { .format = FORMAT };
    struct lq_parser *parser = NULL;

    if (lq_parser_new(&parser, &opts, on_event, &tally, NULL) != LQ_OK)
        abort();
    for (size_t at = 0; at < size; at += piece)
        lq_parser_feed(parser, data + at, size - at < piece ? size - at : piece);
    lq_parser_finish(parser);
    lq_parser_free(&parser);
    return tally;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally whole, pieces;

    if (size < 1)
        return 0;
    whole = parse(data + 1, size - 1, size);
    pieces = parse(data + 1, size - 1, data[0] % 64 + 1u);
    if (whole.hash != pieces.hash || whole.n_events != pieces.n_events)
        abort();
    return 0;
}
