/*
 * collector/export/suppressions_default.c - default.supp, as it is installed,
 * in the program itself: what is in force cannot be lost or be another's.
 */
#include "export/suppressions.h"

#include "event/xalloc.h"
#include "export/suppressions_rule.h"

__asm__(".pushsection .rodata\n"
        ".globl default_supp, default_supp_end\n"
        "default_supp:\n"
        ".incbin \"collector/export/default.supp\"\n"
        "default_supp_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char default_supp[], default_supp_end[];

int suppressions_add_default(struct suppressions *s, char **error)
{
    size_t first = s->n;
    int failed = suppressions_parse(s, "default.supp", default_supp, (size_t)(default_supp_end - default_supp), error);
    for (; first < s->n; first++)
        s->list[first].is_default = true;
    return failed;
}
