/* SPDX-License-Identifier: MIT */
/* struct lq_tree: names of suites by their indentation, as test runners for terminals print them. */
#ifndef LQ_PARSE_TREE_H
#define LQ_PARSE_TREE_H

#include "base/str.h"
#include "parse/clip.h"

#define LQ_TREE_DEPTH 24

struct lq_tree {
    struct lq_clip names[LQ_TREE_DEPTH];
    size_t indents[LQ_TREE_DEPTH];
    size_t depth;
};

size_t lq_indent(struct lq_str line);
/* Leave the suites that are not above `indent`. */
void lq_tree_leave(struct lq_tree *tree, size_t indent);
/* A suite's line. */
void lq_tree_enter(struct lq_tree *tree, size_t indent, struct lq_str name);
/* The suites and `name`, with `separator` between them, into `out`. */
void lq_tree_join(const struct lq_tree *tree, const char *separator, struct lq_str name,
                  struct lq_clip *out);
void lq_tree_release(struct lq_tree *tree);

#endif
