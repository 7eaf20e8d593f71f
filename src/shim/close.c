/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever ends a connection's descriptor, or gives it a second one.  The mark goes before the
 * descriptor does: once the kernel has it back, another thread may be given the number.
 */
#include "shim/shim.h"

#include <errno.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "shim/next.h"

/* True: a connection that is to be counted out once it is closed. */
static bool closing(int fd)
{
    return marks_get(fd) != MARK_UNKNOWN && fd < SHIM_DESCRIPTORS && shim_self() &&
           marks_set(fd, MARK_UNKNOWN) == MARK_CONNECTION;
}

SHIM_EXPORT int close(int fd)
{
    bool counted = shim_alive() && fd >= 0 && closing(fd);
    int result = next()->close(fd);

    if (counted) {
        count_end();
    }
    return result;
}

/* libuv (Node) closes by this.  All six arguments are handed on, as the C library does. */
SHIM_EXPORT long syscall(long number, ...)
{
    long argument[6];
    bool counted = false;
    va_list list;
    long result;

    va_start(list, number);
    for (size_t i = 0; i < 6; i++) {
        argument[i] = va_arg(list, long);
    }
    va_end(list);
    if (number == SYS_close) {
        counted = shim_alive() && argument[0] >= 0 && argument[0] < SHIM_DESCRIPTORS &&
                  closing((int)argument[0]);
    }
    result = next()->syscall(number, argument[0], argument[1], argument[2], argument[3],
                             argument[4], argument[5]);
    if (counted) {
        count_end();
    }
    return result;
}

SHIM_EXPORT int fclose(FILE *file)
{
    int keep = errno;
    int fd = shim_alive() && file != NULL ? fileno(file) : -1;
    bool counted = fd >= 0 && closing(fd);
    int result;

    errno = keep;
    result = next()->fclose(file);
    if (counted) {
        count_end();
    }
    return result;
}

SHIM_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    int result = next()->close_range(first, last, flags);

    if (result == 0 && ((unsigned)flags & CLOSE_RANGE_CLOEXEC) == 0 && shim_alive() &&
        shim_self()) {
        marks_forget(first, last);
    }
    return result;
}

SHIM_EXPORT void closefrom(int first)
{
    next()->closefrom(first);
    if (shim_alive() && shim_self()) {
        marks_forget(first > 0 ? (unsigned)first : 0, ~0u);
    }
}

/* `now` is another name of what `fd` is. */
static void copied(int fd, int now)
{
    enum mark mark = marks_get(fd);

    if (mark == MARK_CONNECTION) {
        count_again(now);
    } else if (mark != MARK_UNKNOWN && now < SHIM_DESCRIPTORS) {
        (void)marks_set(now, mark);
    }
}

SHIM_EXPORT int dup(int fd)
{
    int now = next()->dup(fd);

    if (now >= 0 && shim_alive() && marks_get(fd) != MARK_UNKNOWN && shim_self()) {
        copied(fd, now);
    }
    return now;
}

/* `target` was closed by dup2(), unless that failed. */
static int replaced(int fd, int target, int result, bool counted)
{
    if (result >= 0) {
        copied(fd, target);
        if (counted) {
            count_end();
        }
    } else if (counted) {
        (void)marks_set(target, MARK_CONNECTION);
    }
    return result;
}

SHIM_EXPORT int dup2(int fd, int target)
{
    bool counted;

    if (!shim_alive() || fd == target || marks_get(fd) == marks_get(target) || !shim_self()) {
        return next()->dup2(fd, target);
    }
    counted = target >= 0 && closing(target);
    return replaced(fd, target, next()->dup2(fd, target), counted);
}

SHIM_EXPORT int dup3(int fd, int target, int flags)
{
    bool counted;

    if (!shim_alive() || fd == target || marks_get(fd) == marks_get(target) || !shim_self()) {
        return next()->dup3(fd, target, flags);
    }
    counted = target >= 0 && closing(target);
    return replaced(fd, target, next()->dup3(fd, target, flags), counted);
}
