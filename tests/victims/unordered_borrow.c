/* Threads that use one block with nothing between them: two that write it, one
 * that reads what another published by a plain global, one that drops what it
 * lent while it is used, one that drops what its maker still uses. */
#include "victim.h"

enum { SIZE = 9000, TIMES = 100 };
static char bytes[SIZE];
static char *shared, *volatile published, *lent, *given;
static volatile int begun, written;

NOINLINE static char *make(void) { return keep(malloc(SIZE)); }
NOINLINE static void write_one(void) { memcpy(shared, bytes, SIZE); keep(NULL); }
NOINLINE static void write_other(void) { memset(shared + 100, 1, SIZE - 200); keep(NULL); }
NOINLINE static void publish(void)
{
    char *p = make();
    memcpy(p, bytes, SIZE);
    published = p;
}
NOINLINE static void read_published(void) { char copy[SIZE]; memcpy(copy, published, SIZE); keep(copy); }
NOINLINE static void write_lent(void) { memset(lent, 3, SIZE); keep(NULL); }
NOINLINE static void drop_lent(void) { free(lent); keep(NULL); }

NOINLINE static void write_given(void) { memset(given, 4, SIZE); keep(NULL); }
NOINLINE static void drop_given(void) { free(given); keep(NULL); }

static void *first(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        write_one();
        victim_breathe();
    }
    return NULL;
}
static void *second(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        write_other();
        victim_breathe();
    }
    return NULL;
}
static void *publisher(void *arg) { publish(); return NULL; }
static void *reader(void *arg)
{
    while (!published)
        victim_sleep_ms(1);
    read_published();
    return NULL;
}
static void *borrower(void *arg)
{
    write_lent();
    begun = 1;
    victim_sleep_ms(30);
    return NULL;
}

static void *dropper(void *arg)
{
    while (!written)
        victim_sleep_ms(1);
    drop_given();
    return NULL;
}

int main(void)
{
    shared = make();
    lent = make();
    given = make();
    pthread_t t[6] = { victim_thread(first, NULL), victim_thread(second, NULL), victim_thread(reader, NULL),
                       victim_thread(publisher, NULL), victim_thread(borrower, NULL),
                       victim_thread(dropper, NULL) };
    write_given();
    written = 1;
    while (!begun)
        victim_sleep_ms(1);
    drop_lent();
    for (int i = 0; i < 6; i++)
        victim_join(t[i]);
    free(shared);
    free(published);
    puts("expect finding unordered-borrow found>=1 in=write_one,write_other made=make");
    puts("expect finding unordered-borrow in=publish,read_published made=make");
    puts("expect finding unordered-borrow used=drop_lent other=write_lent made=make");
    puts("expect finding unordered-borrow used=drop_given other=write_given made=make");
    return 0;
}
