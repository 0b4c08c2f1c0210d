/*
 * collector/symbols/text.h - strings out of DWARF that are known to end.
 *
 * libdw hands out pointers into the file's sections and leaves it to the
 * reader that a zero follows before the section is over. In a damaged file
 * there may be none.
 */
#ifndef OWNSCOPE_SYMBOLS_TEXT_H
#define OWNSCOPE_SYMBOLS_TEXT_H

#include <elfutils/libdw.h>
#include <stdbool.h>

/* True when the string sections end in a zero. A Dwarf for which this is
 * false must not be used (file names are put together inside libdw). */
bool text_sound(Dwarf *dwarf);
/* The string of an attribute; NULL: none, or it does not end. */
const char *text_of(Dwarf_Attribute *attribute);

#endif
