/* SPDX-License-Identifier: MIT */
/* Finding libcurl and looking up its functions. */
#define LQ_S3_CURL_IMPLEMENTATION
#include "s3/curl.h"
#include "base/base.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo

struct lq_curl lq_curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum lq_status load_status;
static struct lq_error load_error;

/* It is copied as bytes: ISO C has no cast from dlsym's void pointer. */
static void look_up(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);

    if (!symbol)
        load_status = lq_error_set(&load_error, LQ_CORRUPT, "libcurl lacks %s()", name);
    memcpy(function, &symbol, size);
}

static void load(void)
{
    static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
    void *library = NULL;

    for (size_t i = 0; i < LQ_COUNT(names) && !library; i++)
        library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
    if (!library) {
        load_status = lq_error_set(&load_error, LQ_NOT_FOUND, "cannot load libcurl.so.4");
        return;
    }
#define LOOK_UP(name) look_up(library, #name, &lq_curl.name##_, sizeof lq_curl.name##_);
    LQ_CURL_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    if (load_status == LQ_OK && lq_curl.curl_global_init_(CURL_GLOBAL_ALL) != CURLE_OK)
        load_status = lq_error_set(&load_error, LQ_CORRUPT, "cannot start libcurl");
}

enum lq_status lq_curl_load(struct lq_error *err)
{
    pthread_once(&once, load);
    if (load_status != LQ_OK && err)
        *err = load_error;
    return load_status;
}
