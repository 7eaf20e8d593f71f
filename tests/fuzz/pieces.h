/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_FUZZ_PIECES_H
#define GANGER_TESTS_FUZZ_PIECES_H

/* What the fuzz targets share: a stream cut into pieces, and an oracle that speaks. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ORACLE(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Three ways of cutting every input is run in. */
enum pieces_way { PIECES_WHOLE, PIECES_BYTES, PIECES_RANDOM, PIECES_WAYS };

struct pieces {
    enum pieces_way way;
    uint32_t random;
    const uint8_t *at;
    size_t left;
    uint8_t *copy;
};

static inline void pieces_begin(struct pieces *p, enum pieces_way way, uint32_t seed,
                                const uint8_t *data, size_t size)
{
    *p = (struct pieces){.way = way, .random = seed * 2654435761u + 1, .at = data, .left = size};
}

/* The next piece, in memory of exactly its size; 0 at the end.  The last one is freed. */
static inline size_t pieces_next(struct pieces *p, const uint8_t **ret)
{
    size_t size = p->left;

    free(p->copy);
    p->copy = NULL;
    if (p->left == 0)
        return 0;
    if (p->way == PIECES_BYTES) {
        size = 1;
    } else if (p->way == PIECES_RANDOM) {
        p->random = p->random * 1664525u + 1013904223u;
        size = 1 + (p->random >> 16) % (p->random >> 31 ? 9 : 70);
    }
    if (size > p->left)
        size = p->left;
    p->copy = malloc(size);
    ORACLE(p->copy != NULL);
    memcpy(p->copy, p->at, size);
    *ret = p->copy;
    p->at += size;
    p->left -= size;
    return size;
}

static inline void pieces_end(struct pieces *p)
{
    free(p->copy);
}

#endif
