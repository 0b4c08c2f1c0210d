/* Each fortified function, given too little room: the same text on standard
 * error and the same signal. */
#include "victim.h"

void *__memcpy_chk(void *, const void *, size_t, size_t);
void *__memmove_chk(void *, const void *, size_t, size_t);
void *__mempcpy_chk(void *, const void *, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);
char *__strcpy_chk(char *, const char *, size_t);
char *__stpcpy_chk(char *, const char *, size_t);
char *__strncpy_chk(char *, const char *, size_t, size_t);
char *__stpncpy_chk(char *, const char *, size_t, size_t);
char *__strcat_chk(char *, const char *, size_t);
char *__strncat_chk(char *, const char *, size_t, size_t);
void __explicit_bzero_chk(void *, size_t, size_t);

static char to[64] = "abc", from[32] = "0123456789";
static int children;

#define ABORTS(call) \
    do { \
        pid_t pid = fork(); \
        int status; \
        if (!pid) { \
            struct rlimit none = { 0, 0 }; \
            setrlimit(RLIMIT_CORE, &none); \
            call; \
            _exit(0); \
        } \
        CHECK(waitpid(pid, &status, 0) == pid); \
        printf("%-40s signal %d\n", #call, WTERMSIG(status)); \
        children++; \
    } while (0)

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    ABORTS(__memcpy_chk(to, from, 11, 10));
    ABORTS(__memmove_chk(to, from, 11, 10));
    ABORTS(__mempcpy_chk(to, from, 11, 10));
    ABORTS(__memset_chk(to, 0, 11, 10));
    ABORTS(__explicit_bzero_chk(to, 11, 10));
    ABORTS(__strcpy_chk(to, from, 10));
    ABORTS(__stpcpy_chk(to, from, 10));
    ABORTS(__strncpy_chk(to, from, 11, 10));
    ABORTS(__stpncpy_chk(to, from, 11, 10));
    ABORTS(__strcat_chk(to, from, 13));
    ABORTS(__strcat_chk(to, from, 3)); /* no end within the room */
    ABORTS(__strncat_chk(to, from, 5, 8));
    ABORTS(__strncat_chk(to, from, 50, 13));
    ABORTS(__strcpy_chk(to, from, 11)); /* fits */
    ABORTS(__strcat_chk(to, from, 14));
    ABORTS(__strncat_chk(to, from, 5, 9));
    printf("expect process count=%d\n", children + 1);
    return 0;
}
