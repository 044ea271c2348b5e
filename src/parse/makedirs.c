/* SPDX-License-Identifier: MIT */
/* The folders that make and ninja enter: what they print is relative to those. */
#include "base/alloc.h"
#include "parse/engine.h"

/* Folders open at once: recursion, times jobs that run in parallel. */
#define MAX_OPEN 256

struct folder {
    char *path;    /* owned */
    int64_t level; /* of make; 0 for the outermost */
};

struct makedirs {
    struct folder open[MAX_OPEN];
    size_t n_open;
    const char *
        current; /* the path of an open one that make is in; NULL: none, or the log does not tell */
    char *ninja; /* owned: the folder of "ninja -C", for the rest of the log */
    struct lq_clip path;
};

static void makedirs_free(void *state)
{
    struct makedirs *dirs = state;

    for (size_t i = 0; i < dirs->n_open; i++)
        free(dirs->open[i].path);
    free(dirs->ninja);
    lq_clip_release(&dirs->path);
    free(dirs);
}

static struct makedirs *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_MAKEDIRS, makedirs_free);

    if (!*slot) {
        struct makedirs *dirs = lq_alloc(sizeof *dirs);

        dirs->path.max = 2 * LQ_MESSAGE_MAX_BYTES;
        *slot = dirs;
    }
    return *slot;
}

static void leave(struct makedirs *dirs, struct lq_str path, int64_t level)
{
    for (size_t i = dirs->n_open; i-- > 0;) {
        if (dirs->open[i].level != level || !lq_str_eq(lq_str_of(dirs->open[i].path), path))
            continue;
        free(dirs->open[i].path);
        dirs->n_open--;
        memmove(&dirs->open[i], &dirs->open[i + 1], (dirs->n_open - i) * sizeof dirs->open[0]);
        return;
    }
}

/* The folder that make is in; NULL when jobs run in several at once and the log does not tell. */
static const char *current(const struct makedirs *dirs)
{
    const char *path = NULL;
    int64_t deepest = -1;

    for (size_t i = 0; i < dirs->n_open; i++) {
        const struct folder *folder = &dirs->open[i];

        if (folder->level > deepest) {
            path = folder->path;
            deepest = folder->level;
        } else if (folder->level == deepest && path && strcmp(path, folder->path) != 0) {
            path = NULL;
        }
    }
    return path;
}

/* "make[2]: Entering directory '/build/project/lib'"; groups: level, verb, folder. */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct makedirs *dirs = state_of(parser);
    const struct lq_str verb = lq_parser_field(parser, rule, LQ_FIELD_MESSAGE);
    const struct lq_str path = lq_parser_field(parser, rule, LQ_FIELD_FILE);
    const int64_t level = lq_digits(lq_parser_field(parser, rule, LQ_FIELD_LINE));

    if (!verb.ptr) {
        free(dirs->ninja);
        dirs->ninja = lq_strndup(path.ptr, path.len);
    } else if (lq_str_eq(verb, LQ_STR("Leaving"))) {
        leave(dirs, path, level);
    } else if (dirs->n_open < MAX_OPEN && path.len <= LQ_MESSAGE_MAX_BYTES) {
        dirs->open[dirs->n_open++] = (struct folder){ lq_strndup(path.ptr, path.len), level };
    }
    dirs->current = current(dirs);
    return true;
}

/* Add `path` part by part, without "." and with ".." taken back. */
static void add_parts(struct lq_clip *out, struct lq_str path)
{
    while (path.len) {
        const char *slash = memchr(path.ptr, '/', path.len);
        const size_t len = slash ? (size_t)(slash - path.ptr) : path.len;
        const struct lq_str part = { path.ptr, len };
        const char *last = out->len ? memrchr(out->data, '/', out->len) : NULL;
        const size_t start = last ? (size_t)(last + 1 - out->data) : 0;
        const struct lq_str before = { out->len ? out->data + start : NULL, out->len - start };

        path.ptr += len + (slash != NULL);
        path.len -= len + (slash != NULL);
        if (!len || lq_str_eq(part, LQ_STR(".")))
            continue;
        if (lq_str_eq(part, LQ_STR("..")) && before.len && !lq_str_eq(before, LQ_STR(".."))) {
            out->len = start > 1 ? start - 1 : start;
            continue;
        }
        if (out->len && out->data[out->len - 1] != '/')
            lq_clip_add(out, LQ_STR("/"));
        lq_clip_add(out, part);
    }
}

struct lq_str lq_makedirs_resolve(struct lq_parser *parser, struct lq_str path)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_MAKEDIRS, makedirs_free);
    struct makedirs *dirs = *slot;
    const char *folder;

    if (!dirs || !path.len || path.len > LQ_MESSAGE_MAX_BYTES || path.ptr[0] == '/' ||
        path.ptr[0] == '<' || memchr(path.ptr, ':', path.len) || memchr(path.ptr, '\\', path.len))
        return path;
    folder = dirs->current;
    /* What ninja builds may be run elsewhere later: only what cannot be meant otherwise. */
    if (!folder && !dirs->n_open && lq_str_starts(path, LQ_STR("../")))
        folder = dirs->ninja;
    if (!folder)
        return path;
    lq_clip_clear(&dirs->path);
    if (folder[0] == '/')
        lq_clip_add(&dirs->path, LQ_STR("/"));
    add_parts(&dirs->path, lq_str_of(folder));
    add_parts(&dirs->path, path);
    return lq_clip_text(&dirs->path);
}

const struct lq_family lq_family_makedirs = { .match = match };
