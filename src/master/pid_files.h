/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_PID_FILES_H
#define GANGER_MASTER_PID_FILES_H

/* The pid files: always ganger.pid in runtime_directory, whose lock keeps a second ganger out of it,
 * and the one that was asked for when that is another. */

#include "base/error.h"

struct pid_file {
    char *path; /* NULL: not written */
    int fd;     /* holds its lock */
};
struct pid_files {
    struct pid_file items[2];
};
#define PID_FILES_NONE                                                                             \
    {                                                                                              \
        {                                                                                          \
            {.fd = -1},                                                                            \
            {                                                                                      \
                .fd = -1                                                                           \
            }                                                                                      \
        }                                                                                          \
    }

/* Write them; `asked` may be NULL.  0, or negative (also when another ganger holds one: err says
 * so) with nothing written. */
int pid_files_write(struct pid_files *p, const char *runtime_directory, const char *asked,
                    struct error *err);
/* Remove what was written.  Safe to call twice. */
void pid_files_remove(struct pid_files *p);

#endif
