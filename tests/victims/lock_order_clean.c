/* Orders that cannot deadlock: always the same; both, under a guard lock; both,
 * by trylock; both, by readers alone; both, by what lay at one address at two
 * times; objects of one kind locked by address; a list locked hand over hand. */
#include "victim.h"

enum { NODES = 6 };
struct node { char name[64]; pthread_mutex_t lock; struct node *next; };
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER, c = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER, p = PTHREAD_MUTEX_INITIALIZER, q = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t t1 = PTHREAD_MUTEX_INITIALIZER, t2 = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t x = PTHREAD_RWLOCK_INITIALIZER, y = PTHREAD_RWLOCK_INITIALIZER;
static struct node *nodes[NODES];

static void lock(pthread_mutex_t *m) { pthread_mutex_lock(m); }
static void unlock(pthread_mutex_t *m) { pthread_mutex_unlock(m); }

static void same_order(void)
{
    lock(&a); lock(&b); lock(&c);
    unlock(&c); unlock(&a); unlock(&b);
    lock(&b); lock(&c);
    unlock(&b); unlock(&c);
}
static void guarded(pthread_mutex_t *m, pthread_mutex_t *n)
{
    lock(&guard); lock(m); lock(n);
    unlock(n); unlock(m); unlock(&guard);
}
static void tried(pthread_mutex_t *m, pthread_mutex_t *n)
{
    lock(m);
    if (!pthread_mutex_trylock(n))
        unlock(n);
    unlock(m);
}
static void read_both(pthread_rwlock_t *m, pthread_rwlock_t *n)
{
    pthread_rwlock_rdlock(m);
    pthread_rwlock_rdlock(n);
    pthread_rwlock_unlock(n);
    pthread_rwlock_unlock(m);
}
/* The second in one order, then destroyed, then another lock there in the other. */
static void reborn(int turned)
{
    pthread_mutex_t m, n;
    pthread_mutex_init(&m, NULL);
    pthread_mutex_init(&n, NULL);
    lock(turned ? &n : &m); lock(turned ? &m : &n);
    unlock(&m); unlock(&n);
    pthread_mutex_destroy(&m);
    pthread_mutex_destroy(&n);
}
static void by_address(int i, int j)
{
    struct node *low = nodes[i] < nodes[j] ? nodes[i] : nodes[j], *high = nodes[i] < nodes[j] ? nodes[j] : nodes[i];
    lock(&low->lock); lock(&high->lock);
    unlock(&high->lock); unlock(&low->lock);
}
static void hand_over_hand(void)
{
    struct node *n = nodes[0];
    lock(&n->lock);
    while (n->next) {
        lock(&n->next->lock);
        unlock(&n->lock);
        n = n->next;
    }
    unlock(&n->lock);
}

static void *worker(void *arg)
{
    int turned = arg != NULL;
    for (int i = 0; i < 20; i++) {
        same_order();
        guarded(turned ? &p : &q, turned ? &q : &p);
        tried(turned ? &t1 : &t2, turned ? &t2 : &t1);
        read_both(turned ? &x : &y, turned ? &y : &x);
        reborn(turned);
        by_address(i % NODES, turned ? (i + 1) % NODES : (i + NODES - 1) % NODES);
        hand_over_hand();
        victim_breathe();
    }
    return NULL;
}

int main(void)
{
    char *all = keep(calloc(NODES, sizeof(struct node) + 16)); /* in order of address: one block each would do by chance */
    free(all);
    for (int i = 0; i < NODES; i++) {
        nodes[i] = keep(calloc(1, sizeof(struct node)));
        pthread_mutex_init(&nodes[i]->lock, NULL);
    }
    for (int i = 0; i < NODES; i++)
        for (int j = i + 1; j < NODES; j++)
            if (nodes[j] < nodes[i]) {
                struct node *swap = nodes[i];
                nodes[i] = nodes[j], nodes[j] = swap;
            }
    for (int i = 0; i + 1 < NODES; i++)
        nodes[i]->next = nodes[i + 1];
    pthread_t t[2] = { victim_thread(worker, NULL), victim_thread(worker, &guard) };
    victim_join(t[0]);
    victim_join(t[1]);
    return 0;
}
