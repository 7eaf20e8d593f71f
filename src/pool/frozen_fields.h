/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_FROZEN_FIELDS_H
#define GANGER_POOL_FROZEN_FIELDS_H

/* The tables behind pool/frozen.h, for its own files: each serves writing and reading, so the two
 * cannot differ. */

#include "pool/frozen.h"

struct frozen_fields {
    const struct state_field *rows;
    size_t count;
};
extern const struct frozen_fields frozen_fields_gang, frozen_fields_worker, frozen_fields_leftover;

#endif
