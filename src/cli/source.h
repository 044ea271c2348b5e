/* SPDX-License-Identifier: MIT */
/* Lines of the project's source files as they are now, and who wrote them. */
#ifndef LQ_CLI_SOURCE_H
#define LQ_CLI_SOURCE_H

#include "base/buf.h"

/*
 * The file that a tool named `file_path` in the folder `cwd`: its real path, if it is a regular file
 * within `root`. What a log names is not to be trusted, so nothing outside is opened.
 *   cwd  may be NULL or of another machine: then the path is taken from `root`
 * NULL when there is none; else the caller's.
 */
char *lq_source_find(const char *root, const char *cwd, const char *file_path);

/* Append lines `first` to `last` as a JSON array of {line, marked, text}, line `marked` being the
 * marked one. False when the file cannot be read or has no such line. */
bool lq_source_lines(const char *path, int64_t first, int64_t last, int64_t marked,
                     struct lq_buf *json);

/* Append who wrote a line as a JSON object {commit, author, date, summary}, as git blame says. False
 * when git does not know the file. */
bool lq_source_blame(const char *path, int64_t line, struct lq_buf *json);

#endif
