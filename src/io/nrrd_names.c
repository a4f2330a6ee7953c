/* nrrd_names.c: what Slicer's .seg.nrrd calls its segments and how it paints them: lines SegmentN_Name:=, _LabelValue:= and
 * _Color:= (three fractions of 1) of the header. */
#include "io/text_volume.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SEGMENTS = 1024 };

struct segments { vks_label list[MOST_SEGMENTS]; uint32_t count; };    /* `count`: the highest number and one */

static void set_colour(const char *value, uint8_t rgb[3])
{
    double numbers[3];
    if (text_numbers(value, numbers, 3) != 3)
        return;
    for (int c = 0; c < 3; c++)
        rgb[c] = numbers[c] >= 0 && numbers[c] <= 1 ? (uint8_t)(255 * numbers[c] + 0.5) : 0;
}

/* "Segment3_Name:=liver"; other lines are passed over. */
static void take_line(const char *line, struct segments *out)
{
    char *end;
    const char *value = strstr(line, ":=");
    if (strncmp(line, "Segment", 7) != 0 || line[7] < '0' || line[7] > '9' || !value)
        return;
    const unsigned long number = strtoul(line + 7, &end, 10);
    const size_t length = (size_t)(value - end);
    if (number >= MOST_SEGMENTS || end > value)
        return;
    vks_label *label = &out->list[number];
    out->count = number >= out->count ? (uint32_t)number + 1 : out->count;
    value += 2;
    if (length == 5 && memcmp(end, "_Name", 5) == 0)
        snprintf(label->name, sizeof label->name, "%.63s", value);
    else if (length == 11 && memcmp(end, "_LabelValue", 11) == 0)
        label->value = (uint32_t)strtoul(value, NULL, 10);
    else if (length == 6 && memcmp(end, "_Color", 6) == 0)
        set_colour(value, label->rgb);
}

static vks_status read_lines(struct stream *stream, struct segments *out)
{
    char line[TEXT_LINE];
    size_t left = TEXT_MOST;
    bool is_there = true;
    for (;;) {
        VKS_TRY(text_line(stream, line, &left, &is_there));
        if (!is_there || !*line)
            return VKS_OK;
        take_line(line, out);
    }
}

/* The ones that have a name and a value, in the order of the file. */
static vks_status keep_named(const struct segments *segments, vks_label **out, size_t *count)
{
    for (uint32_t i = 0; i < segments->count; i++)
        *count += segments->list[i].value > 0 && segments->list[i].value <= UINT16_MAX && *segments->list[i].name;
    if (!*count)
        return VKS_OK;
    size_t kept = 0;
    VKS_TRY(vkr_alloc(*count, sizeof **out, "names of labels", (void **)out));
    for (uint32_t i = 0; i < segments->count; i++) {
        const vks_label *label = &segments->list[i];
        if (label->value == 0 || label->value > UINT16_MAX || !*label->name)
            continue;
        (*out)[kept] = *label;
        if (!(label->rgb[0] | label->rgb[1] | label->rgb[2]))
            io_colour(label->value - 1, (*out)[kept].rgb);
        kept++;
    }
    return VKS_OK;
}

vks_status vks_io_read_label_names(const char *path, vks_label **out, size_t *count)
{
    struct stream stream;
    unsigned char head[8];
    size_t got = 0;
    VKS_REQUIRE(path && out && count, VKS_ERR_ARGUMENT, "vks_io_read_label_names: an argument is NULL");
    *out = NULL;
    *count = 0;
    FILE *file = fopen(path, "rb");
    VKS_REQUIRE(file, VKS_ERR_NOT_FOUND, "%s cannot be opened", path);
    got = fread(head, 1, sizeof head, file);
    fclose(file);
    if (!nrrd_recognise(head, got))
        return VKS_OK;
    struct segments *segments;
    VKS_TRY(vkr_alloc(1, sizeof *segments, "names of labels", (void **)&segments));
    vks_status status = stream_open(&stream, path);
    if (status == VKS_OK)
        status = read_lines(&stream, segments);
    stream_close(&stream);
    if (status == VKS_OK)
        status = keep_named(segments, out, count);
    vkr_free(segments);
    return status;
}
