/*
 * collector/cli/words.c - words as a shell splits them.
 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

/* One word from **p into `to`; 0 or -EINVAL. */
static int word_copy(const char **p, char *to)
{
    char quote = 0;
    for (; **p && (quote || !isspace((unsigned char)**p)); ++*p) {
        char c = **p;
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? 0 : c;
        } else if (c == '\\' && quote != '\'') {
            if (!(*p)[1])
                return -EINVAL;
            if (quote == '"' && !strchr("\"\\$`", (*p)[1]))
                *to++ = c;
            *to++ = *++*p;
        } else {
            *to++ = c;
        }
    }
    *to = 0;
    return quote ? -EINVAL : 0;
}

int words_split(const char *text, char ***words, size_t *n)
{
    char **list = NULL;
    size_t count = 0, capacity = 0;
    char *word = xmalloc(strlen(text) + 1);
    int error = 0;
    while (!error) {
        while (isspace((unsigned char)*text))
            text++;
        list = xgrow(list, &capacity, count + 1, sizeof *list);
        list[count] = NULL;
        if (!*text)
            break;
        error = word_copy(&text, word);
        if (!error)
            list[count++] = xstrdup(word);
    }
    free(word);
    if (error) {
        while (count)
            free(list[--count]);
        free(list);
        return error;
    }
    *words = list;
    *n = count;
    return 0;
}
