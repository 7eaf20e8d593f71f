/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the schema of the configuration: one line for each option, for tests that compare it. */
#include <stdio.h>
#include "base/bytes.h"
#include "conf/conf.h"

int main(void)
{
    struct bytes out;
    bytes_init(&out, 1u << 20);
    if (conf_schema_list(&out) < 0)
        return 1;
    fputs(bytes_string(&out), stdout);
    bytes_clear(&out);
    return ferror(stdout) ? 1 : 0;
}
