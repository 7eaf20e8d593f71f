/* SPDX-License-Identifier: Apache-2.0 */
#include "host/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"

/* smaps_rollup is some 700 bytes; cut, the numbers at its end are missing. */
#define FILE_MAX 4096

/* One read: the files are made whole at the first.  The length, or negative; terminated. */
static ssize_t read_file(pid_t pid, const char *name, char text[FILE_MAX])
{
    char path[64];
    int length = snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    __attribute__((cleanup(descriptor_cleanup))) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    ssize_t got = descriptor_read_all(fd, text, FILE_MAX - 1);
    if (got < 0)
        return got;
    text[got] = '\0';
    return got;
}

int meter_resident(pid_t pid, uint64_t *ret)
{
    char text[FILE_MAX];
    uint64_t total;
    uint64_t resident;

    *ret = 0;
    ssize_t got = read_file(pid, "statm", text);
    if (got < 0)
        return (int)got;
    if (sscanf(text, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
        return -EPROTO;
    if (total == 0)
        return -ESRCH;
    *ret = resident * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

/* "Name:   123 kB" in a file of such lines; 0 when it is not there. */
static uint64_t find_size(const char *text, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        uint64_t kilobytes;
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':' &&
            sscanf(line + length + 1, "%" SCNu64 " kB", &kilobytes) == 1)
            return kilobytes * 1024;
    }
    return 0;
}

int meter_memory(pid_t pid, struct meter_memory *ret)
{
    char text[FILE_MAX];

    *ret = (struct meter_memory){0};
    int r = meter_resident(pid, &ret->resident);
    if (r < 0)
        return r;
    if (read_file(pid, "smaps_rollup", text) < 0)
        return 0;
    ret->proportional = find_size(text, "Pss");
    ret->private = find_size(text, "Private_Clean") + find_size(text, "Private_Dirty");
    ret->swapped = find_size(text, "Swap");
    return 0;
}
