/*
 * collector/cli/config.h - the configuration file's grammar; options.h says
 * what it means.
 */
#ifndef OWNSCOPE_CONFIG_H
#define OWNSCOPE_CONFIG_H

#include <stddef.h>

/* Called for each `name = value` (value NULL: the name stands alone) under
 * `section` ("" before any). Returns 0, or a negative number that ends the reading. */
typedef int (*config_entry)(void *context, const char *section, const char *name, const char *value);

/* Reads text of `bytes`. 0; -EINVAL: line *line is no section and no entry;
 * else what the callback returned, at line *line. */
int config_parse(const char *text, size_t bytes, config_entry fn, void *context, unsigned *line);
/* The file's path in malloc'ed memory; NULL when neither XDG_CONFIG_HOME nor HOME names a place. */
char *config_path(void);
/* The whole file: 0 and *text, *bytes; -errno (-ENOENT; -EFBIG beyond 1 MiB). */
int config_read(const char *path, char **text, size_t *bytes);

#endif
