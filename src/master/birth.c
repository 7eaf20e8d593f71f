/* SPDX-License-Identifier: Apache-2.0 */
#include "master/birth.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/number.h"
#include "base/sanitized.h"
#include "host/identity.h"
#include "host/process.h"
#include "master/control.h"
#include "master/signals.h"
#include "pool/logs.h"

/* Descriptors that the master itself needs, whatever its pools are, and those who give orders. */
#define FILES_OWN (64 + CONTROL_LINKS)
/* A pool: board, doorbell (2), one to spare; a worker: pidfd, channel, output, report. */
#define FILES_POOL 4
/* A listening socket: itself, as it was handed over, and on its way to the store. */
#define FILES_LISTEN 3
#define FILES_WORKER 4
/* A log file of a pool: itself, its other end when it is a FIFO, an examination (2). */
#define FILES_LOG 4

/* "NAME=value" of our own environment; NULL when it is not set. */
static char *inherited(const char *name)
{
    extern char **environ;
    size_t length = strlen(name);

    for (char **e = environ; *e != NULL; e++) {
        if (strncmp(*e, name, length) == 0 && (*e)[length] == '=')
            return *e;
    }
    return NULL;
}

/* Workers see nothing of our environment, which may hold anything; a sanitizer's options must reach
 * them in builds for testing. */
static char *const *worker_environment(void)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char lang[] = "LANG=C.UTF-8";
    static char *list[8] = {path, lang};
    static const char *const sanitizers[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    size_t count = 2;

    for (size_t i = 0; SANITIZED && i < sizeof(sanitizers) / sizeof(sanitizers[0]); i++) {
        char *entry = inherited(sanitizers[i]);
        if (entry != NULL)
            list[count++] = entry;
    }
    list[count] = NULL;
    return list;
}

/* A master that the OOM killer is told to spare must not hand that on: a worker that eats the
 * machine would be spared too.  Only root may have been given such a value. */
static int worker_oom_score(bool root)
{
    char text[32] = "";
    int64_t own = 0;

    __attribute__((cleanup(descriptor_cleanup))) int fd =
        open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !root)
        return INT_MIN;
    ssize_t n = descriptor_read_all(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return INT_MIN;
    text[strcspn(text, "\n")] = '\0';
    if (number_parse_signed(text, -1000, 1000, &own) < 0 || own >= 0)
        return INT_MIN;
    return 0;
}

int birth_normalise(struct pool_context *ret, struct error *err)
{
    sigset_t blocked;
    int r = descriptor_open_standard();

    if (r < 0)
        return error_errno(err, -r, "cannot open /dev/null");
    (void)umask(022);
    signals_set(&blocked);
    (void)process_signals_normalise(&blocked);
    *ret = (struct pool_context){.uid = geteuid(),
                                 .gid = getegid(),
                                 .root = geteuid() == 0,
                                 .worker_fd = -1,
                                 .environment = worker_environment()};
    char *user = identity_user_name(ret->uid);
    (void)snprintf(ret->user, sizeof(ret->user), "%s", user == NULL ? "" : user);
    free(user);
    ret->oom_score_adjust = worker_oom_score(ret->root);
    if (getrlimit(RLIMIT_NOFILE, &ret->files) < 0)
        return error_errno(err, errno, "cannot read the limit of open files");
    return 0;
}

static uint64_t files_needed(const struct conf *conf)
{
    uint64_t needed = FILES_OWN;

    for (size_t i = 0; i < conf->pool_count; i++) {
        needed += FILES_POOL + conf->pools[i].listen.count * FILES_LISTEN +
                  (uint64_t)conf->pools[i].pm_max_children * FILES_WORKER;
        for (size_t k = 0; k < HANDOVER_LOGS; k++)
            needed += logs_path(&conf->pools[i], (enum handover_log)k) != NULL ? FILES_LOG : 0;
    }
    return needed;
}

int birth_take_limits(const struct conf *conf, struct error *ret_warning, struct error *err)
{
    const struct conf_global *g = &conf->global;
    rlim_t core = g->rlimit_core < 0 ? RLIM_INFINITY : (rlim_t)g->rlimit_core;
    struct rlimit limit;

    if (g->rlimit_files != CONF_UNSET) {
        limit = (struct rlimit){(rlim_t)g->rlimit_files, (rlim_t)g->rlimit_files};
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            return error_errno(err, errno, "rlimit_files = %lld", (long long)g->rlimit_files);
    } else
        (void)process_raise_files_limit(files_needed(conf), ret_warning);
    limit = (struct rlimit){core, core};
    if (g->rlimit_core != CONF_UNSET && setrlimit(RLIMIT_CORE, &limit) < 0)
        return error_errno(err, errno, "rlimit_core = %lld", (long long)g->rlimit_core);
    if (g->process_priority != CONF_UNSET &&
        setpriority(PRIO_PROCESS, 0, (int)g->process_priority) < 0)
        return error_errno(err, errno, "process.priority = %lld", (long long)g->process_priority);
    return 0;
}

void birth_take_room(const struct conf *conf)
{
    struct error unused = ERROR_NONE; /* less is enough for less than all */

    if (conf->global.rlimit_files == CONF_UNSET)
        (void)process_raise_files_limit(2 * files_needed(conf), &unused);
}

void birth_close_up(void)
{
    process_become_subreaper();
    if (!SANITIZED) /* the leak checker looks at us by ptrace */
        process_undumpable();
}
