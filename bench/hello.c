/* SPDX-License-Identifier: Apache-2.0 */

/* The least that a CGI program can do: what is measured is the road to it. */

#include <stdio.h>

int main(void)
{
    return puts("Content-Type: text/plain\r\n\r\nhello") == EOF;
}
