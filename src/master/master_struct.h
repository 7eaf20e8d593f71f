/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_MASTER_STRUCT_H
#define GANGER_MASTER_MASTER_STRUCT_H

/*
 * The inside of the master, for the files that make it up and nobody else: master.c (starting and
 * ending), master_duty.c (what it does on its own in between), master_orders.c (what it is told to),
 * master_reload.c (a new configuration).
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "host/inherit.h"
#include "host/inherited.h"
#include "master/control.h"
#include "master/crew.h"
#include "master/inspect.h"
#include "master/keep.h"
#include "master/journal.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/pid_files.h"
#include "master/signals.h"
#include "master/upgrade.h"
#include "master/upgrade_state.h"
#include "pool/context.h"

struct master {
    const struct master_options *options;
    struct pool_context context;
    struct inspection inspection;
    struct pid_files pid;
    bool daemon;
    char *worker_path;
    sd_event *loop;
    struct signals signals;
    struct journal journal;
    sd_event_source *patience; /* timer: ready at the latest, then gone at the latest */
    sd_event_source *again;    /* more children to reap */
    struct crew *crew;
    struct control *control;
    struct upgrade *upgrade;
    char *path; /* of this binary, for an upgrade */
    struct upgrade_state
        *adopted;             /* while we take over what an earlier image left; NULL: we do not */
    struct inherit inherited; /* … its descriptors */
    bool upgraded;            /* we did */
    uint32_t processes;       /* of all pools: context.processes */
    uint32_t floods;          /* … and context.floods */
    struct {
        sd_event_source *timer; /* a pause after a reload; NULL before the first */
        uint64_t last;          /* monotonic: when the last one began; 0: none did */
        bool again;             /* one more when the pause is over */
        bool under_way;         /* not all pools are settled yet */
        char *folder;           /* what context.runtime_directory has become; NULL: not yet */
    } reload;
    bool ready;
    bool stopping;
    enum gang_stop_how how;
    struct notify notice;
    struct keep keep;          /* sockets in the service manager's hands */
    struct inherited received; /* … and what it handed over */
};

/* Set off the end: requests are finished, or workers terminated, or killed.  A stronger order may
 * follow a weaker one; a weaker one does nothing. */
void master_stop(struct master *m, enum gang_stop_how how);
/* After every round of settling; `cookie` is the master. */
void master_settled(void *cookie);
/* Ready, at once. */
void master_announce(struct master *m, const struct crew_count *n);
/* Collect the dead. */
void master_reap(struct master *m);
/* A signal was heard; `cookie` is the master. */
void master_signal(void *cookie, int number);
/* The desk of the control socket (master/orders.h); `cookie` is the master. */
int master_order(void *cookie, const struct order *o, struct bytes *said, struct error *err);
int master_look(void *cookie, const struct order *o, struct bytes *said, struct error *err);
/* Read the configuration and begin to make it so (master_reload.c); complaints are said.  0, or
 * negative with err and nothing changed. */
int master_reload(struct master *m, struct bytes *said, struct error *err);
/* The same for a signal: soon, and once for all that come until then. */
void master_reload_soon(struct master *m);
void master_reload_settled(struct master *m);
void master_reload_close(struct master *m);
/* What has become of the last change of a pool (NULL: of all): ORDERS_PENDING; 0; negative when it
 * failed.  What is settled is said, a line for each pool that something happened to. */
int master_change_look(const struct master *m, const char *pool, struct bytes *said,
                       struct error *err);
/* Timer and deferred event of struct master; `userdata` is the master. */
int master_on_patience(sd_event_source *source, uint64_t usec, void *userdata);
int master_on_again(sd_event_source *source, void *userdata);

/* ---- master_upgrade.c ---- */
int master_upgrade_open(struct master *m, struct error *err);

/* ---- master_adopt.c ---- */
/* Read what options->adopt names, and take over its facts.  0 or negative. */
int master_adopt(struct master *m, struct error *err);
/* Take over what belongs to one stage of the start.  0 or negative. */
int master_adopt_pid_files(struct master *m, struct error *err);
int master_adopt_crew(struct master *m, struct error *err);
int master_adopt_control(struct master *m, struct control_options *options, struct error *err);
void master_adopt_end(struct master *m);
/* It could not be taken over: end what was left, and become a ganger that starts anew.  Comes back
 * with the exit status only when not even that is possible. */
int master_adopt_afresh(struct master *m, const char *why);
/* Look at the state in descriptor `number` as if it were to be taken over, say UPGRADE_ANSWER or
 * what is wrong, and exit. */
__attribute__((noreturn)) void master_adopt_check(const char *number);

#endif
