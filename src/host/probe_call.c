/* SPDX-License-Identifier: Apache-2.0 */
/* What a process asked the kernel for, and is waiting for. */
#include "host/probe.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/descriptor.h"

/* The numbers differ from one machine to the next, and older calls exist on the older ones alone. */
static const struct {
    long number;
    const char *name;
    bool descriptor; /* what it waits on is its first argument */
} calls[] = {
#define CALL(name_)                                                                                \
    {                                                                                              \
        SYS_##name_, #name_, false                                                                 \
    }
#define ON(name_)                                                                                  \
    {                                                                                              \
        SYS_##name_, #name_, true                                                                  \
    }
    ON(read),
    ON(write),
    ON(readv),
    ON(writev),
    ON(pread64),
    ON(pwrite64),
    ON(preadv),
    ON(pwritev),
    ON(accept),
    ON(accept4),
    ON(connect),
    ON(recvfrom),
    ON(recvmsg),
    ON(recvmmsg),
    ON(sendto),
    ON(sendmsg),
    ON(sendmmsg),
    ON(shutdown),
    ON(close),
    ON(fsync),
    ON(fdatasync),
    ON(flock),
    ON(fcntl),
    ON(ioctl),
    ON(fallocate),
    ON(ftruncate),
    ON(getdents64),
    ON(sync_file_range),
    ON(sendfile),
    ON(splice),
    ON(tee),
    ON(vmsplice),
    ON(fstat),
    ON(lseek),
    ON(epoll_pwait),
    ON(inotify_add_watch),
    ON(getsockopt),
    ON(setsockopt),
    CALL(openat),
    CALL(socket),
    CALL(socketpair),
    CALL(copy_file_range),
    CALL(ppoll),
    CALL(pselect6),
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(futex),
    CALL(wait4),
    CALL(waitid),
    CALL(rt_sigsuspend),
    CALL(rt_sigtimedwait),
    CALL(restart_syscall),
    CALL(sched_yield),
    CALL(semop),
    CALL(semtimedop),
    CALL(semget),
    CALL(msgrcv),
    CALL(msgsnd),
    CALL(mq_timedreceive),
    CALL(mq_timedsend),
    CALL(clone),
    CALL(execve),
    CALL(execveat),
    CALL(exit),
    CALL(exit_group),
    CALL(mmap),
    CALL(munmap),
    CALL(mremap),
    CALL(mprotect),
    CALL(madvise),
    CALL(msync),
    CALL(brk),
    CALL(mlock),
    CALL(getrandom),
    CALL(kill),
    CALL(ptrace),
    CALL(unlinkat),
    CALL(renameat2),
    CALL(mkdirat),
    CALL(linkat),
    CALL(symlinkat),
    CALL(fchmodat),
    CALL(fchownat),
    CALL(faccessat),
    CALL(readlinkat),
    CALL(utimensat),
    CALL(truncate),
    CALL(statfs),
    CALL(sync),
    CALL(syncfs),
    CALL(mount),
    CALL(umount2),
    CALL(chdir),
    CALL(fchdir),
    CALL(getcwd),
    CALL(dup3),
    CALL(pipe2),
    CALL(epoll_ctl),
    CALL(io_getevents),
    CALL(io_submit),
    CALL(getpid),
    CALL(getppid),
    CALL(gettimeofday),
    CALL(clock_gettime),
    CALL(times),
    CALL(getrusage),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(newfstatat),
    CALL(keyctl),
    CALL(request_key),
#ifdef SYS_statx
    CALL(statx),
#endif
#ifdef SYS_openat2
    CALL(openat2),
#endif
#ifdef SYS_io_uring_enter
    ON(io_uring_enter),
#endif
#ifdef SYS_epoll_pwait2
    ON(epoll_pwait2),
#endif
#ifdef SYS_clone3
    CALL(clone3),
#endif
#ifdef SYS_faccessat2
    CALL(faccessat2),
#endif
#ifdef SYS_preadv2
    ON(preadv2),
#endif
#ifdef SYS_pwritev2
    ON(pwritev2),
#endif
#ifdef SYS_open
    CALL(open),
#endif
#ifdef SYS_poll
    CALL(poll),
#endif
#ifdef SYS_select
    CALL(select),
#endif
#ifdef SYS_epoll_wait
    ON(epoll_wait),
#endif
#ifdef SYS_pause
    CALL(pause),
#endif
#ifdef SYS_fork
    CALL(fork),
#endif
#ifdef SYS_vfork
    CALL(vfork),
#endif
#ifdef SYS_stat
    CALL(stat),
#endif
#ifdef SYS_lstat
    CALL(lstat),
#endif
#ifdef SYS_access
    CALL(access),
#endif
#ifdef SYS_unlink
    CALL(unlink),
#endif
#ifdef SYS_rename
    CALL(rename),
#endif
#ifdef SYS_mkdir
    CALL(mkdir),
#endif
#ifdef SYS_rmdir
    CALL(rmdir),
#endif
#ifdef SYS_creat
    CALL(creat),
#endif
#ifdef SYS_readlink
    CALL(readlink),
#endif
#ifdef SYS_getdents
    ON(getdents),
#endif
};

const char *probe_call_name(long number)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (calls[i].number == number)
            return calls[i].name;
    return NULL;
}

int probe_call_descriptor(const struct probe_call *c)
{
    if (c->running || c->number < 0 || c->arguments[0] > INT32_MAX)
        return -1;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (calls[i].number == c->number)
            return calls[i].descriptor ? (int)c->arguments[0] : -1;
    return -1;
}

int probe_call(const struct probe *p, struct probe_call *ret)
{
    char text[256];
    uint64_t *a = ret->arguments;

    *ret = (struct probe_call){.number = -1};
    int r = probe_read(p, "syscall", text, sizeof text, NULL);
    if (r != 0)
        return r;
    if (strncmp(text, "running", 7) == 0) {
        ret->running = true;
        return 0;
    }
    if (sscanf(text, "-1 %" SCNx64 " %" SCNx64, &ret->stack, &ret->program) == 2)
        return 0;
    int got =
        sscanf(text,
               "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
               " %" SCNx64 " %" SCNx64,
               &ret->number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &ret->stack, &ret->program);
    return got == 9 ? 0 : PROBE_ABSENT;
}

bool probe_is_native(const struct probe *p)
{
    unsigned char head[EI_NIDENT];
    __attribute__((cleanup(descriptor_cleanup))) int fd =
        openat(p->folder, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    /* One that may not be read is taken for an ordinary one. */
    if (fd < 0 || descriptor_read_all(fd, head, sizeof head) != (ssize_t)sizeof head)
        return true;
    return head[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
}
