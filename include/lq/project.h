/* SPDX-License-Identifier: MIT */
/*
 * A project: a folder whose `.lq` holds config.yaml. Who it is (namespace, project, origin), and
 * what its configuration says.
 */
#ifndef LQ_PROJECT_H
#define LQ_PROJECT_H

#include <lq/error.h>
#include <stdbool.h>
#include <stddef.h>

/* sync.auto */
enum lq_auto {
    LQ_AUTO_OFF = 0,
    LQ_AUTO_ON,   /* in the background */
    LQ_AUTO_WAIT, /* before a recording command returns */
};

/* What `.lq/config.yaml` holds. Texts are owned; a NULL text: not set. */
struct lq_config {
    char *namespace_;
    char *project;
    char **capture_env; /* names of environment variables to record, NULL-terminated */
    bool keep_raw;
    bool redact;            /* take secrets out of what is stored */
    char **redact_patterns; /* further ones, NULL-terminated (lq/redact.h), or NULL */
    char *sync_destination; /* as written; "~/" is not yet expanded */
    char *sync_mode;        /* auto, copy or symlink; NULL: auto */
    bool sync_include_raw;
    enum lq_auto sync_auto;
    int sync_retry_budget_sec; /* 0: the default */
    char *sync_hostname;
};

struct lq_project {
    char *root;   /* absolute, without a trailing slash (but "/") */
    char *lq_dir; /* root/.lq */
    char *origin; /* UUIDv4 of this .lq folder; NULL: it has none, and we may not write there */
    struct lq_config config;
};

/*
 * Find the project that `start` (an absolute folder) lies in by walking up, and read its
 * configuration. A missing `origin` (a fresh clone) is made.
 * LQ_OK; LQ_NOT_FOUND: no config.yaml above `start` (the message names `lq init`);
 * LQ_BAD_INPUT: bad configuration (file, line and key in the message); LQ_CORRUPT: `origin` holds
 * no UUID; LQ_IO, LQ_DENIED. Names that the configuration lacks are detected, as lq init does.
 */
LQ_CHECK enum lq_status lq_project_open(struct lq_project *project, const char *start,
                                        struct lq_error *err);
void lq_project_release(struct lq_project *project);

struct lq_init_opts {
    const char *namespace_; /* NULL: detect */
    const char *project;    /* NULL: detect */
};

/*
 * Make `folder` (absolute) a project: `.lq/` with a commented config.yaml, `.gitignore` and
 * `origin`. Done again it changes nothing but what is missing, or, with an option given, that
 * value in config.yaml (comments and all else kept). `project` is opened on success.
 *   created  out: false when it was a project already
 * LQ_OK; LQ_BAD_INPUT: empty or over-long name, bad existing configuration, or one that has to be
 * edited by hand; LQ_CORRUPT, LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_project_init(struct lq_project *project, const char *folder,
                                        const struct lq_init_opts *opts, bool *created,
                                        struct lq_error *err);

/*
 * Namespace and project that a git remote URL names (scp form, https, http, ssh, git://; see
 * docs/format.md for the rules). Both are the caller's.
 * false, with both NULL, when it names none: a local path, file://, "..", fewer than two parts.
 */
bool lq_identity_from_url(const char *url, char **namespace_, char **project);

/* The fallback: "/home/teague/Projects/myapp" gives "home__teague__Projects" and "myapp". */
void lq_identity_from_path(const char *folder, char **namespace_, char **project);

/* Whether a sync destination holds a user name, password, or signature: "s3://KEY:SECRET@bucket",
 * "https://user@host", "…?X-Amz-Signature=…". Such a destination is refused everywhere. */
bool lq_destination_has_credentials(const char *destination);

#endif
