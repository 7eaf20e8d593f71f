/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_HOST_PROBE_H
#define GANGER_TESTS_HOST_PROBE_H

/*
 * A program that says what it was born with, for tests of host/spawn: the test's own binary run
 * with the argument "--probe".  It writes "name value" lines to descriptor 1.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#define PROBE_WORD "--probe"
#define PROBE_TEXT_MAX 16384

static inline int probe_compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static inline void probe_descriptors(void)
{
    int numbers[256];
    size_t count = 0;
    DIR *all = opendir("/proc/self/fd");
    for (struct dirent *e; all != NULL && (e = readdir(all)) != NULL;) {
        int number = (int)strtol(e->d_name, NULL, 10);
        if (e->d_name[0] != '.' && number != dirfd(all) && count < 256)
            numbers[count++] = number;
    }
    if (all != NULL)
        closedir(all);
    qsort(numbers, count, sizeof numbers[0], probe_compare);
    dprintf(1, "fds");
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        dprintf(1, " %d", numbers[i]);
        if (fstat(numbers[i], &st) == 0)
            dprintf(1, "=%llu", (unsigned long long)st.st_ino);
    }
    dprintf(1, "\n");
}

/* The lines of /proc/self/FILE as they are, first tab or colon and blanks after the name cut to one
 * blank. */
static inline void probe_file(const char *path, const char *prefix)
{
    char line[512];
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *p = line;
        dprintf(1, "%s", prefix);
        for (bool name = true; *p != '\0' && *p != '\n'; p++) {
            if (name && *p == ':') {
                p += strspn(p + 1, "\t ");
                dprintf(1, " ");
                name = false;
            } else {
                dprintf(1, "%c", *p == '\t' ? ' ' : *p);
            }
        }
        dprintf(1, "\n");
    }
    if (file != NULL)
        fclose(file);
}

static inline void probe_limit(const char *name, int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0)
        dprintf(1, "%s %lld %lld\n", name, (long long)limit.rlim_cur, (long long)limit.rlim_max);
}

/* Call first in main(): does not return when this process is the probe. */
static inline void probe_main(int argc, char **argv)
{
    char text[4096];
    int signal = 0;
    if (argc < 2 || strcmp(argv[1], PROBE_WORD) != 0)
        return;
    probe_descriptors();
    for (int i = 0; i < argc; i++)
        dprintf(1, "argv %s\n", argv[i]);
    for (char **e = environ; *e != NULL; e++)
        dprintf(1, "env %s\n", *e);
    dprintf(1, "cwd %s\n", getcwd(text, sizeof text) != NULL ? text : "?");
    dprintf(1, "nice %d\n", getpriority(PRIO_PROCESS, 0));
    dprintf(1, "leader %d\n", getsid(0) == getpid() && getpgid(0) == getpid());
    dprintf(1, "parent %d\n", (int)getppid());
    (void)prctl(PR_GET_PDEATHSIG, &signal);
    dprintf(1, "death %d\n", signal);
    probe_limit("files", RLIMIT_NOFILE);
    probe_limit("core", RLIMIT_CORE);
    probe_limit("fsize", RLIMIT_FSIZE);
    probe_file("/proc/self/oom_score_adj", "oom ");
    probe_file("/proc/self/status", "");
    exit(7);
}

/* The value of the first line "name value" in `text`, copied into a ring of static arrays; NULL. */
static inline const char *probe_get(const char *text, const char *name)
{
    static char ring[8][1024];
    static unsigned next;
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) != 0 || line[length] != ' ')
            continue;
        char *out = ring[next++ % 8];
        snprintf(out, sizeof ring[0], "%.*s", (int)strcspn(line + length + 1, "\n"),
                 line + length + 1);
        for (size_t n = strlen(out); n > 0 && out[n - 1] == ' '; n--)
            out[n - 1] = '\0';
        return out;
    }
    return NULL;
}

/* valgrind keeps descriptors and limits of its own: what a process with tight limits does cannot be
 * seen under it. */
static inline bool probe_valgrind(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

/* Descriptors open in this process. */
static inline size_t probe_count_descriptors(void)
{
    size_t count = 0;
    DIR *all = opendir("/proc/self/fd");
    while (all != NULL && readdir(all) != NULL)
        count++;
    if (all != NULL)
        closedir(all);
    return count;
}

#endif
