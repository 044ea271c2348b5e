/* SPDX-License-Identifier: MIT */
/* Asking git, whose answers decide nothing but what is noted about a run or a project. */
#ifndef LQ_BASE_GIT_H
#define LQ_BASE_GIT_H

#include "base/buf.h"

/*
 * Run `git -C FOLDER ARGS…` and append its standard output to `text`; what it says on standard error
 * goes nowhere. It is the repository that `folder` lies in, whatever GIT_DIR and the like say, which
 * git sets for its hooks. Of what the repository's settings name no hook and no file system monitor
 * is run, and no lock is taken.
 *
 *   args        NULL-terminated
 *   input       what it reads on standard input
 *   timeout_ms  it is killed after that
 *   max_bytes   what is beyond (and at most 4 KiB more) is read and dropped
 *
 * true: it ended by itself, successfully. false: no git, no repository, or another failure.
 */
bool lq_git_output(const char *folder, const char *const *args, struct lq_str input,
                   int64_t timeout_ms, size_t max_bytes, struct lq_buf *text);

#endif
