/* SPDX-License-Identifier: MIT */
/* Where a run happens: machine, CI job, environment, program. */
#include "base/alloc.h"
#include "base/file.h"
#include <lq/capture.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* An environment variable's value; NULL when unset or empty, which CI systems do not tell apart. */
static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* ---- machine ---- */

/* Names that CI systems give a runner and that outlive the job, unlike a container's host name. */
static const struct {
    const char *name;
    const char *only_with; /* for names that others use too; NULL: the name says enough */
} runner_names[] = {
    { "RUNNER_NAME", NULL },           /* GitHub */
    { "NODE_NAME", NULL },             /* Jenkins */
    { "CI_RUNNER_DESCRIPTION", NULL }, /* GitLab */
    { "BUILDKITE_AGENT_NAME", NULL },
    { "AGENT_NAME", "TF_BUILD" }, /* Azure */
};

static char *runner_name(void)
{
    for (size_t i = 0; i < LQ_COUNT(runner_names); i++) {
        if (!runner_names[i].only_with || env(runner_names[i].only_with)) {
            const char *value = env(runner_names[i].name);

            if (value)
                return lq_strdup(value);
        }
    }
    return NULL;
}

void lq_facts_host(struct lq_run *run, const char *configured)
{
    struct utsname machine;
    const char *name = env("LQ_HOSTNAME");

    lq_free(&run->hostname);
    lq_free(&run->platform);
    lq_free(&run->arch);
    if (!name && configured && *configured)
        name = configured;
    run->hostname = name ? lq_strdup(name) : runner_name();
    if (uname(&machine) != 0)
        return;
    if (!run->hostname)
        run->hostname = lq_strdup(machine.nodename);
    run->platform = lq_strdup(machine.sysname);
    run->arch = lq_strdup(machine.machine);
}

/* ---- CI ---- */

enum { MAX_FACTS = 11 };

/* The first row whose `sign` is set (to `sign_value`, if given) tells the provider. A fact's
 * template is taken when all variables in it are set. "generic" comes last. */
static const struct provider {
    const char *name, *sign, *sign_value;
    struct {
        const char *key, *template;
    } facts[MAX_FACTS];
} providers[] = {
    { "github",
      "GITHUB_ACTIONS",
      "true",
      { { "run_id", "$GITHUB_RUN_ID" },
        { "job", "$GITHUB_JOB" },
        { "url", "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID" },
        { "ref", "$GITHUB_REF" },
        { "commit", "$GITHUB_SHA" },
        { "actor", "$GITHUB_ACTOR" },
        { "event", "$GITHUB_EVENT_NAME" },
        { "runner", "$RUNNER_NAME" } } },
    { "gitlab",
      "GITLAB_CI",
      NULL,
      { { "run_id", "$CI_PIPELINE_ID" },
        { "job", "$CI_JOB_NAME" },
        { "url", "$CI_JOB_URL" },
        { "ref", "$CI_COMMIT_REF_NAME" },
        { "commit", "$CI_COMMIT_SHA" },
        { "actor", "$GITLAB_USER_LOGIN" },
        { "event", "$CI_PIPELINE_SOURCE" },
        { "pull_request", "$CI_MERGE_REQUEST_IID" },
        { "runner", "$CI_RUNNER_DESCRIPTION" } } },
    { "jenkins",
      "JENKINS_URL",
      NULL,
      { { "run_id", "$BUILD_NUMBER" },
        { "job", "$JOB_NAME" },
        { "url", "$BUILD_URL" },
        { "ref", "$GIT_BRANCH" },
        { "ref", "$BRANCH_NAME" },
        { "commit", "$GIT_COMMIT" },
        { "actor", "$BUILD_USER_ID" },
        { "actor", "$CHANGE_AUTHOR" },
        { "pull_request", "$CHANGE_ID" },
        { "runner", "$NODE_NAME" } } },
    { "circleci",
      "CIRCLECI",
      NULL,
      { { "run_id", "$CIRCLE_BUILD_NUM" },
        { "job", "$CIRCLE_JOB" },
        { "url", "$CIRCLE_BUILD_URL" },
        { "ref", "$CIRCLE_BRANCH" },
        { "ref", "$CIRCLE_TAG" },
        { "commit", "$CIRCLE_SHA1" },
        { "actor", "$CIRCLE_USERNAME" },
        { "pull_request", "$CIRCLE_PR_NUMBER" },
        { "pull_request", "$CIRCLE_PULL_REQUEST" } } },
    { "travis",
      "TRAVIS",
      NULL,
      { { "run_id", "$TRAVIS_BUILD_ID" },
        { "job", "$TRAVIS_JOB_NAME" },
        { "job", "$TRAVIS_JOB_NUMBER" },
        { "url", "$TRAVIS_JOB_WEB_URL" },
        { "ref", "$TRAVIS_BRANCH" },
        { "commit", "$TRAVIS_COMMIT" },
        { "event", "$TRAVIS_EVENT_TYPE" },
        { "pull_request", "$TRAVIS_PULL_REQUEST" } } },
    { "buildkite",
      "BUILDKITE",
      NULL,
      { { "run_id", "$BUILDKITE_BUILD_NUMBER" },
        { "job", "$BUILDKITE_LABEL" },
        { "job", "$BUILDKITE_JOB_ID" },
        { "url", "$BUILDKITE_BUILD_URL" },
        { "ref", "$BUILDKITE_BRANCH" },
        { "commit", "$BUILDKITE_COMMIT" },
        { "actor", "$BUILDKITE_BUILD_CREATOR" },
        { "event", "$BUILDKITE_SOURCE" },
        { "pull_request", "$BUILDKITE_PULL_REQUEST" },
        { "runner", "$BUILDKITE_AGENT_NAME" } } },
    { "azure",
      "TF_BUILD",
      NULL,
      { { "run_id", "$BUILD_BUILDID" },
        { "job", "$AGENT_JOBNAME" },
        { "url", "$SYSTEM_COLLECTIONURI$SYSTEM_TEAMPROJECT/_build/results?buildId=$BUILD_BUILDID" },
        { "ref", "$BUILD_SOURCEBRANCH" },
        { "commit", "$BUILD_SOURCEVERSION" },
        { "actor", "$BUILD_REQUESTEDFOR" },
        { "event", "$BUILD_REASON" },
        { "pull_request", "$SYSTEM_PULLREQUEST_PULLREQUESTNUMBER" },
        { "pull_request", "$SYSTEM_PULLREQUEST_PULLREQUESTID" },
        { "runner", "$AGENT_NAME" } } },
    { "generic", "CI", NULL, { { NULL, NULL } } },
};

/* `template` with its $NAMEs replaced; NULL when one of them is not set. */
static char *expand(const char *template)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    while (*template) {
        const size_t plain = strcspn(template, "$");
        const size_t name_len =
            template[plain] ? strspn(template + plain + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
                            : 0;
        LQ_CLEANUP(lq_free) char *name = lq_strndup(template + plain + 1, name_len);
        const char *value = name_len ? env(name) : "";

        if (!value)
            return NULL;
        lq_buf_add(&text, template, plain);
        lq_buf_adds(&text, value);
        template += plain + (name_len ? 1 + name_len : 0);
    }
    return lq_buf_detach(&text);
}

/* Copy a value into `map` with the user names and passwords of its URLs taken out. */
static void add_scrubbed(struct lq_map *map, const char *key, const char *value)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const char *sign;

    while ((sign = strstr(value, "://"))) {
        const char *host = sign + 3;
        const char *at = memrchr(host, '@', strcspn(host, "/?# \t\n"));

        lq_buf_add(&text, value, (size_t)(host - value));
        value = at ? at + 1 : host;
    }
    lq_buf_adds(&text, value);
    lq_map_add(map, key, lq_buf_text(&text));
}

/* GitHub tells a pull request only by the ref: "refs/pull/12/merge". */
static void add_github_pull_request(struct lq_map *ci)
{
    static const char prefix[] = "refs/pull/";
    const char *ref = env("GITHUB_REF");

    if (ref && strncmp(ref, prefix, sizeof prefix - 1) == 0) {
        const char *number = ref + sizeof prefix - 1;
        LQ_CLEANUP(lq_free) char *copy = lq_strndup(number, strspn(number, "0123456789"));

        if (*copy)
            lq_map_add(ci, "pull_request", copy);
    }
}

static void add_provider(struct lq_map *ci, const struct provider *provider)
{
    lq_map_add(ci, "provider", provider->name);
    for (size_t i = 0; i < MAX_FACTS && provider->facts[i].key; i++) {
        LQ_CLEANUP(lq_free) char *value = NULL;

        if (lq_map_get(ci, provider->facts[i].key))
            continue; /* the row before it was set */
        value = expand(provider->facts[i].template);
        /* Travis and Buildkite say "false" where there is no pull request. */
        if (value && strcmp(value, "false") != 0)
            add_scrubbed(ci, provider->facts[i].key, value);
    }
    if (strcmp(provider->name, "github") == 0)
        add_github_pull_request(ci);
}

void lq_facts_ci(struct lq_run *run)
{
    lq_map_release(&run->ci);
    for (size_t i = 0; i < LQ_COUNT(providers); i++) {
        const char *sign = env(providers[i].sign);

        if (!sign || strcasecmp(sign, "false") == 0 || strcmp(sign, "0") == 0)
            continue;
        if (!providers[i].sign_value || strcmp(sign, providers[i].sign_value) == 0) {
            add_provider(&run->ci, &providers[i]);
            return;
        }
    }
}

/* ---- environment ---- */

static bool name_matches(const char *pattern, const char *name, size_t name_len)
{
    const size_t len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*')
        return name_len >= len - 1 && strncmp(pattern, name, len - 1) == 0;
    return name_len == len && strncmp(pattern, name, len) == 0;
}

void lq_facts_environment(struct lq_run *run, char *const *names)
{
    lq_map_release(&run->environment);
    for (char *const *variable = environ; variable && *variable; variable++) {
        const size_t len = strcspn(*variable, "=");
        bool wanted = false;

        for (char *const *name = names; names && *name && !wanted; name++)
            wanted = name_matches(*name, *variable, len);
        if (wanted && (*variable)[len] == '=') {
            LQ_CLEANUP(lq_free) char *key = lq_strndup(*variable, len);

            if (!lq_map_get(&run->environment, key))
                add_scrubbed(&run->environment, key, *variable + len + 1);
        }
    }
}

/* ---- program ---- */

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* The caller's; `path` made absolute without resolving links, which may carry the program's name. */
static char *absolute(const char *path)
{
    LQ_CLEANUP(lq_free) char *cwd = NULL;

    if (path[0] == '/')
        return lq_strdup(path);
    cwd = getcwd(NULL, 0);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return cwd ? lq_path_join(cwd, path) : lq_strdup(path);
}

char *lq_find_executable(const char *name)
{
    const char *path = getenv("PATH");

    if (!*name)
        return NULL;
    if (strchr(name, '/'))
        return is_program(name) ? absolute(name) : NULL;
    if (!path)
        path = "/bin:/usr/bin"; /* what execvp(3) falls back to */
    for (;;) {
        const size_t len = strcspn(path, ":");
        LQ_CLEANUP(lq_free) char *folder = lq_strndup(path, len);
        LQ_CLEANUP(lq_free) char *candidate = lq_path_join(len ? folder : ".", name);

        if (is_program(candidate))
            return absolute(candidate);
        if (!path[len])
            return NULL;
        path += len + 1;
    }
}
