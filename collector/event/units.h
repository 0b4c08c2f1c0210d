/*
 * collector/event/units.h - numbers with units, as people write and read them:
 * of options, questions, rules and limits. No state; any thread.
 */
#ifndef OWNSCOPE_UNITS_H
#define OWNSCOPE_UNITS_H

#include <stdint.h>

/* 0, or -EINVAL, -ERANGE. Bytes: K M G T (powers of 1024; KiB, KB and the like are the same).
 * Times: ns us ms s m h; a unit must stand there. */
int parse_count(const char *text, uint64_t *n);
int parse_bytes(const char *text, uint64_t *bytes);
int parse_time_ns(const char *text, uint64_t *ns);
/* How many of something: 100, 0.5, 100k, 1.5M, 2G (powers of 1000), at most 1e18. */
int parse_amount(const char *text, double *amount);
/* 0x7f00. 0 or -EINVAL. */
int parse_address(const char *text, uint64_t *address);
/* LOW..HIGH, LOW.., ..HIGH, or one for both. 0 or -EINVAL. */
int parse_sizes(const char *text, uint64_t *low, uint64_t *high);
int parse_addresses(const char *text, uint64_t *low, uint64_t *high);

/* The shortest text that means exactly this: "512K", "1500ms"; returned. */
enum { UNITS_TEXT = 32 };
/* (An amount: to thousandths.) */
const char *print_amount(char text[UNITS_TEXT], double amount);
const char *print_bytes(char text[UNITS_TEXT], uint64_t bytes);
const char *print_time_ns(char text[UNITS_TEXT], uint64_t ns);

#endif
