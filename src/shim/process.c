/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads, children, and a program that puts another in its place.
 *
 * A thread is born closed to the drain signal, even when the one that makes it is open: it might
 * serve what its maker accepts (two system calls around pthread_create, when the maker is open).
 *
 * A forked child finds an empty page (MADV_WIPEONFORK) and is let alone.  A child of vfork() shares our
 * memory and is told apart by its pid: the kernel is asked only after vfork() was called once, and
 * only when it closes or copies what is marked.
 *
 * exec in the worker itself (a shell script, env, nice) goes on in the same slot, so the settings and
 * the two descriptors go with it, which they do not to anybody else.
 */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "shim/next.h"

SHIM_EXPORT int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr,
                               void *(*start)(void *), void *restrict argument)
{
    bool reopen = shim_alive() && shim_mine.open;
    int result;

    if (reopen) {
        drain_close();
    }
    result = next()->pthread_create(thread, attr, start, argument);
    if (reopen) {
        drain_open();
    }
    return result;
}

/* vfork() returns twice into its caller's frame, so that nothing of ours may be left on the stack:
 * note the call, and jump. */
#if defined(__x86_64__)
__asm__(".text\n"
        ".globl vfork\n"
        ".type vfork, @function\n"
        "vfork:\n"
        "  .cfi_startproc\n"
        "  endbr64\n"
        "  subq $8, %rsp\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  call process_vfork\n"
        "  addq $8, %rsp\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  jmp *%rax\n"
        "  .cfi_endproc\n"
        ".size vfork, .-vfork\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl vfork\n"
        ".type vfork, %function\n"
        "vfork:\n"
        "  stp x29, x30, [sp, #-16]!\n"
        "  bl process_vfork\n"
        "  ldp x29, x30, [sp], #16\n"
        "  br x0\n"
        ".size vfork, .-vfork\n");
#endif

typedef pid_t process_vfork_call(void);
process_vfork_call *process_vfork(void) __attribute__((visibility("hidden"), used));

process_vfork_call *process_vfork(void)
{
    atomic_store(&shim.vforked, true);
    return next()->vfork;
}

/* ---------------------------------------------------------------- exec */

#define ENTRIES 8192

static char *exec_environment[ENTRIES];
static char exec_preload[2 * SHIM_TEXT];

static bool keeps(int fd, dev_t dev, ino_t ino)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static void inherit(int fd, dev_t dev, ino_t ino, int flags)
{
    if (keeps(fd, dev, ino)) {
        (void)fcntl(fd, F_SETFD, flags);
    }
}

/* `from` with our settings in it; NULL when this program's successor is none of the slot's. */
static char **exec_prepare(char *const *from)
{
    const char *preloaded = "";
    size_t n = 2;
    int keep = errno;
    char *end;

    if (!shim_alive() || getpid() != shim.page->pid || from == NULL ||
        !keeps(shim.board, shim.board_dev, shim.board_ino)) {
        errno = keep;
        return NULL;
    }
    for (; *from != NULL; from++) {
        if (strncmp(*from, "LD_PRELOAD=", 11) == 0) {
            preloaded = *from + 11;
        } else if (strncmp(*from, "GANGER_SHIM=", 12) != 0) {
            if (n == ENTRIES - 1) {
                return NULL;
            }
            exec_environment[n++] = *from;
        }
    }
    if (strlen(preloaded) >= SHIM_TEXT - 16) {
        return NULL;
    }
    exec_environment[n] = NULL;
    exec_environment[0] = shim_settings;
    exec_environment[1] = exec_preload;
    end = stpcpy(stpcpy(exec_preload, "LD_PRELOAD="), shim_preload);
    if (*preloaded != '\0') {
        *end++ = ':';
        memcpy(end, preloaded, strlen(preloaded) + 1);
    }
    inherit(shim.board, shim.board_dev, shim.board_ino, 0);
    inherit(shim.bell, shim.bell_dev, shim.bell_ino, 0);
    errno = keep;
    return exec_environment;
}

/* It has waited for connections already, so the board's descriptor is gone, and its successor cannot
 * speak for the slot.  -1: nothing to do. */
static int64_t exec_depart(bool prepared)
{
    int keep = errno;
    bool ours = !prepared && shim_alive() && getpid() == shim.page->pid;

    errno = keep;
    return ours ? (int64_t)drain_step_out() : -1;
}

/* The exec has failed, and the program goes on. */
static int exec_failed(bool prepared, int64_t departed)
{
    int keep = errno;

    if (departed >= 0) {
        drain_step_in((uint32_t)departed);
    }
    if (prepared) {
        inherit(shim.board, shim.board_dev, shim.board_ino, FD_CLOEXEC);
        inherit(shim.bell, shim.bell_dev, shim.bell_ino, FD_CLOEXEC);
    }
    errno = keep;
    return -1;
}

SHIM_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    char **ours = exec_prepare(envp);
    int64_t departed = exec_depart(ours != NULL);

    (void)next()->execve(path, argv, ours != NULL ? ours : envp);
    return exec_failed(ours != NULL, departed);
}

SHIM_EXPORT int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

SHIM_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    char **ours = exec_prepare(envp);
    int64_t departed = exec_depart(ours != NULL);

    (void)next()->execvpe(file, argv, ours != NULL ? ours : envp);
    return exec_failed(ours != NULL, departed);
}

SHIM_EXPORT int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

SHIM_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    char **ours = exec_prepare(envp);
    int64_t departed = exec_depart(ours != NULL);

    (void)next()->fexecve(fd, argv, ours != NULL ? ours : envp);
    return exec_failed(ours != NULL, departed);
}

/* ---------------------------------------------------------------- execl() and its like */

/* The C library's own reach the kernel behind our back. */
static size_t list_length(va_list *list)
{
    va_list copy;
    size_t n = 1;

    va_copy(copy, *list);
    while (va_arg(copy, char *) != NULL) {
        n++;
    }
    va_end(copy);
    return n;
}

/* argv[n] is where the NULL goes; what is behind it in the list is left there. */
static void list_fill(char **argv, const char *first, size_t n, va_list *list)
{
    memcpy(&argv[0], &first, sizeof(first));
    for (size_t i = 1; i <= n; i++) {
        argv[i] = va_arg(*list, char *);
    }
}

SHIM_EXPORT int execl(const char *path, const char *first, ...)
{
    va_list list;

    va_start(list, first);
    size_t n = list_length(&list);
    char **argv = __builtin_alloca((n + 1) * sizeof(char *));
    list_fill(argv, first, n, &list);
    va_end(list);
    return execve(path, argv, environ);
}

SHIM_EXPORT int execlp(const char *file, const char *first, ...)
{
    va_list list;

    va_start(list, first);
    size_t n = list_length(&list);
    char **argv = __builtin_alloca((n + 1) * sizeof(char *));
    list_fill(argv, first, n, &list);
    va_end(list);
    return execvpe(file, argv, environ);
}

SHIM_EXPORT int execle(const char *path, const char *first, ...)
{
    va_list list;

    va_start(list, first);
    size_t n = list_length(&list);
    char **argv = __builtin_alloca((n + 1) * sizeof(char *));
    list_fill(argv, first, n, &list);
    char *const *envp = va_arg(list, char *const *);
    va_end(list);
    return execve(path, argv, envp);
}
