/* Releases each block by another family than made it. */
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include "victim.h"

using A = std::align_val_t;
NOINLINE static void malloc_delete() { ::operator delete(keep(std::malloc(54101))); keep(nullptr); }
NOINLINE static void new_free() { std::free(keep(::operator new(54102))); keep(nullptr); }
NOINLINE static void array_delete() { ::operator delete(keep(::operator new[](54103))); keep(nullptr); }
NOINLINE static void scalar_array() { ::operator delete[](keep(::operator new(54104))); keep(nullptr); }
NOINLINE static void wrong_size() { ::operator delete(keep(::operator new(54105)), std::size_t(54000)); keep(nullptr); }
NOINLINE static void aligned_plain() { ::operator delete(keep(::operator new(54106, A(64)))); keep(nullptr); }
NOINLINE static void plain_aligned() { ::operator delete(keep(::operator new(54107)), A(64)); keep(nullptr); }

int main()
{
    for (int i = 0; i < victim_times(3); i++)
        malloc_delete();
    new_free();
    array_delete();
    scalar_array();
    wrong_size();
    aligned_plain();
    plain_aligned();
    puts("expect finding mismatched-drop count=3 used=malloc_delete made=malloc_delete");
    for (const char *how : { "new_free", "array_delete", "scalar_array", "wrong_size", "aligned_plain", "plain_aligned" })
        printf("expect finding mismatched-drop count=1 used=%s made=%s\n", how, how);
    return 0;
}
