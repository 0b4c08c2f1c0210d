/*
 * tests/unit/heap_scratch.h - a program in C++ that a test compiles, runs and
 * stops: it prints "NAME ADDRESS SIZE" of each of its blocks, then "ready".
 */
#ifndef HEAP_SCRATCH_H
#define HEAP_SCRATCH_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "heap_child.h"

enum { SCRATCH_BLOCKS = 64, SCRATCH_NAME = 32 };

struct scratch {
    char dir[64];
    struct child child;
    struct child_block blocks[SCRATCH_BLOCKS];
    char names[SCRATCH_BLOCKS][SCRATCH_NAME];
    uint32_t n;
};

static inline void scratch_file(const struct scratch *x, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", x->dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* False: no compiler here, or not this option. */
static inline bool scratch_run(struct scratch *x, const char *source, const char *options)
{
    char command[512], name[SCRATCH_NAME];
    unsigned long address, size;
    int out[2];
    FILE *f;
    memset(x, 0, sizeof *x);
    strcpy(x->dir, "/tmp/ownscope-heap-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(x->dir));
    scratch_file(x, "a.cc", source);
    snprintf(command, sizeof command, "cd %s && ${CXX:-c++} -O1 %s -o a a.cc 2>a.err", x->dir, options);
    if (system(command))
        return false;
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    x->child.pid = fork();
    if (!x->child.pid) {
        snprintf(command, sizeof command, "%s/a", x->dir);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        execl(command, command, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    f = fdopen(out[0], "r");
    while (fscanf(f, "%31s", name) == 1 && strcmp(name, "ready")) {
        ck_assert_int_eq(fscanf(f, "%lx %lu", &address, &size), 2);
        ck_assert_uint_lt(x->n, SCRATCH_BLOCKS);
        strcpy(x->names[x->n], name);
        x->blocks[x->n] = (struct child_block){address, size, WIRE_NEW_SCALAR, x->n};
        x->n++;
    }
    fclose(f);
    ck_assert_str_eq(name, "ready");
    child_scan(&x->child, x->blocks, x->n, false);
    return true;
}

static inline void scratch_end(struct scratch *x)
{
    char command[128];
    if (x->child.pid) {
        child_end(&x->child);
        child_forget(&x->child);
    }
    snprintf(command, sizeof command, "rm -rf %s", x->dir);
    ck_assert_int_eq(system(command), 0);
}

/* The block of that name, as its number in the snapshot. */
static inline uint32_t scratch_block(const struct scratch *x, const char *name)
{
    for (uint32_t i = 0; i < x->child.s->n_blocks; i++)
        if (!strcmp(x->names[x->child.names[i]], name))
            return i;
    ck_abort_msg("no block %s", name);
}

#endif
