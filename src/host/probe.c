/* SPDX-License-Identifier: Apache-2.0 */
#include "host/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/number.h"

#define STATUS_MAX 4096
#define STAT_MAX 1024
#define THREADS_MAX 64 /* of one process: any of them may have children */
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

static int outcome(int number)
{
    switch (number) {
    case EACCES:
    case EPERM:
        return PROBE_DENIED;
    case ESRCH:
        return PROBE_GONE;
    case ENOENT:
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
        return PROBE_ABSENT;
    default:
        return -number;
    }
}

int probe_open(struct probe *ret, pid_t pid)
{
    char path[32];

    *ret = (struct probe){.folder = -1, .pid = pid};
    (void)snprintf(path, sizeof path, "/proc/%ld", (long)pid);
    ret->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ret->folder >= 0)
        return 0;
    if (errno != ENOENT)
        return outcome(errno);
    return access("/proc/self", F_OK) == 0 ? PROBE_GONE : PROBE_ABSENT;
}

void probe_close(struct probe *p)
{
    descriptor_close(&p->folder);
}

/* The process's files are not there: is that because it is not? */
static int absent(const struct probe *p, int r)
{
    return r == PROBE_ABSENT && faccessat(p->folder, "stat", F_OK, 0) < 0 ? PROBE_GONE : r;
}

static int open_file(const struct probe *p, const char *name, int *ret)
{
    *ret = openat(p->folder, name, O_RDONLY | O_CLOEXEC);
    return *ret < 0 ? absent(p, outcome(errno)) : 0;
}

int probe_read(const struct probe *p, const char *name, char *out, size_t size, size_t *ret_length)
{
    __attribute__((cleanup(descriptor_cleanup))) int fd = -1;
    int r = open_file(p, name, &fd);

    out[0] = '\0';
    if (ret_length != NULL)
        *ret_length = 0;
    if (r != 0)
        return r;
    ssize_t got = descriptor_read_all(fd, out, size - 1);
    if (got < 0)
        return outcome((int)-got);
    out[got] = '\0';
    if (ret_length != NULL)
        *ret_length = (size_t)got;
    return 0;
}

int probe_link(const struct probe *p, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    ssize_t got = readlinkat(p->folder, name, out, size - 1);
    if (got < 0)
        return absent(p, outcome(errno));
    out[got] = '\0';
    return 0;
}

/* ---- facts ---- */

/* Behind "Name:" and blanks, on a line of its own; NULL when it is not there. */
static const char *find(const char *text, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

static uint64_t find_number(const char *text, const char *name)
{
    const char *at = find(text, name);
    uint64_t value = 0;

    if (at == NULL || number_parse_bytes(at, strspn(at, "0123456789"), UINT64_MAX, &value) != 0)
        return 0;
    return value;
}

/* A set of signals in hexadecimal, in which the first signal is bit 0. */
static bool has_signal(const char *text, const char *name, int number)
{
    const char *at = find(text, name);
    uint64_t set = 0;

    return at != NULL && sscanf(at, "%" SCNx64, &set) == 1 && (set >> (number - 1) & 1) != 0;
}

static void read_times(const struct probe *p, struct probe_facts *f)
{
    char text[STAT_MAX];
    uint64_t user = 0, system = 0;
    long ticks = sysconf(_SC_CLK_TCK);

    if (probe_read(p, "stat", text, sizeof text, NULL) != 0)
        return;
    /* The name in the second field may hold anything, but nothing behind it holds a ')'. */
    const char *at = strrchr(text, ')');
    if (at == NULL ||
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &system) != 2)
        return;
    uint64_t tick = 1000000u / (ticks > 0 ? (uint64_t)ticks : 100u);
    f->user = user * tick;
    f->system = system * tick;
}

int probe_look(const struct probe *p, struct probe_facts *ret)
{
    char text[STATUS_MAX];

    *ret = (struct probe_facts){.state = '?'};
    int r = probe_read(p, "status", text, sizeof text, NULL);
    if (r != 0)
        return r;
    const char *name = find(text, "Name");
    const char *state = find(text, "State");
    const char *uids = find(text, "Uid");
    if (name != NULL)
        (void)snprintf(ret->comm, sizeof ret->comm, "%.*s", (int)strcspn(name, "\n"), name);
    if (state != NULL)
        ret->state = *state;
    ret->stopping = ret->state == 'T' || has_signal(text, "SigPnd", SIGSTOP) ||
                    has_signal(text, "ShdPnd", SIGSTOP);
    ret->parent = (pid_t)find_number(text, "PPid");
    ret->tracer = (pid_t)find_number(text, "TracerPid");
    ret->threads = (uint32_t)find_number(text, "Threads");
    ret->resident = find_number(text, "VmRSS") * 1024;
    ret->peak = find_number(text, "VmHWM") * 1024;
    uint32_t uid = 0;
    if (uids != NULL && sscanf(uids, "%*u %" SCNu32, &uid) == 1)
        ret->uid = (uid_t)uid;
    read_times(p, ret);
    return 0;
}

const char *probe_state(char state)
{
    switch (state) {
    case 'R':
        return "running, or ready to run";
    case 'S':
        return "sleeping";
    case 'D':
        return "waiting without interruption, for a disk as a rule";
    case 'T':
        return "stopped by a signal";
    case 't':
        return "stopped by a tracer";
    case 'Z':
    case 'X':
        return "ended";
    case 'I':
        return "idle";
    default:
        return "unknown";
    }
}

/* ---- relations ---- */

/* "12 34 " added to `out`. */
static void add_pids(const char *text, pid_t *out, size_t room, size_t *count, bool *more)
{
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, " \n");
        uint64_t pid;

        if (length > 0 && number_parse_bytes(at, length, INT_MAX, &pid) == 0) {
            if (*count == room) {
                *more = true;
                return;
            }
            out[(*count)++] = (pid_t)pid;
        }
        at += length;
        at += strspn(at, " \n");
    }
}

/* Numbered entries of a folder of the process: threads, descriptors. */
static DIR *open_folder(const struct probe *p, const char *name, int *ret)
{
    int fd = openat(p->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *ret = fd < 0 ? absent(p, outcome(errno)) : 0;
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && folder == NULL) {
        descriptor_close(&fd);
        *ret = -ENOMEM;
    }
    return folder;
}

int probe_children(const struct probe *p, pid_t *out, size_t room, size_t *ret_count,
                   bool *ret_more)
{
    char text[4096], name[64];
    unsigned threads = 0;
    bool read = false;
    int r;
    DIR *folder = open_folder(p, "task", &r);

    *ret_count = 0;
    *ret_more = false;
    if (folder == NULL)
        return r;
    for (struct dirent *e; threads < THREADS_MAX && (e = readdir(folder)) != NULL;) {
        uint64_t thread;

        if (number_parse(e->d_name, INT_MAX, &thread) != 0)
            continue;
        threads++;
        (void)snprintf(name, sizeof name, "task/%d/children", (int)thread);
        int e2 = probe_read(p, name, text, sizeof text, NULL);
        if (e2 == 0) {
            read = true;
            add_pids(text, out, room, ret_count, ret_more);
        } else {
            r = e2;
        }
    }
    (void)closedir(folder);
    return read ? 0 : r;
}

int probe_sockets(const struct probe *p, struct probe_descriptor *out, size_t room,
                  size_t *ret_count, bool *ret_more)
{
    char name[64], target[128];
    unsigned seen = 0;
    int r;
    DIR *folder = open_folder(p, "fd", &r);

    *ret_count = 0;
    *ret_more = false;
    if (folder == NULL)
        return r;
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        uint64_t number, inode;

        if (number_parse(e->d_name, INT_MAX, &number) != 0)
            continue;
        if (*ret_count == room || ++seen > PROBE_DESCRIPTORS) {
            *ret_more = true;
            break;
        }
        (void)snprintf(name, sizeof name, "fd/%d", (int)number);
        if (probe_link(p, name, target, sizeof target) != 0 ||
            sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
            continue;
        out[(*ret_count)++] = (struct probe_descriptor){.number = (int)number, .inode = inode};
    }
    (void)closedir(folder);
    return 0;
}

/* ---- refusals ---- */

const char *probe_denied(const struct probe *p, uid_t uid, char *out, size_t size)
{
    struct stat st;
    char scope = '0';

    if (uid != geteuid()) {
        (void)snprintf(out, size, "it runs as user %lu now, and only root may look at it",
                       (unsigned long)uid);
        return out;
    }
    /* What lies in the folder of one that is not dumpable belongs to root. */
    if (fstatat(p->folder, "stat", &st, 0) == 0 && st.st_uid != uid)
        return "the program is not dumpable (it has more rights than its user, or asked for it)";
    int fd = open(YAMA, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (descriptor_read_all(fd, &scope, 1) != 1)
            scope = '0';
        descriptor_close(&fd);
    }
    if (scope == '1')
        return "kernel.yama.ptrace_scope is 1: set it to 0, or give slowlog.command, which lets "
               "the program be looked at";
    if (scope > '1')
        return "kernel.yama.ptrace_scope is 2 or more: set it to 0 or 1";
    return "the kernel lets nobody but root";
}
