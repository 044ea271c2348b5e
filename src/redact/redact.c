/* SPDX-License-Identifier: MIT */
/* The stream of a log, line by line: what is hidden becomes a mark, all else passes. */
#include <lq/redact.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clean.h"
#include "redact/block.h"
#include "redact/find.h"

/* Most of a line that is held, and by how much the pieces of a longer one overlap. */
#define HELD_BYTES ((size_t)64 << 10)
#define OVERLAP_BYTES ((size_t)16 << 10)
/* Of what went out so much is kept before a piece, for expressions that look behind. */
#define CONTEXT_BYTES ((size_t)256)
/* Output is gathered up to here; longer stretches without a secret are not copied. */
#define GATHER_BYTES ((size_t)32 << 10)
#define PASS_BYTES ((size_t)4 << 10)

#define ESC '\033'

/* Where the reading of one log stands. */
struct stream {
    char *held;      /* an unfinished line; HELD_BYTES once there was one */
    size_t n_held;   /* bytes in it */
    size_t n_passed; /* its first ones, which have gone out: context */
    bool mid_line;   /* bytes of this line were dealt with */
    bool swallowing; /* inside a secret that is longer than what is held */
    int64_t n_lines; /* whole ones so far */
    struct lq_block block;
};

struct lq_redactor {
    struct lq_finder *finder;
    struct stream stream;
    struct lq_hits hits, line_hits;
    struct lq_spans spans, plain_spans;
    char *plain;      /* a line without its escape sequences */
    uint32_t *origin; /* where each of its bytes was */
    size_t plain_capacity;
    struct lq_buf out;
    lq_redact_write_fn *write;
    void *ctx;
    lq_redact_hidden_fn *on_hidden;
    void *hidden_ctx;
};

enum lq_status lq_redactor_new(struct lq_redactor **out, char *const *patterns,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = lq_alloc(sizeof *redactor);

    LQ_TRY(lq_finder_new(&redactor->finder, patterns, err));
    *out = LQ_TAKE(redactor);
    return LQ_OK;
}

void lq_redactor_free(struct lq_redactor **out)
{
    struct lq_redactor *redactor = *out;

    if (!redactor)
        return;
    lq_finder_free(&redactor->finder);
    free(redactor->stream.held);
    free(redactor->hits.at);
    free(redactor->line_hits.at);
    free(redactor->spans.at);
    free(redactor->plain_spans.at);
    free(redactor->plain);
    free(redactor->origin);
    lq_buf_release(&redactor->out);
    lq_free(out);
}

void lq_redactor_on_hidden(struct lq_redactor *redactor, lq_redact_hidden_fn *on_hidden, void *ctx)
{
    redactor->on_hidden = on_hidden;
    redactor->hidden_ctx = ctx;
}

/* ---- output ---- */

static enum lq_status flush(struct lq_redactor *redactor, struct lq_error *err)
{
    enum lq_status status = LQ_OK;

    if (redactor->out.len > 0)
        status = redactor->write(redactor->ctx, redactor->out.data, redactor->out.len, err);
    lq_buf_clear(&redactor->out);
    return status;
}

static enum lq_status pass(struct lq_redactor *redactor, const char *bytes, size_t len,
                           struct lq_error *err)
{
    if (len >= PASS_BYTES) {
        LQ_TRY(flush(redactor, err));
        return redactor->write(redactor->ctx, bytes, len, err);
    }
    lq_buf_add(&redactor->out, bytes, len);
    return redactor->out.len >= GATHER_BYTES ? flush(redactor, err) : LQ_OK;
}

/* Colours that began or ended within a secret go on behind its mark. */
static void keep_colours(struct lq_redactor *redactor, const char *at, const char *end)
{
    while ((at = memchr(at, ESC, (size_t)(end - at)))) {
        const char *start = at;

        at++;
        if (at == end || *at != '[')
            continue;
        at++;
        while (at < end && ((*at >= '0' && *at <= '9') || *at == ';' || *at == ':'))
            at++;
        if (at < end && *at == 'm')
            lq_buf_add(&redactor->out, start, (size_t)(at + 1 - start));
    }
}

static enum lq_status hide(struct lq_redactor *redactor, const struct lq_span *span,
                           const char *text, struct lq_error *err)
{
    if (redactor->on_hidden) {
        LQ_TRY(flush(redactor, err)); /* so that it is told between the lines that it is between */
        redactor->on_hidden(redactor->hidden_ctx, redactor->stream.n_lines + 1, span->name);
    }
    lq_buf_addf(&redactor->out, LQ_MARK_START "%s]", span->name);
    keep_colours(redactor, text + span->start, text + span->end);
    return LQ_OK;
}

/* Bytes `from` to `to` of a text with the secrets between them hidden. */
static enum lq_status pass_spans(struct lq_redactor *redactor, const char *text, size_t from,
                                 size_t to, struct lq_error *err)
{
    for (size_t i = 0; i < redactor->spans.count; i++) {
        const struct lq_span *span = &redactor->spans.at[i];

        if (span->end <= from || span->start >= to)
            continue;
        if (span->start > from)
            LQ_TRY(pass(redactor, text + from, span->start - from, err));
        LQ_TRY(hide(redactor, span, text, err));
        from = span->end;
    }
    return from < to ? pass(redactor, text + from, to - from, err) : LQ_OK;
}

/* ---- one line, or piece of one ---- */

/* Copy lines without their escape sequences, and note where each byte was. */
static size_t strip(struct lq_redactor *redactor, struct lq_str lines)
{
    const char *at = lines.ptr, *const end = lines.ptr + lines.len;
    size_t n = 0;

    if (lines.len + 1 > redactor->plain_capacity) {
        redactor->plain_capacity = lines.len + 1;
        redactor->plain = lq_realloc(redactor->plain, redactor->plain_capacity, 1);
        redactor->origin =
            lq_realloc(redactor->origin, redactor->plain_capacity, sizeof *redactor->origin);
    }
    while (at < end) {
        const char *escape = memchr(at, ESC, (size_t)(end - at));
        const size_t len = (size_t)((escape ? escape : end) - at);

        memcpy(redactor->plain + n, at, len);
        for (size_t i = 0; i < len; i++)
            redactor->origin[n + i] = (uint32_t)(at - lines.ptr + (ptrdiff_t)i);
        n += len;
        at = escape ? lq_skip_escape(escape, end) : end;
    }
    return n;
}

static void find(struct lq_redactor *redactor, const struct lq_piece *piece,
                 const struct lq_hits *hits, struct lq_spans *spans)
{
    if (!hits)
        lq_finder_secrets(redactor->finder, piece, NULL, 0, spans);
    else if (hits->count > 0)
        lq_finder_secrets(redactor->finder, piece, hits->at, hits->count, spans);
    lq_finder_patterns(redactor->finder, piece, spans);
}

/* What scanning a line alone gives; NULL: everything has to be tried. */
static const struct lq_hits *scan_line(struct lq_redactor *redactor, struct lq_str line)
{
    return lq_finder_scan(redactor->finder, line, &redactor->line_hits) ? &redactor->line_hits
                                                                        : NULL;
}

/* Whether a block of lines may begin here. */
static bool has_block(struct lq_str text, const struct lq_hits *hits)
{
    for (size_t i = 0; hits && i < hits->count; i++)
        if (lq_block_rule(hits->at[i].rule))
            return true;
    return !hits && memmem(text.ptr, text.len, "PRIVATE KEY", 11);
}

/* The same as a terminal would show it. A secret may be coloured in the middle. */
static void find_plain(struct lq_redactor *redactor, const struct lq_piece *piece)
{
    struct lq_spans *spans = &redactor->plain_spans;
    struct lq_piece plain = *piece;
    const struct lq_hits *hits;

    plain.text.len = strip(redactor, piece->text);
    plain.text.ptr = redactor->plain;
    for (plain.from = 0; plain.from < plain.text.len && redactor->origin[plain.from] < piece->from;)
        plain.from++;
    spans->count = 0;
    hits = scan_line(redactor, plain.text);
    find(redactor, &plain, hits, spans);
    lq_block_line(&redactor->stream.block, plain.text, has_block(plain.text, hits), spans);
    for (size_t i = 0; i < spans->count; i++)
        lq_spans_add(&redactor->spans, redactor->origin[spans->at[i].start],
                     redactor->origin[spans->at[i].end - 1] + 1, spans->at[i].name);
}

/* Fill redactor->spans. `hits` of the piece; NULL: not known. */
static void find_spans(struct lq_redactor *redactor, const struct lq_piece *piece,
                       const struct lq_hits *hits)
{
    redactor->spans.count = 0;
    find(redactor, piece, hits, &redactor->spans);
    if (memchr(piece->text.ptr, ESC, piece->text.len))
        find_plain(redactor, piece);
    else
        lq_block_line(&redactor->stream.block, piece->text, has_block(piece->text, hits),
                      &redactor->spans);
    lq_spans_settle(&redactor->spans);
}

/* ---- blocks of whole lines ---- */

/* Whether lines without a hit may hold something too. */
static bool wants_every_line(const struct lq_redactor *redactor)
{
    return redactor->stream.block.open || lq_finder_has_patterns(redactor->finder);
}

static void count_lines(struct lq_redactor *redactor, const char *at, const char *end)
{
    if (!redactor->on_hidden)
        return;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        redactor->stream.n_lines++;
        at++;
    }
}

/* A line with its line end, and its hits; NULL: everything has to be tried. */
static enum lq_status take_line(struct lq_redactor *redactor, const char *line, size_t len,
                                const struct lq_hits *hits, struct lq_error *err)
{
    const struct lq_piece piece = { .text = { line, len - 1 }, .is_start = true, .is_end = true };

    find_spans(redactor, &piece, hits);
    LQ_TRY(pass_spans(redactor, line, 0, len, err));
    redactor->stream.n_lines++;
    return LQ_OK;
}

/* Lines that have to be looked at one by one. */
static enum lq_status take_each(struct lq_redactor *redactor, const char *at, const char *end,
                                struct lq_error *err)
{
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t len = (size_t)(newline + 1 - at);

        LQ_TRY(
            take_line(redactor, at, len, scan_line(redactor, (struct lq_str){ at, len - 1 }), err));
        at += len;
    }
    return LQ_OK;
}

/* Whether lines without a hit may hold a secret that shows without their escape sequences. */
static bool hides_in_colour(struct lq_redactor *redactor, struct lq_str block)
{
    struct lq_str plain = { NULL, 0 };

    if (!memchr(block.ptr, ESC, block.len))
        return false;
    if (wants_every_line(redactor))
        return true;
    plain.len = strip(redactor, block);
    plain.ptr = redactor->plain;
    return !lq_finder_scan(redactor->finder, plain, &redactor->line_hits) ||
           redactor->line_hits.count > 0;
}

static enum lq_status take_block(struct lq_redactor *redactor, const char *at, size_t len,
                                 struct lq_error *err)
{
    const char *const block = at, *const end = at + len;
    const struct lq_hits *all = &redactor->hits;
    size_t n = 0;

    if (hides_in_colour(redactor, (struct lq_str){ at, len }) ||
        !lq_finder_scan(redactor->finder, (struct lq_str){ at, len }, &redactor->hits))
        return take_each(redactor, at, end, err);
    while (at < end) {
        struct lq_hits hits;
        const char *stop;

        while (n < all->count && block + all->at[n].end <= at)
            n++;
        if (!wants_every_line(redactor)) {
            const char *start = end;

            if (n < all->count) {
                start = memrchr(at, '\n', (size_t)(block + all->at[n].end - 1 - at));
                start = start ? start + 1 : at;
            }
            count_lines(redactor, at, start);
            LQ_TRY(pass(redactor, at, (size_t)(start - at), err));
            at = start;
            if (at == end)
                break;
        }
        stop = memchr(at, '\n', (size_t)(end - at));
        hits = (struct lq_hits){ .at = n < all->count ? all->at + n : NULL };
        for (; n < all->count && block + all->at[n].end <= stop; n++)
            hits.count++;
        LQ_TRY(take_line(redactor, at, (size_t)(stop + 1 - at), &hits, err));
        at = stop + 1;
    }
    return LQ_OK;
}

/* ---- unfinished lines ---- */

static enum lq_status pass_held(struct lq_redactor *redactor, size_t to, struct lq_error *err)
{
    struct stream *stream = &redactor->stream;

    LQ_TRY(pass_spans(redactor, stream->held, stream->n_passed, to, err));
    stream->mid_line = true;
    return LQ_OK;
}

static void find_held(struct lq_redactor *redactor, bool is_end)
{
    const struct stream *stream = &redactor->stream;
    const struct lq_piece piece = {
        .text = { stream->held, stream->n_held },
        .from = stream->n_passed,
        .is_start = !stream->mid_line,
        .is_end = is_end,
    };

    find_spans(redactor, &piece, scan_line(redactor, piece.text));
}

/* The line ends within what is held. */
static enum lq_status end_held(struct lq_redactor *redactor, struct lq_error *err)
{
    struct stream *stream = &redactor->stream;

    find_held(redactor, true);
    LQ_TRY(pass_held(redactor, stream->n_held, err));
    stream->n_held = stream->n_passed = 0;
    return LQ_OK;
}

/* What is held is full, and the line goes on: let its beginning go, up to where a secret that is not
 * complete yet could begin. */
static enum lq_status shift_held(struct lq_redactor *redactor, struct lq_error *err)
{
    struct stream *stream = &redactor->stream;
    size_t cut = HELD_BYTES - OVERLAP_BYTES, keep;

    find_held(redactor, false);
    for (size_t i = 0; i < redactor->spans.count; i++) {
        const struct lq_span *span = &redactor->spans.at[i];

        if (span->start < cut && span->end > cut)
            cut = span->end;
    }
    LQ_TRY(pass_held(redactor, cut, err));
    /* A secret up to the very end goes on, for all we know. */
    stream->swallowing = cut == HELD_BYTES;
    keep = stream->swallowing ? cut : cut - CONTEXT_BYTES;
    memmove(stream->held, stream->held + keep, HELD_BYTES - keep);
    stream->n_held = HELD_BYTES - keep;
    stream->n_passed = cut - keep;
    return LQ_OK;
}

/* Drop the rest of a secret whose mark has gone out. Returns what was used up. */
static size_t swallow(struct stream *stream, const char *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && !strchr(" \t\r\n\"'`<>", bytes[n] ? bytes[n] : 'x'))
        n++;
    stream->swallowing = n == len;
    return n;
}

static void hold(struct stream *stream, const char *bytes, size_t len)
{
    if (!stream->held)
        stream->held = lq_realloc(NULL, HELD_BYTES, 1);
    memcpy(stream->held + stream->n_held, bytes, len);
    stream->n_held += len;
}

/* Go on with a line that began before `bytes`, or that is too long. Returns what was used up: up to
 * and with the line's end, if that is there. */
static enum lq_status take_unfinished(struct lq_redactor *redactor, const char *bytes, size_t len,
                                      size_t *used, struct lq_error *err)
{
    struct stream *stream = &redactor->stream;
    size_t room, n;
    const char *newline;

    *used = 0;
    if (stream->swallowing) {
        *used = swallow(stream, bytes, len);
        return LQ_OK;
    }
    room = HELD_BYTES - stream->n_held;
    n = len < room ? len : room;
    newline = memchr(bytes, '\n', n);
    if (newline)
        n = (size_t)(newline - bytes);
    hold(stream, bytes, n);
    *used = n;
    if (newline) {
        LQ_TRY(end_held(redactor, err));
        LQ_TRY(pass(redactor, "\n", 1, err));
        stream->mid_line = false;
        stream->n_lines++;
        ++*used;
    } else if (stream->n_held == HELD_BYTES) {
        return shift_held(redactor, err);
    }
    return LQ_OK;
}

/* ---- the log ---- */

static bool is_unfinished(const struct stream *stream)
{
    return stream->n_held > 0 || stream->mid_line || stream->swallowing;
}

/* Length of the whole lines at the start, none of which is too long to be held. */
static size_t whole_lines(const char *bytes, size_t len)
{
    const char *last = memrchr(bytes, '\n', len < HELD_BYTES ? len : HELD_BYTES);

    return last ? (size_t)(last + 1 - bytes) : 0;
}

enum lq_status lq_redactor_feed(struct lq_redactor *redactor, const void *bytes, size_t len,
                                lq_redact_write_fn *write, void *ctx, struct lq_error *err)
{
    const char *at = bytes;

    redactor->write = write;
    redactor->ctx = ctx;
    while (len > 0) {
        size_t used = 0;

        if (!is_unfinished(&redactor->stream))
            used = whole_lines(at, len);
        if (used > 0)
            LQ_TRY(take_block(redactor, at, used, err));
        else
            LQ_TRY(take_unfinished(redactor, at, len, &used, err));
        at += used;
        len -= used;
    }
    return flush(redactor, err);
}

enum lq_status lq_redactor_finish(struct lq_redactor *redactor, lq_redact_write_fn *write,
                                  void *ctx, struct lq_error *err)
{
    struct stream *stream = &redactor->stream;
    enum lq_status status = LQ_OK;

    redactor->write = write;
    redactor->ctx = ctx;
    if (stream->n_held > 0)
        status = end_held(redactor, err);
    *stream = (struct stream){ .held = stream->held };
    return status == LQ_OK ? flush(redactor, err) : status;
}

/* ---- texts ---- */

static enum lq_status add_text(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    lq_buf_add(ctx, bytes, len);
    return LQ_OK;
}

char *lq_redact_text(struct lq_redactor *redactor, struct lq_str text)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;

    if (lq_redactor_feed(redactor, text.ptr, text.len, add_text, &buf, NULL) != LQ_OK ||
        lq_redactor_finish(redactor, add_text, &buf, NULL) != LQ_OK)
        return NULL; /* add_text does not fail */
    if (buf.len == text.len && memcmp(lq_buf_text(&buf), text.ptr, text.len) == 0)
        return NULL;
    return lq_buf_detach(&buf);
}

/* ---- names ---- */

static bool ends_with(const char *name, const char *end)
{
    const size_t len = strlen(name), end_len = strlen(end);

    return len >= end_len && strcasecmp(name + len - end_len, end) == 0;
}

/* "GH_TOKEN", "npm_config__authToken", "DB_PASSWORD_2"; not "SSH_AUTH_SOCK", "TOKEN_FILE". */
bool lq_redact_is_secret_name(const char *name)
{
    static const char *const places[] = { "_file", "_path", "_dir", "_url", "_id", "_name" };
    static const char *const words[] = { "password",  "passwd",      "passphrase", "secret",
                                         "token",     "api_key",     "apikey",     "access_key",
                                         "accesskey", "private_key", "credential", "webhook" };
    static const char *const ends[] = { "_pass", "_pwd", "_auth", "_key" };

    for (size_t i = 0; i < LQ_COUNT(places); i++)
        if (ends_with(name, places[i]))
            return false;
    for (size_t i = 0; i < LQ_COUNT(words); i++)
        if (strcasestr(name, words[i]))
            return true;
    for (size_t i = 0; i < LQ_COUNT(ends); i++)
        if (ends_with(name, ends[i]))
            return true;
    return false;
}
