/* SPDX-License-Identifier: MIT */
/*
 * Registered commands: what `lq run NAME` runs, kept in `.lq/commands.yaml`, which is committed with
 * the project. As with a Makefile, whoever runs a name runs what the project's authors wrote.
 */
#ifndef LQ_COMMANDS_H
#define LQ_COMMANDS_H

#include <lq/error.h>
#include <lq/project.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At most so many commands; names have at most so many bytes, texts 4096. */
enum { LQ_COMMANDS_MAX = 500, LQ_COMMAND_NAME_MAX_BYTES = 50 };

struct lq_registered {
    char *name;          /* [A-Za-z0-9_.-], not a number, beginning with a letter, digit or '_' */
    char *command;       /* a shell line, run in the project's folder */
    char *description;   /* a line; NULL: none */
    char *format;        /* as lq_parser_new takes it; NULL: every format */
    int64_t timeout_sec; /* 0: none */
};

struct lq_commands {
    struct lq_registered *list; /* as the file has them */
    size_t count, capacity;
};

/*
 * Read the project's commands; none when there is no file.
 * LQ_OK; LQ_BAD_INPUT: "'PATH' line 3: unknown key 'commands.build.x'"; LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_commands_read(struct lq_commands *commands,
                                         const struct lq_project *project, struct lq_error *err);
void lq_commands_release(struct lq_commands *commands);

/* The command of that name, borrowed; NULL when there is none. */
const struct lq_registered *lq_commands_find(const struct lq_commands *commands, const char *name);

/*
 * Add a command to the file, or with `replace` put it in the place of the one of that name; comments
 * and other commands stay as they are. `command` is borrowed.
 * LQ_OK; LQ_EXISTS: the name is taken; LQ_BAD_INPUT: bad name or value, or a file that has to be
 * edited by hand; LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_commands_add(const struct lq_project *project,
                                        const struct lq_registered *command, bool replace,
                                        struct lq_error *err);

/* Remove a command. LQ_OK; LQ_NOT_FOUND; LQ_BAD_INPUT: the file has to be edited by hand; LQ_IO,
 * LQ_DENIED. */
LQ_CHECK enum lq_status lq_commands_remove(const struct lq_project *project, const char *name,
                                           struct lq_error *err);

/*
 * What the project's build files (Makefile, CMakeLists.txt, meson.build, package.json,
 * pyproject.toml, Cargo.toml, go.mod, pom.xml, build.gradle and their kin) offer to build, test and
 * lint. Nothing is run; the files are read as text from anybody. Where several offer one name, the
 * later get theirs behind it: "test", "test-cargo". What cannot be read offers nothing. `commands` is
 * empty before; the caller releases it.
 */
void lq_commands_detect(struct lq_commands *commands, const char *root);

#endif
