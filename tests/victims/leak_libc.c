/* What libc makes for its caller; and a file that was not closed, which libc holds itself. */
#include "leak.h"
#include <dirent.h>

static char *held;

NOINLINE static char *of_strdup(void) { return strdup("forty characters, no more and no less..."); }
NOINLINE static char *of_asprintf(void) { char *s = NULL; CHECK(asprintf(&s, "%099d", 1) == 99); return s; }
NOINLINE static FILE *of_fopen(void) { return fopen("/proc/self/status", "r"); }
NOINLINE static char *of_getline(FILE *f) { char *line = NULL; size_t n = 0; CHECK(getline(&line, &n, f) > 0); return line; }
NOINLINE static char *of_memstream(void)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    CHECK(f && fputs("in memory", f) > 0 && !fclose(f));
    return text;
}
NOINLINE static char *of_realpath(void) { return realpath("/proc/../proc", NULL); }

static void act(void)
{
    keep(of_strdup());
    held = of_strdup();
    keep(of_asprintf());
    keep(of_getline(of_fopen()));
    keep(of_memstream());
    keep(of_realpath());
}

int main(void)
{
    act();
    puts("expect leak definite new=of_strdup blocks=1 bytes=41");
    puts("expect leak reachable new=of_strdup blocks=1 bytes=41");
    puts("expect leak definite new=of_asprintf blocks=1 bytes=100");
    puts("expect leak reachable new=of_fopen blocks=1 bytes=472");
    puts("expect leak definite new=of_getline blocks=1 bytes=120");
    puts("expect leak definite new=of_memstream blocks=1");
    puts("expect leak definite new=of_realpath blocks=1");
    scrub();
    return 0;
}
