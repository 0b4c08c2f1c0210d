/*
 * collector/export/text.c - see text.h.
 */
#include "export/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

size_t text_utf8(const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;
    if (!n)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
    bool beyond = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

json_t *text_json(const char *text, size_t n)
{
    size_t valid = 0, length;
    while (valid < n && (length = text_utf8(text + valid, n - valid)))
        valid += length;
    if (valid == n)
        return json_stringn(text, n);
    char *clean = xmalloc(n * 3);
    size_t used = 0;
    for (size_t i = 0; i < n; i += length ? length : 1) {
        length = text_utf8(text + i, n - i);
        memcpy(clean + used, length ? text + i : "\xef\xbf\xbd", length ? length : 3);
        used += length ? length : 3;
    }
    json_t *j = json_stringn(clean, used);
    free(clean);
    return j;
}

json_t *text_json_string(const char *text)
{
    return text ? text_json(text, strlen(text)) : json_null();
}
