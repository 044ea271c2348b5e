/* SPDX-License-Identifier: MIT */
/*
 * libcurl, opened at run time: with all that it brings it would cost every command milliseconds, and
 * few touch the network. Files of this room include this header in place of <curl/curl.h> and call
 * the functions by their own names.
 */
#ifndef LQ_S3_CURL_H
#define LQ_S3_CURL_H

#define CURL_DISABLE_TYPECHECK /* its macros would hide ours */
#include <curl/curl.h>
#include <lq/error.h>

/* clang-format off */
#define LQ_CURL_FUNCTIONS(X) \
    X(curl_easy_cleanup) \
    X(curl_easy_getinfo) \
    X(curl_easy_init) \
    X(curl_easy_perform) \
    X(curl_easy_reset) \
    X(curl_easy_setopt) \
    X(curl_easy_strerror) \
    X(curl_global_init) \
    X(curl_slist_append) \
    X(curl_slist_free_all)
/* clang-format on */

struct lq_curl {
#define LQ_CURL_MEMBER(name) __typeof__(&name) name##_;
    LQ_CURL_FUNCTIONS(LQ_CURL_MEMBER)
#undef LQ_CURL_MEMBER
};

/* Filled by lq_curl_load(), which may be called from several threads. LQ_NOT_FOUND: no libcurl. */
extern struct lq_curl lq_curl;
LQ_CHECK enum lq_status lq_curl_load(struct lq_error *err);

#ifndef LQ_S3_CURL_IMPLEMENTATION
#undef curl_easy_setopt
#undef curl_easy_getinfo
#define curl_easy_cleanup lq_curl.curl_easy_cleanup_
#define curl_easy_getinfo lq_curl.curl_easy_getinfo_
#define curl_easy_init lq_curl.curl_easy_init_
#define curl_easy_perform lq_curl.curl_easy_perform_
#define curl_easy_reset lq_curl.curl_easy_reset_
#define curl_easy_setopt lq_curl.curl_easy_setopt_
#define curl_easy_strerror lq_curl.curl_easy_strerror_
#define curl_global_init lq_curl.curl_global_init_
#define curl_slist_append lq_curl.curl_slist_append_
#define curl_slist_free_all lq_curl.curl_slist_free_all_
#endif

#endif
