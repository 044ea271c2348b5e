/* SPDX-License-Identifier: MIT */
/* sync.auto: one at a time, and no run waits for the one after it. */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include "store/store.h"
#include <fcntl.h>
#include <ftw.h>
#include <lq/auto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a project and a store ---- */

struct world {
    char root[32];
    char *lq_dir, *dest;
    struct lq_project project;
    struct lq_store *store;
    int n_syncs;
    int add_in; /* the sync during which another run is recorded; 0: none */
    enum lq_status last;
    bool was_running; /* as others see it during a sync */
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
    *world = (struct world){ .root = "/tmp/lq-auto-XXXXXX" };
    if (!CHECK(mkdtemp(world->root) != NULL))
        exit(1);
    world->lq_dir = lq_path_join(world->root, "project/.lq");
    world->dest = lq_path_join(world->root, "store");
    world->project.lq_dir = world->lq_dir;
    if (!CHECK(lq_mkdirs(world->lq_dir, NULL) == LQ_OK) ||
        !CHECK(lq_store_open(&world->store, &world->project, NULL) == LQ_OK))
        exit(1);
}

/* Record run `n`; `whole`: its file is as state.db says. */
static void add_run(struct world *world, int n, bool whole)
{
    LQ_CLEANUP(lq_free) char *text = lq_format("file %d", n);
    LQ_CLEANUP(lq_free) char *uid = lq_format("0194f5a0-0000-7000-8000-%012d", n);
    LQ_CLEANUP(lq_free) char *name =
        lq_format("date=2025-01-15/source=run/%03d_b_143022.parquet", n);
    LQ_CLEANUP(lq_free) char *path = lq_format("%s/logs/%s", world->lq_dir, name);
    LQ_CLEANUP(lq_free) char *folder = lq_strndup(path, (size_t)(lq_path_base(path) - path) - 1);
    char sha256[LQ_SHA256_HEX_BYTES];
    const struct lq_state_file run = {
        .path = name,
        .size_bytes = (int64_t)strlen(text),
        .sha256 = sha256,
        .run_uid = uid,
        .namespace_ = "n",
        .project = "p",
        .hostname = "h",
    };
    FILE *file;

    lq_sha256_hex(whole ? text : "", whole ? strlen(text) : 0, sha256);
    CHECK(lq_mkdirs(folder, NULL) == LQ_OK);
    file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
    CHECK(lq_state_add_file(world->store->state, &run, NULL) == LQ_OK);
}

static void on_done(void *ctx, const struct lq_sync_plan *plan, enum lq_status status,
                    const struct lq_error *problem)
{
    struct world *world = ctx;

    world->n_syncs++;
    world->last = status;
    world->was_running = lq_auto_is_running(&world->project);
    if (world->n_syncs == world->add_in)
        add_run(world, 100 + world->n_syncs, true);
}

/* A copy is compared with what was recorded; a link is not. */
static const struct lq_sync_opts opts = { .now = 42, .mode = LQ_SYNC_MODE_COPY };

static enum lq_status auto_sync(struct world *world, struct lq_error *err)
{
    world->n_syncs = 0;
    return lq_auto_sync(world->store, world->dest, &opts, false, on_done, world, err);
}

static size_t count_pending(struct world *world)
{
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

    CHECK(lq_sync_plan_new(&plan, world->store, world->dest, &opts, NULL) == LQ_OK);
    return plan ? lq_sync_plan_file_count(plan) : 0;
}

/* ---- tests ---- */

static void test_a_run_that_comes_meanwhile(void)
{
    LQ_CLEANUP(world_release) struct world world;

    world_init(&world);
    add_run(&world, 1, true);
    world.add_in = 1;
    CHECK(auto_sync(&world, NULL) == LQ_OK);
    /* Its process saw the lock taken and went away. */
    CHECK(world.was_running);
    CHECK_INT(world.n_syncs, 2);
    CHECK_INT(count_pending(&world), 0);
    CHECK(!lq_auto_is_running(&world.project));
}

static void test_what_fails_is_not_tried_for_ever(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *problem = NULL, *none = NULL;
    struct lq_error err = { 0 };
    int64_t when;

    world_init(&world);
    add_run(&world, 1, false);
    CHECK(auto_sync(&world, &err) == LQ_CORRUPT);
    CHECK_INT(world.n_syncs, 1);
    CHECK(lq_auto_problem(world.store, world.dest, &problem, &when, NULL) == LQ_OK);
    CHECK_STR(problem, err.message);
    CHECK_INT(when, 42);

    /* But a new run is, and is there afterwards. */
    world.add_in = 1;
    CHECK(auto_sync(&world, &err) == LQ_CORRUPT);
    CHECK_INT(world.n_syncs, 2);
    CHECK_INT(count_pending(&world), 1);

    add_run(&world, 1, true);
    world.add_in = 0;
    CHECK(auto_sync(&world, &err) == LQ_OK);
    CHECK(lq_auto_problem(world.store, world.dest, &none, &when, NULL) == LQ_OK);
    CHECK_STR(none, NULL);
}

static void test_a_destination_that_is_gone(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *moved = NULL;
    LQ_CLEANUP(lq_free) char *problem = NULL;
    struct lq_error err = { 0 };
    int64_t when;

    world_init(&world);
    add_run(&world, 1, true);
    CHECK(auto_sync(&world, &err) == LQ_OK);
    moved = lq_format("%s-elsewhere", world.dest);
    CHECK(rename(world.dest, moved) == 0);
    add_run(&world, 2, true);
    CHECK(auto_sync(&world, &err) == LQ_NOT_FOUND);
    CHECK_INT(world.n_syncs, 1);
    CHECK(lq_auto_problem(world.store, world.dest, &problem, &when, NULL) == LQ_OK);
    CHECK_STR(problem, err.message);
}

static void test_the_lock(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *path = NULL;
    LQ_CLEANUP(lq_close) int fd = -1;
    int ready[2], status;
    pid_t child;

    world_init(&world);
    add_run(&world, 1, true);
    path = lq_format("%s/sync.lock", world.lq_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    CHECK(flock(fd, LOCK_EX) == 0);
    CHECK(lq_auto_is_running(&world.project));
    CHECK(auto_sync(&world, NULL) == LQ_OK);
    CHECK_INT(world.n_syncs, 0);
    lq_close(&fd);
    CHECK(!lq_auto_is_running(&world.project));

    /* Of a process that was killed nothing is left. */
    CHECK(pipe(ready) == 0);
    child = fork();
    if (child == 0) {
        fd = open(path, O_RDWR | O_CREAT, 0666);
        if (flock(fd, LOCK_EX) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    CHECK(read(ready[0], &(char){ 0 }, 1) == 1);
    CHECK(lq_auto_is_running(&world.project));
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    CHECK(auto_sync(&world, NULL) == LQ_OK);
    CHECK_INT(world.n_syncs, 1);
    close(ready[0]);
    close(ready[1]);
}

static void test_where_logs_may_go(void)
{
    LQ_CLEANUP(world_release) struct world world;
    LQ_CLEANUP(lq_free) char *link = NULL, *other = NULL;
    struct lq_error err = { 0 };

    world_init(&world);
    add_run(&world, 1, true);
    link = lq_path_join(world.root, "link");
    other = lq_path_join(world.root, "other");
    CHECK(lq_auto_check(world.store, world.dest, false, &err) == LQ_OK);
    CHECK(lq_auto_check(world.store, world.dest, true, &err) == LQ_DENIED);
    CHECK(lq_auto_check(world.store, "s3://bucket/x", true, &err) == LQ_DENIED);
    CHECK(lq_auto_check(world.store, "s3://KEY:hunter2@bucket/x", false, &err) == LQ_BAD_INPUT);
    CHECK(!strstr(err.message, "hunter2"));
    CHECK(auto_sync(&world, &err) == LQ_OK);
    CHECK(lq_auto_check(world.store, world.dest, true, &err) == LQ_OK);
    /* By another name it is the same place; a link that is changed is another one. */
    CHECK(symlink(world.dest, link) == 0);
    CHECK(lq_auto_check(world.store, link, true, &err) == LQ_OK);
    CHECK(mkdir(other, 0777) == 0 && unlink(link) == 0 && symlink(other, link) == 0);
    CHECK(lq_auto_check(world.store, link, true, &err) == LQ_DENIED);
}

int main(void)
{
    TAP_RUN(test_a_run_that_comes_meanwhile);
    TAP_RUN(test_what_fails_is_not_tried_for_ever);
    TAP_RUN(test_a_destination_that_is_gone);
    TAP_RUN(test_the_lock);
    TAP_RUN(test_where_logs_may_go);
    return tap_done();
}
