/* SPDX-License-Identifier: MIT */
/* Keeps the beginning and the end of a log. */
#include "store/excerpt.h"
#include "base/alloc.h"
#include "base/clean.h"
#include "base/text.h"

/* So much of a line is looked at: escape sequences and what was overwritten take part of it. */
#define LINE_BYTES ((size_t)4 * LQ_EXCERPT_LINE_BYTES)

struct lq_excerpter {
    struct lq_buf line; /* the unfinished one */
    bool line_is_cut, in_line;
    struct lq_buf head[LQ_EXCERPT_HEAD_LINES];
    struct lq_buf tail[LQ_EXCERPT_TAIL_LINES]; /* a ring: line n (from 0) is in n % its size */
    struct lq_str shown_head[LQ_EXCERPT_HEAD_LINES], shown_tail[LQ_EXCERPT_TAIL_LINES];
    int64_t n_lines, n_bytes;
};

struct lq_excerpter *lq_excerpter_new(void)
{
    struct lq_excerpter *excerpter = lq_alloc(sizeof *excerpter);

    excerpter->line.max = LINE_BYTES;
    return excerpter;
}

static struct lq_str text_of(const struct lq_buf *buf)
{
    return (struct lq_str){ lq_buf_text(buf), buf->len };
}

static void end_line(struct lq_excerpter *excerpter)
{
    struct lq_buf *raw = &excerpter->line;
    struct lq_buf *kept = &excerpter->tail[excerpter->n_lines % LQ_EXCERPT_TAIL_LINES];
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    size_t len;

    if (raw->len > 0)
        raw->len = lq_clean(raw->data, raw->len);
    lq_text_add_utf8(&text, text_of(raw));
    len = lq_text_cut(text_of(&text), LQ_EXCERPT_LINE_BYTES);
    lq_buf_clear(kept);
    lq_buf_add(kept, lq_buf_text(&text), len);
    if (len < text.len || excerpter->line_is_cut)
        lq_buf_adds(kept, "…");
    if (excerpter->n_lines < LQ_EXCERPT_HEAD_LINES)
        lq_buf_add(&excerpter->head[excerpter->n_lines], lq_buf_text(kept), kept->len);
    excerpter->n_lines++;
    lq_buf_clear(raw);
    excerpter->line_is_cut = excerpter->in_line = false;
}

void lq_excerpter_feed(struct lq_excerpter *excerpter, const char *bytes, size_t len)
{
    excerpter->n_bytes += (int64_t)len;
    while (len > 0) {
        const char *newline = memchr(bytes, '\n', len);
        const size_t piece = newline ? (size_t)(newline - bytes) : len;
        const size_t room = LINE_BYTES - excerpter->line.len;

        lq_buf_add(&excerpter->line, bytes, piece < room ? piece : room);
        excerpter->line_is_cut |= piece > room;
        excerpter->in_line = true;
        if (!newline)
            return;
        end_line(excerpter);
        bytes += piece + 1;
        len -= piece + 1;
    }
}

void lq_excerpter_finish(struct lq_excerpter *excerpter, struct lq_excerpt *excerpt)
{
    if (excerpter->in_line)
        end_line(excerpter);
    *excerpt = (struct lq_excerpt){
        .head = excerpter->shown_head,
        .tail = excerpter->shown_tail,
        .n_lines = excerpter->n_lines,
        .n_bytes = excerpter->n_bytes,
    };
    for (int64_t n = 0; n < excerpter->n_lines && n < LQ_EXCERPT_HEAD_LINES; n++)
        excerpter->shown_head[excerpt->n_head++] = text_of(&excerpter->head[n]);
    for (int64_t n = excerpter->n_lines > LQ_EXCERPT_TAIL_LINES
                         ? excerpter->n_lines - LQ_EXCERPT_TAIL_LINES
                         : 0;
         n < excerpter->n_lines; n++)
        excerpter->shown_tail[excerpt->n_tail++] =
            text_of(&excerpter->tail[n % LQ_EXCERPT_TAIL_LINES]);
}

void lq_excerpter_free(struct lq_excerpter **out)
{
    struct lq_excerpter *excerpter = *out;

    if (!excerpter)
        return;
    lq_buf_release(&excerpter->line);
    for (size_t i = 0; i < LQ_COUNT(excerpter->head); i++)
        lq_buf_release(&excerpter->head[i]);
    for (size_t i = 0; i < LQ_COUNT(excerpter->tail); i++)
        lq_buf_release(&excerpter->tail[i]);
    lq_free(out);
}
