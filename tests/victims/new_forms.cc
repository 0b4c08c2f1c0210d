/* Every form of operator new and delete, each recorded once with its family. */
#include <cstdio>
#include <cstdlib>
#include <new>
#include "victim.h"

using A = std::align_val_t;
static const std::nothrow_t &nt = std::nothrow;

int main()
{
    ::operator delete(keep(::operator new(54001)));
    ::operator delete(keep(::operator new(54002)), std::size_t(54002));
    ::operator delete(keep(::operator new(54003, nt)), nt);
    ::operator delete[](keep(::operator new[](54004)));
    ::operator delete[](keep(::operator new[](54005)), std::size_t(54005));
    ::operator delete[](keep(::operator new[](54006, nt)), nt);
    ::operator delete(keep(::operator new(54007, A(64))), A(64));
    ::operator delete(keep(::operator new(54008, A(64))), std::size_t(54008), A(64));
    ::operator delete(keep(::operator new(54009, A(64), nt)), A(64), nt);
    ::operator delete[](keep(::operator new[](54010, A(64))), A(64));
    ::operator delete[](keep(::operator new[](54011, A(64))), std::size_t(54011), A(64));
    ::operator delete[](keep(::operator new[](54012, A(64), nt)), A(64), nt);
    ::operator delete(nullptr);
    ::operator delete[](nullptr);
    for (int i = 1; i <= 12; i++) {
        const char *family[] = { "new", "new[]", "new-aligned", "new[]-aligned" };
        printf("expect block size=%d count=1 dropped=1 family=%s new=main drop=main\n", 54000 + i, family[(i - 1) / 3]);
    }
    return 0;
}
