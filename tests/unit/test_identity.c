/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include <lq/project.h>

/* A name of 300 bytes and what becomes of it. */
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X300 X50 X50 X50 X50 X50 X50

static void test_urls(void)
{
    static const struct {
        const char *url, *namespace_, *project; /* NULL: names none */
    } cases[] = {
        /* scp form */
        { "git@github.com:owner/repo.git", "owner", "repo" },
        { "git@github.com:owner/repo", "owner", "repo" },
        { "github.com:owner/repo.git", "owner", "repo" },
        { "git@host:/abs/owner/repo.git", "abs__owner", "repo" },
        { "git@host:/owner/repo.git/", "owner", "repo" },
        { "git@gitlab.com:group/sub/proj.git", "group__sub", "proj" },
        { "git@[::1]:owner/repo.git", "owner", "repo" },
        { "[git@host:2222]:owner/repo", "owner", "repo" },
        { "[::1]:owner/repo", "owner", "repo" },
        { "git@h:owner/c#-notes", "owner", "c#-notes" },
        { "git@h:owner/r%20x", "owner", "r%20x" },
        { "g@h:o/r", "o", "r" },
        { "git@h:repo", NULL, NULL },
        { "git@h:repo.git", NULL, NULL },
        { "git@h:", NULL, NULL },
        { "git@h:/", NULL, NULL },
        { "git@h:../owner/repo", NULL, NULL },
        { "git@h:owner/repo/..", NULL, NULL },
        { "@h:owner/repo", "owner", "repo" },
        { ":owner/repo", NULL, NULL },
        { "git@:owner/repo", NULL, NULL },
        { "ext::sh -c owner/repo", NULL, NULL },
        { "persistent-https::https://h/o/r", NULL, NULL },
        /* https, http */
        { "https://github.com/owner/repo.git", "owner", "repo" },
        { "https://github.com/owner/repo", "owner", "repo" },
        { "https://github.com/owner/repo/", "owner", "repo" },
        { "https://github.com/owner/repo.git///", "owner", "repo" },
        { "https://github.com//owner//repo", "owner", "repo" },
        { "http://host:8080/owner/repo.git", "owner", "repo" },
        { "HTTPS://GitHub.COM/Owner/Repo.git", "Owner", "Repo" },
        { "https://gitlab.com/group/sub/deep/proj.git", "group__sub__deep", "proj" },
        { "https://h/owner/repo.git.git", "owner", "repo.git" },
        { "https://h/owner/repo/.git", "owner", "repo" },
        { "https://h/./owner/./repo", "owner", "repo" },
        { "https://h/owner/../repo", NULL, NULL },
        { "https://h/owner/%2e%2e/repo", NULL, NULL },
        { "https://h/owner/repo?ref=main", "owner", "repo" },
        { "https://h/owner/repo.git#readme", "owner", "repo" },
        { "https://h/my%20team/r%C3%A9po", "my team", "r\xc3\xa9po" },
        { "https://h/owner/a%2Fb", "owner", "a%2Fb" },
        { "https://h/owner/a%0Ab", "owner", "a%0Ab" },
        { "https://h/owner/a%00b", "owner", "a%00b" },
        { "https://h/owner/a%FFb", "owner", "a%FFb" },
        { "https://h/owner/100%", "owner", "100%" },
        { "https://h/owner/a%zzb", "owner", "a%zzb" },
        { "https://h/my team/repo", "my team", "repo" },
        { "https://h/\xc3\xb6rg/\xe6\x97\xa5\xe6\x9c\xac.git", "\xc3\xb6rg",
          "\xe6\x97\xa5\xe6\x9c\xac" },
        { "https://h/@scope/pkg", "@scope", "pkg" },
        { "https://gist.github.com/0123456789abcdef", NULL, NULL },
        { "https://gist.github.com/0123456789abcdef.git", NULL, NULL },
        { "https://github.com", NULL, NULL },
        { "https://github.com/", NULL, NULL },
        { "https:///owner/repo", NULL, NULL },
        { "https://h/owner/repo\n", NULL, NULL },
        /* tokens: never part of a name */
        { "https://user:ghp_x@host/o/r.git", "o", "r" },
        { "https://x-access-token:ghs_x@github.com/o/r", "o", "r" },
        { "https://ghp_x@github.com/o/r", "o", "r" },
        { "https://user:p@ss@host/o/r.git", "o", "r" },
        { "https://oauth2:glpat-x@gitlab.com:8443/g/s/p.git", "g__s", "p" },
        { "https://h/o/r.git?private_token=glpat-x", "o", "r" },
        { "git@h:o/r.git?private_token=glpat-x", "o", "r" },
        { "https://user:to/ken@host/o/r", NULL, NULL },
        { "https://user:12/34@host/o/r", NULL, NULL },
        { "https://to/ken@host/o/r", NULL, NULL },
        { "https://user:to#ken@host/o/r", NULL, NULL },
        { "https://user:to?ken@host/o/r", NULL, NULL },
        { "ssh://user:to/ken@host/o/r", NULL, NULL },
        { "user:token@host:o/r", NULL, NULL },
        { "https://h/to%40ken/r", NULL, NULL },
        /* ssh, git */
        { "ssh://git@github.com/owner/repo.git", "owner", "repo" },
        { "ssh://git@host:2222/owner/repo.git", "owner", "repo" },
        { "ssh://git@[::1]:2222/o/r.git", "o", "r" },
        { "ssh://git@[fe80::1%25eth0]/o/r.git", "o", "r" },
        { "ssh://host/~user/repo", "~user", "repo" },
        { "ssh://host:port/o/r", NULL, NULL },
        { "ssh://[::1/o/r", NULL, NULL },
        { "git+ssh://git@host/o/r", "o", "r" },
        { "git://git.kernel.org/pub/scm/git/git.git", "pub__scm__git", "git" },
        { "https://git.sr.ht/~user/repo", "~user", "repo" },
        { "git@git.sr.ht:~user/repo", "~user", "repo" },
        /* Azure */
        { "https://dev.azure.com/org/proj/_git/repo", "org__proj", "repo" },
        { "https://org@dev.azure.com/org/my%20proj/_git/repo", "org__my proj", "repo" },
        { "git@ssh.dev.azure.com:v3/org/proj/repo", "org__proj", "repo" },
        { "https://org.visualstudio.com/proj/_git/repo", "org__proj", "repo" },
        { "https://org.visualstudio.com/DefaultCollection/proj/_git/repo", "org__proj", "repo" },
        { "https://org.visualstudio.com/_git/repo", "org", "repo" },
        { "org@vs-ssh.visualstudio.com:v3/org/proj/repo", "org__proj", "repo" },
        { "https://tfs.corp/tfs/Coll/proj/_git/repo", "tfs__Coll__proj", "repo" },
        { "git@h:v3/owner/repo", "v3__owner", "repo" },
        /* local, and nothing */
        { "/srv/git/x.git", NULL, NULL },
        { "/srv/a:b/x.git", NULL, NULL },
        { "../x", NULL, NULL },
        { "./x", NULL, NULL },
        { "./a:b/c", NULL, NULL },
        { "x", NULL, NULL },
        { "a/b", NULL, NULL },
        { "~/src/x", NULL, NULL },
        { "C:\\repo", NULL, NULL },
        { "C:/src/repo", NULL, NULL },
        { "file:///srv/git/x.git", NULL, NULL },
        { "file://host/srv/x.git", NULL, NULL },
        { "ftp://host/o/r", NULL, NULL },
        { "codecommit::eu-west-1://repo", NULL, NULL },
        { "://h/o/r", NULL, NULL },
        { "git@h:o/\xff", NULL, NULL },
        { "", NULL, NULL },
        { NULL, NULL, NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_free) char *namespace_ = NULL;
        LQ_CLEANUP(lq_free) char *project = NULL;

        TAP_CASE(cases[i].url);
        CHECK(lq_identity_from_url(cases[i].url, &namespace_, &project) ==
              (cases[i].project != NULL));
        CHECK_STR(namespace_, cases[i].namespace_);
        CHECK_STR(project, cases[i].project);
    }
}

/* Whatever stands in a password, and however wrongly it is escaped, none of it gets into a name. */
static void test_no_token_in_names(void)
{
    static const char *const forms[] = {
        "https://user:hush%shush@host/owner/repo", "https://hush%shush@host/owner/repo.git",
        "ssh://git:hush%shush@host:22/owner/repo", "https://user:12%shush@host/owner/repo",
        "user:hush%shush@host:owner/repo",         "https://host/owner/repo?token=hush%shush"
    };
    static const char marks[] = "/?#@:%[]~. ";
    char between[4] = "";

    for (size_t i = 0; i < LQ_COUNT(forms) * LQ_COUNT(marks) * LQ_COUNT(marks) * LQ_COUNT(marks);
         i++) {
        LQ_CLEANUP(lq_free) char *url = lq_strdup(forms[i % LQ_COUNT(forms)]);
        LQ_CLEANUP(lq_free) char *namespace_ = NULL;
        LQ_CLEANUP(lq_free) char *project = NULL;
        size_t n = i / LQ_COUNT(forms);

        for (size_t at = 0; at < 3; at++, n /= sizeof marks)
            between[at] = marks[n % sizeof marks];

        char *gap = strstr(url, "%s");
        LQ_CLEANUP(lq_free) char *whole =
            lq_format("%.*s%s%s", (int)(gap - url), url, between, gap + 2);

        TAP_CASE(whole);
        if (lq_identity_from_url(whole, &namespace_, &project) &&
            (!CHECK(!strstr(namespace_, "hush")) || !CHECK(!strstr(project, "hush"))))
            break;
    }
    TAP_CASE(NULL);
}

static void test_long_names_stay_apart(void)
{
    LQ_CLEANUP(lq_free) char *first = NULL;
    LQ_CLEANUP(lq_free) char *second = NULL;
    LQ_CLEANUP(lq_free) char *project = NULL;

    CHECK(lq_identity_from_url("https://h/" X300 "/1/r", &first, &project));
    free(LQ_TAKE(project));
    CHECK(lq_identity_from_url("https://h/" X300 "/2/r", &second, &project));
    CHECK_INT(strlen(first), 255);
    CHECK_INT(strlen(second), 255);
    CHECK(strcmp(first, second) != 0);
    CHECK_STR(project, "r");
}

static void test_paths(void)
{
    static const struct {
        const char *path, *namespace_, *project;
    } cases[] = {
        { "/home/teague/Projects/myapp", "home__teague__Projects", "myapp" },
        { "/home/teague/Projects/myapp/", "home__teague__Projects", "myapp" },
        { "//home//x", "home", "x" },
        { "/x", "_", "x" },
        { "/", "_", "_" },
        { "/a b/c'd", "a b", "c'd" },
        { "/a\nb/c\xff", "a_b", "c\xef\xbf\xbd" },
        { "/a/c\xc2\x9b"
          "2J",
          "a", "c__2J" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_free) char *namespace_ = NULL;
        LQ_CLEANUP(lq_free) char *project = NULL;

        TAP_CASE(cases[i].path);
        lq_identity_from_path(cases[i].path, &namespace_, &project);
        CHECK_STR(namespace_, cases[i].namespace_);
        CHECK_STR(project, cases[i].project);
    }
}

static void test_destinations(void)
{
    static const struct {
        const char *destination;
        bool want;
    } cases[] = {
        { "s3://bucket/lq/", false },
        { "s3://bucket/me@host/lq", false },
        { "s3://bucket/a?region=eu-west-1", false },
        { "https://s3.example.org:9000/bucket", false },
        { "http://[::1]:9000/bucket", false },
        { "~/.lq/projects/", false },
        { "/mnt/user@host/x?token=1", false },
        { "/srv/x://y@z", false },
        { "../store", false },
        { "store", false },
        { "a@b/store", false },
        { "", false },
        { NULL, false },
        { "s3://KEY:SECRET@bucket/x", true },
        { "s3://KEY@bucket/x", true },
        { "s3://KEY:SEC/RET@bucket", true },
        { "s3://KEY:12/34@bucket", true },
        { "s3://KEY:SECRET", true },
        { "s3://KEY:SECRET%40bucket", true },
        { "https://user@host/x", true },
        { "https://user:pw@host/x", true },
        { "https://b.s3.amazonaws.com/x?X-Amz-Signature=abc", true },
        { "https://b.s3.amazonaws.com/x?x-amz-date=1&x-amz-credential=abc", true },
        { "https://h/x?a=1;access_token=abc", true },
        { "https://h/x#access_token=abc", true },
        { "https://acc.blob.core.windows.net/c?sv=1&sig=abc", true },
        { "s3://bucket?s3_access_key_id=a&s3_secret_access_key=b", true },
        { "s3://bucket?s3%5Fsecret=b", true },
        { "S3://bucket?AWSAccessKeyId=b", true },
        { "KEY:SECRET@bucket/x", true },
        { "KEY:SEC/RET@bucket/x", true },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        TAP_CASE(cases[i].destination);
        CHECK(lq_destination_has_credentials(cases[i].destination) == cases[i].want);
    }
}

int main(void)
{
    TAP_RUN(test_urls);
    TAP_RUN(test_no_token_in_names);
    TAP_RUN(test_long_names_stay_apart);
    TAP_RUN(test_paths);
    TAP_RUN(test_destinations);
    return tap_done();
}
