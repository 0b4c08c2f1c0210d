/*
 * collector/serve/address.h - Unix socket addresses for paths of any length:
 * one that does not fit sockaddr_un is reached through an open directory.
 */
#ifndef OWNSCOPE_ADDRESS_H
#define OWNSCOPE_ADDRESS_H

#include <sys/un.h>

/* Whether a client may trust what listens at a path: socket and folder are this user's (or root's; for root: one user's), and
 * nobody else could have put them there. 0, or -EKEYREJECTED and *why, one malloc'ed line; -ENOENT: there is none. */
int address_check(const char *path, char **why);
/* A stream socket, connected. The descriptor (close-on-exec) or -errno. */
int address_connect(const char *path);
/* The same; -ETIMEDOUT when nobody takes it for so long. */
int address_connect_within(const char *path, unsigned most_ms);
/* A listening stream socket at `path`, mode 0600; a socket left there by a
 * process that is gone is replaced, a live one gives -EADDRINUSE. */
int address_listen(const char *path, int backlog);
/* The same where the path is ours whoever listens there: at no moment is there
 * nothing. Who listened there before keeps its connections and gets no more. */
int address_replace(const char *path, int backlog);
/* Removes the path if it is still that socket's. */
struct address_file { unsigned long device, inode; };
void address_file_of(const char *path, struct address_file *f);
void address_remove(const char *path, const struct address_file *f);

#endif
