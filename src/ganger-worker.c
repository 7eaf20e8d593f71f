/* SPDX-License-Identifier: Apache-2.0 */
/* One worker of a pool: FastCGI on one side, CGI programs (or the status page) on the other. */

#include "serve/worker.h"

int main(int argc, char **argv)
{
    return worker_run(argc, argv);
}
