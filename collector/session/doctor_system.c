/*
 * collector/session/doctor_system.c - the libc, the limits of this process, where names come from; see doctor.h.
 */
#include "session/doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "session/segment.h"

enum { FILES_LEAST = 64 };

static void libc(struct doctor *d)
{
    if (dlsym(RTLD_DEFAULT, "_dl_find_object"))
        doctor_ok(d, "libc", "glibc %s, with _dl_find_object: stacks are unwound", gnu_get_libc_version());
    else
        doctor_no(d, "libc", "glibc from 2.35 on is needed for more", "glibc %s has no _dl_find_object: stacks have one frame", gnu_get_libc_version());
}

static void limits(struct doctor *d)
{
    struct rlimit l;
    size_t before = d->n;
    if (!getrlimit(RLIMIT_FSIZE, &l) && l.rlim_cur != RLIM_INFINITY && l.rlim_cur < SEGMENT_BYTES)
        doctor_no(d, "limits", "ulimit -f unlimited", "files may have %llu KiB at most: a trace ends there%s", (unsigned long long)l.rlim_cur >> 10,
                  l.rlim_cur < SEGMENT_BYTES_LEAST ? ", and shared memory has no room at all" : ", and shared memory has little room for threads");
    if (!getrlimit(RLIMIT_AS, &l) && l.rlim_cur != RLIM_INFINITY && l.rlim_cur / 16 < SEGMENT_BYTES)
        doctor_no(d, "limits", "ulimit -v unlimited", "address space is limited to %llu MiB, of which the shim takes a sixteenth: later threads may go unrecorded",
                  (unsigned long long)l.rlim_cur >> 20);
    if (!getrlimit(RLIMIT_NOFILE, &l) && l.rlim_cur < FILES_LEAST)
        doctor_no(d, "limits", "ulimit -n 1024", "%llu files may be open at a time: modules may go without names", (unsigned long long)l.rlim_cur);
    if (d->n == before)
        doctor_ok(d, "limits", "on files, address space and descriptors leave room");
}

static void names(struct doctor *d)
{
    const char *urls = getenv("DEBUGINFOD_URLS");
    bool files = !access("/usr/lib/debug/.build-id", R_OK);
    doctor_ok(d, "debug files", "%s%s", files ? "/usr/lib/debug is looked into by build-id" : "none in /usr/lib/debug: code of stripped libraries has no lines, and only exported names (install -dbg or -dbgsym packages)",
              urls && *urls ? "; DEBUGINFOD_URLS is not asked: nothing is fetched from a network" : "");
}

void doctor_system(struct doctor *d)
{
    libc(d);
    limits(d);
    names(d);
}
