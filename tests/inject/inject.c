/* SPDX-License-Identifier: MIT */
/*
 * A library to preload: makes the n-th file system call of a program fail, or kills the program there.
 *
 *   LQ_INJECT_AT       n, counted from 1 over all calls that the next three let through; 0: none
 *   LQ_INJECT_ERROR    an errno by name (ENOSPC EIO EDQUOT EACCES EXDEV EINTR EPERM), or SHORT (half of
 *                      what is to be written or copied is), or KILL (SIGKILL, before the call),
 *                      KILLED (after it), or STOP (SIGSTOP; when it goes on, it makes the call)
 *   LQ_INJECT_CALLS    kinds of call, with commas between: see `kinds`; all when missing
 *   LQ_INJECT_PATH     only calls on a path that contains this
 *   LQ_INJECT_PROGRAM  only in the program of this name; "lq" when missing
 *   LQ_INJECT_REPORT   a file; what was done is appended to it, a line each: "openat /path"
 *
 * A call that fails has not been made, except for close(), which frees the descriptor in any case.
 * What glibc calls within itself (fopen, opendir, realpath) is not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN, READ, WRITE, SYNC, RENAME, LINK, UNLINK, CLOSE, COPY, MKDIR, TRUNCATE };

static const char *const kinds[] = {
    [OPEN] = "open",     [READ] = "read",   [WRITE] = "write",       [SYNC] = "fsync",
    [RENAME] = "rename", [LINK] = "link",   [UNLINK] = "unlink",     [CLOSE] = "close",
    [COPY] = "copy",     [MKDIR] = "mkdir", [TRUNCATE] = "truncate",
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

enum action { FAIL, SHORT, KILL, KILLED, STOP };

static struct {
    long at; /* 0: nothing is injected */
    enum action action;
    int error;
    bool kinds[N_KINDS];
    const char *path;
    int report_fd;
    pid_t pid; /* a child that has not become another program yet is left alone */
} plan;
static atomic_long n_calls;

__attribute__((constructor)) static void read_plan(void)
{
    static const struct {
        const char *name;
        enum action action;
        int error;
    } errors[] = {
        { "ENOSPC", FAIL, ENOSPC }, { "EIO", FAIL, EIO },     { "EDQUOT", FAIL, EDQUOT },
        { "EACCES", FAIL, EACCES }, { "EXDEV", FAIL, EXDEV }, { "EINTR", FAIL, EINTR },
        { "EPERM", FAIL, EPERM },   { "SHORT", SHORT, 0 },    { "KILL", KILL, 0 },
        { "KILLED", KILLED, 0 },    { "STOP", STOP, 0 },
    };
    const char *at = getenv("LQ_INJECT_AT"), *error = getenv("LQ_INJECT_ERROR");
    const char *calls = getenv("LQ_INJECT_CALLS"), *report = getenv("LQ_INJECT_REPORT");
    const char *program = getenv("LQ_INJECT_PROGRAM");

    plan.pid = getpid();
    plan.report_fd = -1;
    plan.path = getenv("LQ_INJECT_PATH");
    if (!at || strcmp(program_invocation_short_name, program ? program : "lq") != 0)
        return;
    for (size_t i = 0; i < N_KINDS; i++) {
        const char *found = calls ? strstr(calls, kinds[i]) : NULL;
        const size_t len = strlen(kinds[i]);

        plan.kinds[i] = !calls || (found && (found == calls || found[-1] == ',') &&
                                   (found[len] == ',' || found[len] == '\0'));
    }
    for (size_t i = 0; error && i < sizeof errors / sizeof *errors; i++) {
        if (strcmp(errors[i].name, error) != 0)
            continue;
        plan.action = errors[i].action;
        plan.error = errors[i].error;
        plan.at = strtol(at, NULL, 10);
    }
    if (report)
        plan.report_fd =
            (int)syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_APPEND | O_CLOEXEC);
}

/* The path that a call is about: `name` below the open folder `dir_fd`, or, without a name, what
 * `dir_fd` is open on. */
static void find_path(int dir_fd, const char *name, char *path, size_t size)
{
    char link[64];
    ssize_t len = 0;

    if (dir_fd >= 0 && (!name || name[0] != '/')) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
        len = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
    }
    snprintf(path + (len > 0 ? len : 0), size - (size_t)(len > 0 ? len : 0), "%s%s",
             len > 0 && name ? "/" : "", name ? name : "");
}

static void report(const char *call, const char *path)
{
    char line[4200];
    const int len = snprintf(line, sizeof line, "%s %s\n", call, path);

    if (plan.report_fd >= 0)
        (void)!syscall(SYS_write, plan.report_fd, line, (size_t)len);
}

static void kill_self(void)
{
    kill(plan.pid, SIGKILL);
    for (;;)
        pause();
}

/* Whether this call is the one. `call`, `dir_fd` and `name` tell what it is about. */
static bool is_chosen(enum kind kind, const char *call, int dir_fd, const char *name)
{
    const int saved = errno;
    char path[4096] = "";
    bool chosen = false;

    if (plan.at == 0 || !plan.kinds[kind] || getpid() != plan.pid)
        return false;
    if (plan.path)
        find_path(dir_fd, name, path, sizeof path);
    if ((!plan.path || strstr(path, plan.path)) && atomic_fetch_add(&n_calls, 1) + 1 == plan.at) {
        find_path(dir_fd, name, path, sizeof path);
        report(call, path);
        if (plan.action == KILL)
            kill_self();
        if (plan.action == STOP)
            kill(plan.pid, SIGSTOP);
        chosen = plan.action != STOP;
    }
    errno = saved;
    return chosen;
}

#define EXPORT __attribute__((visibility("default")))

/* Find the next library's function `name`, once. By memcpy: C knows no cast from data to code. */
#define FIND_NEXT(next, name)                                                                      \
    static __typeof__(&(name)) next;                                                               \
    if (!(next)) {                                                                                 \
        void *found = dlsym(RTLD_NEXT, #name);                                                     \
        memcpy(&(next), &found, sizeof found);                                                     \
    }

/*
 * Define `name` with the parameters `declared`. `call` passes them on; `about` are the descriptor and
 * the name that find_path() takes.
 */
#define WRAP(kind, type, name, declared, call, dir_fd, path)                                       \
    EXPORT type name declared                                                                      \
    {                                                                                              \
        FIND_NEXT(next, name)                                                                      \
        type result;                                                                               \
                                                                                                   \
        if (!is_chosen(kind, #name, dir_fd, path))                                                 \
            return next call;                                                                      \
        if (plan.action == FAIL && (kind) != CLOSE) {                                              \
            errno = plan.error;                                                                    \
            return -1;                                                                             \
        }                                                                                          \
        result = next call;                                                                        \
        if (plan.action == KILLED)                                                                 \
            kill_self();                                                                           \
        if (plan.action != FAIL)                                                                   \
            return result;                                                                         \
        errno = plan.error;                                                                        \
        return -1;                                                                                 \
    }

/* The same for what transfers `len` bytes. */
#define WRAP_TRANSFER(kind, name, declared, call, fd)                                              \
    EXPORT ssize_t name declared                                                                   \
    {                                                                                              \
        FIND_NEXT(next, name)                                                                      \
        ssize_t result;                                                                            \
                                                                                                   \
        if (!is_chosen(kind, #name, fd, NULL))                                                     \
            return next call;                                                                      \
        if (plan.action == FAIL) {                                                                 \
            errno = plan.error;                                                                    \
            return -1;                                                                             \
        }                                                                                          \
        if (plan.action == SHORT && len > 1)                                                       \
            len /= 2;                                                                              \
        result = next call;                                                                        \
        if (plan.action == KILLED)                                                                 \
            kill_self();                                                                           \
        return result;                                                                             \
    }

/* open() and openat() have a mode only when they create. */
#define TAKE_MODE(mode)                                                                            \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                           \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode = va_arg(list, mode_t);                                                               \
        va_end(list);                                                                              \
    }

static int open_at(const char *call, int dir_fd, const char *path, int flags, mode_t mode)
{
    int fd;

    if (!is_chosen(OPEN, call, dir_fd, path))
        return (int)syscall(SYS_openat, dir_fd, path, flags, mode);
    if (plan.action == FAIL) {
        errno = plan.error;
        return -1;
    }
    fd = (int)syscall(SYS_openat, dir_fd, path, flags, mode);
    if (plan.action == KILLED)
        kill_self();
    return fd;
}

/* The names with 64 are what programs are linked against; the headers would rename the others to them. */
#undef open
#undef openat
EXPORT int wrap_open(const char *path, int flags, ...) __asm__("open");
EXPORT int wrap_open64(const char *path, int flags, ...) __asm__("open64");
EXPORT int wrap_openat(int dir_fd, const char *path, int flags, ...) __asm__("openat");
EXPORT int wrap_openat64(int dir_fd, const char *path, int flags, ...) __asm__("openat64");

EXPORT int wrap_open(const char *path, int flags, ...)
{
    TAKE_MODE(mode)
    return open_at("open", AT_FDCWD, path, flags, mode);
}

EXPORT int wrap_open64(const char *path, int flags, ...)
{
    TAKE_MODE(mode)
    return open_at("open", AT_FDCWD, path, flags, mode);
}

EXPORT int wrap_openat(int dir_fd, const char *path, int flags, ...)
{
    TAKE_MODE(mode)
    return open_at("openat", dir_fd, path, flags, mode);
}

EXPORT int wrap_openat64(int dir_fd, const char *path, int flags, ...)
{
    TAKE_MODE(mode)
    return open_at("openat", dir_fd, path, flags, mode);
}

WRAP(OPEN, int, mkostemp64, (char *template, int flags), (template, flags), AT_FDCWD, template)
WRAP(CLOSE, int, close, (int fd), (fd), fd, NULL)
WRAP(SYNC, int, fsync, (int fd), (fd), fd, NULL)
WRAP(SYNC, int, fdatasync, (int fd), (fd), fd, NULL)
WRAP(SYNC, int, syncfs, (int fd), (fd), fd, NULL)
WRAP(RENAME, int, rename, (const char *from, const char *to), (from, to), AT_FDCWD, to)
WRAP(RENAME, int, renameat, (int from_fd, const char *from, int to_fd, const char *to),
     (from_fd, from, to_fd, to), to_fd, to)
WRAP(RENAME, int, renameat2,
     (int from_fd, const char *from, int to_fd, const char *to, unsigned int flags),
     (from_fd, from, to_fd, to, flags), to_fd, to)
WRAP(LINK, int, link, (const char *from, const char *to), (from, to), AT_FDCWD, to)
WRAP(LINK, int, linkat, (int from_fd, const char *from, int to_fd, const char *to, int flags),
     (from_fd, from, to_fd, to, flags), to_fd, to)
WRAP(LINK, int, symlink, (const char *from, const char *to), (from, to), AT_FDCWD, to)
WRAP(LINK, int, symlinkat, (const char *from, int to_fd, const char *to), (from, to_fd, to), to_fd,
     to)
WRAP(UNLINK, int, unlink, (const char *path), (path), AT_FDCWD, path)
WRAP(UNLINK, int, unlinkat, (int dir_fd, const char *path, int flags), (dir_fd, path, flags),
     dir_fd, path)
WRAP(UNLINK, int, rmdir, (const char *path), (path), AT_FDCWD, path)
WRAP(MKDIR, int, mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
WRAP(MKDIR, int, mkdirat, (int dir_fd, const char *path, mode_t mode), (dir_fd, path, mode), dir_fd,
     path)
WRAP(TRUNCATE, int, ftruncate64, (int fd, off64_t len), (fd, len), fd, NULL)
WRAP(TRUNCATE, int, fallocate64, (int fd, int mode, off64_t from, off64_t len),
     (fd, mode, from, len), fd, NULL)

WRAP_TRANSFER(READ, read, (int fd, void *bytes, size_t len), (fd, bytes, len), fd)
WRAP_TRANSFER(READ, pread64, (int fd, void *bytes, size_t len, off64_t from),
              (fd, bytes, len, from), fd)
WRAP_TRANSFER(WRITE, write, (int fd, const void *bytes, size_t len), (fd, bytes, len), fd)
WRAP_TRANSFER(WRITE, pwrite64, (int fd, const void *bytes, size_t len, off64_t to),
              (fd, bytes, len, to), fd)
WRAP_TRANSFER(COPY, copy_file_range,
              (int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned int flags),
              (from, from_at, to, to_at, len, flags), to)

/* posix_fallocate() returns the error. */
EXPORT int posix_fallocate64(int fd, off64_t from, off64_t len)
{
    FIND_NEXT(next, posix_fallocate64)

    if (is_chosen(TRUNCATE, "posix_fallocate", fd, NULL) && plan.action == FAIL)
        return plan.error;
    return next(fd, from, len);
}
