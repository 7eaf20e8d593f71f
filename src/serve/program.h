/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_PROGRAM_H
#define GANGER_SERVE_PROGRAM_H

/*
 * One running CGI program: the direct child, its process group, its three pipes.
 *
 * The child is the leader of its own session and group, and it is reaped last: while it is
 * unreaped (a zombie too) its number cannot be given to anybody else, so signalling the group by
 * number is safe.  program_collect() kills whatever is left of the group and only then reaps.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/bytes.h"
#include "base/error.h"
#include "host/spawn.h"

struct program {
    pid_t pid;            /* 0: none, or collected */
    int pidfd;            /* readable when the child has ended */
    int in, out, err;     /* our ends, non-blocking; -1: closed */
    bool exited;          /* the direct child has ended (it may still be a zombie) */
    int wait_status;      /* as of wait(2), after program_collect() */
    uint64_t cpu;         /* microseconds, after program_collect(); … */
    uint64_t cpu_user;    /* … of them, outside of the kernel */
    uint64_t peak_memory; /* bytes, after program_collect() */
};
#define PROGRAM_NONE                                                                               \
    (struct program)                                                                               \
    {                                                                                              \
        .pidfd = -1, .in = -1, .out = -1, .err = -1                                                \
    }

struct program_plan {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *folder; /* NULL: ours */
    const struct spawn_limit *limits;
    size_t limit_count;
    bool traceable;     /* slowlog.command is to look into it */
    struct bytes *body; /* beginning of its input, consumed as far as the pipe takes it */
    bool body_over;     /* nothing comes after that */
};

/* How many descriptors starting a program needs at its worst moment. */
#define PROGRAM_DESCRIPTORS 10
/* How many a running one keeps. */
#define PROGRAM_KEEPS 4

/* 0; SPAWN_FAILED with *report; negative: not even a pipe or a process (err says why). */
int program_start(struct program *p, const struct program_plan *plan, struct spawn_report *report,
                  struct error *err);
/* Has the direct child ended?  Asks the kernel when it is not known yet; never reaps. */
bool program_ended(struct program *p);
/* Signal the whole group.  Nothing happens when there is none any more. */
void program_signal(const struct program *p, int signal);
/* program_ended() is true: kill the rest of the group, reap, close the pipes, fill in the status. */
void program_collect(struct program *p);
/* Let go of a child that does not even end on SIGKILL; worker's sweep reaps it one day. */
void program_abandon(struct program *p);
/* Exit code, or 128 + signal. */
uint32_t program_code(const struct program *p);
/* "exit status 3", "signal SEGV": a static or given text. */
const char *program_status_text(const struct program *p, char *out, size_t size);

#endif
