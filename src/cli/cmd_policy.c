/* SPDX-License-Identifier: MIT */
/* lq policy: what a role of lq has to be allowed on S3. */
#include "cli/cli.h"
#include <lq/policy.h>

struct policy_args {
    const char *bucket, *prefix, *namespace_, *project, *role, *principal;
};

static const struct lq_opt policy_opts[] = {
    LQ_OPT(struct policy_args, bucket, 0, "bucket", "B", "the bucket of the store"),
    LQ_OPT(struct policy_args, prefix, 0, "prefix", "P", "where in the bucket the store is"),
    LQ_OPT(struct policy_args, namespace_, 0, "namespace", "N", "only this namespace's runs"),
    LQ_OPT(struct policy_args, project, 0, "project", "P", "only this project's, of the namespace"),
    LQ_OPT_CHOICE(struct policy_args, role, 0, "role", "ROLE",
                  "writer (pushes), reader (asks) or admin (both, and removes)", "writer", "reader",
                  "admin"),
    LQ_OPT(struct policy_args, principal, 0, "principal", "ARN",
           "a bucket policy for ARN, instead of one to attach to a user or role"),
    LQ_OPT_END,
};

static enum lq_role role_of(const char *name)
{
    return strcmp(name, "writer") == 0   ? LQ_ROLE_WRITER
           : strcmp(name, "reader") == 0 ? LQ_ROLE_READER
                                         : LQ_ROLE_ADMIN;
}

static enum lq_status policy_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct policy_args *args = argp;
    LQ_CLEANUP(lq_free) char *url = NULL;
    LQ_CLEANUP(lq_free) char *json = NULL;

    if (!args->role)
        return lq_error_set(err, LQ_USAGE, "lq policy needs --role writer, reader or admin");
    /* Without a bucket, the central store's. */
    if (!args->bucket && strncmp(cli->store, "s3://", 5) != 0)
        return lq_error_set(err, LQ_USAGE,
                            "lq policy needs --bucket: the central store '%s' is not "
                            "in S3",
                            cli->store);
    if (!args->bucket && args->prefix)
        return lq_error_set(err, LQ_USAGE, "--prefix goes with --bucket");
    url = args->bucket ? lq_format("s3://%s/%s", args->bucket, args->prefix ? args->prefix : "")
                       : lq_strdup(cli->store);
    LQ_TRY(lq_policy_json(
        &(const struct lq_policy){
            .url = url,
            .namespace_ = args->namespace_,
            .project = args->project,
            .principal = args->principal,
            .role = role_of(args->role),
        },
        &json, err));
    fputs(json, cli->out);
    return LQ_OK;
}

const struct lq_command lq_cmd_policy = {
    .name = "policy",
    .summary = "print the S3 policy that a role needs",
    .needs = LQ_NEEDS_NOTHING,
    .opts = policy_opts,
    .args_size = sizeof(struct policy_args),
    .main = policy_main,
};
