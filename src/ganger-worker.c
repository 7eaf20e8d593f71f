/* SPDX-License-Identifier: Apache-2.0 */
/* One worker of a pool: FastCGI on one side, CGI programs (or the status page) on the other. */

#include <stdio.h>
#include <string.h>
#include "host/capability.h"
#include "serve/worker.h"

int main(int argc, char **argv)
{
    struct error err = ERROR_NONE;

    /* Loaded from outside, the worker goes inside before it reads or opens anything. */
    if (argc == 5 && strcmp(argv[4], "chroot") == 0) {
        if (capability_enter_root(&err) < 0) {
            (void)fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        argv[--argc] = NULL;
    }
    return worker_run(argc, argv);
}
