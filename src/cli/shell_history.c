/* SPDX-License-Identifier: MIT */
/* The history of lq shell in its file. */
#include "cli/shell_history.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "cli/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

char *lq_shell_history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME");

    return state && *state == '/' ? lq_path_join(state, "lq/shell_history")
                                  : lq_cli_expand_home("~/.local/state/lq/shell_history");
}

/* Let the last entries take the file's place. That another shell appended meanwhile may be lost. */
static enum lq_status shorten(const char *path, char *const *entries, size_t count,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s.%ld~", path, (long)getpid());
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_close) int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum lq_status status;

    if (fd < 0)
        return lq_error_errno(err, errno, "cannot write '%s'", temporary);
    for (size_t i = 0; i < count; i++)
        lq_buf_addf(&text, "%s\n", entries[i]);
    status = lq_write_all(fd, lq_buf_text(&text), text.len, temporary, err);
    if (status == LQ_OK && rename(temporary, path) != 0)
        status = lq_error_errno(err, errno, "cannot write '%s'", path);
    if (status != LQ_OK)
        unlink(temporary);
    return status;
}

enum lq_status lq_shell_history_load(const char *path,
                                     void (*on_entry)(void *ctx, const char *entry), void *ctx,
                                     struct lq_error *err)
{
    FILE *file = fopen(path, "re");
    char **entries = NULL;
    size_t count = 0, capacity = 0, size = 0;
    char *line = NULL;
    ssize_t len;
    enum lq_status status = LQ_OK;

    if (!file)
        return errno == ENOENT ? LQ_OK : lq_error_errno(err, errno, "cannot read '%s'", path);
    while ((len = getline(&line, &size, file)) > 0) {
        LQ_GROW(entries, count, capacity);
        entries[count++] = lq_strndup(line, (size_t)len - (line[len - 1] == '\n'));
    }
    for (size_t i = 0; i < count; i++)
        on_entry(ctx, entries[i]);
    if (count > (size_t)2 * LQ_SHELL_HISTORY_ENTRIES)
        status = shorten(path, entries + count - LQ_SHELL_HISTORY_ENTRIES, LQ_SHELL_HISTORY_ENTRIES,
                         err);
    for (size_t i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    free(line);
    fclose(file);
    return status;
}

enum lq_status lq_shell_history_add(const char *path, const char *entry, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *folder = lq_strndup(path, (size_t)(lq_path_base(path) - path) - 1);
    LQ_CLEANUP(lq_free) char *line = lq_format("%s\n", entry);
    LQ_CLEANUP(lq_close) int fd = -1;

    LQ_TRY(lq_mkdirs(folder, err));
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0)
        return lq_error_errno(err, errno, "cannot write '%s'", path);
    return lq_write_all(fd, line, strlen(line), path, err);
}
