/*
 * preload/environment.h - reading the program's environment, and the
 * environment of what it starts.
 */
#ifndef PRELOAD_ENVIRONMENT_H
#define PRELOAD_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Like getenv, also before libc has set environ up. */
const char *environment_get(const char *name);

/* Bytes of buffer that environment_for needs for `env`. */
size_t environment_bytes(char *const *env);

/* The environment for a program that is to be started with `env`: `env` itself
 * where nothing changes, else one built in `buffer`, in which the session is
 * put in, or taken out where the program must not carry it (--follow), or
 * could not load the shim (another architecture, a chroot without it) and
 * would complain. `program`: the file, when `searched` the name that the real
 * function will look for in PATH. */
char **environment_for(char *buffer, const char *program, bool searched, char *const *env);

#endif
