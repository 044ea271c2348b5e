/* SPDX-License-Identifier: MIT */
/* lq register, lq unregister, lq commands: the names that `lq run` knows in this project. */
#include "cli/cli.h"
#include "cli/matchers.h"
#include <lq/commands.h>

struct register_args {
    const char *format, *description;
    int64_t timeout_sec;
    bool force;
    char *const *words;
};

static const struct lq_opt register_opts[] = {
    LQ_OPT(struct register_args, timeout_sec, 't', "timeout", "SECONDS", "stop it after that time"),
    LQ_OPT(struct register_args, format, 0, "format", "FORMAT", "parse its log as FORMAT alone"),
    LQ_OPT(struct register_args, description, 0, "description", "TEXT", "what it is for"),
    LQ_OPT(struct register_args, force, 'f', "force", NULL, "replace the command of that name"),
    LQ_ARG(struct register_args, words, "name command",
           "options may stand before the name or behind it, but before the command"),
    LQ_OPT_END,
};

struct unregister_args {
    const char *name;
};

static const struct lq_opt unregister_opts[] = {
    LQ_ARG(struct unregister_args, name, "name", "as 'lq commands' lists it"),
    LQ_OPT_END,
};

/*
 * The words are NAME, options, and the command. Behind a command that is one shell line ("make -j8")
 * options may stand too: as words of the command they would make no sense there.
 */
static enum lq_status read_words(struct register_args *args, const char **name,
                                 char *const **command, struct lq_error *err)
{
    const struct lq_opt_group group = { NULL, register_opts, args };
    char *const *words = args->words;

    *name = words ? words[0] : NULL;
    args->words = NULL;
    if (*name)
        LQ_TRY(lq_options_parse("lq register", (char **)words, &group, 1, err));
    *command = args->words;
    if (!*name || !*command)
        return lq_error_set(err, LQ_USAGE, "lq register needs a name and a command");
    if (!(*command)[1] || !strpbrk(**command, " \t\n"))
        return LQ_OK;
    args->words = NULL;
    LQ_TRY(lq_options_parse("lq register", (char **)*command, &group, 1, err));
    if (args->words)
        return lq_error_set(err, LQ_USAGE, "'%s' is a shell line: '%s' cannot follow it", **command,
                            args->words[0]);
    ((char **)*command)[1] = NULL;
    return LQ_OK;
}

static enum lq_status register_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    struct register_args args = *(const struct register_args *)argp;
    LQ_CLEANUP(lq_free) char *line = NULL;
    struct lq_registered command = { 0 };
    const char *name;
    char *const *words;

    LQ_TRY(read_words(&args, &name, &words, err));
    LQ_TRY(lq_cli_load_matchers(cli, false, err));
    if (args.format && !lq_cli_is_format(cli, args.format))
        return lq_error_set(err, LQ_BAD_INPUT, "unknown format '%s'", args.format);
    line = lq_cli_command_line(words);
    command = (struct lq_registered){
        .name = (char *)name,
        .command = line,
        .description = (char *)args.description,
        .format = (char *)args.format,
        .timeout_sec = args.timeout_sec,
    };
    if (lq_commands_add(&cli->project, &command, args.force, err) != LQ_OK) {
        if (err->status == LQ_EXISTS)
            return lq_error_set(err, LQ_EXISTS, "'%s' is registered already: -f replaces it", name);
        return err->status;
    }
    lq_say("'lq run %s' runs: %s", name, line);
    return LQ_OK;
}

static enum lq_status unregister_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct unregister_args *args = argp;

    if (!args->name)
        return lq_error_set(err, LQ_USAGE, "lq unregister needs a name");
    LQ_TRY(lq_commands_remove(&cli->project, args->name, err));
    lq_say("'%s' is no longer registered", args->name);
    return LQ_OK;
}

static enum lq_status commands_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    static const struct lq_cli_column columns[] = {
        { "name", "VARCHAR" },   { "command", "VARCHAR" }, { "description", "VARCHAR" },
        { "timeout", "BIGINT" }, { "format", "VARCHAR" },
    };
    static const char *const flexible[] = { "command", "description", NULL };
    LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
    LQ_CLEANUP(lq_cli_list_free) struct lq_cli_list *list = NULL;

    (void)argp;
    LQ_TRY(lq_commands_read(&commands, &cli->project, err));
    if (commands.count == 0)
        lq_say("no commands yet: 'lq register NAME COMMAND' or 'lq init --detect' adds some");
    LQ_TRY(lq_cli_list_new(&list, cli, columns, LQ_COUNT(columns), flexible, err));
    for (size_t i = 0; i < commands.count; i++) {
        const struct lq_registered *command = &commands.list[i];
        const struct lq_value none = { .kind = LQ_VALUE_NULL };
        const struct lq_value values[] = {
            lq_value_text(command->name),
            lq_value_text(command->command),
            lq_value_text(command->description),
            command->timeout_sec > 0 ? lq_value_int(command->timeout_sec) : none,
            lq_value_text(command->format),
        };

        LQ_TRY(lq_cli_list_add(list, values, err));
    }
    return lq_cli_list_finish(list, err);
}

const struct lq_command lq_cmd_register = {
    .name = "register",
    .summary = "give a command a name for lq run, for all who work on the project",
    .needs = LQ_NEEDS_PROJECT,
    .opts = register_opts,
    .args_size = sizeof(struct register_args),
    .main = register_main,
};

const struct lq_command lq_cmd_unregister = {
    .name = "unregister",
    .summary = "forget a registered command",
    .needs = LQ_NEEDS_PROJECT,
    .opts = unregister_opts,
    .args_size = sizeof(struct unregister_args),
    .main = unregister_main,
};

static const struct lq_opt commands_opts[] = { LQ_OPT_END };

const struct lq_command lq_cmd_commands = {
    .name = "commands",
    .summary = "list the registered commands",
    .needs = LQ_NEEDS_PROJECT | LQ_NEEDS_SCOPE,
    .opts = commands_opts,
    .main = commands_main,
};
