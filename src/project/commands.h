/* SPDX-License-Identifier: MIT */
/* The text of `.lq/commands.yaml`, which may come from a cloned repository: reading and editing. */
#ifndef LQ_PROJECT_COMMANDS_H
#define LQ_PROJECT_COMMANDS_H

#include "project/yaml.h"
#include <lq/commands.h>

/* Read `text` into `commands` (empty before; the caller releases it, on failure too). `path` names
 * the file in messages. LQ_OK, LQ_BAD_INPUT. */
LQ_CHECK enum lq_status lq_commands_parse(struct lq_commands *commands, struct lq_str text,
                                          const char *path, struct lq_error *err);

/* Change `text`: take the command `name` out, if it is there, and put `command`, if not NULL, in its
 * place or at the end. LQ_OK; LQ_BAD_INPUT, with `text` unchanged: bad file, or written in a way
 * that this cannot change. */
LQ_CHECK enum lq_status lq_commands_edit(struct lq_buf *text, const char *name,
                                         const struct lq_registered *command, const char *path,
                                         struct lq_error *err);

/* Append an empty command to the list. */
struct lq_registered *lq_commands_append(struct lq_commands *commands);

#endif
