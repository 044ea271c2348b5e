/* SPDX-License-Identifier: MIT */
/* Which kind of remote a destination is. */
#include "sync/remote.h"
#include "base/alloc.h"
#include <lq/project.h>

static const struct lq_remote_kind *const kinds[] = {
    &lq_remote_s3,  /* s3://bucket/prefix */
    &lq_remote_dir, /* any path: it has no scheme, so it stays last */
};

/* Length of "scheme://" (RFC 3986, section 3.1) at the start of `url`; 0: it is a path. */
static size_t scheme_length(const char *url)
{
    const size_t len = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789+-.");

    return len > 0 && strncmp(url + len, "://", 3) == 0 ? len + 3 : 0;
}

enum lq_status lq_remote_kind_of(const char *url, const struct lq_remote_kind **kind,
                                 struct lq_error *err)
{
    const size_t len = scheme_length(url);

    if (lq_destination_has_credentials(url))
        return lq_error_set(err, LQ_BAD_INPUT,
                            "cannot sync to a destination with credentials in it");
    if (!*url)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot sync to '': no destination");
    for (size_t i = 0; i < LQ_COUNT(kinds); i++) {
        *kind = kinds[i];
        if (strlen(kinds[i]->scheme) == len && strncmp(url, kinds[i]->scheme, len) == 0)
            return LQ_OK;
    }
    return lq_error_set(err, LQ_BAD_INPUT, "cannot sync to '%s': neither a folder nor s3://", url);
}

void lq_remote_close(struct lq_remote **remote)
{
    if (*remote)
        (*remote)->kind->close(*remote);
    *remote = NULL;
}

void lq_place_release(struct lq_place *place)
{
    lq_free(&place->name);
    lq_free(&place->key);
    lq_free(&place->file_system);
}
