/* A function's static variable: made by whoever comes first, found made by the
 * others without a call; dropped at the end. */
#include <string>
extern "C" {
#include "victim.h"
}

enum { SIZE = 5000 };
static char bytes[SIZE];

NOINLINE static const std::string &table()
{
    static const std::string made = [] {
        std::string text(SIZE, 'x'), copy;
        copy = text;
        return copy;
    }();
    return made;
}

static void *user(void *arg)
{
    victim_sleep_ms(10 * (int)(intptr_t)arg);
    memcpy(bytes + 1000 * (intptr_t)arg, table().data(), 1000);
    return NULL;
}

int main()
{
    pthread_t t[4];
    for (intptr_t i = 0; i < 4; i++)
        t[i] = victim_thread(user, (void *)i);
    for (int i = 0; i < 4; i++)
        victim_join(t[i]);
    return 0;
}
