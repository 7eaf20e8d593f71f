/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The least that a FastCGI program can do: what is measured is what stands around it.  With a query
 * sleep=MS it waits that long before it answers.
 */

#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(void)
{
    FCGX_Request request;
    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
        return 1;
    while (FCGX_Accept_r(&request) == 0) {
        const char *query = FCGX_GetParam("QUERY_STRING", request.envp);
        if (query != NULL && strncmp(query, "sleep=", 6) == 0) {
            long ms = strtol(query + 6, NULL, 10);
            struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
            nanosleep(&pause, NULL);
        }
        FCGX_PutS("Content-Type: text/plain\r\n\r\nhello", request.out);
        FCGX_Finish_r(&request);
    }
    return 0;
}
