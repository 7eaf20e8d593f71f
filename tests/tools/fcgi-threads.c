/* SPDX-License-Identifier: Apache-2.0 */
/* A FastCGI program of several threads, each in FCGX_Accept_r, as the example of libfcgi has it. */
#include <pthread.h>
#include "fcgi-answer.h"

enum { THREADS = 4 };

static void *serve(void *unused)
{
    static pthread_mutex_t accepting = PTHREAD_MUTEX_INITIALIZER;
    FCGX_Request request;
    (void)unused;
    FCGX_InitRequest(&request, 0, 0);
    for (;;) {
        /* Some platforms require that one thread at a time is in accept: everybody copies this. */
        pthread_mutex_lock(&accepting);
        int r = FCGX_Accept_r(&request);
        pthread_mutex_unlock(&accepting);
        if (r < 0)
            return NULL;
        answer_give(&request);
        FCGX_Finish_r(&request);
    }
}

int main(void)
{
    pthread_t thread;
    if (FCGX_Init() != 0)
        return 1;
    for (int i = 1; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, serve, NULL) != 0)
            return 1;
    }
    serve(NULL);
    return 0;
}
