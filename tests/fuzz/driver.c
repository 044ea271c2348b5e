/* SPDX-License-Identifier: MIT */
/* Replays inputs through a fuzz target in an ordinary build: each argument is a file, or a folder
 * of files. */
#include "base/file.h"
#include <ftw.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int n_inputs;

static int replay(const char *path, const struct stat *info, int type, struct FTW *at)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf input = LQ_BUF_INIT;
    struct lq_error err;

    if (type != FTW_F)
        return 0;
    if (lq_file_read(path, (size_t)1 << 28, &input, &err) != LQ_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)lq_buf_text(&input), input.len);
    n_inputs++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (nftw(argv[i], replay, 16, FTW_PHYS) != 0)
            return 1;
    printf("%d inputs\n", n_inputs);
    return n_inputs > 0 ? 0 : 1;
}
