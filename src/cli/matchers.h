/* SPDX-License-Identifier: MIT */
/* The formats of users: which files hold them. */
#ifndef LQ_CLI_MATCHERS_H
#define LQ_CLI_MATCHERS_H

#include "cli/cli.h"
#include <lq/format.h>

/*
 * Load the formats of the project and of the user into cli->matchers, once: .lq/matchers/?.json,
 * ~/.config/lq/matchers/?.json, and what the project has for GitHub, .github/?matcher?.json and
 * .github/?matcher?/?.json ("?" for any text). What is wrong with a file is said on stderr, and its formats are left out:
 * no run shall be lost for that. With `strict` it is an error as well.
 */
LQ_CHECK enum lq_status lq_cli_load_matchers(struct lq_cli *cli, bool strict, struct lq_error *err);

/* Load them, and choose `format`, or with NULL all. */
LQ_CHECK enum lq_status lq_cli_parser_opts(struct lq_cli *cli, const char *format,
                                           struct lq_parser_opts *opts, struct lq_error *err);

/* lq_query_open_log with the formats of users. */
LQ_CHECK enum lq_status lq_cli_open_log(struct lq_cli *cli, struct lq_query **query,
                                        const char *path, const char *format, struct lq_error *err);

/* Whether there is a format of that name. */
bool lq_cli_is_format(const struct lq_cli *cli, const char *name);

#endif
