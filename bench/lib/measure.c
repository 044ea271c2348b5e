/* SPDX-License-Identifier: MIT */
/* Time and peak memory of a command, from a parent so small that it does not count itself: what a
 * process used before exec is part of its own peak. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* measure --child FILE MILLISECONDS: live that long, leave the time of the end in FILE. */
static int live(const char *path, const char *milliseconds)
{
    const long ms = strtol(milliseconds, NULL, 10);
    const struct timespec span = { ms / 1000, ms % 1000 * 1000000 };
    char text[32];
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return 1;
    nanosleep(&span, NULL);
    const int len = snprintf(text, sizeof text, "%lld", now_ns());
    return write(fd, text, (size_t)len) != len;
}

/* measure RESULT COMMAND...: run it, append "START END PEAK_KB STATUS" to RESULT. Times are
 * nanoseconds; the peak is that of the largest process of those that were waited for. */
int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    FILE *result;

    if (argc == 4 && strcmp(argv[1], "--child") == 0)
        return live(argv[2], argv[3]);
    if (argc < 3)
        return 2;
    const long long start = now_ns();
    const pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
        perror("measure");
        return 1;
    }
    const long long end = now_ns();
    result = fopen(argv[1], "a");
    if (!result)
        return 1;
    fprintf(result, "%lld %lld %ld %d\n", start, end, usage.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fclose(result) != 0;
}
