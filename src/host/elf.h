/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_ELF_H
#define GANGER_HOST_ELF_H

/*
 * Can a preloaded library enter this program?  Asked of the file before it is started, so that
 * a pool of programs that it cannot enter says so at once, and none is started with a library that
 * would keep it from running at all.  For a script the answer is its interpreter's.
 */

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include "base/error.h"

enum elf_verdict {
    ELF_ENTERABLE = 0,
    ELF_STATIC,       /* no dynamic loader: LD_PRELOAD means nothing to it */
    ELF_PRIVILEGED,   /* gains a user, a group or capabilities: its loader ignores LD_PRELOAD */
    ELF_GO,           /* makes system calls without libc, so that nothing can be wrapped */
    ELF_OTHER_LIBC,   /* musl, say: a library made for glibc would keep it from starting */
    ELF_OTHER_MACHINE /* 32 bits, another processor: the library does not fit */
};

struct elf_question {
    const char *path;       /* absolute; after `root` when that is not NULL */
    const char *root;       /* the chroot it will run in; NULL: none */
    const char *search;     /* PATH for "#!/usr/bin/env NAME"; NULL: /usr/local/bin:/usr/bin:/bin */
    uid_t uid;              /* it will run as these, which a set-user-ID bit may change; */
    gid_t gid;              /* -1: not known, any such bit counts */
    bool no_new_privileges; /* set-id bits and file capabilities have no effect */
};

struct elf_answer {
    enum elf_verdict verdict;
    char program[PATH_MAX]; /* the file that the verdict is about: the interpreter of a script */
};

/* "is statically linked" …: what stands after the name of the program; never NULL. */
const char *elf_verdict_text(enum elf_verdict verdict);

/*
 * Reads at most some 100 KiB of the file.  0 with *ret.  Negative with err: it cannot be opened or
 * read, is neither ELF nor a script, or its scripts call each other more than four deep; then only
 * the running program can tell.
 */
int elf_inspect(const struct elf_question *question, struct elf_answer *ret, struct error *err);

#endif
