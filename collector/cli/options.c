/*
 * collector/cli/options.c - merges options from file, variable and command
 * line, then walks them with getopt_long. Called from main's thread alone,
 * once a process (getopt keeps its place in globals).
 */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/config.h"
#include "cli/message.h"
#include "event/xalloc.h"

enum { OPTIONS_MAX = 64 };

struct list { char **words; size_t n, capacity; };

static void list_add(struct list *l, char *word)
{
    l->words = xgrow(l->words, &l->capacity, l->n + 2, sizeof *l->words);
    l->words[l->n++] = word;
    l->words[l->n] = NULL;
}

/* ---- the file ------------------------------------------------------------- */

struct file { const struct usage *usage; struct list words; char *error; };

/* 1 true, 0 false, -1 neither. */
static int truth(const char *value)
{
    static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off", "0", "" };
    if (!value)
        return 1;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(value, yes[i]) == 0)
            return 1;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (strcasecmp(value, no[i]) == 0)
            return 0;
    return -1;
}

/* Takes a flag set earlier in the file back. */
static void list_remove(struct list *l, const char *word)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->words[i], word) != 0)
            l->words[kept++] = l->words[i];
    l->n = kept;
    if (l->words)
        l->words[kept] = NULL;
}

static int file_entry(void *context, const char *section, const char *name, const char *value)
{
    struct file *f = context;
    if (*section && strcmp(section, f->usage->command) != 0)
        return 0;
    const struct option_spec *s = usage_option(f->usage, name, strlen(name));
    if (!s)
        return 0;
    if (s->argument) {
        if (!value && *s->argument == '[') {
            list_add(&f->words, xasprintf("--%s", name));
            return 0;
        }
        if (!value) {
            f->error = xasprintf("%s wants a value: %s = %s", name, name, s->argument);
            return -EINVAL;
        }
        list_add(&f->words, xasprintf("--%s=%s", name, value));
        return 0;
    }
    int on = truth(value);
    if (on < 0) {
        f->error = xasprintf("%s is true or false, not '%s'", name, value);
        return -EINVAL;
    }
    char *word = xasprintf("--%s", name);
    list_remove(&f->words, word);
    if (on)
        list_add(&f->words, word);
    else
        free(word);
    return 0;
}

static int options_from_file(struct file *f, char **error)
{
    char *path = config_path(), *text = NULL;
    size_t bytes = 0;
    unsigned line = 0;
    int failed = path ? config_read(path, &text, &bytes) : -ENOENT;
    if (failed) {
        bool absent = failed == -ENOENT || failed == -ENOTDIR || failed == -EACCES;
        if (!absent)
            *error = xasprintf("cannot read %s: %s; correct or remove it", path, strerror(-failed));
        free(path);
        return absent ? 0 : -EINVAL;
    }
    failed = config_parse(text, bytes, file_entry, f, &line);
    if (failed)
        *error = xasprintf("%s, line %u: %s; correct or remove it", path, line,
                           f->error ? f->error : "neither [COMMAND] nor option = value");
    free(f->error);
    free(text);
    free(path);
    return failed ? -EINVAL : 0;
}

/* ---- the variable --------------------------------------------------------- */

/* The option that a word of the variable names, in this command (*mine) or in
 * another; NULL: in none. *value: it carries its argument itself. */
static const struct option_spec *option_of_word(const struct usage *u, const char *word, bool *mine, bool *value)
{
    const struct option_spec *s = NULL;
    bool is_long = word[1] == '-';
    size_t n = is_long ? strcspn(word + 2, "=") : 0;
    s = is_long ? usage_option(u, word + 2, n) : usage_letter(u, (unsigned char)word[1]);
    *mine = s != NULL;
    for (size_t i = 0; !s && usages[i]; i++)
        s = is_long ? usage_option(usages[i], word + 2, n) : usage_letter(usages[i], (unsigned char)word[1]);
    *value = is_long ? word[2 + n] == '=' : word[1] && word[2];
    return s;
}

static int options_from_variable(struct list *l, const struct usage *u, char **error)
{
    const char *text = getenv("OWNSCOPE_OPTIONS");
    char **words;
    size_t n;
    if (!text || !*text)
        return 0;
    if (words_split(text, &words, &n)) {
        *error = xasprintf("OWNSCOPE_OPTIONS ends inside a quotation; close it");
        return -EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        bool mine = false, value = false;
        const struct option_spec *s = words[i][0] == '-' && words[i][1] && strcmp(words[i], "--") != 0
                                    ? option_of_word(u, words[i], &mine, &value) : NULL;
        if (!s) {
            *error = xasprintf("OWNSCOPE_OPTIONS: '%s' is no option of any command; see ownscope --help", words[i]);
            return -EINVAL;
        }
        if (mine)
            list_add(l, words[i]);
        if (s->argument && *s->argument != '[' && !value) {
            if (i + 1 == n) {
                *error = xasprintf("OWNSCOPE_OPTIONS: '%s' wants %s behind it", words[i], s->argument);
                return -EINVAL;
            }
            i++;
            if (mine)
                list_add(l, words[i]);
        }
    }
    return 0;
}

/* ---- all three ------------------------------------------------------------ */

int options_merge(struct options *o, const struct usage *u, int argc, char **argv)
{
    struct file file = { .usage = u };
    memset(o, 0, sizeof *o);
    o->usage = u;
    list_add(&file.words, argc > 0 ? argv[0] : xstrdup(u->command));
    if (options_from_file(&file, &o->error) || options_from_variable(&file.words, u, &o->error))
        return -EINVAL;
    for (int i = 1; i < argc; i++)
        list_add(&file.words, argv[i]);
    o->argc = (int)file.words.n;
    o->argv = file.words.words;
    optind = 0;
    opterr = 0;
    return 0;
}

void options_fail(const struct options *o, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    message_fail(o->usage->status, "%s: %s; see ownscope %s --help", o->usage->command, text, o->usage->command);
}

void options_start(struct options *o, const struct usage *u, int argc, char **argv)
{
    if (options_merge(o, u, argc, argv))
        message_fail(u->status, "%s", o->error);
}

/* getopt's tables for a usage. A letter's key is its long name's too. */
static void options_tables(const struct usage *u, struct option *longs, char *shorts)
{
    size_t n = 0;
    if (u->stop_at_word)
        *shorts++ = '+';
    *shorts++ = ':';
    for (const struct option_spec *s = u->options; s->name && n < OPTIONS_MAX; s++) {
        longs[n++] = (struct option){ s->name, !s->argument ? no_argument : *s->argument == '[' ? optional_argument : required_argument, NULL, s->key };
        if (s->key < 128) {
            *shorts++ = (char)s->key;
            if (s->argument)
                *shorts++ = ':';
        }
    }
    longs[n++] = (struct option){ "help", no_argument, NULL, 'h' };
    longs[n] = (struct option){ 0 };
    *shorts++ = 'h';
    *shorts = 0;
}

int options_next(struct options *o)
{
    struct option longs[OPTIONS_MAX + 2];
    char shorts[3 * OPTIONS_MAX];
    options_tables(o->usage, longs, shorts);
    int at = optind ? optind : 1, key = getopt_long(o->argc, o->argv, shorts, longs, NULL);
    if (key == 'h') {
        usage_print(stdout, o->usage);
        exit(message_finish_output(stdout, "the help", 0));
    }
    if (key == '?' || key == ':') {
        const char *word = optind > 1 && optind <= o->argc ? o->argv[optind - 1] : o->argv[at];
        char letter[3] = { '-', (char)optopt, 0 };
        bool by_letter = optopt > 0 && optopt < 128 && strncmp(word, "--", 2) != 0;
        if (key == ':')
            options_fail(o, "%s wants an argument", by_letter ? letter : word);
        options_fail(o, strncmp(word, "--", 2) == 0 && strchr(word, '=') && optopt ? "%s takes no argument" : "unknown option %s",
                     by_letter ? letter : word);
    }
    if (key < 0)
        return -1;
    o->argument = optarg;
    o->name = "";
    for (const struct option_spec *s = o->usage->options; s->name; s++)
        if (s->key == key) {
            o->name = s->name;
            break;
        }
    return key;
}

void options_words(const struct options *o, char ***words, int *n)
{
    *words = o->argv + optind;
    *n = o->argc - optind;
}

uint64_t options_count(const struct options *o, uint64_t low, uint64_t high)
{
    uint64_t n;
    if (parse_count(o->argument, &n) || n < low || n > high)
        options_fail(o, "--%s takes a number from %llu to %llu, not '%s'", o->name,
                     (unsigned long long)low, (unsigned long long)high, o->argument);
    return n;
}

int options_choice(const struct options *o, const char *const *choices)
{
    char list[256] = "";
    size_t n = 0;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], o->argument) == 0)
            return i;
        n += (size_t)snprintf(list + n, n < sizeof list ? sizeof list - n : 0, "%s%s", i ? ", " : "", choices[i]);
        if (n >= sizeof list)
            n = sizeof list - 1;
    }
    options_fail(o, "--%s takes one of %s, not '%s'", o->name, list, o->argument);
}
