/* SPDX-License-Identifier: MIT */
/* Sync to a folder: plans, taken names, obstacles, faults and kills at every step. */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "db/db.h"
#include "store/store.h"
#include "sync/remote.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lq/sync.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- faults: these stand in for libc's functions in the code under test ---- */

static atomic_long fault_calls; /* so far */
static long fault_at;           /* the call that fails, from 1; 0: none */
static int fault_errno;         /* 0: kill the process instead */

/* Whether this call is to fail. */
static bool trip(void)
{
    if (atomic_fetch_add(&fault_calls, 1) + 1 != fault_at)
        return false;
    if (fault_errno == 0)
        raise(SIGKILL);
    errno = fault_errno;
    return true;
}

#define FAULTY(type, name, params, ...)                                                            \
    type name params;                                                                              \
    type name params                                                                               \
    {                                                                                              \
        return trip() ? -1 : (type)syscall(SYS_##name, __VA_ARGS__);                               \
    }

/* A fault comes before the call, so a kill leaves it undone; the next call's is "after" this one. */
FAULTY(ssize_t, copy_file_range,
       (int from, off64_t *at, int to, off64_t *to_at, size_t len, unsigned flags), from, at, to,
       to_at, len, flags)
FAULTY(int, mkdirat, (int dir, const char *path, mode_t mode), dir, path, mode)
FAULTY(int, renameat2, (int dir, const char *from, int to_dir, const char *to, unsigned flags), dir,
       from, to_dir, to, flags)

FAULTY(int, linkat, (int dir, const char *path, int to_dir, const char *to, int flags), dir, path,
       to_dir, to, flags)

FAULTY(int, symlinkat, (const char *target, int dir, const char *path), target, dir, path)
FAULTY(int, unlinkat, (int dir, const char *path, int flags), dir, path, flags)

/* No test cuts the power, so nothing is really waited for. */
#define FAULTY_SYNC(name)                                                                          \
    int name(int fd);                                                                              \
    int name(int fd)                                                                               \
    {                                                                                              \
        return trip() ? -1 : 0;                                                                    \
    }

static atomic_long n_syncfs;

int syncfs(int fd)
{
    n_syncfs++;
    return trip() ? -1 : 0;
}

FAULTY_SYNC(fdatasync)
FAULTY_SYNC(fsync)

/* ---- a project and a destination in a folder of their own ---- */

struct world {
    char root[64];
    char *lq_dir, *dest;
    struct lq_project project;
    struct lq_store *store;
};

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    return remove(path);
}

static void world_release(struct world *world)
{
    lq_store_close(&world->store);
    nftw(world->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(world->lq_dir);
    free(world->dest);
}

static void world_init(struct world *world)
{
    /* Hundreds of small projects: in memory where the system has a place for that. */
    *world = (struct world){ 0 };
    snprintf(world->root, sizeof world->root, "%s/lq-sync-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!CHECK(mkdtemp(world->root) != NULL))
        exit(1);
    world->lq_dir = lq_path_join(world->root, "project/.lq");
    world->dest = lq_path_join(world->root, "store");
    world->project.lq_dir = world->lq_dir;
    if (!CHECK(lq_mkdirs(world->lq_dir, NULL) == LQ_OK) ||
        !CHECK(lq_store_open(&world->store, &world->project, NULL) == LQ_OK))
        exit(1);
}

static void write_file(const char *path, const char *text)
{
    LQ_CLEANUP(lq_free) char *folder = lq_strndup(path, (size_t)(lq_path_base(path) - path) - 1);
    FILE *file;

    CHECK(lq_mkdirs(folder, NULL) == LQ_OK);
    file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* A text that is the caller's; NULL: no such file. */
static char *read_text(const char *path)
{
    struct lq_buf text = LQ_BUF_INIT;

    if (lq_file_read(path, 1 << 20, &text, NULL) == LQ_OK)
        return lq_buf_detach(&text);
    lq_buf_release(&text);
    return NULL;
}

#define UID "0194f5a0-0000-7000-8000-0000deadbeef"
#define RUN8 "deadbeef"
#define FOLDER "date=2025-01-15/source=run"
#define NAME "001_build_143022"
#define PATH FOLDER "/" NAME ".parquet"
#define REMOTE_FOLDER "namespace=acme/project=app/hostname=ci-1/" FOLDER

static const struct lq_state_file run_1 = {
    .path = PATH,
    .run_uid = UID,
    .namespace_ = "acme",
    .project = "app",
    .hostname = "ci-1",
};

/* Record a run whose file holds `text`; sync takes recorded files for what they are. */
static void add_run(struct world *world, struct lq_state_file run, const char *text)
{
    LQ_CLEANUP(lq_free) char *path = lq_format("%s/logs/%s", world->lq_dir, run.path);
    char sha256[LQ_SHA256_HEX_BYTES];

    write_file(path, text);
    lq_sha256_hex(text, strlen(text), sha256);
    run.sha256 = sha256;
    run.size_bytes = (int64_t)strlen(text);
    CHECK(lq_state_add_file(world->store->state, &run, NULL) == LQ_OK);
}

/* `n` runs over three days, each file with other bytes. */
static void add_runs(struct world *world, int n)
{
    sqlite3 *sqlite = lq_state_sqlite(world->store->state);

    CHECK(sqlite3_exec(sqlite, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    for (int i = 1; i <= n; i++) {
        LQ_CLEANUP(lq_free) char *path =
            lq_format("date=2025-01-%02d/source=%s/%03d_b_143022.parquet", i % 3 + 1,
                      i % 2 ? "run" : "import", i);
        LQ_CLEANUP(lq_free) char *uid = lq_format("0194f5a0-0000-7000-8000-0000%08x", i);
        LQ_CLEANUP(lq_free) char *text = lq_format("file %d", i);
        struct lq_state_file run = run_1;

        run.path = path;
        run.run_uid = uid;
        add_run(world, run, text);
    }
    CHECK(sqlite3_exec(sqlite, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
}

static void check_text(const struct world *world, const char *below_dest, const char *want)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(world->dest, below_dest);
    LQ_CLEANUP(lq_free) char *text = read_text(path);

    CHECK_STR(text, want);
}

static int64_t sql_int(struct world *world, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;

    if (CHECK(sqlite3_prepare_v2(lq_state_sqlite(world->store->state), sql, -1, &statement, NULL) ==
              SQLITE_OK) &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* What lies at a destination. */
static int n_runs_there, n_other_files;

static int count_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    const bool run = lq_str_ends(lq_str_of(path), LQ_STR(".parquet")) && path[at->base] != '.';
    LQ_CLEANUP(lq_free) char *text = NULL;

    if (type != FTW_F)
        return 0;
    n_runs_there += run;
    n_other_files += !run;
    text = run ? read_text(path) : NULL;
    if (run)
        CHECK(text && strncmp(text, "file ", 5) == 0 && text[5] != '\0'); /* never half a file */
    return 0;
}

static int count_there(const char *dest)
{
    n_runs_there = n_other_files = 0;
    nftw(dest, count_entry, 16, FTW_PHYS);
    return n_runs_there;
}

static enum lq_sync_mode test_mode; /* of sync_to() */

/* Plan and apply; `counts` may be NULL. */
static enum lq_status sync_to(struct world *world, const char *dest, struct lq_sync_counts *counts,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
    const struct lq_sync_opts opts = { .now = 42, .mode = test_mode };

    LQ_TRY(lq_sync_plan_new(&plan, world->store, dest, &opts, err));
    return lq_sync_apply(plan, counts, err);
}

static size_t plan_count(struct world *world, const char *dest)
{
    const struct lq_sync_opts opts = { .mode = test_mode };
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

    if (!CHECK(lq_sync_plan_new(&plan, world->store, dest, &opts, NULL) == LQ_OK))
        return 0;
    return lq_sync_plan_file_count(plan);
}

/* ---- tests ---- */

static void test_first_sync(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
    struct lq_sync_counts counts;
    struct lq_error err = { 0 };

    world_init(&world);
    add_run(&world, run_1, "file 1");
    CHECK(lq_sync_plan_new(&plan, world.store, world.dest, NULL, &err) == LQ_OK);
    CHECK_STR(lq_sync_plan_destination(plan), world.dest);
    CHECK_INT(lq_sync_plan_file_count(plan), 1);
    CHECK_STR(lq_sync_plan_file(plan, 0)->path, PATH);
    CHECK_STR(lq_sync_plan_file(plan, 0)->remote_path, REMOTE_FOLDER "/" NAME ".parquet");
    CHECK_INT(lq_sync_plan_file(plan, 0)->size_bytes, 6);

    /* So far it was a dry run. */
    CHECK(access(world.dest, F_OK) != 0);
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM destination"), 0);

    CHECK(lq_sync_apply(plan, &counts, &err) == LQ_OK);
    CHECK_INT(counts.n_copied, 1);
    CHECK_INT(counts.n_copied_bytes, 6);
    CHECK(lq_sync_plan_file(plan, 0)->outcome == LQ_SYNC_COPIED);
    check_text(&world, REMOTE_FOLDER "/" NAME ".parquet", "file 1");
    CHECK_INT(count_there(world.dest), 1);
    CHECK_INT(n_other_files, 0);

    CHECK_INT(plan_count(&world, world.dest), 0);
    CHECK(sync_to(&world, world.dest, &counts, &err) == LQ_OK);
    CHECK_INT(counts.n_files, 0);
    CHECK_INT(sql_int(&world, "SELECT last_success FROM destination"), 42);

    /* Applying the same plan again is harmless. */
    CHECK(lq_sync_apply(plan, &counts, &err) == LQ_OK);
    CHECK_INT(count_there(world.dest), 1);
}

static void test_no_runs(void)
{
    LQ_CLEANUP(world_release) struct world world;
    struct lq_sync_counts counts;

    world_init(&world);
    CHECK(sync_to(&world, world.dest, &counts, NULL) == LQ_OK);
    CHECK_INT(counts.n_files, 0);
    CHECK(access(world.dest, F_OK) == 0);
}

static void test_only_what_is_new(void)
{
    LQ_CLEANUP(world_release) struct world world;
    struct lq_sync_counts counts;
    struct lq_state_file late = run_1;

    world_init(&world);
    add_runs(&world, 300);
    CHECK(sync_to(&world, world.dest, &counts, NULL) == LQ_OK);
    CHECK_INT(counts.n_copied, 300);
    late.path = "date=2024-01-01/source=run/301_late_000000.parquet";
    add_run(&world, late, "file 301");
    CHECK(sync_to(&world, world.dest, &counts, NULL) == LQ_OK);
    CHECK_INT(counts.n_files, 1);
    CHECK_INT(count_there(world.dest), 301);
    CHECK_INT(n_other_files, 0);
    /* Each destination has its own state. */
    world.dest[strlen(world.dest) - 1] = 'X';
    CHECK_INT(plan_count(&world, world.dest), 301);
}

static void test_local_files_that_are_none(void)
{
    static const char *const paths[] = {
        "date=2025-01-15/source=run/.001_build_143022.parquet", /* of a writer at work */
        "date=2025-01-15/source=run/.001_build_143022.parquet.tmp-deadbeef",
        "date=2025-01-15/source=run/notes.txt",
        "date=2025-01-15/001_build_143022.parquet",
        "other/source=run/001_build_143022.parquet",
        "001_build_143022.parquet",
        "date=2025-01-16",
    };
    LQ_CLEANUP(world_release) struct world world;

    world_init(&world);
    for (size_t i = 0; i < LQ_COUNT(paths); i++) {
        LQ_CLEANUP(lq_free) char *path = lq_format("%s/logs/%s", world.lq_dir, paths[i]);

        write_file(path, "x");
    }
    CHECK_INT(plan_count(&world, world.dest), 0);
}

static void test_hostile_identity(void)
{
    static const struct {
        const char *namespace_, *folder;
    } cases[] = {
        { "..", "namespace=~2E." },     { "../../x", "namespace=..~2F..~2Fx" },
        { "/etc", "namespace=~2Fetc" }, { "a\nb", "namespace=a~0Ab" },
        { "", "namespace=_" },          { NULL, "namespace=_" },
        { "null", "namespace=~6Eull" }, { "0123", "namespace=~30123" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(world_release) struct world world;
        LQ_CLEANUP(lq_free) char *there =
            lq_format("%s/project=app/hostname=ci-1/" PATH, cases[i].folder);
        struct lq_state_file run = run_1;

        TAP_CASE(cases[i].folder);
        world_init(&world);
        run.namespace_ = cases[i].namespace_;
        add_run(&world, run, "file 1");
        CHECK(sync_to(&world, world.dest, NULL, NULL) == LQ_OK);
        check_text(&world, there, "file 1");
        CHECK_INT(count_there(world.root), 2);
    }
}

static void test_taken_names(void)
{
    static const struct {
        const char *what, *plain, *own; /* at the destination before; NULL: nothing */
        enum lq_status status;
        enum lq_sync_outcome outcome;
        const char *name; /* that the run has in the end */
    } cases[] = {
        { "free", NULL, NULL, LQ_OK, LQ_SYNC_COPIED, NAME ".parquet" },
        { "same bytes", "file 1", NULL, LQ_OK, LQ_SYNC_PRESENT, NAME ".parquet" },
        { "other bytes", "file 2", NULL, LQ_OK, LQ_SYNC_COPIED, NAME "-" RUN8 ".parquet" },
        { "other size", "file 22", NULL, LQ_OK, LQ_SYNC_COPIED, NAME "-" RUN8 ".parquet" },
        { "own name ours", "file 2", "file 1", LQ_OK, LQ_SYNC_PRESENT, NAME "-" RUN8 ".parquet" },
        { "own name other", "file 2", "file 3", LQ_EXISTS, LQ_SYNC_FAILED, NULL },
        { "own name alone", NULL, "file 3", LQ_OK, LQ_SYNC_COPIED, NAME ".parquet" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(world_release) struct world world;
        LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
        LQ_CLEANUP(lq_free) char *folder = NULL;
        LQ_CLEANUP(lq_free) char *plain = NULL;
        LQ_CLEANUP(lq_free) char *own = NULL;
        struct lq_state_file other = run_1;
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].what);
        world_init(&world);
        folder = lq_path_join(world.dest, REMOTE_FOLDER);
        plain = lq_format("%s/%s.parquet", folder, NAME);
        own = lq_format("%s/%s-%s.parquet", folder, NAME, RUN8);
        if (cases[i].plain)
            write_file(plain, cases[i].plain);
        if (cases[i].own)
            write_file(own, cases[i].own);
        add_run(&world, run_1, "file 1");
        other.path = FOLDER "/002_b_143022.parquet";
        add_run(&world, other, "file 9");

        CHECK(lq_sync_plan_new(&plan, world.store, world.dest, NULL, NULL) == LQ_OK);
        CHECK_INT(lq_sync_apply(plan, NULL, &err), cases[i].status);
        CHECK_INT(lq_sync_plan_file(plan, 0)->outcome, cases[i].outcome);
        check_text(&world, REMOTE_FOLDER "/002_b_143022.parquet", "file 9");
        if (cases[i].name) {
            LQ_CLEANUP(lq_free) char *there = lq_format(REMOTE_FOLDER "/%s", cases[i].name);

            check_text(&world, there, "file 1");
            CHECK_STR(lq_sync_plan_file(plan, 0)->remote_path, there);
        } else {
            CHECK(strstr(err.message, "1 of 2 runs") != NULL);
            CHECK(strstr(lq_sync_plan_file(plan, 0)->error, "other bytes") != NULL);
        }
        if (cases[i].plain)
            check_text(&world, REMOTE_FOLDER "/" NAME ".parquet", cases[i].plain);
        CHECK_INT(plan_count(&world, world.dest), cases[i].name ? 0 : 1);
        CHECK_INT(count_there(world.dest), 1 + (cases[i].plain != NULL) + (cases[i].own != NULL) +
                                               (cases[i].outcome == LQ_SYNC_COPIED));
        CHECK_INT(n_other_files, 0);
    }
}

/* A run whose local name is its own already has no other to go to. */
static void test_own_name_from_the_start(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *there = NULL;
    struct lq_state_file run = run_1;

    world_init(&world);
    there = lq_format("%s/%s/%s-%s.parquet", world.dest, REMOTE_FOLDER, NAME, RUN8);
    run.path = FOLDER "/" NAME "-" RUN8 ".parquet";
    add_run(&world, run, "file 1");
    write_file(there, "file 2");
    CHECK_INT(sync_to(&world, world.dest, NULL, NULL), LQ_EXISTS);
    unlink(there);
    CHECK_INT(sync_to(&world, world.dest, NULL, NULL), LQ_OK);
    CHECK_INT(count_there(world.dest), 1);
}

/* Where reading is denied, the run goes to its own name; that one being taken too, it is ours. */
static void test_reading_denied(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *plain = NULL;
    LQ_CLEANUP(lq_free) char *own = NULL;
    LQ_CLEANUP(lq_free) char *folder = NULL;
    struct lq_sync_counts counts;
    const uid_t uid = geteuid();

    world_init(&world);
    folder = lq_path_join(world.dest, REMOTE_FOLDER);
    plain = lq_format("%s/%s.parquet", folder, NAME);
    own = lq_format("%s/%s-%s.parquet", folder, NAME, RUN8);
    add_run(&world, run_1, "file 1");
    write_file(plain, "file 2");
    CHECK(chmod(plain, 0) == 0 && chmod(folder, 0777) == 0 && chmod(world.root, 0755) == 0);
    if (uid == 0)
        CHECK(seteuid(65534) == 0);
    CHECK_INT(sync_to(&world, world.dest, &counts, NULL), LQ_OK);
    CHECK_INT(counts.n_copied, 1);
    CHECK(chmod(own, 0) == 0);
    CHECK(sqlite3_exec(lq_state_sqlite(world.store->state), "DELETE FROM synced", NULL, NULL,
                       NULL) == SQLITE_OK);
    CHECK_INT(sync_to(&world, world.dest, &counts, NULL), LQ_OK);
    CHECK_INT(counts.n_present, 1);
    CHECK(chmod(own, 0600) == 0);
    if (uid == 0)
        CHECK(seteuid(uid) == 0);
    chmod(plain, 0600);
    CHECK_INT(count_there(world.dest), 2);
}

/* Something of another kind is in the way of the file, or of a folder above it. */
static void test_obstacles(void)
{
    static const struct {
        const char *kind, *where;
        enum lq_status status;
        const char *message;
    } cases[] = {
        { "link", REMOTE_FOLDER "/" NAME ".parquet", LQ_OK, NULL },
        { "dangling", REMOTE_FOLDER "/" NAME ".parquet", LQ_OK, NULL },
        { "fifo", REMOTE_FOLDER "/" NAME ".parquet", LQ_OK, NULL },
        { "folder", REMOTE_FOLDER "/" NAME ".parquet", LQ_OK, NULL },
        { "link", "namespace=acme/project=app/hostname=ci-1", LQ_DENIED,
          "/store/namespace=acme/project=app/hostname=ci-1': it is a symbolic link" },
        { "link", "namespace=acme", LQ_DENIED, "/store/namespace=acme': it is a symbolic link" },
        { "dangling", REMOTE_FOLDER, LQ_DENIED, REMOTE_FOLDER "': it is a symbolic link" },
        { "file", "namespace=acme/project=app", LQ_NOT_FOUND, "project=app': Not a directory" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(world_release) struct world world;
        LQ_CLEANUP(lq_free) char *path = NULL;
        LQ_CLEANUP(lq_free) char *folder = NULL;
        LQ_CLEANUP(lq_free) char *victim = NULL;
        struct lq_error err = { 0 };
        const char *kind = cases[i].kind;

        TAP_CASE(cases[i].where);
        world_init(&world);
        add_run(&world, run_1, "file 1");
        path = lq_path_join(world.dest, cases[i].where);
        folder = lq_strndup(path, (size_t)(lq_path_base(path) - path) - 1);
        victim = lq_path_join(world.root, "victim");
        CHECK(lq_mkdirs(folder, NULL) == LQ_OK && mkdir(victim, 0777) == 0);
        CHECK((strcmp(kind, "link") == 0       ? symlink(victim, path)
               : strcmp(kind, "dangling") == 0 ? symlink("/nowhere", path)
               : strcmp(kind, "fifo") == 0     ? mkfifo(path, 0666)
               : strcmp(kind, "folder") == 0   ? mkdir(path, 0777)
                                               : (write_file(path, "file 7"), 0)) == 0);
        CHECK_INT(sync_to(&world, world.dest, NULL, &err), cases[i].status);
        if (cases[i].message && !CHECK(strstr(err.message, cases[i].message) != NULL))
            printf("#   %s\n", err.message);
        if (cases[i].status == LQ_OK)
            check_text(&world, REMOTE_FOLDER "/" NAME "-" RUN8 ".parquet", "file 1");
        CHECK(rmdir(victim) == 0); /* nothing was put where the link leads */
    }
}

/* A link shows whatever the local file holds; a copy is what was recorded. */
static void test_local_file_changed(void)
{
    static const struct lq_sync_opts opts = { .mode = LQ_SYNC_MODE_COPY };
    static const struct {
        const char *text; /* NULL: removed */
        enum lq_status status;
    } cases[] = {
        { "file 2", LQ_CORRUPT }, { "file", LQ_CORRUPT }, { "file 1 and more", LQ_CORRUPT },
        { "", LQ_CORRUPT },       { NULL, LQ_OK },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(world_release) struct world world;
        LQ_CLEANUP(lq_free) char *path = NULL;
        LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
        struct lq_sync_counts counts;
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].text);
        world_init(&world);
        path = lq_format("%s/logs/" PATH, world.lq_dir);
        add_runs(&world, 2);
        add_run(&world, run_1, "file 1");
        CHECK(lq_sync_plan_new(&plan, world.store, world.dest, &opts, &err) == LQ_OK);
        if (cases[i].text)
            write_file(path, cases[i].text);
        else
            unlink(path);
        CHECK_INT(lq_sync_apply(plan, &counts, &err), cases[i].status);
        CHECK_INT(counts.n_copied, 2);
        CHECK_INT(counts.n_failed, cases[i].status != LQ_OK);
        CHECK(cases[i].status == LQ_OK || strstr(err.message, PATH) != NULL);
        CHECK_INT(count_there(world.dest), 2);
        CHECK_INT(n_other_files, 0);
        CHECK(cases[i].status == LQ_OK ||
              sql_int(&world, "SELECT last_success FROM destination") == 0);

        /* Put right, the same plan goes on where it stopped. */
        write_file(path, "file 1");
        CHECK_INT(lq_sync_apply(plan, &counts, &err), LQ_OK);
        CHECK_INT(count_there(world.dest), 3);
    }
}

static void test_destinations(void)
{
    static const struct {
        const char *destination; /* %s: the world's root */
        enum lq_status status;
        const char *message; /* or the real path below the root */
    } cases[] = {
        { "%s/store", LQ_OK, "/store" },
        { "%s/store///", LQ_OK, "/store" },
        { "%s/a/b/../c", LQ_NOT_FOUND, "No such file" },
        { "%s/a/./b", LQ_NOT_FOUND, "No such file" },
        { "%s/new/deep/store", LQ_OK, "/new/deep/store" },
        { "%s/project/../store", LQ_OK, "/store" },
        { "%s/link-to-store", LQ_OK, "/real" },
        { "%s/it's \"quoted\" %%20", LQ_OK, "/it's \"quoted\" %20" },
        { "%s/dangling", LQ_NOT_FOUND, "a link: No such file" },
        { "%s/file", LQ_NOT_FOUND, "Not a directory" },
        { "%s/file/below", LQ_NOT_FOUND, "Not a directory" },
        { "%s/project/.lq/logs", LQ_BAD_INPUT, "lies in" },
        { "%s/project/.lq/logs/store", LQ_BAD_INPUT, "lies in" },
        { "%s/project/.lq/logs-too", LQ_OK, "/project/.lq/logs-too" },
        { "gs://bucket", LQ_BAD_INPUT, "neither a folder nor s3://" },
        { "s3://KEY:SECRET@bucket/lq", LQ_BAD_INPUT, "credentials" },
        { "", LQ_BAD_INPUT, "no destination" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(world_release) struct world world;
        LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
        LQ_CLEANUP(lq_buf_release) struct lq_buf destination = LQ_BUF_INIT;
        LQ_CLEANUP(lq_free) char *file = NULL;
        LQ_CLEANUP(lq_free) char *link = NULL;
        LQ_CLEANUP(lq_free) char *dangling = NULL;
        LQ_CLEANUP(lq_free) char *real = NULL;
        struct lq_error err = { 0 };
        const bool below = strncmp(cases[i].destination, "%s", 2) == 0;

        TAP_CASE(cases[i].destination);
        world_init(&world);
        add_run(&world, run_1, "file 1");
        file = lq_path_join(world.root, "file");
        link = lq_path_join(world.root, "link-to-store");
        dangling = lq_path_join(world.root, "dangling");
        real = lq_path_join(world.root, "real");
        write_file(file, "x");
        CHECK(mkdir(real, 0777) == 0 && symlink("real", link) == 0 &&
              symlink("nowhere", dangling) == 0);
        lq_buf_adds(&destination, below ? world.root : "");
        for (const char *at = cases[i].destination + (below ? 2 : 0); *at; at++) {
            lq_buf_addc(&destination, *at);
            at += at[0] == '%' && at[1] == '%';
        }
        CHECK_INT(lq_sync_plan_new(&plan, world.store, lq_buf_text(&destination), NULL, &err),
                  cases[i].status);
        if (cases[i].status != LQ_OK) {
            if (!CHECK(strstr(err.message, cases[i].message) != NULL))
                printf("#   %s\n", err.message);
            CHECK(strstr(err.message, "SECRET") == NULL);
            continue;
        }
        CHECK_STR(lq_sync_plan_destination(plan) + strlen(world.root), cases[i].message);
        CHECK_INT(lq_sync_apply(plan, NULL, &err), LQ_OK);
        CHECK_INT(plan_count(&world, lq_sync_plan_destination(plan)), 0);
        CHECK_INT(plan_count(&world, lq_buf_text(&destination)), 0);
    }
}

static void test_relative_destination(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

    world_init(&world);
    CHECK(chdir(world.root) == 0);
    CHECK(lq_sync_plan_new(&plan, world.store, "store", NULL, NULL) == LQ_OK);
    CHECK_STR(lq_sync_plan_destination(plan), world.dest);
    CHECK(chdir("/") == 0);
}

static void test_root_gone_or_replaced(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
    LQ_CLEANUP(lq_free) char *away = NULL;
    struct lq_error err = { 0 };

    world_init(&world);
    away = lq_path_join(world.root, "away");
    add_run(&world, run_1, "file 1");
    CHECK(sync_to(&world, world.dest, NULL, NULL) == LQ_OK);
    add_runs(&world, 1);
    CHECK(lq_sync_plan_new(&plan, world.store, world.dest, NULL, NULL) == LQ_OK);
    CHECK(rename(world.dest, away) == 0);
    CHECK_INT(sync_to(&world, world.dest, NULL, &err), LQ_NOT_FOUND);
    CHECK(strstr(err.message, "is it mounted?") != NULL);
    CHECK_INT(lq_sync_apply(plan, NULL, NULL), LQ_NOT_FOUND); /* gone since it was planned */
    CHECK(access(world.dest, F_OK) != 0);
    CHECK(rename(away, world.dest) == 0);

    CHECK(sqlite3_exec(lq_state_sqlite(world.store->state),
                       "UPDATE destination SET file_system ="
                       " 'type=1 device=1 id=1 inode=1 born=1'",
                       NULL, NULL, NULL) == SQLITE_OK);
    CHECK_INT(sync_to(&world, world.dest, NULL, &err), LQ_IO);
    CHECK(strstr(err.message, "another file system") != NULL);
    CHECK_INT(count_there(world.dest), 1);
}

static void test_same_file_system(void)
{
    static const struct {
        const char *what, *a, *b;
        bool same;
    } cases[] = {
        { "the same", "type=1 device=2 id=3 inode=4 born=5", "type=1 device=2 id=3 inode=4 born=5",
          true },
        { "root emptied and made anew", "type=1 device=2 id=3 inode=4 born=5",
          "type=1 device=2 id=3 inode=9 born=9", true },
        { "other device number after a reboot", "type=1 device=2 id=3 inode=4 born=5",
          "type=1 device=9 id=3 inode=4 born=5", true },
        { "device number and id changed (XFS)", "type=1 device=2 id=3 inode=4 born=5",
          "type=1 device=9 id=9 inode=4 born=5", true },
        { "share mounted again (NFS)", "type=1 device=2 id=0 inode=4 born=0",
          "type=1 device=9 id=0 inode=4 born=0", true },
        { "share not mounted", "type=1 device=2 id=0 inode=4 born=0",
          "type=2 device=9 id=8 inode=4 born=5", false },
        { "other disk of that type", "type=1 device=2 id=3 inode=4 born=5",
          "type=1 device=9 id=9 inode=4 born=9", false },
        { "no birth time", "type=1 device=2 id=3 inode=4 born=0",
          "type=1 device=9 id=9 inode=4 born=0", false },
        { "unreadable", "", "type=1 device=2 id=3 inode=4 born=5", false },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        TAP_CASE(cases[i].what);
        CHECK(lq_remote_dir.same_file_system(cases[i].a, cases[i].b) == cases[i].same);
    }
}

/* ---- the remote by itself ---- */

struct found {
    char paths[256];
    int64_t n_bytes;
};

static enum lq_status on_found(void *ctx, const char *path, int64_t size_bytes,
                               struct lq_error *err)
{
    struct found *found = ctx;
    const size_t len = strlen(found->paths);

    snprintf(found->paths + len, sizeof found->paths - len, "%s ", path);
    found->n_bytes += size_bytes;
    return LQ_OK;
}

static struct lq_remote *open_remote(struct world *world)
{
    static const struct lq_sync_opts opts = { .mode = LQ_SYNC_MODE_COPY };
    struct lq_place place = { 0 };
    struct lq_remote *remote = NULL;

    CHECK(lq_remote_dir.locate(world->dest, &opts, &place, NULL) == LQ_OK &&
          lq_remote_dir.open(&remote, &place, &opts, NULL) == LQ_OK);
    lq_place_release(&place);
    return remote;
}

static void test_list(void)
{
    static const struct {
        const char *folder, *paths;
        int64_t n_bytes;
    } cases[] = {
        { "a=1", "a=1/b=1/f.parquet ", 6 },
        { "a=1/_raw", "", 0 },
        { "a=2", "a=2/_raw/f.log.zst ", 3 },
        { "a=2/_raw", "a=2/_raw/f.log.zst ", 3 },
        { "a=3", "", 0 },
        { "a=1/b=1/f.parquet", "", 0 },
        { "away", "", 0 },
    };
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_remote_close) struct lq_remote *remote = NULL;

    world_init(&world);
    remote = open_remote(&world);
    CHECK(chdir(world.dest) == 0);
    write_file("./a=1/b=1/f.parquet", "file 1");
    write_file("./a=1/b=1/.lq-0123456789abcdef.tmp", "file 1");
    write_file("./a=2/_raw/f.log.zst", "raw");
    CHECK(symlink("../a=1", "away") == 0 && symlink("/etc/passwd", "a=1/link.parquet") == 0 &&
          mkfifo("a=1/fifo.parquet", 0666) == 0);
    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        struct found found = { 0 };

        TAP_CASE(cases[i].folder);
        CHECK_INT(lq_remote_dir.list(remote, cases[i].folder, on_found, &found, NULL), LQ_OK);
        CHECK_STR(found.paths, cases[i].paths);
        CHECK_INT(found.n_bytes, cases[i].n_bytes);
    }
    CHECK(chdir("/") == 0);
}

static void test_fetch_and_replace(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_remote_close) struct lq_remote *remote = NULL;
    LQ_CLEANUP(lq_free) char *good = NULL;
    LQ_CLEANUP(lq_free) char *there = NULL;
    struct lq_put put = { .folder = "a=1/b=1", .name = "f.parquet" };
    char bytes[16] = "";
    struct stat info;
    bool same = true;
    int fd;

    world_init(&world);
    remote = open_remote(&world);
    good = lq_path_join(world.root, "good");
    there = lq_path_join(world.dest, "a=1/b=1/f.parquet");
    write_file(good, "file 1");
    fd = open(good, O_RDWR);
    put.size_bytes = 6;
    lq_sha256_hex("file 1", 6, put.sha256);

    CHECK_INT(lq_remote_dir.same(remote, &put, &same, NULL), LQ_NOT_FOUND);
    CHECK_INT(lq_remote_dir.fetch(remote, &put, fd, NULL), LQ_NOT_FOUND);
    write_file(there, "file 2");
    CHECK_INT(lq_remote_dir.same(remote, &put, &same, NULL), LQ_OK);
    CHECK(!same);
    CHECK_INT(lq_remote_dir.replace(remote, &put, fd, NULL), LQ_OK);
    check_text(&world, "a=1/b=1/f.parquet", "file 1");
    CHECK_INT(lq_remote_dir.same(remote, &put, &same, NULL), LQ_OK);
    CHECK(same);
    CHECK(fstat(fd, &info) == 0 && !lq_remote_dir.is_source(remote, &put, &info));
    CHECK(unlink(there) == 0 && link(good, there) == 0);
    CHECK(lq_remote_dir.is_source(remote, &put, &info));

    /* The file itself, through a link: it is mended as any other. */
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_INT(lq_remote_dir.replace(remote, &put, fd, NULL), LQ_OK);
    CHECK(!lq_remote_dir.is_source(remote, &put, &info));
    check_text(&world, "a=1/b=1/f.parquet", "file 1");

    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK_INT(lq_remote_dir.fetch(remote, &put, fd, NULL), LQ_OK);
    CHECK(pread(fd, bytes, sizeof bytes, 0) == 6 && strcmp(bytes, "file 1") == 0);
    CHECK_INT(count_there(world.dest), 1);
    CHECK_INT(n_other_files, 0);
    close(fd);
}

static void test_sweep(void)
{
    static const struct {
        const char *name;
        bool swept;
    } cases[] = {
        { ".lq-0123456789abcdef.tmp", true },   { ".lq-0123456789abcdef.tmp2", false },
        { ".lq-0123456789abcdeg.tmp", false },  { ".lq-0123456789abcdef.parquet", false },
        { "lq-0123456789abcdef.tmp", false },   { ".lq-.tmp", false },
        { ".lq-0123456789abcdef0.tmp", false }, { "001_b_143022.parquet", false },
    };
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_remote_close) struct lq_remote *remote = NULL;

    world_init(&world);
    remote = open_remote(&world);
    CHECK(chdir(world.dest) == 0 && mkdir("a=1", 0777) == 0 && chdir("a=1") == 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < LQ_COUNT(cases); i++)
            if (round == 0)
                fclose(fopen(cases[i].name, "w"));
        lq_remote_dir.sweep(remote, "a=1", round == 0 ? LQ_US_PER_SECOND : INT64_MAX);
        for (size_t i = 0; i < LQ_COUNT(cases); i++) {
            TAP_CASE(cases[i].name);
            CHECK((access(cases[i].name, F_OK) == 0) == (round == 0 || !cases[i].swept));
        }
    }
    lq_remote_dir.sweep(remote, "a=2", INT64_MAX);
    CHECK(chdir("/") == 0);
}

/* A state.db of the first lq is taken on as it is. */
static void test_older_state(void)
{
    LQ_CLEANUP(world_release) struct world world;

    world_init(&world);
    add_runs(&world, 3);
    CHECK(sync_to(&world, world.dest, NULL, NULL) == LQ_OK);
    CHECK(sqlite3_exec(lq_state_sqlite(world.store->state),
                       "DROP TABLE failed; DROP TABLE scanned; DROP TABLE auto_sync;"
                       "ALTER TABLE synced DROP COLUMN raw_bytes;"
                       "ALTER TABLE destination DROP COLUMN naming;"
                       "ALTER TABLE destination DROP COLUMN mode;"
                       "ALTER TABLE destination DROP COLUMN last_error;"
                       "ALTER TABLE destination DROP COLUMN swept_at;"
                       "PRAGMA user_version = 1",
                       NULL, NULL, NULL) == SQLITE_OK);
    lq_store_close(&world.store);
    CHECK(lq_store_open(&world.store, &world.project, NULL) == LQ_OK);
    CHECK_INT(sql_int(&world, "PRAGMA user_version"), 5);
    CHECK_INT(plan_count(&world, world.dest), 0);
}

/* ---- what is looked at, and what is done about it ---- */

/* A day after the files were made, as far as the tests go. */
#define LATER (INT64_C(4000000000) * LQ_US_PER_SECOND)

static enum lq_status sync_with(struct world *world, struct lq_sync_opts opts,
                                struct lq_sync_counts *counts, struct lq_error *err)
{
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

    opts.now = LATER;
    LQ_TRY(lq_sync_plan_new(&plan, world->store, world->dest, &opts, err));
    return lq_sync_apply(plan, counts, err);
}

static char *there(const struct world *world, const char *name)
{
    return lq_format("%s/" REMOTE_FOLDER "/%s", world->dest, name);
}

static ino_t inode(const char *path)
{
    struct stat info;

    return CHECK(stat(path, &info) == 0) ? info.st_ino : 0;
}

/* Whether the one run at the destination is the local file itself. */
static bool is_linked(const struct world *world)
{
    LQ_CLEANUP(lq_free) char *path = there(world, NAME ".parquet");
    LQ_CLEANUP(lq_free) char *local = lq_format("%s/logs/" PATH, world->lq_dir);

    return inode(path) == inode(local);
}

/* A change of mode changes what is there, whole at every moment and once only. */
static void test_modes(void)
{
    static const struct {
        enum lq_sync_mode mode;
        bool linked;
        size_t n_copied;
    } rounds[] = {
        { LQ_SYNC_MODE_AUTO, true, 1 },  { LQ_SYNC_MODE_AUTO, true, 0 },
        { LQ_SYNC_MODE_COPY, false, 1 }, { LQ_SYNC_MODE_COPY, false, 0 },
        { LQ_SYNC_MODE_AUTO, true, 1 },
    };
    LQ_CLEANUP(world_release) struct world world;

    world_init(&world);
    add_run(&world, run_1, "file 1");
    for (size_t i = 0; i < LQ_COUNT(rounds); i++) {
        struct lq_sync_counts counts;

        CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .mode = rounds[i].mode }, &counts, NULL),
                  LQ_OK);
        CHECK_INT(counts.n_copied, rounds[i].n_copied);
        CHECK(is_linked(&world) == rounds[i].linked);
        check_text(&world, REMOTE_FOLDER "/" NAME ".parquet", "file 1");
        CHECK_INT(count_there(world.dest), 1);
        CHECK_INT(n_other_files, 0);
    }
}

/* A link would keep from others what a copy would show them. */
static void test_private_file_is_copied(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *local = NULL;
    const mode_t before = umask(022);

    world_init(&world);
    local = lq_format("%s/logs/" PATH, world.lq_dir);
    add_run(&world, run_1, "file 1");
    CHECK(chmod(local, 0600) == 0);
    CHECK_INT(sync_to(&world, world.dest, NULL, NULL), LQ_OK);
    CHECK(!is_linked(&world));
    umask(before);
}

static void add_raw(const struct world *world, const char *path, const char *text)
{
    LQ_CLEANUP(lq_free) char *raw = lq_format("%s/raw/%s", world->lq_dir, path);

    write_file(raw, text);
}

/* Raw logs follow their runs, whatever name those got, and also when they are asked for later. */
static void test_raw_logs(void)
{
    static const char raw[] = "namespace=acme/project=app/_raw/hostname=ci-1/" FOLDER "/" NAME;
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *taken = NULL;
    LQ_CLEANUP(lq_free) char *own = lq_format("%s-" RUN8 ".log.zst", raw);
    struct lq_sync_counts counts;
    struct lq_state_file second = run_1;

    world_init(&world);
    taken = there(&world, NAME ".parquet");
    write_file(taken, "file 2");
    add_run(&world, run_1, "file 1");
    add_raw(&world, FOLDER "/" NAME ".log.zst", "log 1");
    add_raw(&world, FOLDER "/003_of_no_run.log.zst", "log 3");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, &counts, NULL), LQ_OK);
    CHECK_INT(counts.n_raw, 0);
    for (int round = 0; round < 2; round++) {
        CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .include_raw = true }, &counts, NULL),
                  LQ_OK);
        CHECK_INT(counts.n_files, round == 0 ? 1 : 0);
        CHECK_INT(counts.n_copied_raw, round == 0 ? 1 : 0);
        check_text(&world, own, "log 1");
    }
    second.path = FOLDER "/002_b_143022.parquet";
    add_run(&world, second, "file 3");
    add_raw(&world, FOLDER "/002_b_143022.log.zst", "log 2");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .include_raw = true }, &counts, NULL),
              LQ_OK);
    CHECK_INT(counts.n_copied, 2);
    CHECK_INT(sql_int(&world, "SELECT count(raw_bytes) FROM synced"), 2);

    /* state.db lost: what is there is found, raw logs too. */
    CHECK(sqlite3_exec(lq_state_sqlite(world.store->state), "DELETE FROM synced", NULL, NULL,
                       NULL) == SQLITE_OK);
    CHECK(sqlite3_exec(lq_state_sqlite(world.store->state), "DELETE FROM scanned", NULL, NULL,
                       NULL) == SQLITE_OK);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .include_raw = true }, &counts, NULL),
              LQ_OK);
    CHECK_INT(counts.n_present, 4);
    count_there(world.dest);
    CHECK_INT(n_other_files, 2);
}

#define LEAF_SCANS "SELECT count(*) FROM scanned WHERE folder = '" FOLDER "'"

/* The folder of a run file is read only when it has changed; a run in it never goes unseen. */
static void test_folders_are_skipped(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *folder = NULL;
    LQ_CLEANUP(lq_free) char *local = NULL;
    struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    struct lq_sync_counts counts;
    struct lq_state_file second = run_1;

    world_init(&world);
    folder = lq_format("%s/logs/" FOLDER, world.lq_dir);
    local = lq_format("%s/bad.parquet", folder);
    add_run(&world, run_1, "file 1");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, &counts, NULL), LQ_OK);
    CHECK_INT(sql_int(&world, LEAF_SCANS), 1);
    second.path = FOLDER "/002_b_143022.parquet";
    add_run(&world, second, "file 2");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, &counts, NULL), LQ_OK);
    CHECK_INT(counts.n_copied, 1);

    /* To see that it is skipped, make it look unchanged when it is not. */
    CHECK(utimensat(AT_FDCWD, folder, times, 0) == 0);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, &counts, NULL), LQ_OK);
    second.path = FOLDER "/003_b_143022.parquet";
    add_run(&world, second, "file 3");
    CHECK(utimensat(AT_FDCWD, folder, times, 0) == 0);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, &counts, NULL), LQ_OK);
    CHECK_INT(counts.n_files, 0);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .force = true }, &counts, NULL), LQ_OK);
    CHECK_INT(counts.n_copied, 1);

    /* What may change in place keeps its folder under watch. */
    write_file(local, "");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, &counts, NULL),
              LQ_OK); /* empty: no need to ask libduckdb */
    CHECK_INT(sql_int(&world, LEAF_SCANS " AND mtime_ns <> 1000000000000"), 0);

    /* A time that is too near to now says nothing. */
    CHECK(unlink(local) == 0);
    times[1].tv_sec = LATER / LQ_US_PER_SECOND - 1;
    CHECK(utimensat(AT_FDCWD, folder, times, 0) == 0);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, &counts, NULL), LQ_OK);
    CHECK_INT(sql_int(&world, LEAF_SCANS " AND mtime_ns > 2000000000000"), 0);
}

static void set_time(const char *folder, time_t seconds)
{
    const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

    CHECK(utimensat(AT_FDCWD, folder, times, 0) == 0);
}

static void execute(const struct world *world, const char *sql)
{
    CHECK(sqlite3_exec(lq_state_sqlite(world->store->state), sql, NULL, NULL, NULL) == SQLITE_OK);
}

/* How many files a sync takes in hand. */
static size_t n_taken(struct world *world)
{
    struct lq_sync_counts counts = { 0 };

    CHECK_INT(sync_with(world, (struct lq_sync_opts){ 0 }, &counts, NULL), LQ_OK);
    return counts.n_files;
}

/* The folder of a date is read only when it has changed, or one of its folders is not known. */
static void test_dates_are_skipped(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *date = NULL;
    struct lq_state_file second = run_1;

    world_init(&world);
    date = lq_format("%s/logs/date=2025-01-15", world.lq_dir);
    add_run(&world, run_1, "file 1");
    set_time(date, 1000);
    CHECK_INT(n_taken(&world), 1);
    /* To see that it is skipped, make it look unchanged when it is not. */
    second.path = "date=2025-01-15/source=import/002_b_143022.parquet";
    add_run(&world, second, "file 2");
    set_time(date, 1000);
    CHECK_INT(n_taken(&world), 0);
    execute(&world, "DELETE FROM scanned WHERE folder LIKE '%/source=run'");
    CHECK_INT(n_taken(&world), 1);
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM scanned"), 3);

    /* A known date still has its folders looked into. */
    second.path = "date=2025-01-15/source=import/003_b_143022.parquet";
    add_run(&world, second, "file 3");
    CHECK_INT(n_taken(&world), 1);
    set_time(date, 2000);
    CHECK_INT(n_taken(&world), 0);
    second.path = "date=2025-01-15/source=capture/004_b_143022.parquet";
    add_run(&world, second, "file 4");
    CHECK_INT(n_taken(&world), 1);

    /* Days that sort between a day and its own folders; and what is gone is forgotten. */
    second.path = "date=2025-01-15-x/source=run/005_b_143022.parquet";
    add_run(&world, second, "file 5");
    CHECK_INT(n_taken(&world), 1);
    CHECK_INT(n_taken(&world), 0);
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM scanned"), 6);
    CHECK(nftw(date, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
    CHECK_INT(n_taken(&world), 0);
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM scanned"), 2);
}

/* Where times do not tell, a folder with the names that were all there is not compared file by file. */
static void test_known_names(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *folder = NULL;
    struct lq_state_file second = run_1;

    world_init(&world);
    folder = lq_format("%s/logs/" FOLDER, world.lq_dir);
    add_run(&world, run_1, "file 1");
    CHECK_INT(n_taken(&world), 1);
    /* To see that it is not, take away what it would be compared with. */
    execute(&world, "DELETE FROM synced");
    set_time(folder, 1000);
    CHECK_INT(n_taken(&world), 0);
    second.path = FOLDER "/002_b_143022.parquet";
    add_run(&world, second, "file 2");
    set_time(folder, 1001);
    CHECK_INT(n_taken(&world), 2);

    /* A run that was pruned and came back out of a backup is one to bring, as if it were new. */
    CHECK(lq_state_forget_file(world.store->state, second.path, NULL) == LQ_OK);
    add_run(&world, second, "file 2");
    set_time(folder, 1002);
    CHECK_INT(n_taken(&world), 1);
    CHECK_INT(n_taken(&world), 0);
}

/* A link that somebody removed: what was seen through it was never brought there. */
static void test_link_is_gone(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *link_path = NULL;
    LQ_CLEANUP(lq_free) char *in_folder = NULL;
    struct lq_state_file second = run_1;
    struct lq_sync_counts counts;

    world_init(&world);
    link_path = lq_format("%s/namespace=acme/project=app/hostname=ci-1", world.dest);
    in_folder = lq_format("%s/date=2020-01-01/source=run/001_x_000000.parquet", link_path);
    add_run(&world, run_1, "file 1");
    CHECK_INT(
        sync_with(&world, (struct lq_sync_opts){ .mode = LQ_SYNC_MODE_SYMLINK }, &counts, NULL),
        LQ_OK);
    CHECK(unlink(link_path) == 0);
    CHECK_INT(n_taken(&world), 1);

    /* The same when it could not be made, beside another's folder. */
    second.path = "date=2025-01-16/source=run/002_b_143022.parquet";
    add_run(&world, second, "file 2");
    execute(&world, "DELETE FROM synced; DELETE FROM scanned; DELETE FROM destination");
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM scanned"), 0);
    write_file(in_folder, "another's run");
    CHECK(sync_with(&world, (struct lq_sync_opts){ .mode = LQ_SYNC_MODE_SYMLINK }, &counts, NULL) !=
          LQ_OK);
    CHECK_INT(n_taken(&world), 2);
}

/* An older state.db knows nothing of the link that took the folder's place. */
static void test_link_is_unknown(void)
{
    LQ_CLEANUP(world_release) struct world world;
    struct lq_state_file second = run_1;
    struct lq_sync_counts counts;

    world_init(&world);
    add_run(&world, run_1, "file 1");
    CHECK_INT(
        sync_with(&world, (struct lq_sync_opts){ .mode = LQ_SYNC_MODE_SYMLINK }, &counts, NULL),
        LQ_OK);
    execute(&world, "UPDATE destination SET mode = 1");
    second.path = FOLDER "/002_b_143022.parquet";
    add_run(&world, second, "file 2");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .mode = LQ_SYNC_MODE_COPY }, &counts, NULL),
              LQ_OK);
    CHECK_INT(counts.n_copied, 2);
}

/* Once a day a sync that brings something removes what killed ones left, when it is a day old. */
static void test_stale_files(void)
{
    const int64_t day = 24 * 3600 * LQ_US_PER_SECOND, now = lq_time_now();
    const struct {
        int64_t now;
        bool left;
    } syncs[] = { { now - 2 * day, true },
                  { now, true },
                  { now + 23 * 3600 * LQ_US_PER_SECOND, true },
                  { now + day + 3600 * LQ_US_PER_SECOND, false } };
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *stale = NULL;
    LQ_CLEANUP(lq_free) char *foreign = NULL;

    world_init(&world);
    stale = there(&world, ".lq-0123456789abcdef.tmp");
    foreign = there(&world, ".other.tmp");
    for (int i = 0; i < (int)LQ_COUNT(syncs); i++) {
        LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
        const struct lq_sync_opts opts = { .now = syncs[i].now };
        LQ_CLEANUP(lq_free) char *path = lq_format(FOLDER "/%03d_b_143022.parquet", i);
        struct lq_state_file run = run_1;

        run.path = path;
        add_run(&world, run, "file 1");
        CHECK_INT(lq_sync_plan_new(&plan, world.store, world.dest, &opts, NULL), LQ_OK);
        CHECK_INT(lq_sync_apply(plan, NULL, NULL), LQ_OK);
        if (i == 0) {
            write_file(stale, "");
            write_file(foreign, "");
        }
        CHECK((access(stale, F_OK) == 0) == syncs[i].left);
        CHECK(access(foreign, F_OK) == 0);
    }
}

/* Folders that a killed sync made may not be on disk; the next one, which finds them, sees to it. */
static void test_folders_get_to_disk(void)
{
    LQ_CLEANUP(world_release) struct world world;
    int status;
    pid_t pid;

    world_init(&world);
    add_run(&world, run_1, "file 1");
    pid = fork();
    if (pid == 0) {
        fault_calls = 0;
        fault_errno = 0;
        fault_at = 9; /* past some mkdirat() */
        (void)!sync_to(&world, world.dest, NULL, NULL);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    n_syncfs = 0;
    CHECK_INT(n_taken(&world), 1);
    CHECK_INT(n_syncfs, 1);
    CHECK_INT(n_taken(&world), 0);
    CHECK_INT(n_syncfs, 1);

    /* The same when there is nothing new any more. */
    execute(&world, "UPDATE destination SET mode = mode | 32");
    CHECK_INT(n_taken(&world), 0);
    CHECK_INT(n_syncfs, 2);
    CHECK_INT(n_taken(&world), 0);
    CHECK_INT(n_syncfs, 2);
}

/* What has become of the one file at the destination, and what --force, --verify and --verify --deep do. */
static void test_verify(void)
{
    static const struct {
        const char *what, *text; /* NULL: it is gone */
        bool force, deep;
        size_t n_copied, n_verified;
        const char *after;
    } cases[] = {
        { "all is well", "file 1", false, false, 0, 1, "file 1" },
        { "all is well, deep", "file 1", false, true, 0, 1, "file 1" },
        { "gone", NULL, false, false, 1, 0, "file 1" },
        { "gone, deep", NULL, false, true, 1, 0, "file 1" },
        { "gone, force", NULL, true, false, 1, 0, "file 1" },
        { "cut", "file", false, false, 1, 0, "file 1" },
        { "cut, deep", "file", false, true, 1, 0, "file 1" },
        { "longer, force looks at names only", "file 11", true, false, 0, 1, "file 11" },
        { "changed, by size it is not seen", "file X", false, false, 0, 1, "file X" },
        { "changed, deep", "file X", false, true, 1, 0, "file 1" },
        { "longer", "file 1 and more", false, false, 1, 0, "file 1" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(world_release) struct world world;
        LQ_CLEANUP(lq_free) char *path = NULL;
        struct lq_sync_opts opts = { .mode = LQ_SYNC_MODE_COPY };
        struct lq_sync_counts counts;

        TAP_CASE(cases[i].what);
        world_init(&world);
        path = there(&world, NAME ".parquet");
        add_run(&world, run_1, "file 1");
        CHECK_INT(sync_with(&world, opts, NULL, NULL), LQ_OK);
        if (cases[i].text)
            write_file(path, cases[i].text);
        else
            CHECK(unlink(path) == 0);
        opts.force = cases[i].force;
        opts.verify = !cases[i].force;
        opts.deep = cases[i].deep;
        CHECK_INT(sync_with(&world, opts, &counts, NULL), LQ_OK);
        CHECK_INT(counts.n_copied, cases[i].n_copied);
        CHECK_INT(counts.n_verified, cases[i].n_verified);
        check_text(&world, REMOTE_FOLDER "/" NAME ".parquet", cases[i].after);
        CHECK_INT(count_there(world.dest), 1);
        CHECK_INT(n_other_files, 0);
    }
}

static void test_extra_files(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *path = NULL;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
    const struct lq_sync_opts opts = { .verify = true };

    world_init(&world);
    path = there(&world, "009_b_143022.parquet");
    add_run(&world, run_1, "file 1");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, NULL, NULL), LQ_OK);
    write_file(path, "file 9");
    CHECK_INT(lq_sync_plan_new(&plan, world.store, world.dest, &opts, NULL), LQ_OK);
    CHECK_INT(lq_sync_plan_file_count(plan), 0);
    if (CHECK_INT(lq_sync_plan_extra_count(plan), 1))
        CHECK_STR(lq_sync_plan_extra(plan, 0)->remote_path, REMOTE_FOLDER "/009_b_143022.parquet");
}

/* The local file of a link is damaged, and the one there with it: no copy is left to mend them by. */
static void test_damaged_link(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *local = NULL;
    struct lq_error err = { 0 };

    world_init(&world);
    local = lq_format("%s/logs/" PATH, world.lq_dir);
    add_run(&world, run_1, "file 1");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, NULL, NULL), LQ_OK);
    write_file(local, "file X");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .verify = true }, NULL, NULL), LQ_OK);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .verify = true, .deep = true }, NULL, &err),
              LQ_CORRUPT);
    CHECK(strstr(err.message, "which is a hard link to it") != NULL);
    write_file(local, "file 1");
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .verify = true, .deep = true }, NULL, NULL),
              LQ_OK);
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM failed"), 0);
}

struct told {
    int n_states;
    struct lq_sync_state last;
    char problem[512], reason[512];
};

static void on_state(void *ctx, const struct lq_sync_state *state)
{
    struct told *told = ctx;

    told->n_states++;
    told->last = *state;
    snprintf(told->problem, sizeof told->problem, "%s", state->problem ? state->problem : "");
    snprintf(told->reason, sizeof told->reason, "%s",
             state->n_failures ? state->failures[0].reason : "");
}

/* What failed is remembered with its reason until it is there. */
static void test_status(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *local = NULL;
    LQ_CLEANUP(lq_free) char *away = NULL;
    struct told told = { 0 };

    world_init(&world);
    local = lq_format("%s/logs/" PATH, world.lq_dir);
    away = lq_path_join(world.root, "away");
    add_run(&world, run_1, "file 1");
    CHECK_INT(lq_sync_status(world.store, world.dest, NULL, on_state, &told, NULL), LQ_OK);
    CHECK_INT(told.n_states, 1);
    CHECK(told.last.configured && !told.last.known && !*told.problem);
    CHECK_INT(told.last.n_pending, 1);

    write_file(local, "file 1 and more");
    CHECK_INT(sync_to(&world, world.dest, NULL, NULL), LQ_CORRUPT);
    CHECK_INT(lq_sync_status(world.store, world.dest, NULL, on_state, &told, NULL), LQ_OK);
    CHECK(strstr(told.reason, "has changed since") && strstr(told.problem, "has changed since"));
    CHECK_INT(told.last.n_failures, 1);
    CHECK_INT(told.last.n_pending, 1);
    CHECK_INT(told.last.last_success, 0);

    write_file(local, "file 1");
    CHECK_INT(sync_to(&world, world.dest, NULL, NULL), LQ_OK);
    CHECK_INT(lq_sync_status(world.store, world.dest, NULL, on_state, &told, NULL), LQ_OK);
    CHECK(told.last.n_failures == 0 && !*told.problem);
    CHECK_INT(told.last.n_present, 1);
    CHECK_INT(told.last.n_pending, 0);
    CHECK_INT(told.last.last_success, 42);

    CHECK(rename(world.dest, away) == 0);
    CHECK_INT(lq_sync_status(world.store, away, NULL, on_state, &told, NULL), LQ_OK);
    CHECK_INT(told.n_states, 5); /* that one is new, the other known */
    CHECK(!told.last.configured && strstr(told.problem, "is it mounted?"));
    CHECK_INT(told.last.n_present, 1);
}

/* Two plans made before either is applied; then several processes at once. */
static void test_two_at_once(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *a = NULL;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *b = NULL;
    struct lq_sync_counts counts;

    world_init(&world);
    add_runs(&world, 40);
    CHECK(lq_sync_plan_new(&a, world.store, world.dest, NULL, NULL) == LQ_OK);
    CHECK(lq_sync_plan_new(&b, world.store, world.dest, NULL, NULL) == LQ_OK);
    CHECK(lq_sync_apply(a, NULL, NULL) == LQ_OK);
    CHECK(lq_sync_apply(b, &counts, NULL) == LQ_OK);
    CHECK_INT(counts.n_present, 40);
    CHECK_INT(count_there(world.dest), 40);

    world.dest[strlen(world.dest) - 1] = 'X';
    lq_store_close(&world.store); /* SQLite connections do not cross a fork */
    fflush(stdout);
    for (int i = 0; i < 4; i++) {
        struct lq_error err = { 0 };

        if (fork() != 0)
            continue;
        if (lq_store_open(&world.store, &world.project, &err) == LQ_OK &&
            sync_to(&world, world.dest, NULL, &err) == LQ_OK)
            _exit(0);
        printf("#   %s\n", err.message);
        fflush(stdout);
        _exit(1);
    }
    for (int i = 0; i < 4; i++) {
        int ended = 0;

        CHECK(wait(&ended) > 0 && ended == 0);
    }
    CHECK(lq_store_open(&world.store, &world.project, NULL) == LQ_OK);
    CHECK_INT(count_there(world.dest), 40);
    CHECK_INT(n_other_files, 0);
    CHECK_INT(plan_count(&world, world.dest), 0);
}

/*
 * The n-th call of those above fails, or the process is killed before it, for every n of a sync of
 * `n_runs` files: what is visible is whole, the answer told the truth, the next sync finishes.
 */
static bool fault_once(int n_runs, long at, int error)
{
    LQ_CLEANUP(world_release) struct world world;
    struct lq_sync_counts counts;
    int ended = 0;
    pid_t child;
    bool reached;

    world_init(&world);
    add_runs(&world, n_runs);
    lq_store_close(&world.store);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        fault_calls = 0;
        fault_errno = error;
        fault_at = at;
        if (lq_store_open(&world.store, &world.project, NULL) != LQ_OK)
            _exit(1);
        ended = sync_to(&world, world.dest, NULL, NULL) != LQ_OK;
        _exit(ended | (fault_calls < at ? 2 : 0));
    }
    CHECK(waitpid(child, &ended, 0) == child);
    CHECK(lq_store_open(&world.store, &world.project, NULL) == LQ_OK);
    reached = WIFSIGNALED(ended) || !(WEXITSTATUS(ended) & 2);
    CHECK(error || !reached || WIFSIGNALED(ended));
    count_there(world.dest);
    if (WIFEXITED(ended) && !(WEXITSTATUS(ended) & 1))
        CHECK_INT(n_runs_there, n_runs);
    /* A leftover of a kill is invisible to readers; a failure leaves none. */
    CHECK(error == 0 || n_other_files == 0);
    CHECK_INT(sync_to(&world, world.dest, &counts, NULL), LQ_OK);
    CHECK_INT(count_there(world.dest), n_runs);
    CHECK_INT(plan_count(&world, world.dest), 0);
    return reached;
}

/* ---- mode symlink ---- */

#define HOST "namespace=acme/project=app/hostname=ci-1"

static bool is_link(const struct world *world)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(world->dest, HOST);
    struct stat info;

    return CHECK(lstat(path, &info) == 0) && S_ISLNK(info.st_mode);
}

/* Runs that a reader finds who follows the link, as lq does. */
static int count_visible(const struct world *world)
{
    LQ_CLEANUP(lq_free) char *path = lq_format("%s/" HOST "/.", world->dest);

    return count_there(path);
}

static void test_symlink(void)
{
    static const enum lq_sync_mode modes[] = { LQ_SYNC_MODE_SYMLINK, LQ_SYNC_MODE_SYMLINK,
                                               LQ_SYNC_MODE_AUTO,    LQ_SYNC_MODE_SYMLINK,
                                               LQ_SYNC_MODE_COPY,    LQ_SYNC_MODE_SYMLINK };
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *parent = NULL;

    world_init(&world);
    parent = lq_format("%s/namespace=acme/project=app", world.dest);
    add_runs(&world, 40);
    for (size_t i = 0; i < LQ_COUNT(modes); i++) {
        struct lq_sync_counts counts;
        struct lq_error err = { 0 };
        const bool again = i > 0 && modes[i] == modes[i - 1];

        CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .mode = modes[i] }, &counts, &err),
                  LQ_OK);
        CHECK_STR(err.message, "");
        CHECK_INT(counts.n_copied, again ? 0 : modes[i] == LQ_SYNC_MODE_SYMLINK ? 1 : 40);
        CHECK(is_link(&world) == (modes[i] == LQ_SYNC_MODE_SYMLINK));
        CHECK_INT(count_visible(&world), 40);
        CHECK_INT(n_other_files, 0);
        /* Nothing is left beside it. */
        CHECK_INT(count_there(parent), is_link(&world) ? 0 : 40);
        CHECK_INT(count_there(world.lq_dir), 40);
    }
}

static void test_symlink_refused(void)
{
    static const struct {
        const char *what, *path, *text, *message;
    } cases[] = {
        { "a run of another clone", FOLDER "/009_b_143022.parquet", "file 9",
          "it holds 1 file that this project does not have, such as '" FOLDER
          "/009_b_143022.parquet'" },
        { "this run with other bytes", PATH, "file X", "such as '" PATH "'" },
        { "something else", "notes.txt", "notes", "such as 'notes.txt'" },
        { "of a writer at work", FOLDER "/.lq-0123456789abcdef.tmp", "file 1", "such as" },
        { "deeper", "a/b/c/d", "x", "such as 'a/b/c'" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(world_release) struct world world;
        LQ_CLEANUP(lq_free) char *path = NULL;
        LQ_CLEANUP(lq_free) char *own = NULL;
        LQ_CLEANUP(lq_free) char *shown = NULL;
        struct lq_error err = { 0 };

        TAP_CASE(cases[i].what);
        world_init(&world);
        add_run(&world, run_1, "file 1");
        path = lq_format("%s/" HOST "/%s", world.dest, cases[i].path);
        write_file(path, cases[i].text);
        /* What this project has, under another name too, is no obstacle. */
        own = lq_format("%s/" HOST "/" FOLDER "/" NAME "-" RUN8 ".parquet", world.dest);
        write_file(own, "file 1");
        CHECK_INT(
            sync_with(&world, (struct lq_sync_opts){ .mode = LQ_SYNC_MODE_SYMLINK }, NULL, &err),
            LQ_EXISTS);
        if (!CHECK(strstr(err.message, cases[i].message) != NULL))
            printf("#   %s\n", err.message);
        CHECK(!is_link(&world));
        shown = read_text(path);
        CHECK_STR(shown, cases[i].text);
        CHECK(access(own, F_OK) == 0);
        CHECK(unlink(path) == 0);
    }
}

static void test_link_of_another(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *path = NULL;
    LQ_CLEANUP(lq_free) char *parent = NULL;
    char target[64];
    struct lq_error err = { 0 };

    world_init(&world);
    add_run(&world, run_1, "file 1");
    path = lq_path_join(world.dest, HOST);
    parent = lq_format("%s/namespace=acme/project=app", world.dest);
    CHECK(lq_mkdirs(parent, NULL) == LQ_OK && symlink("/nowhere/.lq/logs", path) == 0);
    CHECK(sync_with(&world, (struct lq_sync_opts){ .mode = LQ_SYNC_MODE_SYMLINK }, NULL, &err) !=
          LQ_OK);
    CHECK(strstr(err.message, HOST "' a link: File exists") != NULL);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ 0 }, NULL, &err), LQ_DENIED);
    CHECK_INT(readlink(path, target, sizeof target), 17);
}

/* Switching is killed, or fails, at every step: all runs are to be seen, each once, and the next sync
 * finishes. */
static bool switch_once(enum lq_sync_mode from, enum lq_sync_mode to, bool back, long at, int error)
{
    int n_runs = 6;
    LQ_CLEANUP(world_release) struct world world;
    int ended = 0;
    pid_t child;
    bool reached;

    world_init(&world);
    add_runs(&world, 6);
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .mode = from }, NULL, NULL), LQ_OK);
    lq_store_close(&world.store);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        fault_calls = 0;
        fault_errno = error;
        fault_at = at;
        if (lq_store_open(&world.store, &world.project, NULL) != LQ_OK)
            _exit(1);
        ended = sync_with(&world, (struct lq_sync_opts){ .mode = to }, NULL, NULL) != LQ_OK;
        _exit(ended | (fault_calls < at ? 2 : 0));
    }
    CHECK(waitpid(child, &ended, 0) == child);
    reached = WIFSIGNALED(ended) || !(WEXITSTATUS(ended) & 2);
    CHECK_INT(count_visible(&world), 6);
    if (WIFEXITED(ended) && !(WEXITSTATUS(ended) & 1))
        CHECK(is_link(&world) == (to == LQ_SYNC_MODE_SYMLINK));
    CHECK(lq_store_open(&world.store, &world.project, NULL) == LQ_OK);
    if (back) {
        /* Whatever it is half way, there is a way back, also with something new to bring. */
        add_runs(&world, 7);
        to = from;
        n_runs = 7;
    }
    CHECK_INT(sync_with(&world, (struct lq_sync_opts){ .mode = to }, NULL, NULL), LQ_OK);
    CHECK(is_link(&world) == (to == LQ_SYNC_MODE_SYMLINK));
    CHECK_INT(count_visible(&world), n_runs);
    CHECK_INT(count_there(world.lq_dir), n_runs);
    /* Engines that look into folders whose names begin with a dot find nothing twice either. */
    if (!back)
        CHECK_INT(count_there(world.dest), is_link(&world) ? 0 : 6);
    return reached;
}

static void test_switching_with_faults(void)
{
    static const struct {
        const char *what;
        enum lq_sync_mode from, to;
        int error;
        bool back;
    } cases[] = {
        { "killed, links to symlink", LQ_SYNC_MODE_AUTO, LQ_SYNC_MODE_SYMLINK, 0, false },
        { "killed, links to symlink and back", LQ_SYNC_MODE_AUTO, LQ_SYNC_MODE_SYMLINK, 0, true },
        { "killed, symlink to links and back", LQ_SYNC_MODE_SYMLINK, LQ_SYNC_MODE_AUTO, 0, true },
        { "killed, symlink to links", LQ_SYNC_MODE_SYMLINK, LQ_SYNC_MODE_AUTO, 0, false },
        { "killed, symlink to copies", LQ_SYNC_MODE_SYMLINK, LQ_SYNC_MODE_COPY, 0, false },
        { "killed, links to copies", LQ_SYNC_MODE_AUTO, LQ_SYNC_MODE_COPY, 0, false },
        { "EIO, links to symlink", LQ_SYNC_MODE_AUTO, LQ_SYNC_MODE_SYMLINK, EIO, false },
        { "EIO, symlink to copies", LQ_SYNC_MODE_SYMLINK, LQ_SYNC_MODE_COPY, EIO, false },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        long n = 1;

        TAP_CASE(cases[i].what);
        while (switch_once(cases[i].from, cases[i].to, cases[i].back, n, cases[i].error))
            n++;
        CHECK(n > 6);
    }
}

static void test_faults(void)
{
    static const struct {
        const char *what;
        int n_runs, error;
        enum lq_sync_mode mode;
    } cases[] = {
        { "killed, few copies", 6, 0, LQ_SYNC_MODE_COPY },
        { "killed, many copies", 32, 0, LQ_SYNC_MODE_COPY },
        { "EIO, few copies", 6, EIO, LQ_SYNC_MODE_COPY },
        { "EIO, many copies", 32, EIO, LQ_SYNC_MODE_COPY },
        { "ENOSPC, few copies", 6, ENOSPC, LQ_SYNC_MODE_COPY },
        { "EXDEV, few copies", 6, EXDEV, LQ_SYNC_MODE_COPY },
        { "EINTR, few copies", 6, EINTR, LQ_SYNC_MODE_COPY },
        { "EACCES, few copies", 6, EACCES, LQ_SYNC_MODE_COPY },
        { "killed, many links", 32, 0, LQ_SYNC_MODE_AUTO },
        { "EXDEV, few links", 6, EXDEV, LQ_SYNC_MODE_AUTO },
        { "EIO, few links", 6, EIO, LQ_SYNC_MODE_AUTO },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        long n = 1;

        TAP_CASE(cases[i].what);
        test_mode = cases[i].mode;
        while (fault_once(cases[i].n_runs, n, cases[i].error))
            n++;
        CHECK(n > cases[i].n_runs); /* the faults did hit */
    }
    test_mode = LQ_SYNC_MODE_AUTO;
}

static bool is_loaded(const char *library)
{
    char *line = NULL;
    size_t size = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    bool found = false;

    while (maps && getline(&line, &size, maps) > 0)
        found = found || strstr(line, library);
    if (maps)
        fclose(maps);
    free(line);
    return found;
}

/* Nothing above needed the database engine. Runs before the first test that does. */
static void test_engine_not_loaded(void)
{
    CHECK(!is_loaded("libduckdb"));
}

/* Files that state.db does not know say themselves whose they are; those that are none are left. */
static void test_unknown_files(void)
{
    static const char *const bad[] = { "", "PAR1", "garbage" };
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_db_close) struct lq_db *db = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *good = NULL;
    LQ_CLEANUP(lq_free) char *foreign = NULL;
    LQ_CLEANUP(lq_free) char *fifo = NULL;
    struct lq_sync_counts counts;
    struct lq_error err = { 0 };

    world_init(&world);
    for (size_t i = 0; i < LQ_COUNT(bad); i++) {
        LQ_CLEANUP(lq_free) char *path =
            lq_format("%s/logs/" FOLDER "/bad%zu.parquet", world.lq_dir, i);

        write_file(path, bad[i]);
    }
    good = lq_format("%s/logs/" FOLDER "/[a]*?'.parquet", world.lq_dir);
    foreign = lq_format("%s/logs/" FOLDER "/foreign.parquet", world.lq_dir);
    fifo = lq_format("%s/logs/" FOLDER "/fifo.parquet", world.lq_dir);
    CHECK(mkfifo(fifo, 0666) == 0);
    if (!CHECK(lq_db_open(&db, NULL, &err) == LQ_OK)) {
        printf("#   %s\n", err.message);
        return;
    }
    lq_buf_adds(&sql, "COPY (SELECT '" UID "' AS run_uid, 'ac/me' AS namespace, 'app' AS project,"
                      " NULL::VARCHAR AS hostname) TO ");
    lq_db_add_literal(&sql, good);
    lq_buf_adds(&sql, " (FORMAT parquet); COPY (SELECT 1 AS x) TO ");
    lq_db_add_literal(&sql, foreign);
    lq_buf_adds(&sql, " (FORMAT parquet)");
    if (!CHECK(lq_db_script(db, lq_buf_text(&sql), &err) == LQ_OK)) {
        printf("#   %s\n", err.message);
        return;
    }

    for (int round = 0; round < 2; round++) {
        LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

        if (!CHECK(lq_sync_plan_new(&plan, world.store, world.dest, NULL, &err) == LQ_OK))
            return;
        CHECK_INT(lq_sync_plan_file_count(plan), round == 0 ? 1 : 0);
        CHECK_INT(lq_sync_plan_skip_count(plan), 5);
        CHECK_STR(lq_sync_plan_skip(plan, 0)->path, FOLDER "/bad0.parquet");
        CHECK(strncmp(lq_sync_plan_skip(plan, 0)->reason, "not a run file", 14) == 0);
        CHECK(lq_sync_apply(plan, &counts, &err) == LQ_OK);
        CHECK_INT(counts.n_copied, round == 0 ? 1 : 0);
    }
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM file"), 1);
    CHECK_INT(sql_int(&world, "SELECT count(*) FROM bad_file"), 5);
    CHECK(access(foreign, F_OK) == 0);
    good = (lq_free(&good),
            lq_format("%s/namespace=ac~2Fme/project=app/hostname=_/" FOLDER "/[a]*?'.parquet",
                      world.dest));
    CHECK(access(good, F_OK) == 0);

    /* state.db lost: what is there is found again, and nothing is stored twice. */
    CHECK(sqlite3_exec(lq_state_sqlite(world.store->state),
                       "DELETE FROM file; DELETE FROM bad_file; DELETE FROM synced;"
                       "DELETE FROM destination",
                       NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sync_to(&world, world.dest, &counts, &err) == LQ_OK);
    CHECK_INT(counts.n_present, 1);
    CHECK_INT(counts.n_copied, 0);
}

int main(void)
{
    TAP_RUN(test_first_sync);
    TAP_RUN(test_no_runs);
    TAP_RUN(test_only_what_is_new);
    TAP_RUN(test_local_files_that_are_none);
    TAP_RUN(test_hostile_identity);
    TAP_RUN(test_taken_names);
    TAP_RUN(test_own_name_from_the_start);
    TAP_RUN(test_reading_denied);
    TAP_RUN(test_obstacles);
    TAP_RUN(test_local_file_changed);
    TAP_RUN(test_destinations);
    TAP_RUN(test_relative_destination);
    TAP_RUN(test_root_gone_or_replaced);
    TAP_RUN(test_same_file_system);
    TAP_RUN(test_list);
    TAP_RUN(test_fetch_and_replace);
    TAP_RUN(test_sweep);
    TAP_RUN(test_older_state);
    TAP_RUN(test_modes);
    TAP_RUN(test_private_file_is_copied);
    TAP_RUN(test_raw_logs);
    TAP_RUN(test_extra_files);
    TAP_RUN(test_status);
    TAP_RUN(test_two_at_once);
    TAP_RUN(test_symlink);
    TAP_RUN(test_symlink_refused);
    TAP_RUN(test_link_of_another);
    TAP_RUN(test_switching_with_faults);
    TAP_RUN(test_faults);
    TAP_RUN(test_engine_not_loaded);
    TAP_RUN(test_unknown_files);
    TAP_RUN(test_folders_are_skipped);
    TAP_RUN(test_dates_are_skipped);
    TAP_RUN(test_known_names);
    TAP_RUN(test_link_is_gone);
    TAP_RUN(test_link_is_unknown);
    TAP_RUN(test_stale_files);
    TAP_RUN(test_folders_get_to_disk);
    TAP_RUN(test_verify);
    TAP_RUN(test_damaged_link);
    return tap_done();
}
