/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A CGI program that does as it is told: QUERY_STRING is a list of commands, carried out from left
 * to right, separated by '&', each NAME or NAME=VALUE (%-decoded).  With it a test says in one line how
 * a program misbehaves.
 *
 *   out=TEXT     write to stdout              err=TEXT    write to stderr
 *   ok           a plain header               sleep=MS    sleep (restarted after signals)
 *   cat          copy stdin to stdout         read        read stdin to its end, forget it
 *   readsome=N   read N bytes of stdin        slowread=US read 1 byte each US microseconds
 *   spam=N       write N bytes 'x' to stdout  bytes=N     the same, one byte a write
 *   errspam=N    write N bytes to stderr in lines of 100
 *   exit=N       _exit                        raise=SIG   die by a signal
 *   closeout     close stdout                 closeerr    close stderr
 *   note=PATH    append "PID\n" to a file     fork=MS     a child that keeps the pipes and sleeps MS
 *   daemon=MS    double fork, same group      setsid      leave the session in a child that goes on
 *   ignterm      ignore SIGTERM               nonblock    O_NONBLOCK|O_ASYNC on 0, 1, 2
 *   until=PATH   go on when PATH exists
 *   env=NAME     print NAME=value or NAME!    environ     print the environment, a line each
 *   self         print what this process was born with
 *   worker       print pid and start of the process that started this one
 *   length       print how many bytes stdin held
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void put(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            _exit(99);
        data += n;
        length -= (size_t)n;
    }
}

static void say(const char *text)
{
    put(STDOUT_FILENO, text, strlen(text));
}

static void pause_for(long milliseconds)
{
    struct timespec left = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static size_t decode(char *text)
{
    char *to = text;
    for (char *from = text; *from != '\0'; from++) {
        unsigned byte;
        if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 2;
        } else {
            *to++ = *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

static void repeat(int fd, long total, size_t piece, char filler)
{
    static char block[65536];
    memset(block, filler, sizeof(block));
    if (filler == 'e')
        for (size_t i = 99; i < sizeof(block); i += 100)
            block[i] = '\n';
    while (total > 0) {
        size_t n = piece < (size_t)total ? piece : (size_t)total;
        put(fd, block, n);
        total -= (long)n;
    }
}

static void copy_input(int to, unsigned long long *count)
{
    static char block[65536];
    ssize_t n;
    while ((n = read(STDIN_FILENO, block, sizeof(block))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            _exit(98);
        *count += (unsigned long long)n;
        if (to >= 0)
            put(to, block, (size_t)n);
    }
}

static void read_some(long count, long pause_usec)
{
    char byte;
    struct timespec nap = {0, pause_usec * 1000};
    for (long i = 0; i < count && read(STDIN_FILENO, &byte, 1) == 1; i++)
        if (pause_usec > 0)
            nanosleep(&nap, NULL);
}

static void print_status_lines(void)
{
    static const char *const wanted[] = {
        "Umask:",  "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:",
        "SigBlk:", "SigIgn:", "SigCgt:", "Uid:",    "Gid:",    "Groups:"};
    char line[512];
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
                say(line);
    if (status != NULL)
        fclose(status);
}

static void print_self(int argc, char **argv)
{
    char text[4096];
    /* Descriptors first: opening anything else would add to them. */
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            struct stat st;
            fstat(fd, &st);
            snprintf(text, sizeof(text), "fd %d %s %o\n", fd,
                     S_ISFIFO(st.st_mode)  ? "pipe"
                     : S_ISCHR(st.st_mode) ? "device"
                                           : "other",
                     (unsigned)fcntl(fd, F_GETFL) & (unsigned)O_NONBLOCK);
            say(text);
        }
    for (int i = 0; i < argc; i++) {
        snprintf(text, sizeof(text), "argv %d %s\n", i, argv[i]);
        say(text);
    }
    char folder[2048] = "?";
    if (getcwd(folder, sizeof(folder)) == NULL)
        snprintf(folder, sizeof(folder), "?");
    snprintf(text, sizeof(text), "cwd %s\nleader %d\nsession %d\nnice %d\n", folder,
             getpgrp() == getpid(), getsid(0) == getpid(), getpriority(PRIO_PROCESS, 0));
    say(text);
    int death = 0;
    prctl(PR_GET_PDEATHSIG, &death);
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    snprintf(text, sizeof(text), "deathsig %d\ncore %llu\n", death,
             (unsigned long long)core.rlim_cur);
    say(text);
    print_status_lines();
    FILE *oom = fopen("/proc/self/oom_score_adj", "re");
    if (oom != NULL && fgets(text, 64, oom) != NULL) {
        say("oom ");
        say(text);
    }
    if (oom != NULL)
        fclose(oom);
}

static void run_on_in_child(long milliseconds, int generations)
{
    pid_t child = fork();
    if (child != 0)
        return;
    if (generations > 1 && fork() != 0)
        _exit(0);
    pause_for(milliseconds);
    _exit(0);
}

static void note(const char *path)
{
    char text[32];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        _exit(97);
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    put(fd, text, (size_t)n);
    close(fd);
}

/* Bounded, should the test die first. */
static void until(const char *path)
{
    for (int i = 0; i < 60000 && access(path, F_OK) < 0; i++)
        pause_for(2);
}

/* As the native programs print who they are; see tests/flow/native.py. */
static void print_worker(void)
{
    char path[64], stat[1024], text[128];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)getppid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
    close(fd);
    stat[n < 0 ? 0 : n] = '\0';
    const char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    snprintf(text, sizeof(text), "pid=%d slept=0\n%ld\n", (int)getppid(),
             at != NULL ? strtol(at, NULL, 10) : -1);
    say(text);
}

static void print_variable(const char *name)
{
    const char *value = getenv(name);
    say(name);
    say(value != NULL ? "=" : "!");
    say(value != NULL ? value : "");
    say("\n");
}

static void obey_process(const char *name, const char *value)
{
    long number = strtol(value, NULL, 10);
    if (strcmp(name, "exit") == 0)
        _exit((int)number);
    if (strcmp(name, "raise") == 0) {
        raise((int)number);
    } else if (strcmp(name, "note") == 0) {
        note(value);
    } else if (strcmp(name, "until") == 0) {
        until(value);
    } else if (strcmp(name, "fork") == 0) {
        run_on_in_child(number, 1);
    } else if (strcmp(name, "daemon") == 0) {
        run_on_in_child(number, 2);
    } else if (strcmp(name, "setsid") == 0) {
        if (fork() != 0)
            _exit(0);
        setsid();
    } else if (strcmp(name, "ignterm") == 0) {
        signal(SIGTERM, SIG_IGN);
    } else if (strcmp(name, "nonblock") == 0) {
        for (int fd = 0; fd < 3; fd++)
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK | O_ASYNC);
    } else {
        fprintf(stderr, "cgi: no such command: %s\n", name);
        _exit(96);
    }
}

static void obey(const char *name, char *value, int argc, char **argv)
{
    unsigned long long count = 0;
    size_t length = decode(value);
    long number = strtol(value, NULL, 10);
    char text[64];
    if (strcmp(name, "out") == 0) {
        put(STDOUT_FILENO, value, length);
    } else if (strcmp(name, "err") == 0) {
        put(STDERR_FILENO, value, length);
    } else if (strcmp(name, "ok") == 0) {
        say("Content-Type: text/plain\r\n\r\n");
    } else if (strcmp(name, "sleep") == 0) {
        pause_for(number);
    } else if (strcmp(name, "cat") == 0) {
        copy_input(STDOUT_FILENO, &count);
    } else if (strcmp(name, "read") == 0) {
        copy_input(-1, &count);
    } else if (strcmp(name, "length") == 0) {
        copy_input(-1, &count);
        snprintf(text, sizeof(text), "%llu\n", count);
        say(text);
    } else if (strcmp(name, "readsome") == 0) {
        read_some(number, 0);
    } else if (strcmp(name, "slowread") == 0) {
        read_some(1L << 40, number);
    } else if (strcmp(name, "spam") == 0) {
        repeat(STDOUT_FILENO, number, 65536, 'x');
    } else if (strcmp(name, "bytes") == 0) {
        repeat(STDOUT_FILENO, number, 1, 'x');
    } else if (strcmp(name, "errspam") == 0) {
        repeat(STDERR_FILENO, number, 65500, 'e');
    } else if (strcmp(name, "closeout") == 0) {
        close(STDOUT_FILENO);
    } else if (strcmp(name, "closeerr") == 0) {
        close(STDERR_FILENO);
    } else if (strcmp(name, "env") == 0) {
        print_variable(value);
    } else if (strcmp(name, "environ") == 0) {
        for (char **variable = environ; *variable != NULL; variable++) {
            say(*variable);
            say("\n");
        }
    } else if (strcmp(name, "self") == 0) {
        print_self(argc, argv);
    } else if (strcmp(name, "worker") == 0) {
        print_worker();
    } else {
        obey_process(name, value);
    }
}

int main(int argc, char **argv)
{
    const char *query = getenv("QUERY_STRING");
    char *commands = strdup(query != NULL && query[0] != '\0' ? query : "ok&out=hello");
    char *rest = commands;
    char *command;
    while ((command = strsep(&rest, "&")) != NULL) {
        static char nothing[] = "";
        char *value = strchr(command, '=');
        if (value != NULL)
            *value++ = '\0';
        obey(command, value != NULL ? value : nothing, argc, argv);
    }
    free(commands);
    return 0;
}
