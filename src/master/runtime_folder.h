/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_RUNTIME_FOLDER_H
#define GANGER_MASTER_RUNTIME_FOLDER_H

#include "base/error.h"

/*
 * runtime_directory: made (0755) when it is missing, and checked.  It must be ours and writable to
 * nobody else: whoever may write there could put his socket in the place of ours.  0 or negative.
 *
 * What keeps a second ganger out is the lock on the pid file in it; the folder itself must stay
 * unlocked, since host/socket.h locks it for the moment in which a socket is put there.
 */
int runtime_folder_make(const char *path, struct error *err);

#endif
