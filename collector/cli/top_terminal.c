/*
 * collector/cli/top_terminal.c - see top_terminal.h.
 */
#define _XOPEN_SOURCE_EXTENDED 1
#include "cli/top_terminal.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/top.h"

enum { ESCAPE_MS = 25 };

static SCREEN *screen;
static bool coloured;
static volatile sig_atomic_t wanted_end;

static void end_wanted(int number) { wanted_end = number; }

static void colours_begin(void)
{
    static const struct { enum top_look look; short ink, paper; } pairs[] = {
        { TOP_NUMBER, COLOR_CYAN, -1 }, { TOP_GOOD, COLOR_GREEN, -1 }, { TOP_WARN, COLOR_YELLOW, -1 }, { TOP_BAD, COLOR_RED, -1 },
        { TOP_HEAD, COLOR_BLACK, COLOR_GREEN }, { TOP_TAB, COLOR_BLACK, COLOR_CYAN }, { TOP_SELECTED, COLOR_BLACK, COLOR_CYAN },
        { TOP_KEY, COLOR_BLACK, COLOR_CYAN } };
    start_color();
    use_default_colors();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        init_pair((short)pairs[i].look, pairs[i].ink, pairs[i].paper);
}

static attr_t look_attributes(enum top_look look)
{
    static const attr_t plain[TOP_LOOKS] = {
        [TOP_BOLD] = A_BOLD, [TOP_WARN] = A_BOLD, [TOP_BAD] = A_BOLD | A_REVERSE, [TOP_HEAD] = A_REVERSE, [TOP_TAB] = A_REVERSE | A_BOLD,
        [TOP_SELECTED] = A_REVERSE, [TOP_KEY] = A_REVERSE };
    static const attr_t colour[TOP_LOOKS] = { [TOP_BOLD] = A_BOLD, [TOP_DIM] = A_DIM, [TOP_BAD] = A_BOLD, [TOP_TAB] = A_BOLD };
    return coloured ? colour[look] : plain[look];
}

static short look_pair(enum top_look look)
{
    return coloured && look >= TOP_NUMBER ? (short)look : 0;
}

int terminal_begin(bool colour)
{
    struct sigaction action = { .sa_handler = end_wanted };
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return -ENOTSUP;
    set_term(screen);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(ESCAPE_MS);
    curs_set(0);
    coloured = colour && has_colors();
    if (coloured)
        colours_begin();
    return 0;
}

void terminal_end(void)
{
    if (!screen)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

void terminal_size(unsigned *width, unsigned *height)
{
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    *width = columns > 0 ? (unsigned)columns : 1;
    *height = rows > 0 ? (unsigned)rows : 1;
}

void terminal_show(const struct canvas *c)
{
    erase();
    for (unsigned y = 0; y < c->height; y++)
        for (unsigned x = 0; x < c->width; x++) {
            const struct canvas_cell *cell = &c->cells[(size_t)y * c->width + x];
            wchar_t text[2] = { cell->code ? (wchar_t)cell->code : L' ', 0 };
            cchar_t shown;
            if (cell->code == CANVAS_REST || setcchar(&shown, text, look_attributes(cell->look), look_pair(cell->look), NULL) == ERR)
                continue;
            mvadd_wch((int)y, (int)x, &shown);
        }
    refresh();
}

static uint32_t key_of(wint_t key)
{
    switch (key) {
    case KEY_UP: return TOP_KEY_UP;
    case KEY_DOWN: return TOP_KEY_DOWN;
    case KEY_PPAGE: return TOP_KEY_PAGE_UP;
    case KEY_NPAGE: return TOP_KEY_PAGE_DOWN;
    case KEY_HOME: return TOP_KEY_HOME;
    case KEY_END: return TOP_KEY_END;
    case KEY_ENTER: return TOP_KEY_ENTER;
    case KEY_BACKSPACE: return TOP_KEY_BACKSPACE;
    case KEY_LEFT: return TOP_KEY_LEFT;
    case KEY_RIGHT: return TOP_KEY_RIGHT;
    case KEY_BTAB: return TOP_KEY_BACKTAB;
    case KEY_F(1): return TOP_KEY_HELP;
    case KEY_F(4): return TOP_KEY_FILTER;
    case KEY_F(6): return TOP_KEY_SORT;
    case KEY_F(10): return TOP_KEY_QUIT;
    default: return 1; /* resized, or a key that does nothing: not nothing */
    }
}

uint32_t terminal_key(void)
{
    wint_t key;
    int got = get_wch(&key);
    if (got == ERR)
        return 0;
    if (got == KEY_CODE_YES)
        return key_of(key);
    switch (key) {
    case '\r': case '\n': return TOP_KEY_ENTER;
    case '\t': return TOP_KEY_TAB;
    case 27: return TOP_KEY_ESCAPE;
    case 8: case 127: return TOP_KEY_BACKSPACE;
    default: return key ? (uint32_t)key : 1;
    }
}

bool terminal_wait(int event, int most_ms)
{
    struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = event, .events = POLLIN } };
    int n = poll(p, 2, most_ms);
    return !wanted_end && (n <= 0 || !(p[0].revents & (POLLHUP | POLLERR | POLLNVAL)));
}

bool terminal_utf8(void)
{
    return !strcmp(nl_langinfo(CODESET), "UTF-8");
}
