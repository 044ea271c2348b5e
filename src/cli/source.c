/* SPDX-License-Identifier: MIT */
/* Reading source files and asking git blame about a line. */
#include "cli/source.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/git.h"
#include "base/time.h"
#include "cli/out.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* What asking git may take: a file's history can be long. */
#define GIT_TIMEOUT_MS 10000
#define GIT_OUTPUT_BYTES 65536

/* More of a line is not shown. */
#define LINE_MAX_BYTES 4096

static bool is_within(const char *path, const char *root)
{
    const size_t len = strlen(root);

    return strcmp(root, "/") == 0 || (strncmp(path, root, len) == 0 && path[len] == '/');
}

/* The real path of folder/name, if it is a regular file within `root`. */
static char *resolve(const char *root, const char *folder, const char *name)
{
    LQ_CLEANUP(lq_free) char *joined =
        name[0] == '/' ? lq_strdup(name) : lq_path_join(folder, name);
    LQ_CLEANUP(lq_free) char *real = realpath(joined, NULL);
    struct stat status;

    if (!real || !is_within(real, root) || stat(real, &status) != 0 || !S_ISREG(status.st_mode))
        return NULL;
    return LQ_TAKE(real);
}

char *lq_source_find(const char *root, const char *cwd, const char *file_path)
{
    LQ_CLEANUP(lq_free) char *real_root = realpath(root, NULL);
    char *found;

    if (!real_root || !file_path || !*file_path)
        return NULL;
    found = cwd && *cwd == '/' ? resolve(real_root, cwd, file_path) : NULL;
    return found ? found : resolve(real_root, real_root, file_path);
}

bool lq_source_lines(const char *path, int64_t first, int64_t last, int64_t marked,
                     struct lq_buf *json)
{
    /* Between the check and now it could have become a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *line = NULL;
    size_t capacity = 0;
    int64_t number = 0;
    ssize_t len;
    bool any = false;

    if (!file) {
        lq_close(&fd);
        return false;
    }
    lq_buf_addc(json, '[');
    while (number < last && (len = getline(&line, &capacity, file)) >= 0) {
        if (++number < first)
            continue;
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        lq_buf_addf(json, "%s{\"line\": %lld, \"marked\": %s, \"text\": ", any ? ", " : "",
                    (long long)number, number == marked ? "true" : "false");
        lq_out_add_json(
            json, (struct lq_str){ line, len < LINE_MAX_BYTES ? (size_t)len : LINE_MAX_BYTES });
        lq_buf_addc(json, '}');
        any = true;
    }
    lq_buf_addc(json, ']');
    free(line);
    fclose(file);
    return number >= marked;
}

/* What follows `key` on a line of its own of git's porcelain; empty when nothing does. */
static struct lq_str value_of(const char *porcelain, const char *key)
{
    const size_t len = strlen(key);

    for (const char *at = porcelain; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, key, len) == 0)
            return (struct lq_str){ at + len, strcspn(at + len, "\n") };
        if (*at == '\0')
            break;
    }
    return (struct lq_str){ "", 0 };
}

bool lq_source_blame(const char *path, int64_t line, struct lq_buf *json)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf output = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *range = lq_format("-L%lld,%lld", (long long)line, (long long)line);
    LQ_CLEANUP(lq_free) char *folder = lq_strdup(path);
    const char *const args[] = { "blame", "--porcelain", range, "--", lq_path_base(path), NULL };
    const char *text;
    char date[28];

    *strrchr(folder, '/') = '\0';
    if (!lq_git_output(folder, args, (struct lq_str){ 0 }, GIT_TIMEOUT_MS, GIT_OUTPUT_BYTES,
                       &output))
        return false;
    text = lq_buf_text(&output);
    lq_time_rfc3339(strtoll(value_of(text, "author-time ").ptr, NULL, 10) * LQ_US_PER_SECOND, date);
    lq_buf_adds(json, "{\"commit\": ");
    lq_out_add_json(json, (struct lq_str){ text, strspn(text, "0123456789abcdef") });
    lq_buf_adds(json, ", \"author\": ");
    lq_out_add_json(json, value_of(text, "author "));
    lq_buf_addf(json, ", \"date\": \"%s\", \"summary\": ", date);
    lq_out_add_json(json, value_of(text, "summary "));
    lq_buf_addc(json, '}');
    return true;
}
