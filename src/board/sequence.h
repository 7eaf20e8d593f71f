/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BOARD_SEQUENCE_H
#define GANGER_BOARD_SEQUENCE_H

/*
 * Records guarded by a sequence counter, which is their first member (an _Atomic uint32_t).  For
 * the files of this room alone.
 */

#include <stdbool.h>
#include <stddef.h>

/* Publish `size` bytes (a multiple of 8) at `from` as the shared record; `from`'s own counter is
 * ignored.  One writer at a time. */
void board_sequence_store(void *shared, const void *from, size_t size);
/* Copy the shared record; true when the copy is of one piece.  A bounded number of tries; false
 * when a writer was always in the middle (or died there): *to is then zeroed. */
bool board_sequence_load(const void *shared, void *to, size_t size);

#endif
