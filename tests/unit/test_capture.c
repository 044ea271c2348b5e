/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/capture.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static enum lq_status keep(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    lq_buf_add(ctx, bytes, len);
    return LQ_OK;
}

/* Everything that one run gave. */
struct ran {
    enum lq_status status;
    struct lq_error err;
    struct lq_capture_result result;
    struct lq_buf log, out, errors; /* what the sink got; what was shown on either output */
};

static void ran_release(struct ran *ran)
{
    lq_buf_release(&ran->log);
    lq_buf_release(&ran->out);
    lq_buf_release(&ran->errors);
}

/* Replace descriptor `fd`; the old one, to be given to put_back(). */
static int put(int fd, int other)
{
    const int saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);

    dup2(other, fd);
    return saved;
}

static void put_back(int fd, int saved)
{
    dup2(saved, fd);
    close(saved);
}

static void read_back(int fd, struct lq_buf *text)
{
    char chunk[65536];
    ssize_t n;

    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        lq_buf_add(text, chunk, (size_t)n);
}

/* Run a shell script with both outputs going to files. */
static struct ran run_script(const char *script, struct lq_capture_opts opts)
{
    struct ran ran = { .log = LQ_BUF_INIT };
    const struct lq_sink sink = { keep, &ran.log };
    const int out = memfd_create("out", MFD_CLOEXEC), errors = memfd_create("err", MFD_CLOEXEC);
    char sh[] = "/bin/sh", c[] = "-c";
    LQ_CLEANUP(lq_free) char *text = lq_strdup(script);
    char *argv[] = { sh, c, text, NULL };
    int saved_out, saved_errors;

    fflush(stdout);
    saved_out = put(STDOUT_FILENO, out);
    saved_errors = put(STDERR_FILENO, errors);
    if (!opts.argv)
        opts.argv = argv;
    ran.status = lq_capture_command(&opts, &sink, 1, &ran.result, &ran.err);
    put_back(STDOUT_FILENO, saved_out);
    put_back(STDERR_FILENO, saved_errors);
    read_back(out, &ran.out);
    read_back(errors, &ran.errors);
    close(out);
    close(errors);
    return ran;
}

static bool is(const struct lq_buf *got, const char *want, size_t len)
{
    return got->len == len && memcmp(lq_buf_text(got), want, len) == 0;
}

static void test_output(void)
{
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *script, *log;
        size_t log_len;
        const char *out, *errors;
    } cases[] = {
        { "echo one; echo two", BYTES("one\ntwo\n"), "one\ntwo\n", "" },
        { "printf 'a\\000b\\377\\r\\n'", BYTES("a\0b\xff\r\n"), NULL, "" },
        { "printf 'no end'", BYTES("no end"), "no end", "" },
        { ":", BYTES(""), "", "" },
        { "echo bad >&2", BYTES("bad\n"), "", "bad\n" },
        /* A line is whole in the log, whatever the other stream wrote in between. */
        { "printf un; sleep 0.05; echo bad >&2; sleep 0.05; echo finished",
          BYTES("bad\nunfinished\n"), "unfinished\n", "bad\n" },
        { "printf tail; sleep 0.05; echo bad >&2", BYTES("bad\ntail"), "tail", "bad\n" },
        { "cat <&-; test ! -e /proc/self/fd/3 && echo clean", NULL, 0, "clean\n", NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(ran_release) struct ran ran =
            run_script(cases[i].script, (struct lq_capture_opts){ 0 });

        TAP_CASE(cases[i].script);
        CHECK(ran.status == LQ_OK && ran.result.started);
        CHECK_INT(ran.result.exit_code, 0);
        CHECK_INT(ran.result.n_bytes, ran.log.len);
        if (cases[i].log)
            CHECK(is(&ran.log, cases[i].log, cases[i].log_len));
        if (cases[i].out)
            CHECK_STR(lq_buf_text(&ran.out), cases[i].out);
        if (cases[i].errors)
            CHECK_STR(lq_buf_text(&ran.errors), cases[i].errors);
    }
#undef BYTES
}

static void test_ends(void)
{
    static const struct {
        const char *script;
        int exit_code, signal;
        int64_t timeout_ms;
        bool timed_out;
    } cases[] = {
        { "exit 0", 0, 0, 0, false },
        { "exit 3", 3, 0, 0, false },
        { "kill -SEGV $$", 128 + SIGSEGV, SIGSEGV, 0, false },
        { "exit 2", 2, 0, 60000, false },
        { "sleep 100", 124, SIGTERM, 20, true },
        { "sleep 100 & wait; exit 7", 124, SIGTERM, 20, true },
        { "trap 'exit 9' TERM; sleep 100 & wait", 124, 0, 100, true },
        { "kill -STOP $$", 124, SIGTERM, 100, true },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(ran_release) struct ran ran = run_script(
            cases[i].script, (struct lq_capture_opts){ .timeout_ms = cases[i].timeout_ms });

        TAP_CASE(cases[i].script);
        CHECK(ran.status == LQ_OK && ran.result.started && !ran.result.interrupted);
        CHECK_INT(ran.result.exit_code, cases[i].exit_code);
        CHECK_INT(ran.result.signal, cases[i].signal);
        CHECK(ran.result.timed_out == cases[i].timed_out);
        CHECK(ran.result.completed_at >= ran.result.started_at && ran.result.duration_sec >= 0);
    }
}

static void test_cannot_start(void)
{
    static const struct {
        const char *program;
        enum lq_status status;
        int exit_code;
        const char *message;
    } cases[] = {
        { "lq-no-such-program", LQ_NOT_FOUND, 127,
          "cannot run 'lq-no-such-program': command not found" },
        { "/nonexistent/x", LQ_NOT_FOUND, 127,
          "cannot run '/nonexistent/x': No such file or directory" },
        { "/etc/passwd", LQ_DENIED, 126, "cannot run '/etc/passwd': Permission denied" },
        { "/", LQ_DENIED, 126, "cannot run '/': Permission denied" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_free) char *program = lq_strdup(cases[i].program);
        char *argv[] = { program, NULL };
        LQ_CLEANUP(ran_release) struct ran ran =
            run_script(NULL, (struct lq_capture_opts){ .argv = argv });

        TAP_CASE(cases[i].program);
        CHECK(ran.status == cases[i].status && !ran.result.started);
        CHECK_INT(ran.result.exit_code, cases[i].exit_code);
        CHECK_STR(ran.err.message, cases[i].message);
    }
}

/* An executable file without "#!" is run by the shell, as execvp(3) does. */
static void test_script_without_shebang(void)
{
    char path[] = "/tmp/lq-script-XXXXXX";
    char argument[] = "word";
    char *argv[] = { path, argument, NULL };
    const int fd = mkstemp(path);

    CHECK(write(fd, "echo \"got $1\"\n", 14) == 14 && fchmod(fd, 0700) == 0);
    close(fd);
    {
        LQ_CLEANUP(ran_release) struct ran ran =
            run_script(NULL, (struct lq_capture_opts){ .argv = argv });

        CHECK(ran.status == LQ_OK);
        CHECK_STR(lq_buf_text(&ran.log), "got word\n");
    }
    unlink(path);
}

static void test_quiet(void)
{
    LQ_CLEANUP(ran_release) struct ran ran =
        run_script("echo out; echo err >&2", (struct lq_capture_opts){ .quiet = true });

    CHECK(ran.status == LQ_OK && ran.out.len == 0 && ran.errors.len == 0);
    CHECK_INT(ran.log.len, 8);
}

/* A process left behind that holds the pipe, silent or chatty, does not keep lq. */
static void test_grandchild(void)
{
    static const char *const scripts[] = {
        "sleep 100 & echo $!",
        "sh -c 'while :; do echo noise; sleep 0.01; done' & echo $!",
    };

    for (size_t i = 0; i < LQ_COUNT(scripts); i++) {
        const int64_t began = lq_time_monotonic();
        LQ_CLEANUP(ran_release) struct ran ran =
            run_script(scripts[i], (struct lq_capture_opts){ 0 });

        TAP_CASE(scripts[i]);
        CHECK(ran.status == LQ_OK && ran.result.exit_code == 0);
        CHECK(strtol(lq_buf_text(&ran.log), NULL, 10) > 0 ||
              strstr(lq_buf_text(&ran.log), "noise"));
        CHECK(lq_time_monotonic() - began < 50 * LQ_US_PER_SECOND);
        if (i == 0)
            kill((pid_t)strtol(lq_buf_text(&ran.log), NULL, 10), SIGKILL);
    }
}

/* ---- sinks ---- */

struct counting {
    int64_t n_bytes, fail_after; /* bytes */
    int calls_after_failure;
    bool failed;
    useconds_t pause_us;
    uint64_t hash;
};

static enum lq_status count(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    struct counting *counting = ctx;

    counting->calls_after_failure += counting->failed;
    if (counting->pause_us)
        usleep(counting->pause_us);
    for (size_t i = 0; i < len; i++)
        counting->hash = (counting->hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
    counting->n_bytes += (int64_t)len;
    if (!counting->fail_after || counting->n_bytes < counting->fail_after)
        return LQ_OK;
    counting->failed = true;
    return lq_error_set(err, LQ_IO, "the sink is full");
}

/* One sink fails early, one is slow: the command runs on, and who works gets every byte. */
static void test_sinks(void)
{
    struct counting good = { 0 }, bad = { .fail_after = 100000 }, slow = { .pause_us = 1000 };
    const struct lq_sink sinks[] = { { count, &good }, { count, &bad }, { count, &slow } };
    char sh[] = "/bin/sh", c[] = "-c", script[] = "seq 1 2000000; exit 5";
    char *argv[] = { sh, c, script, NULL };
    const struct lq_capture_opts opts = { .argv = argv, .quiet = true };
    struct lq_capture_result result;
    struct lq_error err = { 0 };

    CHECK(lq_capture_command(&opts, sinks, 3, &result, &err) == LQ_IO);
    CHECK_STR(err.message, "the sink is full");
    CHECK_INT(result.exit_code, 5);
    CHECK_INT(result.n_bytes, 14888896);
    CHECK_INT(good.n_bytes, result.n_bytes);
    CHECK_INT(slow.n_bytes, result.n_bytes);
    CHECK(slow.hash == good.hash);
    CHECK(bad.n_bytes < result.n_bytes && bad.calls_after_failure == 0);
}

static long peak_kib(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const char *at;

    if (lq_file_read("/proc/self/status", 65536, &text, NULL) != LQ_OK)
        return 0;
    at = strstr(lq_buf_text(&text), "VmHWM:");
    return at ? strtol(at + 6, NULL, 10) : 0;
}

/* A line of 100 MB beside a second stream: held back only up to its bound. */
static void test_long_line(void)
{
    struct counting got = { 0 };
    const struct lq_sink sink = { count, &got };
    char sh[] = "/bin/sh", c[] = "-c";
    char script[] = "head -c 100000000 /dev/zero | tr '\\0' x; echo err >&2";
    char *argv[] = { sh, c, script, NULL };
    const struct lq_capture_opts opts = { .argv = argv, .quiet = true };
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const int saved = put(STDERR_FILENO, null);
    const long before = peak_kib();
    struct lq_capture_result result;

    CHECK(lq_capture_command(&opts, &sink, 1, &result, NULL) == LQ_OK);
    put_back(STDERR_FILENO, saved);
    close(null);
    CHECK_INT(got.n_bytes, 100000004);
    CHECK(peak_kib() - before < 40000);
}

/* ---- our own outputs ---- */

static void test_broken_output(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    const struct lq_sink sink = { keep, &log };
    char yes[] = "yes";
    char *argv[] = { yes, NULL };
    const struct lq_capture_opts opts = { .argv = argv };
    struct lq_capture_result result;
    enum lq_status status;
    int ends[2], saved;

    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    fflush(stdout);
    saved = put(STDOUT_FILENO, ends[1]);
    close(ends[0]);
    close(ends[1]);
    status = lq_capture_command(&opts, &sink, 1, &result, NULL);
    put_back(STDOUT_FILENO, saved);
    CHECK(status == LQ_OK);
    CHECK_INT(result.signal, SIGPIPE);
    CHECK(log.len > 0 && memcmp(log.data, "y\ny\n", 4) == 0);
}

static void test_full_output(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    const struct lq_sink sink = { keep, &log };
    char seq[] = "seq", n[] = "100000";
    char *argv[] = { seq, n, NULL };
    const struct lq_capture_opts opts = { .argv = argv };
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct lq_capture_result result;
    struct lq_error err = { 0 };
    enum lq_status status;
    int saved;

    fflush(stdout);
    saved = put(STDOUT_FILENO, full);
    status = lq_capture_command(&opts, &sink, 1, &result, &err);
    put_back(STDOUT_FILENO, saved);
    close(full);
    CHECK(status == LQ_IO);
    CHECK_STR(err.message, "cannot show the output: No space left on device");
    CHECK_INT(result.exit_code, 0);
    CHECK_INT(log.len, 588895);
}

/* Outputs that lead to one place share a pipe: the child's own order stays. */
static void test_one_output(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;
    const struct lq_sink sink = { keep, &log };
    char sh[] = "/bin/sh", c[] = "-c";
    char script[] = "for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done";
    char *argv[] = { sh, c, script, NULL };
    const struct lq_capture_opts opts = { .argv = argv };
    const int file = memfd_create("out", MFD_CLOEXEC);
    struct lq_capture_result result;
    enum lq_status status;
    int saved, saved_errors;

    fflush(stdout);
    saved = put(STDOUT_FILENO, file);
    saved_errors = put(STDERR_FILENO, file);
    status = lq_capture_command(&opts, &sink, 1, &result, NULL);
    put_back(STDOUT_FILENO, saved);
    put_back(STDERR_FILENO, saved_errors);
    CHECK(status == LQ_OK);
    CHECK_STR(lq_buf_text(&log),
              "o1\ne1\no2\ne2\no3\ne3\no4\ne4\no5\ne5\no6\ne6\no7\ne7\no8\ne8\no9\ne9\n");
    read_back(file, &out);
    CHECK_STR(lq_buf_text(&out), lq_buf_text(&log));
    close(file);
}

/* ---- terminals and signals: in a process of its own, with its own session ---- */

/* What that process reports. */
struct report {
    enum lq_status status;
    struct lq_capture_result result;
    char log[256];
    bool terminal_unchanged;
};

/* In the new process: be the session of terminal `slave` (or of none), capture, report. */
static void session_main(const char *script, int master, int slave, int report_fd,
                         bool ignore_hangup)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    const struct lq_sink sink = { keep, &log };
    char sh[] = "/bin/sh", c[] = "-c";
    LQ_CLEANUP(lq_free) char *text = lq_strdup(script);
    char *argv[] = { sh, c, text, NULL };
    const struct lq_capture_opts opts = { .argv = argv };
    struct report report = { 0 };
    struct termios before = { 0 }, after = { 0 };

    setsid();
    if (master >= 0)
        close(master); /* so that a test that gives up hangs the terminal up */
    if (ignore_hangup)
        signal(SIGHUP, SIG_IGN);
    if (slave >= 0) {
        ioctl(slave, TIOCSCTTY, 0);
        for (int fd = 0; fd < 3; fd++)
            dup2(slave, fd);
        tcgetattr(slave, &before);
    } else {
        const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
    }
    report.status = lq_capture_command(&opts, &sink, 1, &report.result, NULL);
    if (slave >= 0)
        tcgetattr(slave, &after);
    report.terminal_unchanged = memcmp(&before, &after, sizeof before) == 0;
    snprintf(report.log, sizeof report.log, "%s", lq_buf_text(&log));
    if (write(report_fd, &report, sizeof report) < 0)
        _exit(1);
    lq_buf_release(&log);
    free(LQ_TAKE(text));
    _exit(0);
}

/* Read from `fd` until `text` was seen. */
static bool await(int fd, const char *text, struct lq_buf *seen)
{
    char byte;

    while (!strstr(lq_buf_text(seen), text)) {
        if (read(fd, &byte, 1) != 1)
            return false;
        lq_buf_addc(seen, byte);
    }
    return true;
}

static struct report wait_for(pid_t pid, int report_fd)
{
    struct report report = { .status = LQ_CORRUPT };

    if (read(report_fd, &report, sizeof report) != sizeof report)
        report.status = LQ_CORRUPT;
    waitpid(pid, NULL, 0);
    return report;
}

static void test_terminal(void)
{
    static const struct {
        const char *script, *wait_for, *typed, *log;
        int exit_code;
        bool interrupted;
    } cases[] = {
        { "test -t 1 && test -t 2 && echo yes", NULL, NULL, "yes\n", 0, false },
        { "stty size <&1", NULL, NULL, "33 99\n", 0, false },
        { "echo ready; read x; echo \"got $x\"", "ready", "word\n", "ready\ngot word\n", 0, false },
        { "exec 3</dev/tty; echo ready; read x <&3; echo \"got $x\"", "ready", "word\n",
          "ready\ngot word\n", 0, false },
        { "echo ready; read x", "ready", "\x03", "ready\n", 130, true },
        { "trap 'echo caught; exit 4' INT; echo ready; sleep 100 & wait", "ready", "\x03",
          "ready\ncaught\n", 4, true },
        { "trap 'echo quit; exit 5' QUIT; echo ready; sleep 100 & wait", "ready", "\x1c",
          "ready\nquit\n", 5, true },
        { "printf 'a\\r\\nb\\n'", NULL, NULL, "a\r\nb\n", 0, false },
        { "echo ready; cat; echo end", "ready", "x\n\x04", "ready\nx\nend\n", 0, false },
        { "stty -icanon min 1; echo ready; head -c 1", "ready", "x", "ready\nx", 0, false },
        { "stty raw; echo ready; head -c 2 | od -An -tx1; stty sane; echo cooked; read x", "ready",
          "\x03\r\n", "ready\n 03 0d\ncooked\r\n", 0, false },
        { "stty -icanon; sh -c 'stty -echo'; exit 3", NULL, NULL, "", 3, false },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf seen = LQ_BUF_INIT;
        struct winsize size = { .ws_row = 33, .ws_col = 99 };
        struct report report;
        int master, slave, ends[2];
        pid_t pid;

        TAP_CASE(cases[i].script);
        CHECK(openpty(&master, &slave, NULL, NULL, &size) == 0 && pipe2(ends, O_CLOEXEC) == 0);
        fcntl(master, F_SETFD, FD_CLOEXEC);
        fcntl(slave, F_SETFD, FD_CLOEXEC);
        fflush(stdout);
        pid = fork();
        if (pid == 0)
            session_main(cases[i].script, master, slave, ends[1], false);
        close(ends[1]);
        if (cases[i].wait_for)
            CHECK(await(master, cases[i].wait_for, &seen));
        if (cases[i].typed)
            CHECK(write(master, cases[i].typed, strlen(cases[i].typed)) > 0);
        report = wait_for(pid, ends[0]);
        CHECK(report.status == LQ_OK && report.terminal_unchanged);
        CHECK_INT(report.result.exit_code, cases[i].exit_code);
        CHECK(report.result.interrupted == cases[i].interrupted);
        CHECK_STR(report.log, cases[i].log);
        close(ends[0]);
        close(master);
        close(slave);
    }
}

static void test_window_change(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf seen = LQ_BUF_INIT;
    struct winsize size = { .ws_row = 33, .ws_col = 99 };
    struct report report;
    int master, slave, ends[2];
    pid_t pid;

    CHECK(openpty(&master, &slave, NULL, NULL, &size) == 0 && pipe2(ends, O_CLOEXEC) == 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        session_main("trap '[ \"$(stty size <&2)\" = \"40 120\" ] && exit 6' WINCH; echo ready; "
                     "while :; do sleep 0.05; done",
                     master, slave, ends[1], false);
    close(ends[1]);
    CHECK(await(master, "ready", &seen));
    size = (struct winsize){ .ws_row = 40, .ws_col = 120 };
    CHECK(ioctl(master, TIOCSWINSZ, &size) == 0);
    report = wait_for(pid, ends[0]);
    CHECK_INT(report.result.exit_code, 6);
    CHECK(!report.result.interrupted);
    close(ends[0]);
    close(master);
    close(slave);
}

/* Signals sent to lq alone reach the command once; without a terminal it has its own group. */
static void test_forwarding(void)
{
    static const struct {
        const char *script;
        int number, exit_code;
        bool ignore_hangup, interrupted;
    } cases[] = {
        { "trap 'exit 4' TERM; kill -TERM $PPID; sleep 100 & wait", SIGTERM, 4, false, true },
        { "trap 'exit 4' HUP; kill -HUP $PPID; sleep 100 & wait", SIGHUP, 4, false, true },
        { "trap 'exit 4' INT; kill -INT $PPID; sleep 100 & wait", SIGINT, 4, false, true },
        { "kill -TERM $PPID; sleep 100", SIGTERM, 128 + SIGTERM, false, true },
        { "kill -HUP $PPID; kill -HUP $$; exit 8", SIGHUP, 8, true, false }, /* nohup */
        { "trap 'n=$((n+1))' INT; kill -INT $PPID; sleep 0.2; exit $((10 + n))", SIGINT, 11, false,
          true },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        struct report report;
        int ends[2];
        pid_t pid;

        TAP_CASE(cases[i].script);
        CHECK(pipe2(ends, O_CLOEXEC) == 0);
        fflush(stdout);
        pid = fork();
        if (pid == 0)
            session_main(cases[i].script, -1, -1, ends[1], cases[i].ignore_hangup);
        close(ends[1]);
        report = wait_for(pid, ends[0]);
        CHECK(report.status == LQ_OK);
        CHECK_INT(report.result.exit_code, cases[i].exit_code);
        CHECK(report.result.interrupted == cases[i].interrupted);
        close(ends[0]);
    }
}

/* ---- a stream that somebody else fills ---- */

static void test_fd(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;
    const struct lq_sink sink = { keep, &log };
    const int in = memfd_create("in", MFD_CLOEXEC), shown = memfd_create("out", MFD_CLOEXEC);
    struct lq_capture_result result;
    enum lq_status status;
    int saved;

    CHECK(write(in, "a\0b\nc", 5) == 5 && lseek(in, 0, SEEK_SET) == 0);
    fflush(stdout);
    saved = put(STDOUT_FILENO, shown);
    status = lq_capture_fd(in, true, &sink, 1, &result, NULL);
    put_back(STDOUT_FILENO, saved);
    read_back(shown, &out);
    CHECK(status == LQ_OK && result.exit_code == 0 && !result.interrupted);
    CHECK(is(&log, "a\0b\nc", 5) && is(&out, "a\0b\nc", 5));
    CHECK(fcntl(in, F_GETFD) >= 0); /* the caller's still */
    close(in);
    close(shown);
}

/* A signal ends the reading of a stream that does not end by itself. */
static void test_fd_interrupted(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    const struct lq_sink sink = { keep, &log };
    struct lq_capture_result result;
    int ends[2];
    pid_t pid;

    CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "kept\n", 5) == 5);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        /* Our parent catches signals once it has widened the pipe, which it does after that. */
        while (fcntl(ends[1], F_GETPIPE_SZ) < 1 << 20)
            usleep(1000);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    CHECK(lq_capture_fd(ends[0], false, &sink, 1, &result, NULL) == LQ_OK);
    CHECK(result.interrupted);
    CHECK_STR(lq_buf_text(&log), "kept\n");
    waitpid(pid, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

    /* Of nohup, or of a shell's background, nothing shall be left: what is ignored stays ignored. */
    for (size_t i = 0; i < LQ_COUNT(signals); i++)
        signal(signals[i], SIG_DFL);
    TAP_RUN(test_output);
    TAP_RUN(test_ends);
    TAP_RUN(test_cannot_start);
    TAP_RUN(test_script_without_shebang);
    TAP_RUN(test_quiet);
    TAP_RUN(test_grandchild);
    TAP_RUN(test_sinks);
    TAP_RUN(test_long_line);
    TAP_RUN(test_broken_output);
    TAP_RUN(test_full_output);
    TAP_RUN(test_one_output);
    TAP_RUN(test_terminal);
    TAP_RUN(test_window_change);
    TAP_RUN(test_forwarding);
    TAP_RUN(test_fd);
    TAP_RUN(test_fd_interrupted);
    return tap_done();
}
