/* SPDX-License-Identifier: MIT */
/* Suites of tests by indentation. */
#include "parse/tree.h"

#include <lq/event.h>

size_t lq_indent(struct lq_str line)
{
    size_t indent = 0;

    while (indent < line.len && line.ptr[indent] == ' ')
        indent++;
    return indent;
}

void lq_tree_leave(struct lq_tree *tree, size_t indent)
{
    while (tree->depth && tree->indents[tree->depth - 1] >= indent)
        tree->depth--;
}

void lq_tree_enter(struct lq_tree *tree, size_t indent, struct lq_str name)
{
    lq_tree_leave(tree, indent);
    if (tree->depth == LQ_TREE_DEPTH)
        return;
    tree->indents[tree->depth] = indent;
    tree->names[tree->depth].max = LQ_MESSAGE_MAX_BYTES;
    lq_clip_clear(&tree->names[tree->depth]);
    lq_clip_add(&tree->names[tree->depth], name);
    tree->depth++;
}

void lq_tree_join(const struct lq_tree *tree, const char *separator, struct lq_str name,
                  struct lq_clip *out)
{
    lq_clip_clear(out);
    for (size_t i = 0; i < tree->depth; i++) {
        lq_clip_add(out, lq_clip_text(&tree->names[i]));
        lq_clip_add(out, lq_str_of(separator));
    }
    lq_clip_add(out, name);
}

void lq_tree_release(struct lq_tree *tree)
{
    for (size_t i = 0; i < LQ_TREE_DEPTH; i++)
        lq_clip_release(&tree->names[i]);
}
