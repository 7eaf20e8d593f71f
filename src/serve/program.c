/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning, signalling and reaping of CGI programs; see the header for the one rule of reaping. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "serve/program.h"

struct pipes {
    int in[2], out[2], err[2];
};

static void close_pipes(struct pipes *p)
{
    for (int i = 0; i < 2; i++) {
        descriptor_close(&p->in[i]);
        descriptor_close(&p->out[i]);
        descriptor_close(&p->err[i]);
    }
}

static int open_pipes(struct pipes *p, struct error *err)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(p->in, O_CLOEXEC) < 0 || pipe2(p->out, O_CLOEXEC) < 0 ||
        pipe2(p->err, O_CLOEXEC) < 0) {
        int r = error_errno(err, errno, "cannot make a pipe");
        close_pipes(p);
        return r;
    }
    /* Each end of a pipe is an open file description of its own: the program's stay blocking.  A new
     * one has no flags yet that would have to be kept. */
    if (fcntl(p->in[1], F_SETFL, O_NONBLOCK) < 0 || fcntl(p->out[0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(p->err[0], F_SETFL, O_NONBLOCK) < 0) {
        int r = error_errno(err, errno, "cannot set up a pipe");
        close_pipes(p);
        return r;
    }
    return 0;
}

/* Put the body that is already here into the pipe before anybody reads it: a small request then
 * needs no further attention. */
static void prefill(struct pipes *pipes, const struct program_plan *plan)
{
    while (bytes_held(plan->body) > 0) {
        ssize_t n = write(pipes->in[1], bytes_front(plan->body), bytes_held(plan->body));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes_consume(plan->body, (size_t)n);
    }
    if (plan->body_over)
        descriptor_close(&pipes->in[1]);
}

int program_start(struct program *p, const struct program_plan *plan, struct spawn_report *report,
                  struct error *err)
{
    struct pipes pipes;
    int r = open_pipes(&pipes, err);
    if (r < 0)
        return r;
    prefill(&pipes, plan);

    struct spawn_fd fds[] = {{pipes.in[0], 0}, {pipes.out[1], 1}, {pipes.err[1], 2}};
    struct spawn_plan how = SPAWN_PLAN_INIT;
    how.path = plan->path;
    how.argv = plan->argv;
    how.envp = plan->envp;
    how.fds = fds;
    how.fd_count = sizeof fds / sizeof *fds;
    how.limits = plan->limits;
    how.limit_count = plan->limit_count;
    how.chdir = plan->folder;
    how.new_session = true;
    how.traceable = plan->traceable;
    how.death_signal = SIGKILL;
    how.umask = 022;

    struct spawned child = {.pid = 0, .pidfd = -1, .report_fd = -1};
    r = spawn_vfork(&how, &child, report, err);
    if (r != 0) {
        close_pipes(&pipes);
        return r;
    }
    *p = (struct program){.pid = child.pid,
                          .pidfd = child.pidfd,
                          .in = pipes.in[1],
                          .out = pipes.out[0],
                          .err = pipes.err[0]};
    descriptor_close(&pipes.in[0]);
    descriptor_close(&pipes.out[1]);
    descriptor_close(&pipes.err[1]);
    return 0;
}

bool program_ended(struct program *p)
{
    if (p->exited || p->pid == 0)
        return true;
    siginfo_t info = {.si_pid = 0};
    int r = waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    /* ECHILD cannot happen unless somebody else reaped it; then there is nothing to wait for. */
    if ((r == 0 && info.si_pid == p->pid) || (r < 0 && errno == ECHILD))
        p->exited = true;
    return p->exited;
}

void program_signal(const struct program *p, int signal)
{
    if (p->pid > 1)
        (void)kill(-p->pid, signal);
}

void program_collect(struct program *p)
{
    struct rusage usage;
    pid_t r;

    if (p->pid == 0)
        return;
    program_signal(p, SIGKILL);
    memset(&usage, 0, sizeof usage);
    do
        r = wait4(p->pid, &p->wait_status, WNOHANG, &usage);
    while (r < 0 && errno == EINTR);
    if (r != p->pid)
        p->wait_status = SIGKILL;
    p->cpu_user = (uint64_t)usage.ru_utime.tv_sec * 1000000u + (uint64_t)usage.ru_utime.tv_usec;
    p->cpu = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
             (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    p->peak_memory = (uint64_t)usage.ru_maxrss * 1024u;
    program_abandon(p);
}

void program_abandon(struct program *p)
{
    p->pid = 0;
    p->exited = true;
    descriptor_close(&p->pidfd);
    descriptor_close(&p->in);
    descriptor_close(&p->out);
    descriptor_close(&p->err);
}

uint32_t program_code(const struct program *p)
{
    if (WIFSIGNALED(p->wait_status))
        return 128u + (uint32_t)WTERMSIG(p->wait_status);
    return (uint32_t)WEXITSTATUS(p->wait_status);
}

const char *program_status_text(const struct program *p, char *out, size_t size)
{
    if (WIFSIGNALED(p->wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(p->wait_status));
        if (name != NULL)
            snprintf(out, size, "signal %d (SIG%s)", WTERMSIG(p->wait_status), name);
        else
            snprintf(out, size, "signal %d", WTERMSIG(p->wait_status));
    } else {
        snprintf(out, size, "exit status %d", WEXITSTATUS(p->wait_status));
    }
    return out;
}
