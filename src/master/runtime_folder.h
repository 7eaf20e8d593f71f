/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_RUNTIME_FOLDER_H
#define GANGER_MASTER_RUNTIME_FOLDER_H

/* runtime_directory: made when it is missing, checked, and held by one ganger at a time. */

#include "base/error.h"

enum { RUNTIME_FOLDER_TAKEN = 1 /* another ganger holds it; err says so */ };

/*
 * 0 with *ret_fd, whose lock holds until it is closed; RUNTIME_FOLDER_TAKEN; negative.  The folder
 * must be ours and writable to nobody else: whoever may write there could put his socket in the
 * place of ours.
 */
int runtime_folder_open(const char *path, int *ret_fd, struct error *err);

#endif
