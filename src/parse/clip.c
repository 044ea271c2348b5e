/* SPDX-License-Identifier: MIT */
/* Text up to a ceiling. */
#include "parse/clip.h"
#include "base/alloc.h"

#define MARK "…"

static bool grow(struct lq_clip *clip, size_t want)
{
    size_t capacity = clip->capacity ? clip->capacity : 256;

    while (capacity < want)
        capacity *= 2;
    if (capacity > clip->max)
        capacity = clip->max;
    if (capacity > clip->capacity) {
        clip->data = lq_realloc(clip->data, capacity, 1);
        clip->capacity = capacity;
    }
    return clip->capacity >= want;
}

void lq_clip_reserve(struct lq_clip *clip, size_t max)
{
    clip->max = max;
    grow(clip, max);
}

size_t lq_clip_fit(struct lq_str text, size_t max)
{
    size_t len = max;

    if (text.len <= max)
        return text.len;
    /* A character has at most three continuation bytes; what has more is not UTF-8 anyway. */
    for (int i = 0; i < 3 && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80; i++)
        len--;
    return ((unsigned char)text.ptr[len] & 0xc0) == 0x80 ? max : len;
}

void lq_clip_add(struct lq_clip *clip, struct lq_str text)
{
    const size_t mark = sizeof MARK - 1;

    if (clip->cut || text.len == 0)
        return;
    if (text.len <= clip->max - clip->len) {
        grow(clip, clip->len + text.len);
        memcpy(clip->data + clip->len, text.ptr, text.len);
        clip->len += text.len;
        return;
    }
    grow(clip, clip->max);
    /* The mark must fit too, so that part of what is already there may have to go. */
    if (clip->len + mark <= clip->max) {
        const size_t fit = lq_clip_fit(text, clip->max - clip->len - mark);

        memcpy(clip->data + clip->len, text.ptr, fit);
        clip->len += fit;
    } else {
        clip->len = lq_clip_fit(lq_clip_text(clip), clip->max - mark);
    }
    memcpy(clip->data + clip->len, MARK, mark);
    clip->len += mark;
    clip->cut = true;
}

void lq_clip_release(struct lq_clip *clip)
{
    free(clip->data);
    *clip = (struct lq_clip){ .data = NULL };
}
