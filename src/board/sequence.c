/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sequence counter.  The writer makes it odd, writes, makes it even.  No fences: each word is
 * stored with release and loaded with acquire order.  A reader that saw one word of a new record
 * therefore also sees the counter that the writer had changed before, and tries again.
 *
 * The counter in memory is gossip like the rest: whatever was scribbled there, the writer leaves it
 * odd while it writes and even afterwards, and the reader gives up after a fixed number of tries.
 */
#include "board/sequence.h"

#include <stdint.h>
#include <string.h>

#define SEQUENCE_TRIES 64

typedef uint32_t __attribute__((may_alias)) half;
typedef uint64_t __attribute__((may_alias)) word;

void board_sequence_store(void *shared, const void *from, size_t size)
{
    half *to_half = shared;
    word *to_word = shared;
    uint32_t odd = __atomic_load_n(&to_half[0], __ATOMIC_RELAXED) | 1u;
    uint32_t second;

    __atomic_store_n(&to_half[0], odd, __ATOMIC_RELAXED);
    memcpy(&second, (const char *)from + sizeof(second), sizeof(second));
    __atomic_store_n(&to_half[1], second, __ATOMIC_RELEASE);
    for (size_t i = 1; i < size / sizeof(word); i++) {
        uint64_t value;

        memcpy(&value, (const char *)from + i * sizeof(value), sizeof(value));
        __atomic_store_n(&to_word[i], value, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&to_half[0], odd + 1u, __ATOMIC_RELEASE);
}

bool board_sequence_load(const void *shared, void *to, size_t size)
{
    const half *from_half = shared;
    const word *from_word = shared;

    for (int attempt = 0; attempt < SEQUENCE_TRIES; attempt++) {
        uint32_t before = __atomic_load_n(&from_half[0], __ATOMIC_ACQUIRE);
        uint32_t second;

        if ((before & 1u) != 0) {
            continue;
        }
        memcpy(to, &before, sizeof(before));
        second = __atomic_load_n(&from_half[1], __ATOMIC_ACQUIRE);
        memcpy((char *)to + sizeof(second), &second, sizeof(second));
        for (size_t i = 1; i < size / sizeof(word); i++) {
            uint64_t value = __atomic_load_n(&from_word[i], __ATOMIC_ACQUIRE);

            memcpy((char *)to + i * sizeof(value), &value, sizeof(value));
        }
        if (__atomic_load_n(&from_half[0], __ATOMIC_RELAXED) == before) {
            return true;
        }
    }
    memset(to, 0, size);
    return false;
}
