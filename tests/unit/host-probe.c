/* SPDX-License-Identifier: Apache-2.0 */
/* A look at children of the test, which wait in ways that are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include "host/errand.h"
#include "host/peers.h"
#include "host/probe.h"

#define PATIENCE 3000 /* looks, 10 ms apart */

static void pause_briefly(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* A child that reads from `fd` for ever. */
static pid_t reader(int fd, const char *name)
{
    pid_t pid = fork();
    char byte;

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, name);
    while (read(fd, &byte, 1) < 0)
        ;
    _exit(0);
}

/* Until it sleeps in read(): then every answer is known. */
static void await_read(const struct probe *p, struct probe_call *call)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (probe_call(p, call) == 0 && !call->running && call->number == SYS_read)
            return;
        pause_briefly();
    }
    fail_msg("it never came to read()");
}

static void end(struct probe *p)
{
    (void)kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, 0);
}

static void test_reader(void **unused)
{
    int ends[2];
    struct probe p;
    struct probe_facts facts;
    struct probe_call call;
    char text[256], wanted[256], link[64];
    struct stat st;

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = reader(ends[0], "a (b) c\n)");
    assert_int_equal(probe_open(&p, pid), 0);
    await_read(&p, &call);
    assert_string_equal(probe_call_name(call.number), "read");
    assert_int_equal(call.arguments[0], (uint64_t)ends[0]);
    assert_int_equal(probe_call_descriptor(&call), ends[0]);
    assert_true(probe_is_native(&p));
    assert_int_equal(probe_look(&p, &facts), 0);
    assert_int_equal(facts.state, 'S');
    assert_int_equal(facts.parent, getpid());
    assert_int_equal(facts.tracer, 0);
    assert_int_equal(facts.threads, 1);
    assert_int_equal(facts.uid, geteuid());
    assert_false(facts.stopping);
    assert_true(facts.resident > 0 && facts.peak >= facts.resident);
    assert_non_null(strstr(facts.comm, "a (b) c"));
    assert_int_equal(fstat(ends[0], &st), 0);
    (void)snprintf(link, sizeof link, "fd/%d", ends[0]);
    (void)snprintf(wanted, sizeof wanted, "pipe:[%lu]", (unsigned long)st.st_ino);
    assert_int_equal(probe_link(&p, link, text, sizeof text), 0);
    assert_string_equal(text, wanted);
    assert_int_equal(probe_link(&p, link, text, 5), 0); /* cut */
    assert_string_equal(text, "pipe");
    assert_int_equal(probe_link(&p, "fd/54321", text, sizeof text), PROBE_ABSENT);
    assert_int_equal(probe_read(&p, "nothing", text, sizeof text, NULL), PROBE_ABSENT);
    assert_int_equal(probe_read(&p, "stat", text, 4, NULL), 0);
    assert_int_equal(strlen(text), 3);
    end(&p);
    /* Whoever has the number now: this one is gone. */
    assert_int_equal(probe_look(&p, &facts), PROBE_GONE);
    assert_int_equal(probe_call(&p, &call), PROBE_GONE);
    assert_int_equal(probe_link(&p, link, text, sizeof text), PROBE_GONE);
    probe_close(&p);
    assert_int_equal(probe_open(&p, pid), PROBE_GONE);
    probe_close(&p);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_stopped(void **unused)
{
    int ends[2];
    struct probe p;
    struct probe_facts facts;
    struct probe_call call;

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = reader(ends[0], "stopped");
    assert_int_equal(probe_open(&p, pid), 0);
    await_read(&p, &call);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
    assert_int_equal(probe_look(&p, &facts), 0);
    assert_int_equal(facts.state, 'T');
    assert_true(facts.stopping);
    end(&p);
    probe_close(&p);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_children(void **unused)
{
    int ends[2];
    struct probe p;
    pid_t pids[4], mine[3];
    size_t count = 0;
    bool more = true;

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    for (size_t i = 0; i < 3; i++)
        mine[i] = reader(ends[0], "child");
    assert_int_equal(probe_open(&p, getpid()), 0);
    assert_int_equal(probe_children(&p, pids, 4, &count, &more), 0);
    assert_int_equal(count, 3);
    assert_false(more);
    assert_memory_equal(pids, mine, sizeof mine);
    assert_int_equal(probe_children(&p, pids, 2, &count, &more), 0);
    assert_int_equal(count, 2);
    assert_true(more);
    for (size_t i = 0; i < 3; i++) {
        (void)kill(mine[i], SIGKILL);
        (void)waitpid(mine[i], NULL, 0);
    }
    assert_int_equal(probe_children(&p, pids, 4, &count, &more), 0);
    assert_int_equal(count, 0);
    probe_close(&p);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static uint64_t inode(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void test_peers(void **unused)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t length = sizeof four;
    struct probe_descriptor list[64];
    struct peer_text peers[6];
    struct probe p;
    size_t count = 0, found = 0;
    bool more = true;
    char wanted[128];
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    int server = socket(AF_UNIX, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
    int waiting = socket(AF_UNIX, SOCK_STREAM, 0), lonely = socket(AF_INET6, SOCK_DGRAM, 0);

    (void)unused;
    assert_int_equal(bind(listener, (struct sockaddr *)&four, sizeof four), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&four, &length), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&four, sizeof four), 0);
    (void)bind(lonely, (struct sockaddr *)&six, sizeof six);
    /* An abstract name; with a byte in it that is not to reach a log. */
    int n = snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "ganger-probe\n%d", (int)getpid());
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    assert_int_equal(bind(server, (struct sockaddr *)&un, length), 0);
    assert_int_equal(listen(server, 4), 0);
    assert_int_equal(connect(local, (struct sockaddr *)&un, length), 0);
    int accepted = accept(server, NULL, NULL);
    assert_true(accepted >= 0);
    assert_int_equal(connect(waiting, (struct sockaddr *)&un, length), 0);

    const int fds[] = {listener, client, server, local, waiting};
    for (size_t i = 0; i < 5; i++)
        peers[i].inode = inode(fds[i]);
    peers[5].inode = 1; /* nobody's */
    assert_int_equal(probe_open(&p, getpid()), 0);
    assert_int_equal(probe_sockets(&p, list, 64, &count, &more), 0);
    assert_false(more);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < 5; j++)
            found += list[i].inode == peers[j].inode && list[i].number == fds[j];
    assert_int_equal(found, 5);
    assert_int_equal(probe_sockets(&p, list, 2, &count, &more), 0);
    assert_int_equal(count, 2);
    assert_true(more);

    peers_find(&p, peers, 6);
    assert_non_null(strstr(peers[0].text, "tcp 127.0.0.1:"));
    assert_non_null(strstr(peers[0].text, "listening"));
    (void)snprintf(wanted, sizeof wanted, " -> 127.0.0.1:%u established", ntohs(four.sin_port));
    assert_non_null(strstr(peers[1].text, wanted));
    (void)snprintf(wanted, sizeof wanted, "@ganger-probe?%d", (int)getpid());
    assert_non_null(strstr(peers[2].text, wanted));
    assert_non_null(strstr(peers[2].text, "listening"));
    assert_non_null(strstr(peers[3].text, wanted));
    assert_non_null(strstr(peers[4].text, "a server that has not accepted it"));
    assert_string_equal(peers[5].text, "");
    probe_close(&p);
    const int all[] = {listener, client, server, local, waiting, lonely, accepted};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        (void)close(all[i]);
}

static void test_names(void **unused)
{
    (void)unused;
    assert_string_equal(probe_call_name(SYS_clock_nanosleep), "clock_nanosleep");
    assert_string_equal(probe_call_name(SYS_futex), "futex");
    assert_string_equal(probe_call_name(SYS_recvmsg), "recvmsg");
    assert_null(probe_call_name(-1));
    assert_null(probe_call_name(99999));
    const struct probe_call sleeping = {.number = SYS_nanosleep, .arguments = {5}};
    const struct probe_call odd = {.number = SYS_read, .arguments = {UINT64_MAX}};
    assert_int_equal(probe_call_descriptor(&sleeping), -1);
    assert_int_equal(probe_call_descriptor(&odd), -1);
}

/* ---- errands ---- */

struct seen {
    int out, other;
};

static int look_around(void *cookie)
{
    const struct seen *s = cookie;
    sigset_t mask;
    char good = 'y';

    if (fcntl(s->other, F_GETFD) >= 0 || fcntl(s->out, F_GETFD) < 0)
        good = 'd';
    else if (getsid(0) != getpid())
        good = 's';
    else if (sigprocmask(SIG_SETMASK, NULL, &mask) < 0 || !sigismember(&mask, SIGTERM) ||
             sigismember(&mask, SIGINT))
        good = 'm';
    return write(s->out, &good, 1) == 1 ? 42 : 1;
}

static void test_errand(void **unused)
{
    int ends[2], kept[2];
    struct spawned child;
    struct error err = ERROR_NONE;
    siginfo_t info;
    char byte = '?';

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(kept), 0);
    struct seen seen = {.out = kept[1], .other = ends[0]};
    const int keep[] = {kept[1], -1, kept[0]};
    const struct errand e = {.run = look_around, .cookie = &seen, .keep = keep, .keep_count = 3};
    assert_int_equal(errand_start(&e, &child, &err), 0);
    assert_int_equal(read(kept[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(waitid(P_PIDFD, (id_t)child.pidfd, &info, WEXITED), 0);
    assert_int_equal(info.si_code, CLD_EXITED);
    assert_int_equal(info.si_status, 42);
    (void)close(child.pidfd);
    for (int i = 0; i < 2; i++) {
        (void)close(ends[i]);
        (void)close(kept[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),   cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_children), cmocka_unit_test(test_peers),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_errand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
