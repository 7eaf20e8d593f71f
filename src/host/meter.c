/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is read through one descriptor of the process's folder, which goes on naming that
 * process when it is gone and another one has its number.
 */
#include "host/meter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"

/* smaps_rollup is some 700 bytes; cut, the numbers at its end are missing. */
#define FILE_MAX 4096
#define THREADS_MAX 64

static int open_process(pid_t pid)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : errno == ENOENT ? -ESRCH : -errno;
}

/* One read: the files are made whole at the first.  The length, or negative; terminated. */
static ssize_t read_file(int folder, const char *name, char text[FILE_MAX])
{
    __attribute__((cleanup(descriptor_cleanup))) int fd =
        openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    ssize_t got = descriptor_read_all(fd, text, FILE_MAX - 1);
    if (got < 0)
        return got;
    text[got] = '\0';
    return got;
}

static int read_resident(int folder, uint64_t *ret)
{
    char text[FILE_MAX];
    uint64_t total;
    uint64_t resident;

    ssize_t got = read_file(folder, "statm", text);
    if (got < 0)
        return (int)got;
    if (sscanf(text, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
        return -EPROTO;
    if (total == 0)
        return -ESRCH;
    *ret = resident * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int meter_resident(pid_t pid, uint64_t *ret)
{
    *ret = 0;
    __attribute__((cleanup(descriptor_cleanup))) int folder = open_process(pid);
    return folder < 0 ? folder : read_resident(folder, ret);
}

/* "Name:   123 kB" in a file of such lines; 0 when it is not there. */
static uint64_t find_size(const char *text, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        uint64_t kilobytes;
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':' &&
            sscanf(line + length + 1, "%" SCNu64 " kB", &kilobytes) == 1)
            return kilobytes * 1024;
    }
    return 0;
}

/* ---- a process and its descendants ---- */

struct facts { /* of /proc/PID/stat */
    int parent;
    unsigned long long ticks; /* of it and of those that it has waited for */
    long threads;
    bool dead;
};

static int read_facts(int folder, struct facts *ret)
{
    char text[FILE_MAX];
    unsigned long long user, system;
    long long user_waited, system_waited;
    char state;

    ssize_t got = read_file(folder, "stat", text);
    if (got < 0)
        return (int)got;
    const char *rest = strrchr(text, ')'); /* the name in front of it may hold anything */
    if (rest == NULL ||
        sscanf(rest + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %ld", &state,
               &ret->parent, &user, &system, &user_waited, &system_waited, &ret->threads) != 7)
        return -EPROTO;
    ret->ticks = user + system + (unsigned long long)(user_waited + system_waited);
    ret->dead = state == 'Z' || state == 'X';
    return 0;
}

struct family {
    pid_t pids[METER_FAMILY_MAX];
    pid_t parents[METER_FAMILY_MAX];
    size_t count;
};

static void add_children(struct family *f, int folder, pid_t pid, long thread)
{
    char name[64], text[FILE_MAX];

    (void)snprintf(name, sizeof name, "task/%ld/children", thread);
    if (read_file(folder, name, text) < 0)
        return;
    char *at = text;
    for (long child; f->count < METER_FAMILY_MAX; f->count++) {
        char *end;

        child = strtol(at, &end, 10);
        if (end == at || *end != ' ' || child <= 1) /* the last may have been cut */
            return;
        f->pids[f->count] = (pid_t)child;
        f->parents[f->count] = pid;
        at = end;
    }
}

/* Each thread has its own. */
static void add_all_children(struct family *f, int folder, pid_t pid, long threads)
{
    if (threads <= 1) {
        add_children(f, folder, pid, pid);
        return;
    }
    int fd = openat(folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
    if (tasks == NULL) {
        descriptor_close(&fd);
        return;
    }
    const struct dirent *entry;
    for (int i = 0; i < THREADS_MAX && (entry = readdir(tasks)) != NULL; i++) {
        long thread = strtol(entry->d_name, NULL, 10);

        if (thread > 0)
            add_children(f, folder, pid, thread);
    }
    (void)closedir(tasks);
}

/* Add the i-th of the family, and find its children.  0 or negative. */
static int add_one(struct family *f, size_t i, bool rollup, struct meter_family *ret)
{
    struct facts facts;
    uint64_t resident = 0;
    char text[FILE_MAX];

    __attribute__((cleanup(descriptor_cleanup))) int folder = open_process(f->pids[i]);
    int r = folder < 0 ? folder : read_facts(folder, &facts);
    if (r == 0 && i > 0 && facts.parent != f->parents[i])
        return -ESRCH; /* another process has its number, or it is nobody's child any more */
    if (r == 0 && i == 0)
        ret->cpu = facts.ticks * 1000000u / (unsigned long long)sysconf(_SC_CLK_TCK);
    if (r == 0 && facts.dead)
        r = -ESRCH;
    if (r == 0)
        r = read_resident(folder, &resident);
    if (r < 0)
        return r;
    ret->processes++;
    ret->resident += resident;
    if (rollup && read_file(folder, "smaps_rollup", text) >= 0)
        ret->proportional += find_size(text, "Pss");
    add_all_children(f, folder, f->pids[i], facts.threads);
    return 0;
}

int meter_family(pid_t pid, bool rollup, struct meter_family *ret)
{
    struct family f = {.pids = {pid}, .count = 1};

    *ret = (struct meter_family){0};
    int r = add_one(&f, 0, rollup, ret);
    for (size_t i = 1; r == 0 && i < f.count; i++)
        (void)add_one(&f, i, rollup, ret);
    return r;
}
