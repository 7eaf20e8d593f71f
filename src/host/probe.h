/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_PROBE_H
#define GANGER_HOST_PROBE_H

/*
 * A look at a running process from outside, through /proc: nothing stops it, nothing is sent to it.
 *
 * A probe is a descriptor of the process's folder, which goes on meaning this process and no other:
 * after its end every question is answered by PROBE_GONE, whoever has its number by then.  Opened by a
 * number, it means who has the number at that moment: ask afterwards whether that can only be the one
 * that is meant (an unreaped child, a parent that says so).
 *
 * A question can take as long as the kernel lets it (a command line is read with the process's
 * memory locked): ask from a process that has nothing else to do.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum probe_outcome {
    PROBE_DENIED = 1, /* EACCES, EPERM: probe_denied() may know why */
    PROBE_GONE,       /* the process is no more */
    PROBE_ABSENT,     /* this kernel, or this root, has no such file */
};

struct probe {
    int folder; /* of /proc, O_PATH; -1: none */
    pid_t pid;
};
#define PROBE_NONE                                                                                 \
    (struct probe)                                                                                 \
    {                                                                                              \
        .folder = -1                                                                               \
    }

/* All of these: 0, an outcome as above, or another negative errno value. */
int probe_open(struct probe *ret, pid_t pid);
void probe_close(struct probe *p);
/* The beginning of one of its files ("wchan"), terminated; its end cut.  *ret_length may be NULL. */
int probe_read(const struct probe *p, const char *name, char *out, size_t size, size_t *ret_length);
/* What a link of it ("exe", "fd/3") leads to, terminated. */
int probe_link(const struct probe *p, const char *name, char *out, size_t size);

#define PROBE_COMM 32
struct probe_facts {
    char comm[PROBE_COMM]; /* foreign bytes */
    char state;            /* 'S' … as in proc(5) */
    bool stopping;         /* … or is about to be stopped: a SIGSTOP is on its way */
    pid_t parent, tracer;
    uid_t uid;               /* effective */
    uint64_t user, system;   /* processor time in microseconds */
    uint64_t resident, peak; /* bytes */
    uint32_t threads;
};
int probe_look(const struct probe *p, struct probe_facts *ret);
/* "sleeping", "waiting for the disk" …, for a state. */
const char *probe_state(char state);

struct probe_call {
    bool running; /* it is in no system call: on a processor, or about to be */
    long number;  /* -1: in the kernel, but not for a system call */
    uint64_t arguments[6];
    uint64_t stack, program; /* pointers */
};
int probe_call(const struct probe *p, struct probe_call *ret);
/* "read"; NULL for one that this machine has not, or that hardly anybody waits in. */
const char *probe_call_name(long number);
/* The descriptor that a call waits on, or -1: read, recvmsg, connect … of what its arguments say. */
int probe_call_descriptor(const struct probe_call *c);
/* Its program has the same numbers of system calls as we have. */
bool probe_is_native(const struct probe *p);

/* Its children, at most `room`; *ret_more when there are others. */
int probe_children(const struct probe *p, pid_t *out, size_t room, size_t *ret_count,
                   bool *ret_more);

struct probe_descriptor {
    int number;
    uint64_t inode;
};
/* Its sockets, at most `room`, of its first PROBE_DESCRIPTORS descriptors. */
#define PROBE_DESCRIPTORS 4096
int probe_sockets(const struct probe *p, struct probe_descriptor *out, size_t room,
                  size_t *ret_count, bool *ret_more);

/* Why a question to a process that runs as `uid` was denied, and the remedy; never NULL. */
const char *probe_denied(const struct probe *p, uid_t uid, char *out, size_t size);

#endif
