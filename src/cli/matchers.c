/* SPDX-License-Identifier: MIT */
/* The formats of users: finds and reads the files that hold them. */
#include "cli/matchers.h"
#include "base/file.h"
#include <dirent.h>
#include <fnmatch.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define MAX_FILES 64 /* in a folder */

struct loader {
    struct lq_matchers *matchers;
    enum lq_matchers_kind kind;
    struct lq_error *err; /* of the last file that was bad */
    enum lq_status status;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in `folder` that match, sorted: at most MAX_FILES of them. */
static size_t list_folder(const char *folder, const char *pattern, char **names)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    size_t n = 0;

    while (dir && n < MAX_FILES && (entry = readdir(dir)))
        if (fnmatch(pattern, entry->d_name, FNM_PERIOD) == 0)
            names[n++] = lq_strdup(entry->d_name);
    if (dir && n == MAX_FILES)
        lq_say("'%s' holds more than %d files of formats: the rest is not read", folder,
               MAX_FILES - 1);
    if (dir)
        closedir(dir);
    qsort(names, n, sizeof *names, by_name);
    return n;
}

/* One file; `name` is for messages. */
static void load_file(struct loader *loader, const char *path, const char *name)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    struct lq_error failure = { 0 };
    enum lq_status status = lq_file_read_regular(path, FILE_MAX_BYTES, &text, &failure);

    if (status == LQ_OK)
        status =
            lq_matchers_add(loader->matchers, name, (struct lq_str){ lq_buf_text(&text), text.len },
                            loader->kind, &failure);
    if (status == LQ_OK)
        return;
    if (loader->status != LQ_OK)
        lq_say("%s", loader->err->message);
    loader->status = status;
    *loader->err = failure;
}

/* The files of a folder; `shown` is what messages call it. */
static void load_folder(struct loader *loader, const char *folder, const char *shown,
                        const char *pattern)
{
    char *names[MAX_FILES];
    const size_t n = list_folder(folder, pattern, names);

    for (size_t i = 0; i < n; i++) {
        LQ_CLEANUP(lq_free) char *path = lq_path_join(folder, names[i]);
        LQ_CLEANUP(lq_free) char *name = lq_path_join(shown, names[i]);

        if (i + 1 < MAX_FILES)
            load_file(loader, path, name);
        free(names[i]);
    }
}

static void load_github(struct loader *loader, const char *root)
{
    LQ_CLEANUP(lq_free) char *folder = lq_path_join(root, ".github");
    char *names[MAX_FILES];
    size_t n;

    loader->kind = LQ_MATCHERS_GITHUB;
    load_folder(loader, folder, ".github", "*matcher*.json");
    n = list_folder(folder, "*matcher*", names);
    for (size_t i = 0; i < n; i++) {
        LQ_CLEANUP(lq_free) char *below = lq_path_join(folder, names[i]);
        LQ_CLEANUP(lq_free) char *shown = lq_path_join(".github", names[i]);

        load_folder(loader, below, shown, "*.json");
        free(names[i]);
    }
}

/* XDG_CONFIG_HOME/lq/matchers. */
static void load_own(struct loader *loader)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    LQ_CLEANUP(lq_free) char *base =
        config && *config == '/' ? lq_strdup(config) : lq_cli_expand_home("~/.config");
    LQ_CLEANUP(lq_free) char *folder = lq_path_join(base, "lq/matchers");

    load_folder(loader, folder, folder, "*.json");
}

enum lq_status lq_cli_load_matchers(struct lq_cli *cli, bool strict, struct lq_error *err)
{
    struct lq_error failure = { 0 };
    struct loader loader = { .kind = LQ_MATCHERS_OWN, .err = &failure, .status = LQ_OK };

    if (cli->matchers)
        return LQ_OK;
    loader.matchers = cli->matchers = lq_matchers_new();
    if (cli->has_project) {
        LQ_CLEANUP(lq_free) char *folder = lq_path_join(cli->project.lq_dir, "matchers");

        load_folder(&loader, folder, ".lq/matchers", "*.json");
    }
    load_own(&loader);
    if (cli->has_project)
        load_github(&loader, cli->project.root);
    if (loader.status == LQ_OK)
        return LQ_OK;
    if (strict)
        *err = failure;
    else
        lq_say("%s", failure.message);
    return strict ? loader.status : LQ_OK;
}

enum lq_status lq_cli_parser_opts(struct lq_cli *cli, const char *format,
                                  struct lq_parser_opts *opts, struct lq_error *err)
{
    LQ_TRY(lq_cli_load_matchers(cli, false, err));
    *opts = (struct lq_parser_opts){ .format = format, .matchers = cli->matchers };
    return LQ_OK;
}

enum lq_status lq_cli_open_log(struct lq_cli *cli, struct lq_query **query, const char *path,
                               const char *format, struct lq_error *err)
{
    struct lq_parser_opts opts;

    LQ_TRY(lq_cli_parser_opts(cli, format, &opts, err));
    return lq_query_open_log(query, path, &opts, err);
}

static bool is_among(const char *name, const struct lq_format_info *infos, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(infos[i].name, name) == 0)
            return true;
    return false;
}

bool lq_cli_is_format(const struct lq_cli *cli, const char *name)
{
    size_t n, n_users;
    const struct lq_format_info *infos = lq_formats(&n);
    const struct lq_format_info *users = lq_matchers_formats(cli->matchers, &n_users);

    return is_among(name, infos, n) || is_among(name, users, n_users);
}
