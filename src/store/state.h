/* SPDX-License-Identifier: MIT */
/*
 * `.lq/state.db`: run ids, the hashes of published files, and what was synced where. Everything in
 * it can be found again from the files, so a damaged one is set aside and made anew.
 *
 * Any number of processes may have it open; each call is one transaction.
 */
#ifndef LQ_STORE_STATE_H
#define LQ_STORE_STATE_H

#include <lq/error.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct lq_state;

/* Open the state of the `.lq` folder `lq_dir` (borrowed), creating it when missing. What cannot be
 * opened because it is damaged is set aside; so is what was brought here from a project that has not
 * this `origin` (a UUID, borrowed; NULL: not known). */
LQ_CHECK enum lq_status lq_state_open(struct lq_state **state, const char *lq_dir,
                                      const char *origin, struct lq_error *err);
void lq_state_close(struct lq_state **state);

/* For who was told LQ_CORRUPT: when the file is indeed damaged, rename it to state.db.damaged and
 * open a new one. No statement of the connection may be left; lq_state_sqlite() is another one after
 * it. */
LQ_CHECK enum lq_status lq_state_set_aside(struct lq_state *state, struct lq_error *err);

/*
 * Take the next run id: above every id taken before and, when the state is new, above every id in
 * the names of the files in logs/. Durable before it returns. A damaged state is set aside.
 */
LQ_CHECK enum lq_status lq_state_take_run_id(struct lq_state *state, int64_t *run_id,
                                             struct lq_error *err);

/* A published run file: `path` relative to `.lq/logs`; the rest as its columns say. A NULL
 * namespace, project or hostname counts as empty. */
struct lq_state_file {
    const char *path;
    int64_t size_bytes;
    const char *sha256; /* 64 hex digits */
    const char *run_uid;
    const char *namespace_;
    const char *project;
    const char *hostname;
};
/* Remember a file that was just published, so that nobody has to read it again for its hash and
 * for where it belongs in a store. */
LQ_CHECK enum lq_status lq_state_add_file(struct lq_state *state, const struct lq_state_file *file,
                                          struct lq_error *err);

/* Forget all that is known of the file at `path`: it was removed. */
LQ_CHECK enum lq_status lq_state_forget_file(struct lq_state *state, const char *path,
                                             struct lq_error *err);

/* Whether the file at `path` is at the destination known by the real path `place` or, where that is
 * not known (it is not mounted), by `url`; and, `with_raw`, its raw log too. */
LQ_CHECK enum lq_status lq_state_is_synced(struct lq_state *state, const char *path,
                                           const char *place, const char *url, bool with_raw,
                                           bool *synced, struct lq_error *err);

/* Whether runs were synced to the place with the real path `place`, or to `url`; either may be NULL. */
LQ_CHECK enum lq_status lq_state_knows_destination(struct lq_state *state, const char *place,
                                                   const char *url, bool *known,
                                                   struct lq_error *err);

/* How the last sync went that sync.auto made: `problem` NULL when all was well. */
LQ_CHECK enum lq_status lq_state_set_auto(struct lq_state *state, const char *destination,
                                          int64_t tried_at, const char *problem,
                                          struct lq_error *err);
/* The same again, unless another sync went well since; `*problem` is the caller's. */
LQ_CHECK enum lq_status lq_state_get_auto(struct lq_state *state, const char *destination,
                                          char **problem, int64_t *tried_at, struct lq_error *err);

/* After many changes: bring the write-ahead log home, as far as nobody else is at work, so that the next
 * process that opens the file need not read it. */
void lq_state_checkpoint(struct lq_state *state);

/* The connection, for the sync room's own statements on the tables in state.c. Borrowed. */
sqlite3 *lq_state_sqlite(struct lq_state *state);

/* Fill `err` from the connection's last failure: "cannot WHAT: why". */
enum lq_status lq_state_error(struct lq_state *state, const char *what, struct lq_error *err);

#endif
