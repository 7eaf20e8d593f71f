/* SPDX-License-Identifier: Apache-2.0 */
#include "master/pid_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "host/process.h"

/* Takes `path` over. */
static int write_one(struct pid_file *f, char *path, struct error *err)
{
    int r =
        path == NULL ? error_errno(err, ENOMEM, "pid file") : process_pid_file(path, &f->fd, err);

    if (r == 0)
        f->path = path;
    else
        free(path); /* what lies there is not ours to remove */
    return r == PROCESS_PID_TAKEN ? -EBUSY : r;
}

int pid_files_write(struct pid_files *p, const char *runtime_directory, const char *asked,
                    struct error *err)
{
    int r = write_one(&p->items[0], text_format("%s/ganger.pid", runtime_directory), err);

    if (r < 0 || asked == NULL || strcmp(asked, p->items[0].path) == 0)
        return r;
    r = write_one(&p->items[1], strdup(asked), err);
    if (r < 0)
        pid_files_remove(p);
    return r;
}

void pid_files_remove(struct pid_files *p)
{
    for (size_t i = 2; i > 0; i--) {
        struct pid_file *f = &p->items[i - 1];

        if (f->path != NULL)
            (void)unlink(f->path); /* the lock is still ours, so the file is */
        free(f->path);
        f->path = NULL;
        descriptor_close(&f->fd);
    }
}
