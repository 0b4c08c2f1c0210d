/*
 * collector/export/findings.h - broken rules as documents show them: in
 * `findings`, and at the end of a whole-document export.
 *
 *   {"rule":"double-drop","count":1,"process":"p1","thread":"t2","ns":…,"event":…,"node":"b7",
 *    "message":"…","stacks":{"used":[…],"made":[…],"dropped":[…]},"fingerprint":"0123456789abcdef",
 *    "doubt":[],"evidence":[{"stack":"used","thread":"t2","ns":…},…],…}
 *
 * Keys of `stacks` say what a stack shows (view.h: enum evidence); where one
 * word comes twice, as in every cycle of locks, it has a number: held_1,
 * taken_1, held_2, taken_2.
 */
#ifndef OWNSCOPE_FINDINGS_H
#define OWNSCOPE_FINDINGS_H

#include <jansson.h>

#include "export/frames.h"
#include "export/lock_names.h"

struct finding_maker {
    const struct view *view;
    struct frames *frames;
    struct lock_names *names;
    /* How a stack (frames' number) is shown; a new reference. NULL: whole. */
    json_t *(*stack)(void *context, uint32_t stack);
    void *context;
};
json_t *finding_json(const struct finding_maker *m, const struct view_finding *f);
/* {RULE: how many different ones}, for `report`. */
json_t *findings_counts(const struct view *v);

#endif
