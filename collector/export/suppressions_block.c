/*
 * collector/export/suppressions_block.c - writes the suppression of a finding,
 * as --gen-suppressions shows it (suppressions.h): its rule, the stack of the
 * act, and its other stacks as sections, each as far as main or the thread's
 * routine. Names as symbol tables have them, so that they stay apart. A leak's
 * says what Valgrind's would: its kind, and the allocator as the first frame.
 */
#include <stdio.h>
#include <stdlib.h>

#include "export/suppressions_rule.h"

static void place_write(FILE *out, const struct frame_place *p)
{
    if (p->linkage || p->function)
        fprintf(out, "   fun:%s\n", p->linkage ? p->linkage : p->function);
    else
        fprintf(out, "   obj:%s\n", p->module ? p->module : "*");
}

static void stack_write(FILE *out, const struct frame_place *places, size_t n)
{
    for (size_t i = 0; i < n && !places[i].truncated && (!i || !places[i].outer); i++)
        place_write(out, &places[i]);
}

static size_t places_of(const struct view *v, struct frames *f, const struct view_finding *finding, uint32_t i,
                        const struct frame_place **places)
{
    if (finding->first + (size_t)i >= v->n_evidence)
        return 0;
    size_t n = frames_places(f, frames_view_stack(f, v->evidence[finding->first + i].stack), 0, places);
    return n && (*places)[0].truncated ? 0 : n;
}

/* Which of a finding's stacks is the act's, as suppressions_match sees it; n: none. */
static uint32_t act_of(const struct view *v, struct frames *f, const struct view_finding *finding)
{
    const struct frame_place *places;
    uint32_t first = finding->n;
    for (uint32_t i = finding->n; i--;)
        if (places_of(v, f, finding, i, &places))
            first = i;
    for (uint32_t i = first; i < finding->n; i++)
        if (suppression_is_act(finding->rule, v->evidence[finding->first + i].role) && places_of(v, f, finding, i, &places))
            return i;
    return first;
}

static void rule_write(FILE *out, const struct view_finding *finding)
{
    struct suppression_subject subject = { .rule = RULE_LEAK, .made_family = finding->made_family };
    size_t n;
    if (finding->rule != RULE_LEAK) {
        fprintf(out, "   ownscope:%s\n", rule_names[finding->rule]);
        return;
    }
    fprintf(out, "   Memcheck:Leak\n   match-leak-kinds: %s\n", leak_class_names[finding->leak.class % LEAK_CLASSES]);
    const char *const *called = suppression_called(&subject, EVIDENCE_MADE, &n);
    if (n && finding->made_family)
        fprintf(out, "   fun:%s\n", called[0]);
}

char *suppression_block(const struct view *v, struct frames *f, const struct view_finding *finding)
{
    const struct frame_place *places;
    size_t bytes;
    char *text = NULL;
    uint32_t act = act_of(v, f, finding);
    if (act == finding->n || finding->rule >= RULES)
        return NULL;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    fputs("{\n   <insert_a_suppression_name_here>\n", out);
    rule_write(out, finding);
    size_t n = places_of(v, f, finding, act, &places);
    stack_write(out, places, n);
    for (uint32_t i = 0; i < finding->n; i++) {
        size_t more = i == act ? 0 : places_of(v, f, finding, i, &places);
        if (more) {
            fprintf(out, "   stack:%s\n", evidence_names[v->evidence[finding->first + i].role]);
            stack_write(out, places, more);
        }
    }
    fputs("}\n", out);
    if (fclose(out))
        abort();
    return text;
}
