/* SPDX-License-Identifier: MIT */
/*
 * The few macros every file may use: scoped cleanup, handing a value out, passing a failure up, trying
 * again.
 */
#ifndef LQ_BASE_BASE_H
#define LQ_BASE_BASE_H

#include <lq/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h> // IWYU pragma: keep

#include "base/banned.h"

/* The variable is destroyed by `destroy(&variable)` when it leaves scope. Initialise it where it
 * is declared: the destroyer runs on every path. Destroyers accept empty values. */
#define LQ_CLEANUP(destroy) __attribute__((cleanup(destroy)))

/* Hand a pointer out of a scope that would clean it up: yields it and leaves NULL behind. */
#define LQ_TAKE(pointer)                                                                           \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

/* Return from the enclosing function when `call` fails. The only macro that returns. */
#define LQ_TRY(call)                                                                               \
    do {                                                                                           \
        const enum lq_status try_status_ = (call);                                                 \
        if (try_status_ != LQ_OK)                                                                  \
            return try_status_;                                                                    \
    } while (0)

/* A sanitizer wants to see everything freed. (gcc defines macros, clang has features.) */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LQ_UNDER_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LQ_UNDER_SANITIZER
#endif

/* A system call, made again when a signal interrupted it. On FUSE and NFS that may be any. */
#define LQ_RETRY(call) TEMP_FAILURE_RETRY(call)

#define LQ_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
