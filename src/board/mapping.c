/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory under a board.  The memfd is sealed before anybody else sees it, so its size can never
 * change under a mapping; whoever maps one takes the number of slots from that size and merely
 * compares what the header says.
 */
#include "board/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static size_t size_of(uint32_t slots)
{
    return BOARD_SLOTS_OFFSET + (size_t)slots * sizeof(struct board_slot);
}

/* The slots of a board of `size` bytes; 0 when no board has this size. */
static uint32_t slots_in(size_t size)
{
    size_t slots;

    if (size <= BOARD_SLOTS_OFFSET || size > size_of(BOARD_SLOTS_MAX)) {
        return 0;
    }
    slots = (size - BOARD_SLOTS_OFFSET) / sizeof(struct board_slot);
    return size_of((uint32_t)slots) == size ? (uint32_t)slots : 0;
}

static int allocate(int fd, size_t from, size_t size)
{
    int r;

    do {
        r = posix_fallocate(fd, (off_t)from, (off_t)size);
    } while (r == EINTR);
    errno = r;
    return r == 0 ? 0 : -1;
}

static int make_memfd(const char *pool, size_t used, size_t size, struct error *err)
{
    char name[128];
    int fd;

    (void)snprintf(name, sizeof(name), "ganger-board-%.64s", pool);
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) { /* before Linux 6.3 */
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    if (fd < 0) {
        return error_errno(err, errno, "cannot make the scoreboard");
    }
    /* 0600: a holder of a read-only descriptor must not open the memory anew for writing.
     * posix_fallocate(): no memory is an error here, not a SIGBUS later. */
    if (fchmod(fd, S_IRUSR | S_IWUSR) < 0 || ftruncate(fd, (off_t)size) < 0 ||
        allocate(fd, 0, used) < 0 ||
        allocate(fd, size - sizeof(struct board_slot), sizeof(struct board_slot)) < 0 ||
        fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        int r = error_errno(err, errno, "cannot make a scoreboard of %zu bytes", size);

        (void)close(fd);
        return r;
    }
    return fd;
}

/* Map `size` bytes, which the caller has verified. */
static int map_memory(struct board **ret, int fd, size_t size, bool writable, struct error *err)
{
    struct board *b = calloc(1, sizeof(*b));
    int r;

    if (b == NULL) {
        return error_errno(err, ENOMEM, "cannot map the scoreboard");
    }
    b->memory = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (b->memory == MAP_FAILED) {
        r = error_errno(err, errno, "cannot map the scoreboard (%zu bytes)", size);
        free(b);
        return r;
    }
    b->size = size;
    b->slots = slots_in(size);
    b->own = b->slots;
    b->writable = writable;
    b->fd = -1;
    *ret = b;
    return 0;
}

/* A descriptor from somewhere else: is it a board, and how long is it? */
static int verify(int fd, size_t *ret_size, struct error *err)
{
    struct stat st;
    int seals;

    if (fstat(fd, &st) < 0) {
        return error_errno(err, errno, "scoreboard descriptor %d", fd);
    }
    seals = fcntl(fd, F_GET_SEALS);
    if (!S_ISREG(st.st_mode) || seals < 0) {
        return error_set(err, EINVAL, "descriptor %d is no scoreboard", fd);
    }
    if ((seals & SEALS) != SEALS) {
        return error_set(err, EINVAL, "the scoreboard at descriptor %d is not sealed", fd);
    }
    if (st.st_size < 0 || slots_in((size_t)st.st_size) == 0) {
        return error_set(err, EINVAL, "no scoreboard has the %lld bytes of descriptor %d",
                         (long long)st.st_size, fd);
    }
    *ret_size = (size_t)st.st_size;
    return 0;
}

int mapping_adopt(struct board **ret, int fd, bool writable, struct error *err)
{
    const struct board_header *header;
    struct board *b = NULL;
    size_t size = 0;
    int r;

    r = verify(fd, &size, err);
    if (r < 0) {
        return r;
    }
    r = map_memory(&b, fd, size, writable, err);
    if (r < 0) {
        return r;
    }
    header = mapping_header(b);
    if (atomic_load_explicit(&header->magic, memory_order_acquire) != BOARD_MAGIC ||
        atomic_load_explicit(&header->version, memory_order_relaxed) != BOARD_VERSION ||
        atomic_load_explicit(&header->slots, memory_order_relaxed) != b->slots ||
        atomic_load_explicit(&header->slot_size, memory_order_relaxed) !=
            sizeof(struct board_slot)) {
        mapping_drop(b);
        return error_set(err, EINVAL,
                         "the scoreboard at descriptor %d was made by another version of ganger",
                         fd);
    }
    *ret = b;
    return 0;
}

int mapping_inherit(struct board **ret, int fd, uint32_t slots, struct error *err)
{
    size_t size = 0;
    int r = verify(fd, &size, err);

    if (r < 0) {
        return r;
    }
    if (slots_in(size) != slots) {
        return error_set(err, EINVAL, "the scoreboard at descriptor %d has %u slots, not %u", fd,
                         slots_in(size), slots);
    }
    r = map_memory(ret, fd, size, true, err);
    if (r == 0) {
        (*ret)->fd = fd;
    }
    return r;
}

int mapping_make(struct board **ret, const char *pool, uint32_t used, uint32_t slots,
                 struct error *err)
{
    size_t size = size_of(slots);
    int fd;
    int r;

    fd = make_memfd(pool, size_of(used), size, err);
    if (fd < 0) {
        return fd;
    }
    r = map_memory(ret, fd, size, true, err);
    if (r < 0) {
        descriptor_close(&fd);
        return r;
    }
    (*ret)->fd = fd;
    (*ret)->used = used;
    return 0;
}

int mapping_allocate(struct board *b, uint32_t used, struct error *err)
{
    if (used <= b->used) {
        return 0;
    }
    if (allocate(b->fd, size_of(b->used), size_of(used) - size_of(b->used)) < 0) {
        return error_errno(err, errno, "no memory for %u more workers", used - b->used);
    }
    b->used = used;
    mapping_brand(b);
    return 0;
}

void mapping_brand(struct board *b)
{
    struct board_header *header = mapping_header(b);

    atomic_store_explicit(&header->version, BOARD_VERSION, memory_order_relaxed);
    atomic_store_explicit(&header->slots, b->slots, memory_order_relaxed);
    atomic_store_explicit(&header->used, b->used, memory_order_relaxed);
    atomic_store_explicit(&header->slot_size, (uint32_t)sizeof(struct board_slot),
                          memory_order_relaxed);
    atomic_store_explicit(&header->magic, BOARD_MAGIC, memory_order_release);
}

void mapping_drop(struct board *b)
{
    (void)munmap(b->memory, b->size);
    descriptor_close(&b->fd);
    free(b);
}
