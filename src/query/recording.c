/* SPDX-License-Identifier: MIT */
/* Runs that are still being recorded: their raw logs, found by id or name, and followed. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "query/query.h"
#include "store/folder.h"
#include "store/names.h"
#include "store/raw_log.h"
#include <fcntl.h>
#include <unistd.h>

/* The recorder's temporary name of "001_build_143022.log.zst": that, between these. */
static const char prefix[] = ".", suffix[] = ".tmp-";

struct search {
    const struct lq_project *project;
    struct lq_str name; /* empty: any */
    int64_t run_id;     /* 0: any */
    int64_t found_id;
    char *found;
};

/* Whether the temporary file `name` is the raw log of a run that is looked for. */
static bool is_wanted(const struct search *search, const char *name, struct lq_run_file *file)
{
    const char *end = strstr(name, suffix);

    if (strncmp(name, prefix, strlen(prefix)) != 0 || !end ||
        !lq_name_parse_run_file(
            file, (struct lq_str){ name + strlen(prefix), (size_t)(end - name) - strlen(prefix) }))
        return false;
    return file->kind == LQ_RUN_FILE_LOG &&
           (search->run_id == 0 || file->run_id == search->run_id) &&
           (search->name.len == 0 || lq_str_eq(file->name, search->name));
}

static enum lq_status on_file(void *ctx, const struct lq_folder_entry *entry, struct lq_error *err)
{
    struct search *search = ctx;
    LQ_CLEANUP(lq_close) int fd = -1;
    struct lq_run_file file;

    (void)err;
    if (!S_ISREG(entry->info->st_mode) || !is_wanted(search, entry->name, &file) ||
        file.run_id <= search->found_id)
        return LQ_OK;
    fd = openat(entry->folder_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || !lq_raw_log_is_written(fd))
        return LQ_OK;
    search->found_id = file.run_id;
    free(search->found);
    search->found = lq_path_join(search->project->lq_dir, entry->path);
    return LQ_OK;
}

enum lq_status lq_query_find_recording(const struct lq_project *project, const char *text,
                                       char **file, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf name = LQ_BUF_INIT;
    struct search search = { .project = project };
    enum lq_status status;

    if (text && text[strspn(text, "0123456789")] == '\0') {
        search.run_id = strtoll(text, NULL, 10);
    } else if (text) {
        lq_name_add_run(&name, lq_str_of(text));
        search.name = (struct lq_str){ lq_buf_text(&name), name.len };
    }
    /* date=…/source=…/NAME */
    status = lq_folder_walk(project->lq_dir, "raw", 2, on_file, &search, err);
    if (status == LQ_OK && !search.found)
        status = lq_error_set(err, LQ_NOT_FOUND, "no such run is being recorded");
    if (status != LQ_OK)
        free(search.found);
    else
        *file = search.found;
    return status;
}

enum lq_status lq_query_follow_lines(const char *file, int64_t first, int64_t last,
                                     lq_log_line_fn *on_piece, lq_log_wait_fn *on_wait, void *ctx,
                                     struct lq_error *err)
{
    return lq_raw_log_lines(file, first, last, on_piece, on_wait, ctx, NULL, err);
}
