/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Settings travel in a sealed memfd: what the worker reads is what the master wrote, neither can
 * change afterwards.  Many workers share one open file description, so reads never move its offset.
 */

#include "host/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int handover_seal(const void *data, size_t length, const char *name, struct error *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_errno(err, errno, "cannot make memory for the settings of %s", name);
    int r = descriptor_write_all(fd, data, length);
    if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        r = -errno;
    if (r < 0) {
        descriptor_close(&fd);
        return error_errno(err, -r, "cannot fill the memory for the settings of %s", name);
    }
    return fd;
}

static int check(int fd, size_t maximum, size_t *ret_length, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "descriptor %d holds no settings", fd);
    if (!S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "descriptor %d holds no settings: not a memory file", fd);
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return error_errno(err, errno, "descriptor %d holds no settings: not a memory file", fd);
    if ((seals & SEALS) != SEALS)
        return error_set(err, EPERM, "the settings in descriptor %d are not sealed", fd);
    if (st.st_size < 0 || (uint64_t)st.st_size > maximum)
        return error_set(err, EFBIG, "the settings in descriptor %d have %lld bytes, more than %zu",
                         fd, (long long)st.st_size, maximum);
    *ret_length = (size_t)st.st_size;
    return 0;
}

int handover_read(int fd, size_t maximum, void **ret_data, size_t *ret_length, struct error *err)
{
    size_t length = 0;
    int r = check(fd, maximum, &length, err);
    if (r < 0)
        return r;
    char *data = malloc(length + 1);
    if (data == NULL)
        return error_errno(err, ENOMEM, "cannot read the settings");
    size_t have = 0;
    while (have < length) {
        ssize_t got = pread(fd, data + have, length - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            int number = got < 0 ? errno : EIO;
            free(data);
            return error_errno(err, number, "cannot read the settings");
        }
        have += (size_t)got;
    }
    data[length] = '\0';
    *ret_data = data;
    *ret_length = length;
    return 0;
}
