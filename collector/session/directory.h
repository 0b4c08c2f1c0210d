/*
 * collector/session/directory.h - where sessions live on disk.
 *
 * One folder a session: DIR/NAME/ with
 *   segment  symbolic link to the shared-memory file
 *   socket   the collector's Unix socket (made by collector/serve)
 *   info     lines `key=value`: command, trace, collector, started
 *   control  rules, limits and state, for the next collector (serve/control_file.c)
 *   emergency  who stopped it past its collector: "NS WHO" (cli/cmd_ctl.c)
 *   images   lines "serial process": images that go on as a process of before
 * and DIR/current, a symbolic link to the segment that programs join which
 * have the shim but no session. DIR is OWNSCOPE_DIR, else the first of
 * $XDG_RUNTIME_DIR/ownscope, /tmp/ownscope-UID, $HOME/.ownscope and /dev/shm/ownscope-UID
 * that can be written to (the shim looks there too: preload/process.c); mode 0700, its
 * owner's alone. What is read from it is input. Any thread.
 */
#ifndef OWNSCOPE_SESSION_DIRECTORY_H
#define OWNSCOPE_SESSION_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

enum { SESSION_PATH_MAX = 4096, SESSION_NAME_MAX = 31 };

/* The directory, created when missing. 0; -EPERM: it belongs to somebody else,
 * others may write to it, or it is a link (out names it); -errno of mkdir; -ENAMETOOLONG. */
int session_directory(char *out, size_t size);
/* What is wrong with it after -EPERM, in words. */
const char *session_directory_flaw(void);

/* A name is 1 to SESSION_NAME_MAX of [A-Za-z0-9._-] and starts with no dot. */
bool session_name_valid(const char *name);
/* DIR/NAME or, with `file`, DIR/NAME/file. 0, -EINVAL (name) or as above; root may
 * look into another user's. */
int session_path(char *out, size_t size, const char *name, const char *file);
/* Creates DIR/NAME. 0, -EEXIST or -errno. */
int session_folder_create(const char *name);
/* Removes DIR/NAME and the files named above in it. */
void session_folder_remove(const char *name);

/* Makes DIR/current lead to a segment; 0 or -errno. */
int session_current_set(const char *segment_path);
/* Removes it when it leads there. */
void session_current_remove(const char *segment_path);

/* Sets one key of DIR/NAME/info (the file is replaced whole). Newlines in the
 * value become spaces. 0 or -errno. */
int session_info_set(const char *name, const char *key, const char *value);
/* Reads one key. 0, -ENOENT when there is no such key, -errno. */
int session_info_get(const char *name, const char *key, char *out, size_t size);

/* A small text file of DIR/NAME, mode 0600, replaced whole. 0 or -errno. */
enum { SESSION_FILE_MAX = 1 << 20 };
int session_file_put(const char *name, const char *file, const char *text);
/* Its text, at most SESSION_FILE_MAX bytes, malloc'ed; NULL: there is none. _take removes it. */
char *session_file_get(const char *name, const char *file);
char *session_file_take(const char *name, const char *file);

/* Names of all sessions here, in order. Stops when `fn` returns non-zero and
 * returns that; 0 at the end; -errno. */
int session_names(int (*fn)(void *context, const char *name), void *context);

#endif
