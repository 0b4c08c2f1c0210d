/* Threads that hold one object by shared_ptr: one writes it and lets go, the
 * other, who never touched it, lets go last and so deletes it. */
#include <memory>

#include "victim.h"

struct object { char bytes[3000]; };

static void *writer(void *arg)
{
    auto *p = static_cast<std::shared_ptr<object> *>(arg);
    memset((*p)->bytes, 1, (size_t)victim_times(sizeof(object)));
    delete p;
    return nullptr;
}
static void *holder(void *arg)
{
    victim_sleep_ms(50);
    delete static_cast<std::shared_ptr<object> *>(arg);
    return nullptr;
}

int main()
{
    auto object_of_all = std::make_shared<object>();
    pthread_t a = victim_thread(writer, new std::shared_ptr<object>(object_of_all));
    pthread_t b = victim_thread(holder, new std::shared_ptr<object>(object_of_all));
    object_of_all.reset();
    victim_join(a);
    victim_join(b);
    puts("expect coverage not-empty");
    return 0;
}
