/*
 * collector/symbols/debugfile.c - finds the separate debug file of a module
 * (symfile_debug) and unpacks the small one inside it (symfile_mini).
 *
 * A debug file is taken only when it proves that it belongs: by equal
 * build-id, or, where the module has none, by the debuglink's checksum.
 */
#include <elfutils/libdwelf.h>
#include <libgen.h>
#include <limits.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "symbols/symfile.h"

enum {
    UNPACKED_MAX_BYTES = 256 << 20,
    LZMA_MEMORY_MAX_BYTES = 128 << 20,
    CHECKSUM_PIECE_BYTES = 1 << 16
};

/* CRC-32 of IEEE 802.3, as .gnu_debuglink has it. */
static uint32_t checksum(const struct symfile *f)
{
    uint32_t crc = 0;
    uint8_t *piece = xmalloc(CHECKSUM_PIECE_BYTES);
    off_t at = 0;
    for (ssize_t n; (n = pread(f->fd, piece, CHECKSUM_PIECE_BYTES, at)) > 0; at += n)
        crc = lzma_crc32(piece, (size_t)n, crc);
    free(piece);
    return crc;
}

static bool same_id(const struct symfile *a, const struct symfile *b)
{
    return a->id_bytes && a->id_bytes == b->id_bytes && !memcmp(a->id, b->id, a->id_bytes);
}

static bool has_debug_info(const struct symfile *f)
{
    GElf_Shdr header;
    return symfile_section(f, ".debug_info", &header) || symfile_section(f, ".symtab", &header) ||
           symfile_section(f, ".zdebug_info", &header);
}

/* Opens `path` (and frees it) if it is the debug file of `f`. `crc` NULL: by
 * build-id only. */
static struct symfile *try_file(const struct symfile *f, char *path, const uint32_t *crc)
{
    struct symfile *debug = symfile_open(path, NULL);
    free(path);
    if (!debug)
        return NULL;
    bool fits = f->id_bytes ? same_id(f, debug) : crc && checksum(debug) == *crc;
    if (fits && debug->machine == f->machine && has_debug_info(debug))
        return debug;
    symfile_close(debug);
    return NULL;
}

static struct symfile *by_build_id(const struct symfile *f, const char *debug_dir)
{
    char hex[2 * SYMFILE_ID_MAX + 1];
    if (f->id_bytes < 2)
        return NULL;
    for (size_t i = 0; i < f->id_bytes; i++) {
        static const char digit[] = "0123456789abcdef";
        hex[2 * i] = digit[f->id[i] >> 4];
        hex[2 * i + 1] = digit[f->id[i] & 15];
    }
    hex[2 * f->id_bytes] = 0;
    return try_file(f, xasprintf("%s/.build-id/%.2s/%s.debug", debug_dir, hex, hex + 2), NULL);
}

static struct symfile *by_link_from(const struct symfile *f, const char *path, const char *link,
                                    uint32_t crc, const char *debug_dir)
{
    char *copy = xstrdup(path);
    const char *dir = dirname(copy);
    struct symfile *debug = NULL;
    /* A file that names itself is not its own debug file. */
    const char *base = strrchr(path, '/');
    if (strcmp(link, base ? base + 1 : path))
        debug = try_file(f, xasprintf("%s/%s", dir, link), &crc);
    if (!debug)
        debug = try_file(f, xasprintf("%s/.debug/%s", dir, link), &crc);
    if (!debug && dir[0] == '/')
        debug = try_file(f, xasprintf("%s%s/%s", debug_dir, dir, link), &crc);
    free(copy);
    return debug;
}

static struct symfile *by_link(const struct symfile *f, const char *path, const char *debug_dir)
{
    GElf_Word crc = 0;
    const char *link = dwelf_elf_gnu_debuglink(f->elf, &crc);
    if (!link || !link[0] || strchr(link, '/'))
        return NULL;
    struct symfile *debug = by_link_from(f, path, link, crc, debug_dir);
    char *real = debug ? NULL : realpath(path, NULL);
    if (real && strcmp(real, path))
        debug = by_link_from(f, real, link, crc, debug_dir);
    free(real);
    return debug;
}

const char *symfile_debug_dir(void)
{
    const char *dir = getenv("OWNSCOPE_DEBUG_DIR");
    return dir && *dir ? dir : "/usr/lib/debug";
}

struct symfile *symfile_debug(const struct symfile *f, const char *path, const char *debug_dir)
{
    struct symfile *debug = by_build_id(f, debug_dir);
    return debug ? debug : by_link(f, path, debug_dir);
}

/* Unpacks .xz into a new buffer, at most UNPACKED_MAX_BYTES; NULL: damaged. */
static uint8_t *unpack(const uint8_t *packed, size_t packed_bytes, size_t *bytes)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&stream, LZMA_MEMORY_MAX_BYTES, 0) != LZMA_OK)
        return NULL;
    size_t capacity = packed_bytes < 4096 ? 16384 : packed_bytes * 4;
    uint8_t *out = xmalloc(capacity);
    stream.next_in = packed;
    stream.avail_in = packed_bytes;
    lzma_ret state = LZMA_OK;
    while (state == LZMA_OK && stream.total_out < UNPACKED_MAX_BYTES) {
        if (stream.total_out == capacity)
            out = xrealloc(out, capacity *= 2);
        stream.next_out = out + stream.total_out;
        stream.avail_out = capacity - stream.total_out;
        state = lzma_code(&stream, LZMA_FINISH);
    }
    *bytes = stream.total_out;
    lzma_end(&stream);
    if (state == LZMA_STREAM_END)
        return out;
    free(out);
    return NULL;
}

struct symfile *symfile_mini(const struct symfile *f)
{
    GElf_Shdr header;
    Elf_Scn *section = symfile_section(f, ".gnu_debugdata", &header);
    Elf_Data *packed = section ? elf_rawdata(section, NULL) : NULL;
    if (!packed || !packed->d_buf || packed->d_size > UNPACKED_MAX_BYTES)
        return NULL;
    size_t bytes;
    uint8_t *image = unpack(packed->d_buf, packed->d_size, &bytes);
    if (!image)
        return NULL;
    struct symfile *mini = symfile_adopt(image, bytes);
    if (mini && mini->machine == f->machine && (!mini->id_bytes || same_id(f, mini)))
        return mini;
    symfile_close(mini);
    return NULL;
}
