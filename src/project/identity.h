/* SPDX-License-Identifier: MIT */
/* Who a project is, when nobody said it. The rules stand in docs/format.md. */
#ifndef LQ_PROJECT_IDENTITY_H
#define LQ_PROJECT_IDENTITY_H

#include "base/buf.h"
#include <lq/project.h>

/*
 * Append the URL of the git remote `origin` of the work tree that `folder` lies in; it may hold a
 * token, so it goes nowhere but into lq_identity_from_url(). Runs git, for at most a few seconds.
 * false: no git, no repository, no such remote.
 */
bool lq_git_origin_url(const char *folder, struct lq_buf *url);

/* From the git remote, else from the path of `folder`. Both are the caller's, never empty. */
void lq_identity_detect(const char *folder, char **namespace_, char **project);

#endif
