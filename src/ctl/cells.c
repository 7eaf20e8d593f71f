/* SPDX-License-Identifier: Apache-2.0 */
/* wcwidth() knows the widths; its table belongs to a locale of UTF-8, and wchar_t is ISO 10646 in glibc. */

#include "ctl/cells.h"

#include <langinfo.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>
#include "base/text.h"

bool cells_locale(void)
{
    if (setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return true;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return false;
}

/* The code point of a character of `length` bytes, which is valid UTF-8. */
static wchar_t code_of(const char *text, size_t length)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (uint8_t)text[0] & masks[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((uint8_t)text[i] & 0x3f);
    return (wchar_t)code;
}

struct cell {
    const char *text; /* what to show */
    size_t length;    /* of it */
    size_t taken;     /* bytes of the source */
    unsigned width;
};

static struct cell next_cell(const char *text, size_t left, bool ascii)
{
    struct cell cell = {.text = "?", .length = 1, .taken = 1, .width = 1};
    size_t length = text_printable(text, left);
    if (length == 0)
        return cell;
    cell.taken = length;
    int width = length == 1 ? 1 : ascii ? 0 : wcwidth(code_of(text, length));
    if (width <= 0)
        return cell;
    cell.text = text;
    cell.length = length;
    cell.width = (unsigned)width;
    return cell;
}

unsigned cells_cut(char out[CELLS_BYTES_MAX], const char *text, unsigned width, bool ascii)
{
    const char *dots = ascii ? "~" : "\xe2\x80\xa6";
    size_t left = strlen(text);
    size_t used = 0, mark_used = 0; /* bytes; up to where the dots would still find a cell */
    unsigned cells = 0, mark_cells = 0;

    while (left > 0) {
        struct cell cell = next_cell(text, left, ascii);
        if (cells < width) {
            mark_used = used;
            mark_cells = cells;
        }
        if (cells + cell.width > width || used + cell.length + sizeof "..." > CELLS_BYTES_MAX) {
            used = mark_used;
            cells = mark_cells;
            if (width > 0) {
                memcpy(out + used, dots, strlen(dots));
                used += strlen(dots);
                cells++;
            }
            break;
        }
        memcpy(out + used, cell.text, cell.length);
        used += cell.length;
        cells += cell.width;
        text += cell.taken;
        left -= cell.taken;
    }
    out[used] = '\0';
    return cells;
}

unsigned cells_width(const char *text)
{
    size_t left = strlen(text);
    unsigned cells = 0;
    while (left > 0) {
        struct cell cell = next_cell(text, left, false);
        cells += cell.width;
        text += cell.taken;
        left -= cell.taken;
    }
    return cells;
}
