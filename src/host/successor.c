/* SPDX-License-Identifier: Apache-2.0 */
#include "host/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "host/process.h"

static int let_through(const struct successor_plan *p, bool on)
{
    int first = 0;

    for (size_t i = 0; i < p->count; i++) {
        int r = descriptor_cloexec(p->fds[i], !on);

        if (r < 0 && first == 0)
            first = r;
    }
    return first;
}

static __attribute__((noreturn)) void be_tried(const struct successor_plan *p, pid_t parent,
                                               int answer)
{
    char text[256];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int r = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;

    (void)setpgid(0, 0);
    (void)signal(SIGPIPE, SIG_DFL);
    if (r == 0 && getppid() != parent)
        r = -ESRCH;
    if (r == 0 && (null < 0 || dup2(null, 0) < 0 || dup2(answer, 1) < 0 || dup2(answer, 2) < 0))
        r = -errno;
    if (r == 0)
        r = let_through(p, true);
    if (r == 0) {
        (void)execve(p->path, p->argv, p->envp);
        r = -errno;
    }
    (void)snprintf(text, sizeof(text), "it cannot be run: %s\n", strerror(-r));
    (void)descriptor_write_all(answer, text, strlen(text));
    _exit(127);
}

int successor_try(const struct successor_plan *p, struct successor_trial *ret, struct error *err)
{
    int ends[2];
    pid_t parent = getpid();

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "no pipe for the new program's answer");
    int r = descriptor_nonblock(ends[0], true);
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0)
        be_tried(p, parent, ends[1]);
    int number = r < 0 ? -r : errno;
    descriptor_close(&ends[1]);
    int pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
    if (pidfd < 0) {
        if (pid >= 0) {
            number = errno;
            (void)kill(pid, SIGKILL); /* unreaped, so it is ours still */
        }
        descriptor_close(&ends[0]);
        return error_errno(err, number, "no process to try the new program in");
    }
    *ret = (struct successor_trial){.pid = pid, .pidfd = pidfd, .answer = ends[0]};
    return 0;
}

/* A group exists as long as one of its processes is unreaped, and is nobody else's meanwhile. */
static void kill_group(pid_t group)
{
    pid_t *pids = NULL;
    size_t count = 0;
    bool ours = false;

    if (process_children(&pids, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        ours = ours || getpgid(pids[i]) == group;
    free(pids);
    if (ours)
        (void)kill(-group, SIGKILL);
}

void successor_end(struct successor_trial *t, bool reaped)
{
    if (t->pid > 0 && !reaped)
        (void)pidfd_send_signal(t->pidfd, SIGKILL, NULL, 0); /* perhaps not in its group yet */
    if (t->pid > 0)
        kill_group(t->pid);
    t->pid = 0;
    descriptor_close(&t->answer);
    descriptor_close(&t->pidfd);
}

int successor_become(const struct successor_plan *p, struct error *err)
{
    int r = let_through(p, true);

    if (r == 0) {
        (void)execve(p->path, p->argv, p->envp);
        r = -errno;
    }
    (void)let_through(p, false);
    return error_errno(err, -r, "cannot become %s", p->path);
}

/* ---- its environment ---- */

static bool is_without(const char *entry, const char *const *without)
{
    for (size_t i = 0; without[i] != NULL; i++) {
        size_t length = strlen(without[i]);

        if (strncmp(entry, without[i], length) == 0 && entry[length] == '=')
            return true;
    }
    return false;
}

char **successor_environment(const char *const *without, char *more)
{
    extern char **environ;
    size_t count = 0, kept = 0;

    while (environ != NULL && environ[count] != NULL)
        count++;
    char **list = calloc(count + 2, sizeof(*list));
    for (size_t i = 0; list != NULL && i < count; i++) {
        if (!is_without(environ[i], without))
            list[kept++] = environ[i];
    }
    if (list != NULL)
        list[kept] = more;
    return list;
}

/* ---- its path ---- */

static char *by_link(struct error *err)
{
    static const char gone[] = " (deleted)";
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (length <= 0 || (size_t)length >= sizeof(path) - 1) {
        (void)error_errno(err, length < 0 ? errno : ENAMETOOLONG, "/proc/self/exe");
        return NULL;
    }
    path[length] = '\0';
    if (text_ends(path, gone))
        path[(size_t)length - strlen(gone)] = '\0';
    char *copy = strdup(path);
    if (copy == NULL)
        (void)error_errno(err, ENOMEM, "/proc/self/exe");
    return copy;
}

/* What the kernel was told to execute, when that is this program. */
static char *by_name(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN); // NOLINT(performance-no-int-to-ptr)
    struct stat named, own;
    char *folder = NULL, *path = NULL;

    if (name == NULL || stat(name, &named) < 0 || stat("/proc/self/exe", &own) < 0 ||
        named.st_dev != own.st_dev || named.st_ino != own.st_ino || text_starts(name, "/proc/") ||
        text_starts(name, "/dev/fd/"))
        return NULL;
    if (name[0] == '/')
        return strdup(name);
    folder = getcwd(NULL, 0);
    if (folder != NULL && folder[0] == '/')
        path = text_format("%s/%s", folder, name);
    free(folder);
    return path;
}

char *successor_own_path(struct error *err)
{
    char *path = by_name();

    return path == NULL ? by_link(err) : path;
}
