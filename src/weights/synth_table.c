/* synth_table.c: parses the table. Numbers are read by hand: strtof follows the application's locale, and a table must
 * not mean something else where the decimal point is a comma. */
#include "weights/synth_table.h"

#include <string.h>

enum { FIELDS = 9, MAX_FIELD = 512 };

static bool read_unsigned(const char *text, unsigned base, uint64_t most, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    *out = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit || digit - digits >= (int)base)
            return false;
        uint64_t value = (uint64_t)(digit - digits);
        if (*out > (most - value) / base)
            return false;
        *out = *out * base + value;
    }
    return true;
}

/* "-1.25e-05" in at most 15 digits: both factors below are exact doubles, so the one rounding of their product or
 * quotient is correct, and far from any tie of float for the shortest decimals that Python prints. */
static bool read_float(const char *text, float *out)
{
    double value = 0, power = 1;
    int digits = 0, exponent = 0;
    bool negative = *text == '-', point = false, any = false;
    for (text += negative; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        value = value * 10 + (*text - '0');
        digits += value > 0;
        exponent -= point;
        any = true;
    }
    if (*text == 'e') {
        uint64_t written;
        bool minus = text[1] == '-';
        if (!read_unsigned(text + 1 + (minus || text[1] == '+'), 10, 99, &written))
            return false;
        exponent += minus ? -(int)written : (int)written;
        text = "";
    }
    if (*text || !any || digits > 15 || exponent < -22 || exponent > 22)
        return false;
    for (int i = 0; i < (exponent < 0 ? -exponent : exponent); i++)
        power *= 10;
    value = exponent < 0 ? value / power : value * power;
    *out = (float)(negative ? -value : value);
    return true;
}

/* Splits at `separator`, in place; the number of pieces, or most + 1 if there are more. */
static unsigned split(char *text, char separator, char **pieces, unsigned most)
{
    unsigned count = 0;
    for (;;) {
        if (count == most)
            return most + 1;
        pieces[count++] = text;
        text = strchr(text, separator);
        if (!text)
            return count;
        *text++ = '\0';
    }
}

static bool read_shape(char *text, struct vkr_desc *desc)
{
    char *pieces[VKR_MAX_DIMS];
    size_t bytes = vkr_dtype_size(desc->dtype);
    desc->rank = 0;
    if (strcmp(text, "scalar") == 0)
        return true;
    unsigned count = split(text, ',', pieces, VKR_MAX_DIMS);
    if (count > VKR_MAX_DIMS)
        return false;
    for (; desc->rank < count; desc->rank++) {
        uint64_t dim;
        if (!read_unsigned(pieces[desc->rank], 10, UINT32_MAX, &dim) || dim == 0 ||
            !vkr_mul(bytes, (size_t)dim, &bytes))
            return false;
        desc->dim[desc->rank] = (uint32_t)dim;
    }
    return bytes <= (size_t)INT64_MAX;
}

static bool good_name(const char *name)
{
    if (!*name)
        return false;
    for (; *name; name++)
        if (*name < 0x21 || *name > 0x7e || *name == '"' || *name == '\\')
            return false;
    return true;
}

static vks_status read_line(struct synth_table *table, char *text, unsigned number)
{
    char *field[FIELDS];
    uint64_t crc;
    float first, last;
    struct synth_line line = { .number = number };
    VKS_REQUIRE(split(text, '\t', field, FIELDS) == FIELDS, VKS_ERR_CORRUPT, "line %u of the table has not the 9 "
                "fields name, dtype, shape, seed, c, a, crc32, first, last", number);
    VKS_REQUIRE(good_name(field[0]), VKS_ERR_CORRUPT, "line %u of the table: the tensor's name is empty or has unusual "
                "characters", number);
    VKS_REQUIRE(table->count == 0 || strcmp(table->lines[table->count - 1].name, field[0]) < 0, VKS_ERR_CORRUPT,
                "line %u of the table: %s is not behind the name before it; sort the table bytewise", number, field[0]);
    bool is_float = strcmp(field[1], "F32") == 0;
    VKS_REQUIRE(is_float || strcmp(field[1], "I64") == 0, VKS_ERR_CORRUPT, "line %u of the table: the element type is "
                "neither F32 nor I64", number);
    line.desc.dtype = is_float ? VKR_F32 : VKR_I64;
    VKS_REQUIRE(read_shape(field[2], &line.desc), VKS_ERR_CORRUPT, "line %u of the table: the shape is no \"scalar\" "
                "and no list of 1 to 5 sizes", number);
    VKS_REQUIRE(read_unsigned(field[3], 10, UINT64_MAX, &line.seed), VKS_ERR_CORRUPT,
                "line %u of the table: the seed is no number of 64 bits", number);
    VKS_REQUIRE(read_float(field[4], &line.c) && read_float(field[5], &line.a) && read_float(field[7], &first) &&
                    read_float(field[8], &last),
                VKS_ERR_CORRUPT, "line %u of the table: c, a, first or last is no number", number);
    VKS_REQUIRE(strlen(field[6]) == 8 && read_unsigned(field[6], 16, UINT32_MAX, &crc), VKS_ERR_CORRUPT,
                "line %u of the table: the crc32 is not 8 hexadecimal digits", number);
    line.crc32 = (uint32_t)crc;
    line.name = vkr_arena_strdup(&table->arena, field[0]);
    VKS_REQUIRE(line.name, VKS_ERR_HOST_MEMORY, "out of memory: line %u of a table", number);
    VKS_TRY(VKR_GROW(table->lines, table->capacity, table->count));
    table->lines[table->count++] = line;
    return VKS_OK;
}

vks_status synth_table_parse(struct synth_table *table, const void *bytes, size_t size)
{
    const char *at = bytes, *end = at + size;
    char text[FIELDS * MAX_FIELD];
    for (unsigned number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        VKS_REQUIRE(length < sizeof text && !memchr(at, '\0', length), VKS_ERR_CORRUPT,
                    "line %u of the table is too long or no text", number);
        memcpy(text, at, length);
        text[length > 0 && text[length - 1] == '\r' ? length - 1 : length] = '\0';
        if (text[0] != '#')
            VKS_TRY(read_line(table, text, number));
        at += length + (stop ? 1 : 0);
    }
    VKS_REQUIRE(table->count > 0, VKS_ERR_CORRUPT, "the table names no tensor");
    return VKS_OK;
}

void synth_table_free(struct synth_table *table)
{
    vkr_free(table->lines);
    vkr_arena_destroy(&table->arena);
    *table = (struct synth_table){ .lines = NULL };
}
