/* SPDX-License-Identifier: MIT */
/* The XML of ListObjectsV2, read as it comes. */
#ifndef LQ_S3_LISTING_H
#define LQ_S3_LISTING_H

#include "s3/client.h"

struct lq_listing;

struct lq_listing *lq_listing_new(void);
void lq_listing_free(struct lq_listing **listing);

/* Before a page, also when its request is tried again. */
LQ_CHECK enum lq_status lq_listing_start(struct lq_listing *listing, struct lq_error *err);
/* Some bytes of the page. LQ_CORRUPT: it is no such XML. */
LQ_CHECK enum lq_status lq_listing_feed(struct lq_listing *listing, const void *bytes, size_t len,
                                        struct lq_error *err);
/* The page is whole: hand its objects out, those below `prefix`. LQ_CORRUPT: it is not. */
LQ_CHECK enum lq_status lq_listing_finish(struct lq_listing *listing, const char *prefix,
                                          lq_s3_object_fn *on_object, void *ctx,
                                          struct lq_error *err);
/* What the next page is asked with; NULL: before the first page, and after the last. */
const char *lq_listing_token(const struct lq_listing *listing);

#endif
