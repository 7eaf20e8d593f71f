/* SPDX-License-Identifier: Apache-2.0 */
/* One worker of a pool: FastCGI on one side, CGI programs (or the status page) on the other. */

#include <stdio.h>
#include <string.h>
#include "host/capability.h"
#include "host/handover.h"
#include "serve/slow_native.h"
#include "serve/worker.h"

int main(int argc, char **argv)
{
    struct error err = ERROR_NONE;

    /* Loaded from outside, the worker goes inside before it reads or opens anything. */
    if ((argc == 5 && strcmp(argv[4], "chroot") == 0) ||
        (argc == 4 && strcmp(argv[3], "chroot") == 0)) {
        if (capability_enter_root(&err) < 0) {
            (void)fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        argv[--argc] = NULL;
    }
    if (argc == 3 && strcmp(argv[2], HANDOVER_SLOW_WORD) == 0)
        return slow_native_run();
    return worker_run(argc, argv);
}
