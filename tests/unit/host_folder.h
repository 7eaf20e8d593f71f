/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_HOST_FOLDER_H
#define GANGER_TESTS_HOST_FOLDER_H

/* A temporary folder for one test, as cmocka's setup and teardown; after <cmocka.h>. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, enter, leave)

static char folder[64];

static inline int enter(void **unused)
{
    (void)unused;
    snprintf(folder, sizeof folder, "/tmp/ganger-unit-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline size_t count_entries(void)
{
    size_t count = 0;
    DIR *all = opendir(folder);
    assert_non_null(all);
    for (struct dirent *e; (e = readdir(all)) != NULL;)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(all);
    return count;
}

static inline int leave(void **unused)
{
    (void)unused;
    DIR *all = opendir(folder);
    for (struct dirent *e; all != NULL && (e = readdir(all)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(all), e->d_name, 0) < 0)
            (void)unlinkat(dirfd(all), e->d_name, AT_REMOVEDIR);
    if (all != NULL)
        closedir(all);
    return rmdir(folder);
}

#endif
