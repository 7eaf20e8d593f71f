/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_UPGRADE_STATE_H
#define GANGER_MASTER_UPGRADE_STATE_H

/*
 * All that one image of the master leaves to the next: records (base/state.h) of the master, of each
 * configuration that is still in use (the first is the one that holds), and of each gang
 * (pool/frozen.h).  Nothing in here touches a descriptor; they are numbers.
 *
 * UPGRADE_VERSION grows whenever an image of before could not read, or would misread, what is
 * written; an image reads its own version alone, and so refuses what is older or newer than it.
 */

#include <stdbool.h>
#include <stdint.h>
#include "conf/conf.h"
#include "host/inherited.h"
#include "master/control.h"
#include "pool/frozen.h"

/* … and what belongs to boards of another layout, too: the last three digits are its own. */
#define UPGRADE_VERSION (BOARD_VERSION * 1000u + 2u)
#define UPGRADE_PATH 4096

enum upgrade_kind { UPGRADE_MASTER = 1, UPGRADE_CONF = 2, UPGRADE_WAITER = 3, UPGRADE_HANDED = 4 };

struct upgrade_facts {
    char version[64];          /* of ganger: for the log */
    char path[UPGRADE_PATH];   /* by which it was started */
    char folder[UPGRADE_PATH]; /* its runtime_directory */
    int pid;
    uint64_t files_soft, files_hard; /* RLIMIT_NOFILE that the first image was born with */
    bool daemon;
    int control;            /* its listening socket, -1: none */
    uint32_t control_group; /* whose members may give orders; (gid_t)-1: nobody's */
    uint64_t log_lines;     /* that its log did not take (base/log.h) … */
    bool log_torn;          /* … and whether it has the beginning of one */
    int pid_fds[2];         /* of the pid files, -1: none */
    char pid_paths[2][UPGRADE_PATH];
};

/* A socket of the service manager's, which a pool listens on or did: host/inherited.h. */
struct upgrade_handed {
    char name[INHERITED_NAME_MAX + 1];
    int fd;
};

struct upgrade_state {
    struct upgrade_facts facts;
    int waiters[CONTROL_LINKS]; /* connections of those who wait for the upgrade */
    size_t waiter_count;
    struct upgrade_handed *handed; /* owned */
    size_t handed_count;
    struct conf **confs; /* owned, as are the gangs; each one reference */
    size_t conf_count;
    struct frozen_gang *gangs;
    size_t gang_count;
};

/* Writing: facts first, then waiters, sockets handed over, configurations, gangs. */
int upgrade_state_put_facts(struct state *to, const struct upgrade_facts *facts);
int upgrade_state_put_waiter(struct state *to, int fd);
int upgrade_state_put_handed(struct state *to, const struct upgrade_handed *handed);
/* Negative, with err, also when the text of it does not read back equal. */
int upgrade_state_put_conf(struct state *to, const struct conf *conf, struct error *err);

/* 0; negative with err, and nothing to clear. */
int upgrade_state_read(struct upgrade_state *ret, const void *data, size_t length,
                       struct error *err);
void upgrade_state_clear(struct upgrade_state *s);

#endif
