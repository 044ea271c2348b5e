/* SPDX-License-Identifier: MIT */
/* Any text as a git remote URL, a path, and a sync destination. */
#include "base/alloc.h"
#include "project/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is found is fit to be written to config.yaml; what is not found is NULL. */
static void check(bool found, char *namespace_, char *project)
{
    if (found != (namespace_ != NULL) || found != (project != NULL))
        abort();
    if (found &&
        (lq_identity_problem(lq_str_of(namespace_)) || lq_identity_problem(lq_str_of(project))))
        abort();
    free(namespace_);
    free(project);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LQ_CLEANUP(lq_free) char *text = lq_strndup((const char *)data, size);
    char *namespace_, *project;

    const bool found = lq_identity_from_url(text, &namespace_, &project);
    check(found, namespace_, project);
    lq_identity_from_path(text, &namespace_, &project);
    check(true, namespace_, project);
    lq_destination_has_credentials(text);
    return 0;
}
