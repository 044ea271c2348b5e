/* SPDX-License-Identifier: MIT */
/* struct lq_clip: text up to a ceiling; what is longer is cut on a character and marked "…". */
#ifndef LQ_PARSE_CLIP_H
#define LQ_PARSE_CLIP_H

#include "base/str.h"

struct lq_clip {
    char *data; /* grows up to `max`, stays at its address once `max` bytes were reserved */
    size_t len, capacity, max;
    bool cut; /* the mark was set; further text is dropped */
};

/* Reserve all of `max` at once, so that texts may point into it. */
void lq_clip_reserve(struct lq_clip *clip, size_t max);
void lq_clip_add(struct lq_clip *clip, struct lq_str text);
static inline void lq_clip_clear(struct lq_clip *clip)
{
    clip->len = 0;
    clip->cut = false;
}
static inline struct lq_str lq_clip_text(const struct lq_clip *clip)
{
    return (struct lq_str){ clip->data, clip->len };
}
void lq_clip_release(struct lq_clip *clip);
/* The longest prefix of `text` with at most `max` bytes that does not cut a character; `text` may
 * be invalid UTF-8. */
size_t lq_clip_fit(struct lq_str text, size_t max);

#endif
