/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal itself: opening, leaving, keys.  What stands on it is top_screen_draw.c's.  Signals are
 * taken over before ncurses is asked for anything, so it installs no handlers of its own.
 */

#include "ctl/top_screen.h"

#include <errno.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>
#include "ctl/top_paint.h"

static SCREEN *screen;
static bool away; /* the terminal is the shell's */

static int check_terminal(struct error *err)
{
    const char *name = getenv("TERM");
    int found = 0;
    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
        return error_set(err, ENOTTY,
                         "top needs a terminal; `gangerctl status --watch` does without");
    if (name == NULL || name[0] == '\0' || setupterm(NULL, STDOUT_FILENO, &found) != OK)
        return error_set(err, EINVAL,
                         "TERM does not name a terminal that is known here; try TERM=vt100");
    const char *move = tigetstr("cup");
    bool able = move != NULL && move != (const char *)(intptr_t)-1;
    (void)del_curterm(cur_term); /* newterm() reads it again */
    if (!able)
        return error_set(err, EINVAL,
                         "top cannot draw on this kind of terminal (TERM=%.32s cannot move its "
                         "cursor); `gangerctl status --watch` does without",
                         name);
    return 0;
}

int top_screen_open(bool utf8, struct error *err)
{
    int rc = check_terminal(err);
    if (rc < 0)
        return rc;
    use_tioctl(TRUE); /* what LINES and COLUMNS say may be old */
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return error_set(err, EINVAL, "cannot take over the terminal");
    set_escdelay(25);
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    top_paint_open(utf8);
    top_screen_resize();
    return 0;
}

/* A terminal with one screen only keeps what is on it: the shell's prompt comes into its last line. */
static void give_back(void)
{
    move(LINES - 1, 0);
    clrtoeol();
    refresh();
    endwin();
}

void top_screen_close(void)
{
    if (screen == NULL)
        return;
    if (!away)
        give_back();
    delscreen(screen);
    screen = NULL;
}

void top_screen_leave(void)
{
    if (screen != NULL && !away)
        give_back();
    away = true;
}

void top_screen_return(void)
{
    if (screen == NULL)
        return;
    away = false;
    reset_prog_mode();
    top_screen_resize();
    clearok(curscr, TRUE);
    refresh();
    curs_set(0);
}

void top_screen_resize(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
        is_term_resized(size.ws_row, size.ws_col))
        (void)resizeterm(size.ws_row, size.ws_col);
}

int top_screen_key(void)
{
    int key;
    do {
        key = getch();
    } while (key == KEY_RESIZE); /* ncurses' echo of top_screen_resize() */
    switch (key) {
    case ERR:
        return TOP_KEY_NONE;
    case KEY_UP:
        return TOP_KEY_UP;
    case KEY_DOWN:
        return TOP_KEY_DOWN;
    case KEY_LEFT:
        return TOP_KEY_LEFT;
    case KEY_RIGHT:
        return TOP_KEY_RIGHT;
    case KEY_PPAGE:
        return TOP_KEY_PAGE_UP;
    case KEY_NPAGE:
        return TOP_KEY_PAGE_DOWN;
    case KEY_HOME:
        return TOP_KEY_HOME;
    case KEY_END:
        return TOP_KEY_END;
    case KEY_ENTER:
    case '\r':
    case '\n':
        return TOP_KEY_ENTER;
    case 27:
        return TOP_KEY_ESCAPE;
    case KEY_BACKSPACE:
    case 127:
    case 8:
        return TOP_KEY_BACKSPACE;
    case 12: /* ^L */
        clearok(curscr, TRUE);
        return TOP_KEY_REDRAW;
    case KEY_F(1):
        return TOP_KEY_HELP;
    case KEY_F(3):
    case KEY_F(4):
        return TOP_KEY_FILTER;
    case KEY_F(6):
        return TOP_KEY_SORT;
    case KEY_F(10):
        return TOP_KEY_QUIT;
    default:
        return key >= 0 && key < 256 ? key : TOP_KEY_OTHER;
    }
}
