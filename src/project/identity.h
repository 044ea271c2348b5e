/* SPDX-License-Identifier: MIT */
/* Who a project is, when nobody said it. The rules stand in docs/format.md. */
#ifndef LQ_PROJECT_IDENTITY_H
#define LQ_PROJECT_IDENTITY_H

#include <lq/project.h>

/* From the git remote, else from the path of `folder`. Both are the caller's, never empty. */
void lq_identity_detect(const char *folder, char **namespace_, char **project);

#endif
