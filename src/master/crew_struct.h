/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_CREW_STRUCT_H
#define GANGER_MASTER_CREW_STRUCT_H

/*
 * The inside of the crew, for the files that make it up and nobody else: crew.c (the event loop),
 * crew_place.c (places and members), crew_orders.c (what begins a change), crew_progress.c (what
 * becomes of it).
 *
 * Invariants: a place has at most one CURRENT and one COMING member; every other member of it is
 * GOING and stopping, or rolling towards it.  A member refers to the configuration that its gang
 * borrows its pool from, and so does a place.
 */

#include "master/crew.h"
#include "master/voice.h"
#include "master/watch_table.h"
#include "pool/emergency.h"
#include "pool/feed.h"

struct place;
struct survey;

struct member {
    struct crew *crew;
    uint64_t number; /* no other one ever had it; they stand in its order */
    struct place *place;
    struct gang *gang;
    struct conf *conf; /* a reference */
    enum crew_role role;
    struct voice voice;
    bool marked;
    uint64_t deadline;    /* monotonic: when it wants to be settled */
    uint64_t begun;       /* COMING: when its first worker was started; 0: not yet */
    struct place *toward; /* GOING: shrinks as fast as that place's CURRENT one grows; or NULL */
    uint32_t size;        /* … from so many */
    bool hurried;         /* GOING: it has been given a time */
};

struct place {
    char *name;
    struct conf *conf;            /* a reference */
    const struct conf_pool *pool; /* in it: as it is to be */
    bool listed;                  /* false: dropped */
    bool stopped;
    bool moving;                    /* to be looked at after every round of settling */
    uint64_t retry_at, retry_until; /* its address is taken: monotonic; until 0: not tried again */
    uint64_t retry_pause;
    uint32_t scaled;
    uint32_t generation; /* the last number given */
    struct member *current, *coming;
    enum crew_action action;
    enum crew_result result;
    char reason[ERROR_TEXT_MAX];
};

struct crew_target {
    uint64_t member; /* its number */
    struct gang_worker worker;
};

struct crew_measure { /* crew_measure.c alone */
    struct survey *survey;
    sd_event_source *over, *timer, *more;
    uint64_t until; /* monotonic: somebody looks, up to then */
    uint64_t next;  /* no survey before */
    uint64_t began; /* the last one */
    /* Of the survey that is under way, or is being handed out; NULL: neither … */
    struct crew_target *targets;
    struct survey_result *results; /* … and what came of it; NULL: not yet */
    size_t count, taken;
};

struct crew {
    sd_event *loop;
    const struct pool_context *context;
    struct watch_table *watches;
    struct emergency emergency;
    bool scarce; /* process.max holds: a death in one pool may be a birth in another */
    bool stopping;
    sd_event_source *settle_source;
    sd_event_source *timer;
    void (*settled)(void *cookie);
    void *cookie;
    struct place **places; /* in the order of the config, then the dropped */
    size_t place_count;
    struct member **members;
    size_t member_count;
    struct feed feed;
    struct pace voices;   /* of the lines of all workers together */
    uint64_t fed;         /* the change of it that has been told */
    uint64_t last_member; /* the number given last */
    struct crew_measure measure;
};

/* ---- crew.c ---- */
/* What the global options say about all pools together. */
void crew_limit(struct crew *c, const struct conf_global *global);
void crew_mark(struct member *m);

/* ---- crew_place.c ---- */
struct place *crew_place_find(const struct crew *c, const char *name);
/* A new place, the last one.  NULL: no memory. */
struct place *crew_place_add(struct crew *c, const char *name);
/* It is to be as the i-th pool of `conf`. */
void crew_place_assign(struct place *p, struct conf *conf, size_t i);
void crew_place_free(struct place *p);
/* A member with a gang that is not open, in the role COMING; NULL with err. */
struct member *crew_place_hire(struct crew *c, struct place *p, struct error *err);
/* As crew_place_hire(), but `make` makes the gang. */
struct member *crew_place_hire_by(struct crew *c, struct place *p, const struct crew_thaw *t,
                                  struct error *err);
/* Open its sockets beside all others.  0 or negative. */
int crew_place_open(struct member *m, struct error *err);
/* The member is gone: free it. */
void crew_place_dismiss(struct member *m);
/* Its configuration is that of its place from now on. */
void crew_place_refer(struct member *m);
/* The status pages are to show this one. */
void crew_place_show(struct member *m);
/* Tell the status workers what has changed, at once: whoever hears that a change is over may ask them
 * next. */
void crew_place_feed(struct crew *c, uint64_t now);

/* ---- crew_progress.c ---- */
/* A change of this pool has begun. */
void crew_progress_begin(struct place *p, enum crew_action action);
void crew_progress_fail(struct place *p, const char *reason);
/* The COMING one is not wanted any more. */
void crew_progress_end_coming(struct place *p);
/* The CURRENT one goes; `toward` (or NULL) takes over. */
void crew_progress_let_go(struct member *m, struct place *toward);
/* The COMING one becomes the CURRENT one now. */
void crew_progress_promote(struct place *p);
/* How many more processes each gang of the place may have. */
void crew_progress_share_room(struct crew *c, struct place *p, uint64_t now);
/* Look at every place in which something moves. */
void crew_progress(struct crew *c, uint64_t now);

/* ---- crew_measure.c ---- */
int crew_measure_new(struct crew *c, struct error *err);
void crew_measure_free(struct crew *c);
/* Somebody looks at the status. */
void crew_measure_look(struct crew *c);

/* ---- crew_retry.c ---- */
/* The address of its CURRENT one, which failed, is taken: try again. */
void crew_retry_begin(struct place *p, uint64_t now);
void crew_retry_look(struct place *p, uint64_t now);

#endif
