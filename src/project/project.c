/* SPDX-License-Identifier: MIT */
/* Finds the project a folder lies in, opens it, and makes new ones. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/uuid.h"
#include "project/config.h"
#include "project/identity.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char gitignore[] = "*\n"
                                "!.gitignore\n"
                                "!config.yaml\n"
                                "!commands.yaml\n"
                                "!matchers/\n"
                                "!matchers/**\n";

/* Write a file that is not there yet, whole or not at all. LQ_OK also when it was there. */
static enum lq_status create_file(const char *lq_dir, const char *name, const char *bytes,
                                  size_t len, bool *created, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(lq_dir, name);
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s/.%s.tmp-XXXXXX", lq_dir, name);
    LQ_CLEANUP(lq_close) int dir_fd = -1;
    LQ_CLEANUP(lq_close) int fd = -1;
    struct stat info;
    enum lq_status status;
    mode_t mask;

    *created = false;
    if (lstat(path, &info) == 0)
        return LQ_OK;
    dir_fd = LQ_RETRY(open(lq_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    fd = mkostemp(temporary, O_CLOEXEC);
    if (dir_fd < 0 || fd < 0)
        return lq_error_errno(err, errno, "cannot create '%s'", path);
    mask = umask(0);
    umask(mask);
    status = lq_write_all(fd, bytes, len, path, err);
    if (status == LQ_OK && fchmod(fd, 0666 & ~mask) != 0)
        status = lq_error_errno(err, errno, "cannot create '%s'", path);
    if (status != LQ_OK) {
        LQ_RETRY(unlink(temporary));
        return status;
    }
    status = lq_file_publish(dir_fd, lq_path_base(temporary), name, err);
    *created = status == LQ_OK;
    return status == LQ_EXISTS ? LQ_OK : status;
}

/* The one place that makes `origin`: create-only, then read, so processes that come at the same
 * time agree. In a folder that we may not write there is none, and nothing is recorded there. */
static enum lq_status open_origin(struct lq_project *project, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(project->lq_dir, "origin");
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    char line[LQ_UUID_BYTES + 1];
    struct stat info;
    bool created;

    if (stat(path, &info) != 0) {
        if (access(project->lq_dir, W_OK) != 0)
            return LQ_OK;
        lq_uuid_v4(line);
        line[LQ_UUID_BYTES - 1] = '\n';
        LQ_TRY(create_file(project->lq_dir, "origin", line, LQ_UUID_BYTES, &created, err));
    }
    LQ_TRY(lq_file_read_regular(path, 4096, &text, err));
    while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]))
        lq_buf_truncate(&text, text.len - 1);
    if (strlen(lq_buf_text(&text)) != text.len || !lq_uuid_valid(lq_buf_text(&text)))
        return lq_error_set(err, LQ_CORRUPT,
                            "'%s' does not hold a UUID: delete it, and lq makes a new one", path);
    project->origin = lq_buf_detach(&text);
    return LQ_OK;
}

/* A configuration may leave its names out: they are detected then, as lq init does. */
static void complete_identity(struct lq_project *project)
{
    LQ_CLEANUP(lq_free) char *namespace_ = NULL;
    LQ_CLEANUP(lq_free) char *name = NULL;

    if (project->config.namespace_ && project->config.project)
        return;
    lq_identity_detect(project->root, &namespace_, &name);
    if (!project->config.namespace_)
        project->config.namespace_ = LQ_TAKE(namespace_);
    if (!project->config.project)
        project->config.project = LQ_TAKE(name);
}

static enum lq_status read_config(const char *lq_dir, struct lq_buf *text, struct lq_config *config,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(lq_dir, "config.yaml");

    LQ_TRY(lq_file_read_regular(path, LQ_YAML_MAX_BYTES, text, err));
    return lq_config_parse(config, (struct lq_str){ lq_buf_text(text), text->len }, path, err);
}

static enum lq_status open_at(struct lq_project *project, const char *root, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_project_release) struct lq_project opened = { .root = lq_strdup(root),
                                                                .lq_dir =
                                                                    lq_path_join(root, ".lq") };

    LQ_TRY(read_config(opened.lq_dir, &text, &opened.config, err));
    LQ_TRY(open_origin(&opened, err));
    complete_identity(&opened);
    *project = opened;
    opened = (struct lq_project){ 0 };
    return LQ_OK;
}

/* Absolute, without trailing slashes. */
static char *clean_folder(const char *folder)
{
    size_t len = strlen(folder);

    while (len > 1 && folder[len - 1] == '/')
        len--;
    return lq_strndup(folder, len);
}

enum lq_status lq_project_open(struct lq_project *project, const char *start, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *root = clean_folder(start);

    *project = (struct lq_project){ 0 };
    for (;;) {
        LQ_CLEANUP(lq_free) char *path = lq_path_join(root, ".lq/config.yaml");
        char *slash = strrchr(root, '/');
        struct stat info;

        if (stat(path, &info) == 0)
            return open_at(project, root, err);
        if (errno != ENOENT && errno != ENOTDIR)
            return lq_error_errno(err, errno, "cannot open '%s'", path);
        if (!slash || strcmp(root, "/") == 0)
            return lq_error_set(err, LQ_NOT_FOUND,
                                "not in a project: no '.lq/config.yaml' in '%s' or above; "
                                "make one with 'lq init'",
                                start);
        slash[slash == root] = '\0';
    }
}

void lq_project_release(struct lq_project *project)
{
    free(project->root);
    free(project->lq_dir);
    free(project->origin);
    lq_config_release(&project->config);
    *project = (struct lq_project){ 0 };
}

static enum lq_status check_option(const char *what, const char *value, struct lq_error *err)
{
    const char *problem = value ? lq_identity_problem(lq_str_of(value)) : NULL;

    if (problem)
        return lq_error_set(err, LQ_BAD_INPUT, "the %s given %s", what, problem);
    return LQ_OK;
}

/* Bring an existing config.yaml to what was asked for, and give it what it lacks. */
static enum lq_status update_config(const char *folder, const char *lq_dir,
                                    const struct lq_init_opts *opts, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(lq_dir, "config.yaml");
    LQ_CLEANUP(lq_config_release) struct lq_config config = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *found_namespace = NULL;
    LQ_CLEANUP(lq_free) char *found_name = NULL;
    bool changed = false;

    LQ_TRY(read_config(lq_dir, &text, &config, err));
    if (!config.namespace_ || !config.project)
        lq_identity_detect(folder, &found_namespace, &found_name);

    const struct {
        const char *key, *old, *given, *found;
    } values[] = {
        /* In this order the namespace comes first when both are added. */
        { "project", config.project, opts->project, found_name },
        { "namespace", config.namespace_, opts->namespace_, found_namespace },
    };

    for (size_t i = 0; i < LQ_COUNT(values); i++) {
        const char *want = values[i].given ? values[i].given
                           : values[i].old ? values[i].old
                                           : values[i].found;

        if (values[i].old && strcmp(values[i].old, want) == 0)
            continue;
        LQ_TRY(lq_config_set(&text, values[i].key, want, path, err));
        changed = true;
    }
    return changed ? lq_file_replace(path, text.data, text.len, err) : LQ_OK;
}

static enum lq_status create_config(const char *folder, const char *lq_dir,
                                    const struct lq_init_opts *opts, bool *created,
                                    struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *namespace_ = NULL;
    LQ_CLEANUP(lq_free) char *name = NULL;

    lq_identity_detect(folder, &namespace_, &name);
    lq_config_add_template(&text, opts->namespace_ ? opts->namespace_ : namespace_,
                           opts->project ? opts->project : name);
    return create_file(lq_dir, "config.yaml", text.data, text.len, created, err);
}

enum lq_status lq_project_init(struct lq_project *project, const char *folder,
                               const struct lq_init_opts *opts, bool *created, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *root = clean_folder(folder);
    LQ_CLEANUP(lq_free) char *lq_dir = lq_path_join(root, ".lq");
    LQ_CLEANUP(lq_free) char *config = lq_path_join(lq_dir, "config.yaml");
    struct stat info;
    bool unused;

    *project = (struct lq_project){ 0 };
    *created = false;
    LQ_TRY(check_option("namespace", opts->namespace_, err));
    LQ_TRY(check_option("project", opts->project, err));
    if (LQ_RETRY(mkdir(lq_dir, 0777)) != 0 && errno != EEXIST)
        return lq_error_errno(err, errno, "cannot make folder '%s'", lq_dir);
    LQ_TRY(create_file(lq_dir, ".gitignore", gitignore, strlen(gitignore), &unused, err));
    /* config.yaml comes last: it is what makes the folder a project. */
    if (lstat(config, &info) != 0)
        LQ_TRY(create_config(root, lq_dir, opts, created, err));
    if (!*created)
        LQ_TRY(update_config(root, lq_dir, opts, err));
    return open_at(project, root, err);
}
