/* SPDX-License-Identifier: MIT */
/* Finding libduckdb and looking up its functions. */
#define LQ_DB_LIBRARY_IMPLEMENTATION
#include "db/library.h"
#include "base/alloc.h"
#include "base/file.h"
#include "db/db.h"
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

struct lq_duckdb lq_duckdb;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum lq_status load_status;
static struct lq_error load_error;

/* Folder of the running program, with a trailing slash. */
static void program_folder(char *path, size_t size)
{
    const ssize_t len = readlink("/proc/self/exe", path, size - 1);

    path[len > 0 ? len : 0] = '\0';
    path[lq_path_base(path) - path] = '\0';
}

/*
 * The engine has 12,000 symbols to look up. DEEPBIND finds them in the engine itself, rather than in
 * each of lq's libraries first: a fifth of the loading. It also hides from the engine what was
 * preloaded to stand before the C library, so it must not be when something was; and the address
 * sanitizer is such a thing.
 */
static int open_flags(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

#ifndef LQ_UNDER_SANITIZER
    if (!preloaded || !*preloaded)
        return RTLD_LAZY | RTLD_LOCAL | RTLD_DEEPBIND;
#endif
    (void)preloaded;
    return RTLD_LAZY | RTLD_LOCAL;
}

char *lq_db_extension_folder(void)
{
    char folder[4096];
    LQ_CLEANUP(lq_free) char *built = NULL;

    program_folder(folder, sizeof folder);
    built = lq_format("%slib/lq/extensions", folder);
    return access(built, F_OK) == 0 ? LQ_TAKE(built) : lq_format("%s../lib/lq/extensions", folder);
}

static void *open_library(void)
{
    /* As built (build/lib/lq), as installed (bin/../lib/lq), then the system's. */
    static const char *const places[] = { "lib/lq/libduckdb.so", "../lib/lq/libduckdb.so", NULL };
    char folder[4096];
    void *library = NULL;

    program_folder(folder, sizeof folder);
    for (size_t i = 0; !library && i < LQ_COUNT(places); i++) {
        LQ_CLEANUP(lq_free) char *path =
            places[i] ? lq_format("%s%s", folder, places[i]) : lq_strdup("libduckdb.so");

        if (!places[i] || access(path, F_OK) == 0)
            library = dlopen(path, open_flags());
    }
    if (!library)
        load_status =
            lq_error_set(&load_error, LQ_NOT_FOUND,
                         "cannot load libduckdb.so (looked in '%slib/lq' and '%s../lib/lq' "
                         "and the system's folders)\n%s",
                         folder, folder, dlerror());
    return library;
}

/* Fill a function pointer. It is copied as bytes: ISO C has no cast from dlsym's void pointer. */
static void look_up(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);

    if (!symbol)
        load_status =
            lq_error_set(&load_error, LQ_CORRUPT, "libduckdb.so is too old: it lacks %s()", name);
    memcpy(function, &symbol, size);
}

static void load(void)
{
    void *library = open_library();

    if (!library)
        return;
#define LOOK_UP(name) look_up(library, #name, &lq_duckdb.name##_, sizeof lq_duckdb.name##_);
    LQ_DUCKDB_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
}

enum lq_status lq_db_load(struct lq_error *err)
{
    pthread_once(&once, load);
    if (load_status != LQ_OK && err)
        *err = load_error;
    return load_status;
}
