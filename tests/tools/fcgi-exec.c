/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What puts another program in its place:
 *
 *     fcgi-exec HOW PROGRAM
 *
 * HOW is the function that does it at once: execl, execlp or execle; or `again`: not before a first
 * request was answered (fcgi-answer.h), by execv; or `fail`: as `again`, and PROGRAM is not there, so
 * that this one goes on.
 */
#include "fcgi-answer.h"

extern char **environ;

int main(int argc, char **argv)
{
    FCGX_Request request;

    if (argc != 3)
        return 2;
    if (strcmp(argv[1], "execl") == 0)
        execl(argv[2], argv[2], "one", "two", (char *)NULL);
    else if (strcmp(argv[1], "execlp") == 0)
        execlp(argv[2], argv[2], (char *)NULL);
    else if (strcmp(argv[1], "execle") == 0)
        execle(argv[2], argv[2], "one", (char *)NULL, environ);
    else if (FCGX_Init() == 0 && FCGX_InitRequest(&request, 0, 0) == 0) {
        while (FCGX_Accept_r(&request) == 0) {
            answer_give(&request);
            FCGX_Finish_r(&request);
            execv(argv[2], (char *[]){argv[2], NULL});
            if (strcmp(argv[1], "fail") != 0)
                return 1;
        }
        return 0;
    }
    return 1;
}
