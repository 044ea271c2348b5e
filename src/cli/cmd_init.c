/* SPDX-License-Identifier: MIT */
/* lq init: make the current folder a project. */
#include "cli/cli.h"

struct init_args {
    const char *namespace_, *project;
};

static const struct lq_opt init_opts[] = {
    LQ_OPT(struct init_args, namespace_, 0, "namespace", "N", "who the project belongs to"),
    LQ_OPT(struct init_args, project, 0, "project", "P", "what it is called"),
    LQ_OPT_END,
};

static enum lq_status init_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct init_args *args = argp;
    const struct lq_init_opts opts = { args->namespace_, args->project };
    bool created;

    LQ_TRY(lq_project_init(&cli->project, cli->cwd, &opts, &created, err));
    lq_say("%s project %s of %s in %s/.lq", created ? "made" : "this is already",
           cli->project.config.project, cli->project.config.namespace_, cli->project.root);
    return LQ_OK;
}

const struct lq_command lq_cmd_init = {
    .name = "init",
    .summary = "make this folder a project",
    .opts = init_opts,
    .args_size = sizeof(struct init_args),
    .main = init_main,
};
