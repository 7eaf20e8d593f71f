/* SPDX-License-Identifier: Apache-2.0 */
/* A FastCGI program of one thread, as C people write it; the answer is told in fcgi-answer.h. */
#include "fcgi-answer.h"

int main(void)
{
    FCGX_Request request;
    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
        return 1;
    while (FCGX_Accept_r(&request) == 0) {
        answer_give(&request);
        FCGX_Finish_r(&request);
    }
    return 0;
}
