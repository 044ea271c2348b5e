/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/uuid.h"
#include "project/config.h"
#include "project/identity.h"
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_config_values(void)
{
    static const struct {
        const char *text, *namespace_, *project, *env, *destination, *hostname;
        bool drop_raw;
    } cases[] = {
        { .text = "" },
        { .text = "# only a comment\n" },
        { .text = "---\n" },
        { .text = "project:\ncapture:\nsync: ~\n" },
        { .text = "{}" },
        { .text = "project: {namespace: teague, project: lq}\n",
          .namespace_ = "teague",
          .project = "lq" },
        { .text = "project:\n  namespace: \"a b\"\n  project: '42'\n",
          .namespace_ = "a b",
          .project = "42" },
        { .text = "project: {namespace: 'it''s, 9'' '}", .namespace_ = "it's, 9' " },
        { .text = "project:\r\n  namespace: a\r\n", .namespace_ = "a" },
        { .text = "project:\n  namespace: 42\n  project: true\n",
          .namespace_ = "42",
          .project = "true" },
        { .text = "capture:\n  env: [CC, CARGO_*]\n  keep_raw: false\n",
          .env = "CC CARGO_*",
          .drop_raw = true },
        { .text = "capture:\n  env:\n  - _a1\n", .env = "_a1" },
        { .text = "capture: {env: [], keep_raw: True}\n", .env = "" },
        { .text = "capture: {env: , keep_raw: }\n" },
        { .text = "sync:\n  destination: ~/.lq/projects/   # here\n  hostname:\n",
          .destination = "~/.lq/projects/" },
        { .text = "sync: {destination: \"s3://bucket/lq/\", hostname: builder}",
          .destination = "s3://bucket/lq/",
          .hostname = "builder" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_config_release) struct lq_config config = { 0 };
        LQ_CLEANUP(lq_buf_release) struct lq_buf env = LQ_BUF_INIT;
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].text);
        CHECK(lq_config_parse(&config, lq_str_of(cases[i].text), "f", &err) == LQ_OK);
        CHECK_STR(err.message, "");
        CHECK_STR(config.namespace_, cases[i].namespace_);
        CHECK_STR(config.project, cases[i].project);
        CHECK_STR(config.sync_destination, cases[i].destination);
        CHECK_STR(config.sync_hostname, cases[i].hostname);
        CHECK(config.keep_raw == !cases[i].drop_raw);
        for (char **name = config.capture_env; name && *name; name++)
            lq_buf_addf(&env, "%s%s", name == config.capture_env ? "" : " ", *name);
        if (cases[i].env)
            CHECK_STR(lq_buf_text(&env), cases[i].env);
        else
            CHECK(strncmp(lq_buf_text(&env), "CC CXX ", 7) == 0);
    }
}

static void test_config_refused(void)
{
    static const char env[] = "must list names of environment variables, such as CC or CMAKE_*";
    static const struct {
        const char *text, *want; /* what follows "'f' " */
    } cases[] = {
        { "capture:\n  foo: 1\n", "line 2: unknown key 'capture.foo'" },
        { "\n\nfoo: 1\n", "line 3: unknown key 'foo'" },
        { "sync: {speed: fast}\n", "line 1: unknown key 'sync.speed'" },
        { "sync: {mode: hardlink}\n", "must be auto, copy or symlink" },
        { "sync: {include_raw: 1}\n", "must be true or false" },
        { "sync:\n  Destination: x\n", "line 2: unknown key 'sync.Destination'" },
        { "'s3://AKIA:very@b': 1\n", "line 1: unknown key" },
        { "sync:\n  ? [a]\n  : b\n", "line 2: unknown key below sync" },
        { "project: {project: a}\nproject: {project: b}\n", "line 2: project is there twice" },
        { "project:\n  project: a\n  project: b\n", "line 3: project.project is there twice" },
        { "project:\n  project:\n  project:\n", "line 3: project.project is there twice" },
        { "project: x\n", "line 1: project must hold keys and values" },
        { "- a\n", "line 1: the file must hold keys and values" },
        { "text\n", "line 1: the file must hold keys and values" },
        { "project:\n  project: []\n", "line 2: project.project must be a text" },
        { "project:\n  project: ''\n", "line 2: project.project is empty" },
        { "project:\n  project: \"a\\nb\"\n", "line 2: project.project holds control characters" },
        { "project:\n  project: \"a\\u0085b\"\n",
          "line 2: project.project holds control characters" },
        { "project:\n  project: \"a\\0b\"\n", "line 2: project.project is not valid UTF-8" },
        { "capture:\n  redact:\n  - a\n  - (b\n",
          "line 4: capture.redact is no regular expression: missing closing parenthesis" },
        { "capture: {redact: true}\n",
          "line 1: capture.redact must be a list of regular expressions, or off" },
        { "sync: {auto: yes}\n", "line 1: sync.auto must be false, true or wait" },
        { "sync: {auto: 'true'}\n", "line 1: sync.auto must be false, true or wait" },
        { "sync: {auto: [true]}\n", "line 1: sync.auto must be false, true or wait" },
        { "capture:\n  keep_raw: yes\n", "line 2: capture.keep_raw must be true or false" },
        { "capture:\n  keep_raw: 'true'\n", "line 2: capture.keep_raw must be true or false" },
        { "capture:\n  keep_raw: [true]\n", "line 2: capture.keep_raw must be true or false" },
        { "capture:\n  env: CC\n", "line 2: capture.env must be a list of names" },
        { "capture:\n  env: [[CC]]\n", "line 2: capture.env must be a list of names" },
        { "capture:\n  env: ['*']\n", env },
        { "capture:\n  env: [A*B]\n", env },
        { "capture:\n  env: [1A]\n", env },
        { "capture:\n  env: ['A=B']\n", env },
        { "capture:\n  env: [null]\n", NULL },
        { "project: &a {}\n", "line 1: anchors, aliases and tags are not supported" },
        { "project:\n  project: *a\n", "line 2: anchors, aliases and tags are not supported" },
        { "project:\n  project: !!str a\n", "line 2: anchors, aliases and tags are not supported" },
        { "a: 1\n---\nb: 2\n", "line 1: unknown key 'a'" },
        { "sync:\n---\nsync:\n", "line 2: the file must hold one YAML document" },
        { "project:\n  project: 'a''''b'\n",
          "line 2: a text holds several single quotes in a row" },
        { "project: {\n", "line 2: " },
        { "project:\n\t project: a\n", "line 2: " },
        { "project: \"a\n", "line 1: " },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_config_release) struct lq_config config = { 0 };
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].text);
        if (!cases[i].want) {
            CHECK(lq_config_parse(&config, lq_str_of(cases[i].text), "f", &err) == LQ_OK);
            continue;
        }
        CHECK(lq_config_parse(&config, lq_str_of(cases[i].text), "f", &err) == LQ_BAD_INPUT);
        CHECK(strncmp(err.message, "'f' line ", 9) == 0);
        if (!CHECK(strstr(err.message, cases[i].want) != NULL))
            printf("#   got:  %s\n#   want: %s\n", err.message, cases[i].want);
    }
}

static void test_config_credentials(void)
{
    static const char *const cases[] = {
        "sync: {destination: 's3://AKIA:hush@bucket/x'}\n",
        "sync: {destination: 'https://hush@host/x'}\n",
        "sync: {destination: 'https://b.s3.amazonaws.com/x?X-Amz-Signature=hush'}\n",
        "sync:\n  access_key: hush\n",
        "sync:\n  aws-secret-access-key: hush\n",
        "sync:\n  s3:\n    secret: hush\n",
        "token: hush\n",
        "password: hush\n",
        "s3_session_token: hush\n",
        "project:\n  PASSWORD: hush\n",
        "sync:\n  destination: s3://bucket\n  password: hush\n",
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_config_release) struct lq_config config = { 0 };
        struct lq_error err = { 0 };

        TAP_CASE(cases[i]);
        CHECK(lq_config_parse(&config, lq_str_of(cases[i]), "f", &err) == LQ_BAD_INPUT);
        CHECK(strstr(err.message, "hush") == NULL && strstr(err.message, "AKIA") == NULL);
        CHECK(strstr(err.detail, "hush") == NULL);
        CHECK(strstr(err.message, "line ") != NULL);
    }
}

/* What a hostile file can cost: time and memory stay those of a file of its size. */
static void test_config_bombs(void)
{
    static const char *const pieces[] = { "[",    "{",   "- ",    "? ", "a: ", "a: &a [*a,*a]\n",
                                          "#",    "&a ", "!!str", "\n", " ",   "[[a]: ",
                                          "a:\n", "\"a", "{a: ",  ",",  "|\n" };

    for (size_t i = 0; i < LQ_COUNT(pieces); i++) {
        LQ_CLEANUP(lq_config_release) struct lq_config config = { 0 };
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

        TAP_CASE(pieces[i]);
        lq_buf_adds(&text, "sync: ");
        while (text.len + strlen(pieces[i]) <= LQ_YAML_MAX_BYTES)
            lq_buf_adds(&text, pieces[i]);
        const enum lq_status status =
            lq_config_parse(&config, (struct lq_str){ text.data, text.len }, "f", NULL);
        CHECK(status == LQ_OK || status == LQ_BAD_INPUT);
    }
    TAP_CASE("too large");
    LQ_CLEANUP(lq_config_release) struct lq_config config = { 0 };
    LQ_CLEANUP(lq_free) char *large = lq_alloc(LQ_YAML_MAX_BYTES + 1);
    memset(large, ' ', LQ_YAML_MAX_BYTES + 1);
    CHECK(lq_config_parse(&config, (struct lq_str){ large, LQ_YAML_MAX_BYTES + 1 }, "f", NULL) ==
          LQ_BAD_INPUT);
}

static void test_config_set(void)
{
    static const struct {
        const char *before, *key, *value, *after; /* NULL: must be edited by hand */
    } cases[] = {
        { "project: {namespace: a, project: b} # c\n", "namespace", "x",
          "project: {namespace: x, project: b} # c\n" },
        { "# top\nproject:\n  namespace: a  # mine\n  project: 'b'\nsync:\n", "project", "c d",
          "# top\nproject:\n  namespace: a  # mine\n  project: c d\nsync:\n" },
        { "project:\r\n  namespace: \"a\"\r\n", "namespace", "ns",
          "project:\r\n  namespace: ns\r\n" },
        { "project:\n  namespace: a\n", "project", "p",
          "project:\n  project: p\n  namespace: a\n" },
        { "project: {namespace: a}\n", "project", "p", "project: {project: p, namespace: a}\n" },
        { "project: {}\n", "project", "p", "project: {project: p}\n" },
        { "project:\n", "project", "p", "project: {project: p}\n" },
        { "project: ~ # none\n", "project", "p", "project: {project: p} # none\n" },
        { "project:\n  namespace:\n  project: b\n", "namespace", "ns",
          "project:\n  namespace: ns\n  project: b\n" },
        { "project: {\"namespace\": , project}\n", "namespace", "ns",
          "project: {\"namespace\": ns , project}\n" },
        { "project: {namespace: a, project}\n", "project", "p",
          "project: {namespace: a, project: p}\n" },
        { "project:\n  namespace: null\n", "namespace", "ns", "project:\n  namespace: ns\n" },
        { "# c\nsync:\n  hostname: h\n", "namespace", "ns",
          "# c\nproject:\n  namespace: ns\nsync:\n  hostname: h\n" },
        { "{sync: {hostname: h}}", "namespace", "ns",
          "{project: {namespace: ns}, sync: {hostname: h}}" },
        { "", "namespace", "ns", "project:\n  namespace: ns\n" },
        { "# only", "namespace", "ns", "# only\nproject:\n  namespace: ns\n" },
        { "project:\n  project: x\n", "project", "\"q\\ \xe2\x80\xa8\xef\xbb\xbf\xc3\xb6",
          "project:\n  project: \"\\\"q\\\\ \\L\\uFEFF\xc3\xb6\"\n" },
        { "project:\n  project: x\n", "project", "null", "project:\n  project: \"null\"\n" },
        { "project:\n  project: x\n", "project", "~user", "project:\n  project: \"~user\"\n" },
        { "project:\n  project: x\n", "project", "a: b #c", "project:\n  project: \"a: b #c\"\n" },
        { "project:\n  project: |\n    x\n", "project", "pr", NULL },
        { "? project\n: project: x\n", "project", "pr", "? project\n: project: pr\n" },
        { "? project\n: project: x\n", "namespace", "ns", NULL },
        { "project:\n  project: x\n  bad: 1\n", "project", "pr", NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].before);
        lq_buf_adds(&text, cases[i].before);
        CHECK(lq_config_set(&text, cases[i].key, cases[i].value, "f", &err) ==
              (cases[i].after ? LQ_OK : LQ_BAD_INPUT));
        CHECK_STR(lq_buf_text(&text), cases[i].after ? cases[i].after : cases[i].before);
    }
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    return remove(path);
}

static void remove_tree(char **folder)
{
    nftw(*folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    lq_free(folder);
}

/* An empty folder of its own, below which nothing is a git work tree or a project. */
static char *new_folder(void)
{
    char *folder = lq_strdup("/tmp/lq-test-XXXXXX");

    if (!mkdtemp(folder))
        abort();
    return folder;
}

static bool run(const char *folder, const char *const *argv)
{
    int status = -1;
    const pid_t pid = fork();

    if (pid == 0) {
        if (chdir(folder) == 0)
            execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static bool git_init(const char *folder, const char *url)
{
    return run(folder, (const char *[]){ "git", "init", "-q", NULL }) &&
           run(folder, (const char *[]){ "git", "remote", "add", "origin", url, NULL });
}

static char *content(const char *folder, const char *name)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(folder, name);
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    return lq_file_read(path, 1 << 20, &text, NULL) == LQ_OK ? lq_buf_detach(&text) : NULL;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(folder, name);

    CHECK(lq_file_replace(path, text, strlen(text), NULL) == LQ_OK);
}

static void make_folder(const char *folder, const char *name)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(folder, name);

    CHECK(lq_mkdirs(path, NULL) == LQ_OK);
}

static void test_init(void)
{
    LQ_CLEANUP(remove_tree) char *folder = new_folder();
    LQ_CLEANUP(lq_free) char *sub = lq_path_join(folder, "it's\n\"deep\"/x");
    LQ_CLEANUP(lq_project_release) struct lq_project project = { 0 }, again = { 0 }, below = { 0 };
    const struct lq_init_opts none = { 0 };
    struct lq_error err = { 0 };
    bool created = false;

    CHECK(lq_project_open(&project, folder, &err) == LQ_NOT_FOUND);
    CHECK(strstr(err.message, "'lq init'") != NULL);
    make_folder(folder, ".lq/projects");
    CHECK(lq_project_open(&project, folder, &err) == LQ_NOT_FOUND);

    CHECK(lq_project_init(&project, folder, &none, &created, &err) == LQ_OK);
    CHECK(created);
    CHECK_STR(project.root, folder);
    CHECK_STR(project.config.namespace_, "tmp");
    CHECK_STR(project.config.project, lq_path_base(folder));
    CHECK(project.origin && lq_uuid_valid(project.origin));
    CHECK(project.config.keep_raw && !project.config.sync_destination);
    LQ_CLEANUP(lq_free) char *config = content(folder, ".lq/config.yaml");
    LQ_CLEANUP(lq_free) char *ignore = content(folder, ".lq/.gitignore");
    CHECK_STR(ignore, "*\n!.gitignore\n!config.yaml\n!commands.yaml\n!matchers/\n!matchers/**\n");

    CHECK(lq_project_init(&again, folder, &none, &created, &err) == LQ_OK);
    CHECK(!created);
    CHECK_STR(again.origin, project.origin);
    LQ_CLEANUP(lq_free) char *config_again = content(folder, ".lq/config.yaml");
    CHECK_STR(config_again, config);

    CHECK(lq_mkdirs(sub, &err) == LQ_OK);
    CHECK(lq_project_open(&below, sub, &err) == LQ_OK);
    CHECK_STR(below.root, folder);
    CHECK_STR(below.origin, project.origin);
}

/* What the comments of a new config.yaml show is what holds without them. */
static void test_template_tells_the_defaults(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT, plain = LQ_BUF_INIT;
    LQ_CLEANUP(lq_config_release) struct lq_config shown = { 0 }, defaults = { 0 };
    struct lq_error err = { 0 };
    char **a, **b;

    lq_config_add_template(&text, "n s", "null");
    for (char *line = text.data; *line; line += strcspn(line, "\n") + 1) {
        const bool setting = strncmp(line, "  # env:", 8) == 0 || strncmp(line, "  #   ", 6) == 0 ||
                             strncmp(line, "  # keep_raw:", 13) == 0 ||
                             strncmp(line, "  # redact:", 11) == 0 ||
                             strncmp(line, "  # auto:", 9) == 0;

        lq_buf_adds(&plain, setting ? "    " : "");
        lq_buf_add(&plain, line + (setting ? 4 : 0), strcspn(line, "\n") + 1 - (setting ? 4 : 0));
    }
    CHECK(lq_config_parse(&defaults, (struct lq_str){ text.data, text.len }, "f", &err) == LQ_OK);
    CHECK(lq_config_parse(&shown, (struct lq_str){ plain.data, plain.len }, "f", &err) == LQ_OK);
    CHECK_STR(err.message, "");
    CHECK_STR(defaults.namespace_, "n s");
    CHECK_STR(defaults.project, "null");
    CHECK(strstr(lq_buf_text(&plain), "\n    env: [CC,") != NULL);
    CHECK(shown.keep_raw == defaults.keep_raw);
    CHECK(shown.sync_auto == defaults.sync_auto);
    CHECK(shown.redact && defaults.redact && !shown.redact_patterns);
    for (a = shown.capture_env, b = defaults.capture_env; *a && *b; a++, b++)
        CHECK_STR(*a, *b);
    CHECK(!*a && !*b);
}

static void test_init_options(void)
{
    LQ_CLEANUP(remove_tree) char *folder = new_folder();
    const struct lq_init_opts both = { .namespace_ = "n s", .project = "p" };
    const struct lq_init_opts one = { .project = "q" };
    const struct lq_init_opts none = { 0 };
    struct lq_error err = { 0 };
    bool created;

    for (int bad = 0; bad < 4; bad++) {
        LQ_CLEANUP(lq_project_release) struct lq_project project = { 0 };
        char longest[258];
        const char *const values[] = { "", "a\nb", "\xff", longest };
        const struct lq_init_opts opts = { .namespace_ = values[bad] };

        memset(longest, 'x', 256);
        longest[256] = '\0';
        TAP_CASE(values[bad]);
        CHECK(lq_project_init(&project, folder, &opts, &created, &err) == LQ_BAD_INPUT);
        CHECK(strncmp(err.message, "the namespace given ", 20) == 0);
    }
    TAP_CASE(NULL);
    {
        LQ_CLEANUP(lq_project_release) struct lq_project project = { 0 }, again = { 0 };

        CHECK(lq_project_init(&project, folder, &both, &created, &err) == LQ_OK && created);
        CHECK_STR(project.config.namespace_, "n s");
        CHECK_STR(project.config.project, "p");
        write_file(folder, ".lq/config.yaml", "# mine\nproject: {project: p} # c\n");
        CHECK(lq_project_init(&again, folder, &one, &created, &err) == LQ_OK && !created);
        CHECK_STR(again.config.project, "q");
        CHECK_STR(again.config.namespace_, "tmp");
        LQ_CLEANUP(lq_free) char *text = content(folder, ".lq/config.yaml");
        CHECK_STR(text, "# mine\nproject: {namespace: tmp, project: q} # c\n");
    }
    {
        LQ_CLEANUP(lq_project_release) struct lq_project project = { 0 }, opened = { 0 };

        write_file(folder, ".lq/config.yaml", "");
        CHECK(lq_project_open(&opened, folder, &err) == LQ_OK);
        CHECK_STR(opened.config.namespace_, "tmp");
        CHECK_STR(opened.config.project, lq_path_base(folder));
        write_file(folder, ".lq/config.yaml", "projekt: 1\n");
        CHECK(lq_project_init(&project, folder, &none, &created, &err) == LQ_BAD_INPUT);
        CHECK(strstr(err.message, "/.lq/config.yaml' line 1: unknown key 'projekt'") != NULL);
        CHECK(lq_project_open(&project, folder, &err) == LQ_BAD_INPUT);
        LQ_CLEANUP(lq_free) char *text = content(folder, ".lq/config.yaml");
        CHECK_STR(text, "projekt: 1\n");
    }
}

static bool found_token;

static int look_for_token(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    if (flag == FTW_F) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf bytes = LQ_BUF_INIT;

        if (lq_file_read(path, 1 << 20, &bytes, NULL) != LQ_OK ||
            memmem(lq_buf_text(&bytes), bytes.len, "ghp_hush", 8))
            found_token = true;
    }
    return 0;
}

static void test_init_in_git(void)
{
    LQ_CLEANUP(remove_tree) char *folder = new_folder();
    LQ_CLEANUP(lq_free) char *lq_dir = lq_path_join(folder, ".lq");
    LQ_CLEANUP(lq_project_release) struct lq_project project = { 0 };
    LQ_CLEANUP(remove_tree) char *other = new_folder();
    LQ_CLEANUP(lq_free) char *other_git = lq_path_join(other, ".git");
    const struct lq_init_opts none = { 0 };
    struct lq_error err = { 0 };
    bool created;

    CHECK(git_init(folder, "https://user:ghp_hush@github.com/owner/repo.git"));
    CHECK(git_init(other, "https://github.com/someone/else.git"));
    /* As in a hook of the other repository. */
    setenv("GIT_DIR", other_git, 1);
    CHECK(lq_project_init(&project, folder, &none, &created, &err) == LQ_OK);
    unsetenv("GIT_DIR");
    CHECK_STR(project.config.namespace_, "owner");
    CHECK_STR(project.config.project, "repo");
    nftw(lq_dir, look_for_token, 16, FTW_PHYS);
    CHECK(!found_token);
}

static void test_origin(void)
{
    LQ_CLEANUP(remove_tree) char *folder = new_folder();
    LQ_CLEANUP(lq_project_release) struct lq_project clone = { 0 }, bad = { 0 };
    struct lq_error err = { 0 };
    enum { N_PROCESSES = 8 };
    char origins[N_PROCESSES][LQ_UUID_BYTES] = { { 0 } };
    int ends[2];

    make_folder(folder, ".lq");
    write_file(folder, ".lq/config.yaml", "project: {namespace: n, project: p}\n");
    CHECK(pipe(ends) == 0);
    for (int i = 0; i < N_PROCESSES; i++)
        if (fork() == 0) {
            struct lq_project project;

            if (lq_project_open(&project, folder, NULL) == LQ_OK &&
                write(ends[1], project.origin, LQ_UUID_BYTES) == LQ_UUID_BYTES)
                _exit(0);
            _exit(1);
        }
    for (int i = 0; i < N_PROCESSES; i++) {
        int status = -1;

        CHECK(wait(&status) > 0 && status == 0);
        CHECK(status == 0 && read(ends[0], origins[i], LQ_UUID_BYTES) == LQ_UUID_BYTES);
        CHECK_STR(origins[i], origins[0]);
    }
    close(ends[0]);
    close(ends[1]);
    CHECK(lq_project_open(&clone, folder, &err) == LQ_OK);
    CHECK_STR(clone.origin, origins[0]);
    write_file(folder, ".lq/origin", "not a uuid\n");
    CHECK(lq_project_open(&bad, folder, &err) == LQ_CORRUPT);
}

/* A clone may hold anything under the names that lq opens. */
static void test_hostile_files(void)
{
    LQ_CLEANUP(remove_tree) char *folder = new_folder();
    LQ_CLEANUP(lq_free) char *config = lq_path_join(folder, ".lq/config.yaml");
    LQ_CLEANUP(lq_free) char *lq_dir = lq_path_join(folder, ".lq");
    LQ_CLEANUP(lq_project_release) struct lq_project project = { 0 };
    const struct lq_init_opts none = { 0 };
    struct lq_error err = { 0 };
    bool created;

    write_file(folder, ".lq", "a file");
    CHECK(lq_project_open(&project, folder, &err) == LQ_NOT_FOUND);
    CHECK(lq_project_init(&project, folder, &none, &created, &err) != LQ_OK);
    CHECK(unlink(lq_dir) == 0);
    make_folder(folder, ".lq");
    CHECK(mkfifo(config, 0600) == 0);
    CHECK(lq_project_open(&project, folder, &err) == LQ_BAD_INPUT);
    CHECK(unlink(config) == 0 && mkdir(config, 0700) == 0);
    CHECK(lq_project_open(&project, folder, &err) == LQ_BAD_INPUT);
    CHECK(rmdir(config) == 0 && symlink("/dev/zero", config) == 0);
    CHECK(lq_project_open(&project, folder, &err) == LQ_BAD_INPUT);
    CHECK(unlink(config) == 0 && symlink("nowhere", config) == 0);
    CHECK(lq_project_init(&project, folder, &none, &created, &err) == LQ_NOT_FOUND);
}

int main(void)
{
    TAP_RUN(test_config_values);
    TAP_RUN(test_config_refused);
    TAP_RUN(test_config_credentials);
    TAP_RUN(test_config_bombs);
    TAP_RUN(test_config_set);
    TAP_RUN(test_init);
    TAP_RUN(test_template_tells_the_defaults);
    TAP_RUN(test_init_options);
    TAP_RUN(test_init_in_git);
    TAP_RUN(test_origin);
    TAP_RUN(test_hostile_files);
    return tap_done();
}
