/* Memory that libc takes for the program: strdup, getline, asprintf, streams. */
#include "victim.h"

NOINLINE static void duplicated(void)
{
    char *text = malloc(53301);
    memset(text, 'x', 53300);
    text[53300] = 0;
    char *copy = strdup(text); /* 53301 as well */
    free(text);
    free(keep(copy));
}
NOINLINE static void printed(void)
{
    char *text = NULL;
    CHECK(asprintf(&text, "%053401d", 7) == 53401);
    free(keep(text));
}

int main(void)
{
    duplicated();
    printed();
    char *line = NULL, *body = NULL;
    size_t room = 0, bytes = 0;
    FILE *f = fopen("/etc/passwd", "r");
    CHECK(f && getline(&line, &room, f) > 0);
    fclose(f);
    free(line);
    f = open_memstream(&body, &bytes);
    for (int i = 0; i < 1000; i++)
        fprintf(f, "%d", i);
    fclose(f);
    free(body);
    puts("expect block size=53301 count=2 dropped=2 new=duplicated drop=duplicated");
    return 0;
}
