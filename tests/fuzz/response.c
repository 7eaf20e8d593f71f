/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A CGI program's output.  The first byte chooses the rules.
 *
 * Oracles: the cutting makes no difference; nothing is put out unless the header is whole and good;
 * what is put out is a strict header (CRLF, token ": " value, Status only first, no field twice that
 * may not be, no hop-by-hop field) and passes through a second time unchanged.
 */

#include "pieces.h"
#include <stdbool.h>
#include <strings.h>
#include "wire/response.h"

struct result {
    struct bytes out;
    int outcome;
    int end;
    unsigned status;
    uint64_t dropped;
    bool sent;
};

static void run(struct result *ret, const struct response_rules *rules, enum pieces_way way,
                const uint8_t *data, size_t size)
{
    struct response *r = response_new(rules);
    struct pieces p;
    const uint8_t *piece;
    size_t length, fed = 0;

    ORACLE(r != NULL);
    *ret = (struct result){.outcome = RESPONSE_OK};
    bytes_init(&ret->out, rules->header_limit + size);
    pieces_begin(&p, way, (uint32_t)size, data, size);
    while (ret->outcome == RESPONSE_OK && (length = pieces_next(&p, &piece)) > 0) {
        struct error err = ERROR_NONE;

        ret->outcome = response_feed(r, piece, length, &ret->out, &err);
        fed += length;
        ORACLE(bytes_held(&ret->out) <= rules->header_limit + fed);
        ORACLE((ret->outcome == RESPONSE_OK) == (err.text[0] == '\0'));
    }
    pieces_end(&p);
    ret->end = response_finish(r);
    ret->status = response_status(r);
    ret->dropped = response_dropped(r);
    ret->sent = response_header_sent(r);
    ORACLE(ret->outcome == RESPONSE_OK || ret->outcome == RESPONSE_MALFORMED);
    ORACLE(ret->sent == (bytes_held(&ret->out) > 0));
    ORACLE(ret->sent == (ret->status >= 200 && ret->status <= 599));
    ORACLE(ret->sent || ret->end == RESPONSE_EMPTY || ret->end == RESPONSE_NO_HEADER);
    response_free(r);
}

static bool named(const uint8_t *line, size_t length, const char *name)
{
    return length == strlen(name) && strncasecmp((const char *)line, name, length) == 0;
}

static void check_header(const struct result *result)
{
    static const char *const once[] = {"Status", "Content-Type", "Location", "Content-Length"};
    static const char *const never[] = {"Connection", "Keep-Alive", "Proxy-Connection", "Upgrade",
                                        "TE",         "Trailer",    "Transfer-Encoding"};
    const uint8_t *at = bytes_front(&result->out);
    const uint8_t *end = at + bytes_held(&result->out);
    unsigned seen[4] = {0};
    unsigned lines = 0;

    for (;; lines++) {
        const uint8_t *stop = memmem(at, (size_t)(end - at), "\r\n", 2);

        ORACLE(stop != NULL);
        if (stop == at)
            break;
        const uint8_t *colon = memmem(at, (size_t)(stop - at), ": ", 2);

        ORACLE(colon != NULL && colon > at);
        for (const uint8_t *c = at; c < stop; c++) {
            ORACLE(*c >= ' ' || *c == '\t');
            ORACLE(*c != 0x7f);
            ORACLE(c > colon || (*c > ' ' && *c < 0x7f));
        }
        for (size_t i = 0; i < 4; i++)
            seen[i] += named(at, (size_t)(colon - at), once[i]);
        for (size_t i = 0; i < 7; i++)
            ORACLE(!named(at, (size_t)(colon - at), never[i]));
        ORACLE(seen[0] == 0 || lines > 0 || named(at, (size_t)(colon - at), "Status"));
        at = stop + 2;
    }
    ORACLE(seen[0] <= 1 && seen[1] <= 1 && seen[2] <= 1 && seen[3] <= 1);
    ORACLE(seen[0] + seen[1] + seen[2] > 0);
    if (result->status != 200)
        ORACLE(memcmp(bytes_front(&result->out), "Status: ", 8) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct response_rules rules = response_default_rules;
    struct result first, other;

    if (size == 0)
        return 0;
    rules.head = data[0] & 1;
    rules.authorizer = data[0] & 2;
    if (data[0] & 4) {
        rules.header_limit = 120;
        rules.line_limit = 40;
        rules.lines_limit = 4;
    }
    run(&first, &rules, PIECES_WHOLE, data + 1, size - 1);
    for (enum pieces_way way = PIECES_BYTES; way < PIECES_WAYS; way++) {
        run(&other, &rules, way, data + 1, size - 1);
        ORACLE(first.outcome == other.outcome && first.end == other.end);
        ORACLE(first.status == other.status && first.dropped == other.dropped);
        ORACLE(bytes_held(&first.out) == bytes_held(&other.out));
        ORACLE(memcmp(bytes_front(&first.out), bytes_front(&other.out), bytes_held(&first.out)) ==
               0);
        bytes_clear(&other.out);
    }
    if (first.sent) {
        check_header(&first);
        rules.lines_limit++; /* a Status may have been added, and a reason */
        rules.line_limit += 64;
        run(&other, &rules, PIECES_RANDOM, bytes_front(&first.out), bytes_held(&first.out));
        ORACLE(other.sent && other.status == first.status && other.end == first.end);
        ORACLE(other.dropped == 0);
        ORACLE(bytes_held(&first.out) == bytes_held(&other.out));
        ORACLE(memcmp(bytes_front(&first.out), bytes_front(&other.out), bytes_held(&first.out)) ==
               0);
        bytes_clear(&other.out);
    }
    bytes_clear(&first.out);
    return 0;
}
