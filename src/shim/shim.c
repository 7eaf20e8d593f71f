/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The constructor: read the settings, map the board, take ourselves out of the environment.  When
 * anything is amiss the program runs as if the library were not there; the master sees that from
 * the slot, which stays silent.
 *
 * GANGER_SHIM=board=FD,slot=N,slots=N,gen=N,bell=FD,stop=SIGNO,drain=SIGNO[,master=PID]
 *             [,hup=0|1]
 *
 * GANGER_SHIM_INHERIT=1 leaves the environment and both descriptors to the program's children: for a
 * start script that does not exec.  Whoever of them accepts then counts for the slot.
 *
 * Otherwise the board's descriptor is closed when the program first waits for connections; until then it is
 * close-on-exec, and only needed when the program puts another in its place (process.c).
 */
#include "shim/shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/next.h"

struct shim shim = {.board = -1, .bell = -1};
_Thread_local struct shim_mine shim_mine __attribute__((tls_model("initial-exec")));
char shim_preload[SHIM_TEXT], shim_settings[SHIM_TEXT];

#define PAGE 4096u

bool shim_self(void)
{
    return likely(!atomic_load_explicit(&shim.vforked, memory_order_relaxed)) ||
           getpid() == shim.page->pid;
}

uint64_t shim_now(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t shim_tick(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* NAME=NUMBER in a list with commas; -1 when it is missing or no number. */
static long start_setting(const char *settings, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = settings; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            const char *digits = at + length + 1;
            char *end;
            long value = strtol(digits, &end, 10);

            return end != digits && (*end == ',' || *end == '\0') && value >= 0 ? value : -1;
        }
    }
    return -1;
}

/* Take our own path out of LD_PRELOAD, where it stands: no child of the program is to load us. */
static void start_hide(void)
{
    char *list = getenv("LD_PRELOAD");
    Dl_info own;
    size_t length;

    (void)unsetenv("GANGER_SHIM");
    if (list == NULL || dladdr((void *)&shim, &own) == 0 || own.dli_fname == NULL) {
        return;
    }
    length = strlen(own.dli_fname);
    if (length < sizeof(shim_preload)) {
        memcpy(shim_preload, own.dli_fname, length + 1);
    }
    for (char *at = list; (at = strstr(at, own.dli_fname)) != NULL; at += length) {
        char *rest = at + length;

        if ((at == list || at[-1] == ':' || at[-1] == ' ') &&
            (*rest == '\0' || *rest == ':' || *rest == ' ')) {
            rest += *rest != '\0';
            memmove(at, rest, strlen(rest) + 1);
            break;
        }
    }
    length = strlen(list);
    if (length > 0 && (list[length - 1] == ':' || list[length - 1] == ' ')) {
        list[--length] = '\0';
    }
    if (length == 0) {
        (void)unsetenv("LD_PRELOAD");
    }
}

/* The whole board for reading, and the pages of the own slot for writing. */
static bool start_map(int fd, uint32_t slots, uint32_t own)
{
    size_t size = BOARD_SLOTS_OFFSET + (size_t)slots * sizeof(struct board_slot);
    size_t at = BOARD_SLOTS_OFFSET + (size_t)own * sizeof(struct board_slot);
    size_t page_at = at & ~(size_t)(PAGE - 1);
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;
    char *all, *mine_at;

    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(fd, &st) < 0 || st.st_size < 0 ||
        (size_t)st.st_size < size) {
        return false;
    }
    shim.board_dev = st.st_dev;
    shim.board_ino = st.st_ino;
    all = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (all == MAP_FAILED) {
        return false;
    }
    mine_at = mmap(NULL, at - page_at + sizeof(struct board_slot), PROT_READ | PROT_WRITE,
                   MAP_SHARED, fd, (off_t)page_at);
    if (mine_at == MAP_FAILED) {
        (void)munmap(all, size);
        return false;
    }
    shim.header = (const void *)all;
    shim.slots_at = all + BOARD_SLOTS_OFFSET;
    shim.slot = (void *)(mine_at + (at - page_at));
    return shim.header->magic == BOARD_MAGIC && shim.header->version == BOARD_VERSION &&
           shim.header->slot_size == sizeof(struct board_slot);
}

static bool start_settings(const char *settings)
{
    long board = start_setting(settings, "board"), own = start_setting(settings, "slot");
    long slots = start_setting(settings, "slots"), generation = start_setting(settings, "gen");
    long master = start_setting(settings, "master");
    long stop = start_setting(settings, "stop"), drain = start_setting(settings, "drain");

    if (board < 0 || board > INT32_MAX || slots < 1 || slots > BOARD_SLOTS_MAX || own < 0 ||
        own >= slots || drain < SIGRTMIN || drain > SIGRTMAX || stop < 0 || stop > SIGRTMAX) {
        return false;
    }
    shim.board = (int)board;
    shim.bell = (int)start_setting(settings, "bell");
    shim.slots = (uint32_t)slots;
    shim.own = (uint32_t)own;
    shim.stop_signal = (int)stop;
    shim.drain_signal = (int)drain;
    shim.master = (pid_t)(master > 0 && master < INT32_MAX ? master : 0);
    if (shim.inherit && shim.master != 0) {
        shim.master = getppid(); /* perhaps a script, that leaves when the master does */
    }
    shim.hangups = start_setting(settings, "hup") != 0;
    return start_map(shim.board, shim.slots, shim.own) &&
           (generation <= 0 || (long)shim.slot->generation == generation);
}

static void start_identify(void)
{
    struct stat st;

    shim.bell_dead = shim.bell < 0 || fstat(shim.bell, &st) < 0 || !S_ISFIFO(st.st_mode);
    if (!shim.bell_dead) {
        shim.bell_dev = st.st_dev;
        shim.bell_ino = st.st_ino;
        (void)fcntl(shim.bell, F_SETFD, shim.inherit ? 0 : FD_CLOEXEC);
    }
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISSOCK(st.st_mode)) {
        shim.listener_dev = st.st_dev;
        shim.listener_ino = st.st_ino;
        (void)marks_set(STDIN_FILENO, MARK_LISTENER);
    }
    (void)fcntl(shim.board, F_SETFD, shim.inherit ? 0 : FD_CLOEXEC);
}

static void start_run(const char *settings)
{
    const char *inherit = getenv("GANGER_SHIM_INHERIT");
    struct shim_page *page;
    int written = snprintf(shim_settings, sizeof(shim_settings), "GANGER_SHIM=%s", settings);

    if (written < 0 || (size_t)written >= sizeof(shim_settings)) {
        return;
    }
    settings = shim_settings + strlen("GANGER_SHIM=");
    shim.inherit = inherit != NULL && strcmp(inherit, "1") == 0;
    if (!shim.inherit) {
        start_hide();
    }
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || madvise(page, PAGE, MADV_WIPEONFORK) < 0 ||
        !start_settings(settings)) {
        return;
    }
    start_identify();
    if (drain_install() < 0) {
        return;
    }
    page->pid = getpid();
    page->alive = true;
    shim.page = page;
    atomic_store_explicit(&shim.slot->shim, BOARD_SHIM_ALIVE, memory_order_release);
}

__attribute__((constructor)) static void start(void)
{
    const char *settings = getenv("GANGER_SHIM");
    int keep = errno;

    next_find();
    if (settings != NULL) {
        start_run(settings);
    }
    errno = keep;
}
