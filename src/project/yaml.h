/* SPDX-License-Identifier: MIT */
/*
 * Reading YAML that may come from a cloned repository, event by event: one document of UTF-8, no
 * anchors, aliases or tags, nothing expanded. Messages name file and line and never repeat a value,
 * which could be a credential.
 *
 *     LQ_CLEANUP(lq_yaml_close) struct lq_yaml yaml = { 0 };
 *     lq_yaml_open(&yaml, text, path, &empty, &err);      yaml.event is the root's first
 *     ... lq_yaml_next(&yaml) ...                         until the root has ended
 *     lq_yaml_end(&yaml);
 */
#ifndef LQ_PROJECT_YAML_H
#define LQ_PROJECT_YAML_H

#include "base/buf.h"
#include <libfyaml.h>

#define LQ_YAML_MAX_BYTES ((size_t)1 << 20)

struct lq_yaml {
    struct fy_parser *parser;
    struct fy_diag *diag;
    struct fy_event *event; /* the newest */
    int line;               /* of it, from 1; an empty value has the line of its key */
    struct lq_str text;     /* all of the file */
    const char *path;
    struct lq_error *err;
};

/* Where something stands, in bytes from the start of the text. */
struct lq_yaml_span {
    size_t start, end; /* quotes included; both 0: the value is empty */
};

/* `text` and `path` (for messages) are borrowed until lq_yaml_close. `*empty`: there is no
 * document. LQ_OK; LQ_BAD_INPUT, LQ_IO. */
LQ_CHECK enum lq_status lq_yaml_open(struct lq_yaml *yaml, struct lq_str text, const char *path,
                                     bool *empty, struct lq_error *err);
/* Advance to the next event. LQ_BAD_INPUT. */
LQ_CHECK enum lq_status lq_yaml_next(struct lq_yaml *yaml);
/* Nothing may follow the root, whose last event is the newest. LQ_BAD_INPUT. */
LQ_CHECK enum lq_status lq_yaml_end(struct lq_yaml *yaml);
void lq_yaml_close(struct lq_yaml *yaml);

/* Fail with "'PATH' line 3: capture.env must be a list"; `name` may be NULL. */
enum lq_status lq_yaml_bad(const struct lq_yaml *yaml, const char *section, const char *name,
                           const char *problem);
/* Fail over a key (the newest event) that nobody knows; `section` may be NULL. */
enum lq_status lq_yaml_unknown_key(const struct lq_yaml *yaml, const char *section);

/* The text of a scalar event, borrowed until the next one; "" for other events. */
struct lq_str lq_yaml_text(const struct lq_yaml *yaml);
/* Written without quotes. */
bool lq_yaml_is_plain(const struct lq_yaml *yaml);
bool lq_yaml_is_null(const struct lq_yaml *yaml);
struct lq_yaml_span lq_yaml_span(const struct lq_yaml *yaml);

/* Append `value`, valid UTF-8 without control characters but newline and tab, as a scalar on one
 * line. */
void lq_yaml_add_scalar(struct lq_buf *text, const char *value);

#endif
