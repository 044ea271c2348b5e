/* SPDX-License-Identifier: MIT */
/* Signs a request as the library does, for comparison with other signers:
 * presign METHOD BUCKET KEY TIME EXPIRES [HEADER VALUE]… */
#include "base/time.h"
#include "s3/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct lq_s3_pair headers[4] = { 0 };
    struct lq_s3_config config = { 0 };
    struct lq_error err = { 0 };
    struct lq_s3_request request;
    int64_t now;
    char *url;

    if (argc < 6)
        return 2;
    request = (struct lq_s3_request){
        .method = argv[1], .bucket = argv[2], .key = argv[3], .headers = headers
    };
    for (int i = 6; i + 1 < argc && request.n_headers < LQ_COUNT(headers); i += 2)
        headers[request.n_headers++] = (struct lq_s3_pair){ argv[i], argv[i + 1] };
    if (lq_s3_config_init(&config, environ, argv[2], &err) != LQ_OK ||
        !lq_time_parse(argv[4], 0, &now)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    url = lq_s3_presign(&config, &request, now, strtoll(argv[5], NULL, 10));
    puts(url);
    free(url);
    lq_s3_config_release(&config);
    return 0;
}
