/* SPDX-License-Identifier: MIT */
/* Policies for S3 that allow what a role of lq needs, and nothing else. */
#ifndef LQ_POLICY_H
#define LQ_POLICY_H

#include <lq/error.h>

enum lq_role {
    LQ_ROLE_WRITER, /* pushes: create objects */
    LQ_ROLE_READER, /* asks: list and read */
    LQ_ROLE_ADMIN,  /* both, and removes */
};

struct lq_policy {
    const char *url;        /* s3://bucket/prefix */
    const char *namespace_; /* only this one's part; NULL: the whole store */
    const char *project;    /* only this one's; NULL: all of the namespace */
    /* Whom a bucket policy is for: an ARN, or an access key where a server has no ARNs. NULL: a policy
     * that is attached to a user or a role, and so names none. */
    const char *principal;
    enum lq_role role;
};

/* The policy as JSON; the caller's. LQ_BAD_INPUT: no such store, or a project without namespace. */
LQ_CHECK enum lq_status lq_policy_json(const struct lq_policy *policy, char **json,
                                       struct lq_error *err);

#endif
