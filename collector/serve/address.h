/*
 * collector/serve/address.h - Unix socket addresses for paths of any length:
 * one that does not fit sockaddr_un is reached through an open directory.
 */
#ifndef OWNSCOPE_ADDRESS_H
#define OWNSCOPE_ADDRESS_H

#include <sys/un.h>

/* A stream socket, connected. The descriptor (close-on-exec) or -errno. */
int address_connect(const char *path);
/* A listening stream socket at `path`, mode 0600; a socket left there by a
 * process that is gone is replaced, a live one gives -EADDRINUSE. */
int address_listen(const char *path, int backlog);

#endif
