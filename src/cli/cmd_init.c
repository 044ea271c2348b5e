/* SPDX-License-Identifier: MIT */
/* lq init: make the current folder a project. */
#include "cli/cli.h"
#include <lq/commands.h>

struct init_args {
    const char *namespace_, *project;
    bool detect, mcp;
};

static const struct lq_opt init_opts[] = {
    LQ_OPT(struct init_args, namespace_, 0, "namespace", "N", "who the project belongs to"),
    LQ_OPT(struct init_args, project, 0, "project", "P", "what it is called"),
    LQ_OPT(struct init_args, detect, 0, "detect", NULL,
           "register the build, test and lint commands of its build files"),
    LQ_OPT(struct init_args, mcp, 0, "mcp", NULL, "tell agents of 'lq serve' in .mcp.json"),
    LQ_OPT_END,
};

static bool has_line(const struct lq_commands *commands, const char *line)
{
    for (size_t i = 0; i < commands->count; i++) {
        if (strcmp(commands->list[i].command, line) == 0)
            return true;
    }
    return false;
}

/* Register what the build files offer; a name that is there keeps what it has. */
static enum lq_status detect(const struct lq_project *project, struct lq_error *err)
{
    LQ_CLEANUP(lq_commands_release) struct lq_commands found = { 0 }, known = { 0 };
    size_t n_new = 0;

    LQ_TRY(lq_commands_read(&known, project, err));
    lq_commands_detect(&found, project->root);
    for (size_t i = 0; i < found.count; i++) {
        const struct lq_registered *command = &found.list[i];
        const struct lq_registered *old = lq_commands_find(&known, command->name);

        if (has_line(&known, command->command))
            continue;
        if (old) {
            lq_say("'%s' stays: %s; found: %s", old->name, old->command, command->command);
            continue;
        }
        LQ_TRY(lq_commands_add(project, command, false, err));
        lq_say("'lq run %s' runs: %s", command->name, command->command);
        n_new++;
    }
    if (n_new == 0)
        lq_say("found no %scommands to register", found.count > 0 ? "new " : "");
    return LQ_OK;
}

static enum lq_status init_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct init_args *args = argp;
    const struct lq_init_opts opts = { args->namespace_, args->project };
    bool created;

    LQ_TRY(lq_project_init(&cli->project, cli->cwd, &opts, &created, err));
    lq_say("%s project %s of %s in %s/.lq", created ? "made" : "this is already",
           cli->project.config.project, cli->project.config.namespace_, cli->project.root);
    if (args->detect)
        LQ_TRY(detect(&cli->project, err));
    return args->mcp ? lq_mcp_config_add(cli->project.root, err) : LQ_OK;
}

const struct lq_command lq_cmd_init = {
    .name = "init",
    .summary = "make this folder a project",
    .opts = init_opts,
    .args_size = sizeof(struct init_args),
    .main = init_main,
};
