/*
 * tests/fuzz/fuzz_rules.c - libFuzzer target: any bytes as a rule, and as a line of a rules file. What is read is
 * printed, read again and printed the same; what is refused has a reason of one line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void wrong(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

static void look(const char *text)
{
    struct rule r, again;
    char *error, *printed, *twice;
    int e = rule_parse(&r, text, &error);
    if ((e != 0) != (error != NULL) || (e && (e != -EINVAL || strchr(error, '\n'))))
        wrong("no reason", text);
    free(error);
    if (!e) {
        printed = rule_text(&r);
        if (rule_parse(&again, printed, &error))
            wrong(error, printed);
        twice = rule_text(&again);
        if (strcmp(printed, twice) || r.events != again.events || r.families != again.families || r.size_min != again.size_min ||
            r.size_max != again.size_max || r.sample_bytes != again.sample_bytes || r.every != again.every || r.per_second != again.per_second ||
            r.limit != again.limit || r.exclude != again.exclude)
            wrong("printed otherwise", printed);
        rule_clear(&again);
        free(printed);
        free(twice);
    }
    rule_clear(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1), *verb, *words, *error;
    memcpy(text, data, bytes);
    text[bytes] = 0;
    look(text);
    rules_line(text, &verb, &words, &error);
    if (words)
        look(words);
    free(verb);
    free(words);
    free(error);
    free(text);
    return 0;
}
