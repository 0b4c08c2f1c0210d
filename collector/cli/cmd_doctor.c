/*
 * collector/cli/cmd_doctor.c - `ownscope doctor`: what is possible here, what is not, and why.
 */
#include <jansson.h>
#include <string.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/refusal.h"
#include "event/xalloc.h"
#include "session/doctor.h"

/* A program that is to be run. */
static void program_judge(struct doctor *d, const char *program)
{
    struct launch_check check;
    launch_check(program, &check);
    char *why = refusal_text(&check, program);
    if (why)
        doctor_no(d, "program", NULL, "%s", why);
    else
        doctor_ok(d, "program", "%s can be traced%s%s", check.path, *check.interpreter ? ": by " : "", check.interpreter);
    free(why);
}

static void print_lines(const struct doctor *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct doctor_fact *f = d->facts + i;
        char *line = xasprintf("%s  %s: %s%s%s", f->ok ? "ok" : "no", f->name, f->text, f->advice ? "; " : "", f->advice ? f->advice : "");
        for (char *p = line; *p; p++)
            if ((unsigned char)*p < ' ' || *p == 0x7f)
                *p = '?';
        puts(line);
        free(line);
    }
}

static void print_json(const struct doctor *d)
{
    json_t *facts = json_array();
    for (size_t i = 0; i < d->n; i++) {
        const struct doctor_fact *f = d->facts + i;
        json_t *o = json_pack("{s:b, s:s, s:s*}", "ok", f->ok, "name", f->name, "text", f->text);
        if (!json_object_get(o, "text"))
            json_object_set_new(o, "text", json_string("?")); /* a path that is no UTF-8 */
        if (f->advice)
            json_object_set_new(o, "advice", json_string(f->advice));
        json_array_append_new(facts, o);
    }
    json_t *doc = json_pack("{s:i, s:b, s:o}", "ownscope", 1, "ok", doctor_all_ok(d), "facts", facts);
    json_dumpf(doc, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(doc);
}

int cmd_doctor(int argc, char **argv)
{
    struct options o;
    struct doctor d = { 0 };
    bool as_json = false;
    pid_t pid = 0;
    char **words;
    int n;
    options_start(&o, &usage_doctor, argc, argv);
    for (int key; (key = options_next(&o)) >= 0;) {
        as_json |= key == OPTION_JSON;
        if (key == 'p')
            pid = (pid_t)options_count(&o, 1, INT32_MAX);
    }
    options_words(&o, &words, &n);
    if (pid && n)
        options_fail(&o, "-p PID and the program %s are two questions; ask one", words[0]);
    if (pid && !doctor_process(&d, pid))
        message_fail(EXIT_SOURCE, "there is no process %d; -p takes the number of one that runs", (int)pid);
    if (n)
        program_judge(&d, words[0]);
    doctor_places(&d);
    doctor_kernel(&d);
    doctor_system(&d);
    if (as_json)
        print_json(&d);
    else
        print_lines(&d);
    bool fine = doctor_all_ok(&d);
    doctor_clear(&d);
    return message_finish_output(stdout, "standard output", fine ? EXIT_FOUND : EXIT_NOTHING);
}
