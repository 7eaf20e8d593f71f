/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/next.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "shim/shim.h"

struct next next_table;

/* dlsym() returns an object pointer; POSIX lets it hold a function's. */
static void next_one(const char *name, void *field)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(field, &found, sizeof(found));
}

void next_find(void)
{
    int keep = errno;

#define NEXT_LOOK(name) next_one(#name, &next_table.name);
    NEXT_ALL(NEXT_LOOK)
#undef NEXT_LOOK
    next_one("vfork", &next_table.vfork);
    next_table.found = true;
    errno = keep;
}
