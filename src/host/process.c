/* SPDX-License-Identifier: Apache-2.0 */

/* What a process of ganger does to itself, where its programs are, and who its children are. */

#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/number.h"
#include "base/text.h"

#define CHILDREN_MAX ((size_t)4 << 20) /* bytes of the kernel's list: half a million pids */

void process_set_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

void process_become_subreaper(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void process_undumpable(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Only what was ignored survives an exec, so only that can be wrong; handlers that are already set
 * (a sanitizer's) are this process's own. */
bool process_signals_normalise(const sigset_t *blocked)
{
    bool done = true;
    sigset_t none;
    struct sigaction action;

    for (int number = 1; number < _NSIG; number++) {
        if (sigaction(number, NULL, &action) < 0)
            continue; /* the two that libc keeps */
        if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_IGN)
            continue;
        action = (struct sigaction){.sa_handler = SIG_DFL};
        if (sigaction(number, &action, NULL) < 0)
            done = false;
    }
    action = (struct sigaction){.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &action, NULL) < 0 || sigaction(SIGXFSZ, &action, NULL) < 0)
        done = false;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, blocked == NULL ? &none : blocked, NULL) < 0)
        done = false;
    return done;
}

int process_raise_files_limit(uint64_t wanted, struct error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return error_errno(err, errno, "cannot read the limit on open files");
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted)
        return 0;
    struct rlimit raised = {.rlim_cur = wanted,
                            .rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return 0;
    int number = errno;
    /* As far as we may. */
    uint64_t allowed = limit.rlim_max;
    raised = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
        allowed = limit.rlim_cur;
    return error_errno(err, number,
                       "cannot raise the limit on open files to %llu, it is %llu (LimitNOFILE= of "
                       "the service, ulimit -Hn, fs.nr_open)",
                       (unsigned long long)wanted, (unsigned long long)allowed);
}

/* "12 34 56 " */
static int parse_pids(const struct bytes *text, pid_t **ret, size_t *ret_count)
{
    const uint8_t *p = bytes_front(text);
    const uint8_t *end = p + bytes_held(text);
    pid_t *pids = calloc(bytes_held(text) / 2 + 1, sizeof *pids);
    size_t count = 0;

    if (pids == NULL)
        return -ENOMEM;
    while (p < end) {
        const uint8_t *space = memchr(p, ' ', (size_t)(end - p));
        const uint8_t *stop = space != NULL ? space : end;
        uint64_t pid = 0;
        if (stop > p && *p != '\n') {
            if (number_parse_bytes(p, (size_t)(stop - p), INT_MAX, &pid) != 0) {
                free(pids);
                return -EPROTO;
            }
            pids[count++] = (pid_t)pid;
        }
        p = stop + 1;
    }
    *ret = pids;
    *ret_count = count;
    return 0;
}

int process_children(pid_t **ret, size_t *ret_count, struct error *err)
{
    char path[64];
    struct bytes text;
    int r = 0;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot list the child processes (%s)", path);
    bytes_init(&text, CHILDREN_MAX);
    for (;;) {
        uint8_t *room = bytes_reserve(&text, 4096);
        ssize_t got = room == NULL ? -1 : read(fd, room, 4096);
        if (got < 0 && room != NULL && errno == EINTR)
            continue;
        if (got < 0)
            r = room == NULL ? -ENOMEM : -errno;
        if (got <= 0)
            break;
        bytes_commit(&text, (size_t)got);
    }
    descriptor_close(&fd);
    if (r == 0)
        r = parse_pids(&text, ret, ret_count);
    bytes_clear(&text);
    return r < 0 ? error_errno(err, -r, "cannot list the child processes (%s)", path) : 0;
}

char *process_program_folder(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0 || (size_t)length >= sizeof path - 1)
        return NULL;
    path[length] = '\0'; /* perhaps with " (deleted)" behind: that is no part of the folder */
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return NULL;
    slash[slash == path ? 1 : 0] = '\0';
    return strdup(path);
}

/* 0 with *ret_fd and *ret_path; -ENOENT and others. */
static int open_program(const char *folder, const char *between, const char *name, char **ret_path,
                        int *ret_fd)
{
    char *path = text_format("%s/%s%s", folder, between, name);
    if (path == NULL)
        return -ENOMEM;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int r = fd < 0 ? -errno : 0;
    if (r == 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0))
        r = -EACCES;
    if (r == 0 && fd < 3) {
        int copy = descriptor_copy(fd);
        descriptor_close(&fd);
        fd = copy;
        r = copy < 0 ? copy : 0;
    }
    if (r < 0) {
        descriptor_close(&fd);
        free(path);
        return r;
    }
    *ret_path = path;
    *ret_fd = fd;
    return 0;
}

int process_open_sibling(const char *name, char **ret_path, struct error *err)
{
    static const char *const places[] = {"", "../lib/ganger/"};
    char *folder = process_program_folder();
    int fd = -1;
    int first = 0, r = -ENOENT;

    if (folder == NULL)
        return error_set(err, ENOENT,
                         "cannot find %s: /proc/self/exe cannot be read (is /proc "
                         "mounted?)",
                         name);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        r = open_program(folder, places[i], name, ret_path, &fd);
        if (r == 0)
            break;
        if (r != -ENOENT && first == 0)
            first = r;
    }
    if (r < 0) {
        r = first != 0 ? first : r;
        error_errno(err, -r, "cannot find the program %s: neither %s/%s nor %s/%s%s can be run",
                    name, folder, name, folder, places[1], name);
    }
    free(folder);
    return r < 0 ? r : fd;
}

char *process_sibling_path(const char *name, struct error *err)
{
    static const char *const places[] = {"", "../lib/ganger/"};
    char *folder = process_program_folder();
    char *found = NULL;

    for (size_t i = 0; folder != NULL && found == NULL && i < sizeof places / sizeof places[0];
         i++) {
        char *path = text_format("%s/%s%s", folder, places[i], name);
        found = path == NULL ? NULL : realpath(path, NULL);
        free(path);
    }
    if (found == NULL)
        error_set(err, ENOENT, "cannot find %s: neither %s/%s nor %s/%s%s is there", name,
                  folder == NULL ? "" : folder, name, folder == NULL ? "" : folder, places[1],
                  name);
    free(folder);
    return found;
}
