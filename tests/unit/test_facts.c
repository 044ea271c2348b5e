/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include <fcntl.h>
#include <lq/capture.h>
#include <lq/run.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The environment becomes exactly the NULL-terminated "NAME=value" texts. */
static void set_environment(const char *const *variables)
{
    clearenv();
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
    for (; *variables; variables++) {
        const char *sign = strchr(*variables, '=');
        LQ_CLEANUP(lq_free) char *name = lq_strndup(*variables, (size_t)(sign - *variables));

        setenv(name, sign + 1, 1);
    }
}

static void test_host(void)
{
    static const struct {
        const char *environment[4], *configured, *want; /* NULL: the machine's own */
    } cases[] = {
        { { NULL }, NULL, NULL },
        { { NULL }, "", NULL },
        { { "LQ_HOSTNAME=mine", "RUNNER_NAME=r" }, "conf", "mine" },
        { { "LQ_HOSTNAME=", "RUNNER_NAME=r" }, "conf", "conf" },
        { { "RUNNER_NAME=r" }, NULL, "r" },
        { { "NODE_NAME=agent-7" }, NULL, "agent-7" },
        { { "CI_RUNNER_DESCRIPTION=big one" }, NULL, "big one" },
        { { "BUILDKITE_AGENT_NAME=b-1" }, NULL, "b-1" },
        { { "AGENT_NAME=a", "TF_BUILD=True" }, NULL, "a" },
        { { "AGENT_NAME=a" }, NULL, NULL },
    };
    char machine[256] = "";

    gethostname(machine, sizeof machine - 1);
    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_run_release) struct lq_run run = { 0 };

        TAP_CASE(cases[i].want);
        set_environment(cases[i].environment);
        lq_facts_host(&run, cases[i].configured);
        CHECK_STR(run.hostname, cases[i].want ? cases[i].want : machine);
        CHECK_STR(run.platform, "Linux");
        CHECK(run.arch && *run.arch);
    }
}

static void test_ci(void)
{
    static const struct {
        const char *environment[12];
        const char *facts[12]; /* "key=value", all of them, in order */
    } cases[] = {
        { { NULL }, { NULL } },
        { { "CI=false" }, { NULL } },
        { { "CI=true" }, { "provider=generic" } },
        { { "CI=1", "GITHUB_ACTIONS=true", "GITHUB_RUN_ID=77", "GITHUB_JOB=test",
            "GITHUB_SERVER_URL=https://github.com", "GITHUB_REPOSITORY=o/r",
            "GITHUB_REF=refs/pull/12/merge", "GITHUB_SHA=abc", "GITHUB_ACTOR=me",
            "GITHUB_EVENT_NAME=pull_request", "RUNNER_NAME=r1" },
          { "provider=github", "run_id=77", "job=test",
            "url=https://github.com/o/r/actions/runs/77", "ref=refs/pull/12/merge", "commit=abc",
            "actor=me", "event=pull_request", "runner=r1", "pull_request=12" } },
        { { "GITHUB_ACTIONS=true", "GITHUB_REF=refs/heads/main" },
          { "provider=github", "ref=refs/heads/main" } },
        { { "CI=true", "GITLAB_CI=true", "CI_PIPELINE_ID=5", "CI_JOB_NAME=unit",
            "CI_JOB_URL=https://gitlab-ci-token:secret@gitlab.example/g/p/-/jobs/9",
            "CI_COMMIT_REF_NAME=topic", "CI_COMMIT_SHA=def", "CI_MERGE_REQUEST_IID=3" },
          { "provider=gitlab", "run_id=5", "job=unit", "url=https://gitlab.example/g/p/-/jobs/9",
            "ref=topic", "commit=def", "pull_request=3" } },
        { { "JENKINS_URL=https://j/", "BUILD_NUMBER=8", "JOB_NAME=nightly",
            "BUILD_URL=https://j/8/", "BRANCH_NAME=PR-4", "CHANGE_ID=4", "NODE_NAME=n" },
          { "provider=jenkins", "run_id=8", "job=nightly", "url=https://j/8/", "ref=PR-4",
            "pull_request=4", "runner=n" } },
        { { "CIRCLECI=true", "CIRCLE_BUILD_NUM=6", "CIRCLE_TAG=v1", "CIRCLE_SHA1=aa" },
          { "provider=circleci", "run_id=6", "ref=v1", "commit=aa" } },
        { { "TRAVIS=true", "TRAVIS_BUILD_ID=2", "TRAVIS_JOB_NUMBER=2.1",
            "TRAVIS_PULL_REQUEST=false" },
          { "provider=travis", "run_id=2", "job=2.1" } },
        { { "BUILDKITE=true", "BUILDKITE_BUILD_NUMBER=1", "BUILDKITE_PULL_REQUEST=10",
            "BUILDKITE_AGENT_NAME=b" },
          { "provider=buildkite", "run_id=1", "pull_request=10", "runner=b" } },
        { { "TF_BUILD=True", "BUILD_BUILDID=31", "SYSTEM_COLLECTIONURI=https://dev.azure.com/o/",
            "SYSTEM_TEAMPROJECT=p", "BUILD_SOURCEBRANCH=refs/heads/x" },
          { "provider=azure", "run_id=31",
            "url=https://dev.azure.com/o/p/_build/results?buildId=31", "ref=refs/heads/x" } },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_run_release) struct lq_run run = { 0 };
        size_t n = 0;

        TAP_CASE(cases[i].facts[0]);
        set_environment(cases[i].environment);
        lq_facts_ci(&run);
        for (; cases[i].facts[n] && n < run.ci.count; n++) {
            LQ_CLEANUP(lq_free) char *got = lq_format("%s=%s", run.ci.keys[n], run.ci.values[n]);

            CHECK_STR(got, cases[i].facts[n]);
        }
        CHECK(!cases[i].facts[n]);
        CHECK_INT(run.ci.count, n);
    }
}

static void test_environment(void)
{
    static const char *const environment[] = {
        "CC=gcc",     "CFLAGS=-O2 a=b", "LQ_TEST_A=1",
        "LQ_TEST_B=", "CCX=no",         "http_proxy=http://user:pass@proxy:80/x http://b@c",
        NULL,
    };
    char cc[] = "CC", tests[] = "LQ_TEST_*", cflags[] = "CFLAGS", unset[] = "UNSET",
         proxy[] = "http_proxy";
    char *names[] = { cc, tests, cflags, unset, proxy, NULL };
    LQ_CLEANUP(lq_run_release) struct lq_run run = { 0 };

    set_environment(environment);
    lq_facts_environment(&run, names);
    CHECK_INT(run.environment.count, 5);
    CHECK_STR(lq_map_get(&run.environment, "CC"), "gcc");
    CHECK_STR(lq_map_get(&run.environment, "CFLAGS"), "-O2 a=b");
    CHECK_STR(lq_map_get(&run.environment, "LQ_TEST_A"), "1");
    CHECK_STR(lq_map_get(&run.environment, "LQ_TEST_B"), "");
    CHECK_STR(lq_map_get(&run.environment, "http_proxy"), "http://proxy:80/x http://c");
    lq_facts_environment(&run, NULL);
    CHECK_INT(run.environment.count, 0);
}

static void test_executable(void)
{
    char folder[] = "/tmp/lq-path-XXXXXX";

    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
    {
        LQ_CLEANUP(lq_free) char *here = getcwd(NULL, 0); /* /tmp itself may be a link */
        LQ_CLEANUP(lq_free) char *tool = lq_path_join(here, "tool");
        const struct {
            const char *path, *name, *want;
        } cases[] = {
            { "/bin", "sh", "/bin/sh" },
            { "/nonexistent:/bin:/usr/bin", "sh", "/bin/sh" },
            { "/bin", "tool", NULL },
            { "/bin::/usr/bin", "tool", tool },
            { ".", "tool", tool },
            { "/bin", "./tool", tool },
            { "/bin", "/bin/sh", "/bin/sh" },
            { ".", "folder", NULL },
            { ".", "plain", NULL },
            { "/bin", "", NULL },
        };

        CHECK(lq_file_replace("plain", "x", 1, NULL) == LQ_OK && chmod("plain", 0644) == 0);
        CHECK(lq_file_replace("tool", "x", 1, NULL) == LQ_OK && chmod("tool", 0755) == 0);
        CHECK(mkdir("folder", 0755) == 0);
        for (size_t i = 0; i < LQ_COUNT(cases); i++) {
            LQ_CLEANUP(lq_free) char *got = NULL;

            TAP_CASE(cases[i].name);
            setenv("PATH", cases[i].path, 1);
            got = lq_find_executable(cases[i].name);
            CHECK_STR(got, cases[i].want);
        }
    }
    unlink("plain");
    unlink("tool");
    rmdir("folder");
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
}

/* Run a shell script in `folder` to prepare it. */
static bool shell(const char *folder, const char *script)
{
    const pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        if (chdir(folder) == 0)
            execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return status == 0;
}

static void test_git(void)
{
    static const char *const environment[] = {
        "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a",       "GIT_AUTHOR_EMAIL=a@b",
        "GIT_COMMITTER_NAME=a",        "GIT_COMMITTER_EMAIL=a@b", NULL,
    };
    static const struct {
        const char *script;
        bool commit;
        const char *branch;
        enum lq_known dirty;
    } cases[] = {
        { ":", false, NULL, LQ_UNKNOWN },
        { "git init -q -b main .", false, "main", LQ_NO },
        { "echo 1 >a; git add a; git commit -qm one", true, "main", LQ_NO },
        { "echo x >untracked", true, "main", LQ_NO },
        { "echo 2 >a", true, "main", LQ_YES },
        { "git commit -qam two; git checkout -qb 'f/#x'", true, "f/#x", LQ_NO },
        { "git checkout -q --detach", true, NULL, LQ_NO },
        /* What a repository's settings name is not run. */
        { "printf '#!/bin/sh\\ntouch \"$PWD/ran\"\\n' >evil; chmod +x evil; "
          "git config core.fsmonitor \"$PWD/evil\"",
          true, NULL, LQ_NO },
    };
    char folder[] = "/tmp/lq-git-XXXXXX";

    CHECK(mkdtemp(folder) != NULL);
    set_environment(environment);
    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_run_release) struct lq_run run = { 0 };

        TAP_CASE(cases[i].script);
        CHECK(shell(folder, cases[i].script));
        setenv("GIT_DIR", "/nonexistent", 1); /* as inside a hook of another repository */
        lq_facts_git(&run, folder);
        unsetenv("GIT_DIR");
        CHECK((run.git_commit && strlen(run.git_commit) == 40) == cases[i].commit);
        CHECK_STR(run.git_branch, cases[i].branch);
        CHECK_INT(run.git_dirty, cases[i].dirty);
    }
    CHECK(shell(folder, "test ! -e ran"));
    CHECK(shell(folder, "rm -rf .git a untracked evil; rmdir \"$PWD\""));
}

/* No git at all is no failure. */
static void test_no_git(void)
{
    LQ_CLEANUP(lq_run_release) struct lq_run run = { 0 };

    setenv("PATH", "/nonexistent", 1);
    lq_facts_git(&run, "/");
    CHECK(!run.git_commit && !run.git_branch && run.git_dirty == LQ_UNKNOWN);
}

int main(void)
{
    TAP_RUN(test_host);
    TAP_RUN(test_ci);
    TAP_RUN(test_environment);
    TAP_RUN(test_executable);
    TAP_RUN(test_git);
    TAP_RUN(test_no_git);
    return tap_done();
}
