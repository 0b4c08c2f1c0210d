// A function's static variable that takes its time to be made.
#include "../victim.h"

struct slow {
    int value;
    slow() : value(7) { victim_sleep_ms(300); }
};

extern "C" NOINLINE int static_value()
{
    static slow made;
    return made.value;
}
