/* dicom_series.c: which files belong together. File names, instance numbers and claimed slice distances are not believed;
 * only the positions of the pixels in the patient are. */
#include "io/dicom_child.h"
#include "io/dicom_series.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_FILES = 100000 };

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void normal_of(const struct dicom_file *file, double out[3])
{
    const double *r = file->row_direction, *c = file->column_direction;
    out[0] = r[1] * c[2] - r[2] * c[1];
    out[1] = r[2] * c[0] - r[0] * c[2];
    out[2] = r[0] * c[1] - r[1] * c[0];
}

/* ---- reading headers ---- */

static vks_status refuse(const char *path, enum dicom_result result, const char *message)
{
    if (result == DICOM_MEMORY)
        return vks_fail(VKS_ERR_HOST_MEMORY, "%s: %s", path, message);
    return vks_fail(VKS_ERR_CORRUPT, "%s: %s", path, message);
}

size_t dicom_read_head(const char *path, unsigned char *head, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const size_t got = fread(head, 1, size, file);
    fclose(file);
    return got >= DICOM_HEAD && memcmp(head + DICOM_HEAD - 4, "DICM", 4) == 0 ? got : 0;
}

static bool has_signature(const char *path)
{
    unsigned char head[DICOM_HEAD];
    return dicom_read_head(path, head, sizeof head) > 0;
}

bool dicom_recognise(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return false;
    if (!S_ISDIR(found.st_mode))
        return has_signature(path);
    DIR *handle = opendir(path);
    bool is_known = false;
    for (const struct dirent *item; handle && !is_known && (item = readdir(handle));) {
        char name[4096];
        const int length = snprintf(name, sizeof name, "%s/%s", path, item->d_name);
        is_known = item->d_name[0] != '.' && length < (int)sizeof name && stat(name, &found) == 0 && S_ISREG(found.st_mode) &&
                   has_signature(name);
    }
    if (handle)
        closedir(handle);
    return is_known;
}

vks_status dicom_add_path(struct dicom_folder *folder, const char *path)
{
    VKS_REQUIRE(folder->count < MOST_FILES, VKS_ERR_CORRUPT, "%s: more than %d files in one folder", path, MOST_FILES);
    VKS_TRY(VKR_GROW(folder->entries, folder->capacity, folder->count));
    folder->entries[folder->count] = (struct dicom_entry){ .path = vkr_strdup(path) };
    VKS_REQUIRE(folder->entries[folder->count].path, VKS_ERR_HOST_MEMORY, "out of memory: a path");
    folder->count++;
    return VKS_OK;
}

/* In a folder there are often other things; what has no signature is passed over. */
static vks_status add_folder(struct dicom_folder *folder, const char *path)
{
    DIR *handle = opendir(path);
    VKS_REQUIRE(handle, VKS_ERR_NOT_FOUND, "%s cannot be opened: %s", path, strerror(errno));
    vks_status status = VKS_OK;
    for (const struct dirent *item; status == VKS_OK && (item = readdir(handle));) {
        struct stat found;
        char *name;
        const size_t size = strlen(path) + strlen(item->d_name) + 2;
        if (item->d_name[0] == '.')
            continue;
        status = vkr_alloc(1, size, "a path", (void **)&name);
        if (status != VKS_OK)
            break;
        snprintf(name, size, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", item->d_name);
        if (stat(name, &found) == 0 && S_ISREG(found.st_mode) && has_signature(name))
            status = dicom_add_path(folder, name);
        vkr_free(name);
    }
    closedir(handle);
    return status;
}

static void place_along(struct dicom_entry *entry)
{
    if (entry->file.has_orientation && entry->file.frames[0].has_position) {
        double normal[3];
        normal_of(&entry->file, normal);
        entry->along = dot(normal, entry->file.frames[0].position);
    } else {
        entry->along = entry->file.instance_number;
    }
}

/* Keeps the entries that are images: a DICOMDIR or a report beside them is none. */
static vks_status read_headers(struct dicom_folder *folder, struct dicom_child *child)
{
    uint32_t kept = 0;
    vks_status status = VKS_OK;
    for (uint32_t i = 0; i < folder->count; i++) {
        struct dicom_entry entry = folder->entries[i];
        char message[256];
        folder->entries[i].path = NULL;
        const enum dicom_result result = status == VKS_OK ? dicom_child_header(child, &entry.file, message) : DICOM_NONE;
        if (status == VKS_OK && result == DICOM_OK && entry.file.has_pixels && entry.file.frames) {
            folder->entries[kept++] = entry;
            continue;
        }
        if (status == VKS_OK && (result != DICOM_OK || !folder->is_folder))
            status = refuse(entry.path, result, result == DICOM_OK ? "this DICOM file holds no image" : message);
        dicom_file_free(&entry.file);
        vkr_free(entry.path);
    }
    folder->count = kept;
    return status;
}

static vks_status read_in_child(struct dicom_folder *folder)
{
    struct dicom_child child = { .pid = 0 };
    const char **paths;
    if (folder->count == 0)
        return VKS_OK;
    VKS_TRY(vkr_alloc(folder->count, sizeof *paths, "paths", (void **)&paths));
    for (uint32_t i = 0; i < folder->count; i++)
        paths[i] = folder->entries[i].path;
    vks_status status = dicom_child_start(paths, folder->count, DICOM_WORK_HEADERS, &child);
    if (status == VKS_OK)
        status = read_headers(folder, &child);
    dicom_child_end(&child);
    vkr_free(paths);
    return status;
}

/* ---- grouping ---- */

static int compare_directions(const struct dicom_file *a, const struct dicom_file *b)
{
    for (int c = 0; c < 3; c++) {
        const double r = a->row_direction[c] - b->row_direction[c], q = a->column_direction[c] - b->column_direction[c];
        if (fabs(r) > 1e-3)
            return r < 0 ? -1 : 1;
        if (fabs(q) > 1e-3)
            return q < 0 ? -1 : 1;
    }
    return 0;
}

#define COMPARE(a, b) \
    do { \
        if ((a) != (b)) \
            return (a) < (b) ? -1 : 1; \
    } while (0)

/* Slices of one volume agree in all of this. Localizers and resampled copies share a UID with what they belong to. */
static int compare_groups(const struct dicom_file *a, const struct dicom_file *b)
{
    const int by_number = a->series_number < b->series_number ? -1 : a->series_number > b->series_number;
    if (by_number)
        return by_number;
    const int by_series = strcmp(a->series, b->series);
    if (by_series)
        return by_series;
    COMPARE(a->columns, b->columns);
    COMPARE(a->rows, b->rows);
    COMPARE(a->frame_count > 1, b->frame_count > 1);
    COMPARE(floor(a->spacing[0] * 1e4 + 0.5), floor(b->spacing[0] * 1e4 + 0.5));
    COMPARE(floor(a->spacing[1] * 1e4 + 0.5), floor(b->spacing[1] * 1e4 + 0.5));
    const int by_direction = compare_directions(a, b);
    if (by_direction)
        return by_direction;
    return a->frame_count > 1 ? strcmp(a->instance, b->instance) : 0;   /* a multi-frame file is a volume by itself */
}

static int compare_entries(const void *a, const void *b)
{
    const struct dicom_entry *x = a, *y = b;
    const int by_group = compare_groups(&x->file, &y->file);
    if (by_group)
        return by_group;
    COMPARE(x->along, y->along);
    COMPARE(x->file.instance_number, y->file.instance_number);
    return strcmp(x->path, y->path);
}

void dicom_sort(struct dicom_folder *folder)
{
    for (uint32_t i = 0; i < folder->count; i++)
        place_along(&folder->entries[i]);
    qsort(folder->entries, folder->count, sizeof *folder->entries, compare_entries);
    folder->series_count = 0;
    for (uint32_t i = 0; i < folder->count; i++) {
        if (i > 0 && compare_groups(&folder->entries[i - 1].file, &folder->entries[i].file) != 0)
            folder->series_count++;
        folder->entries[i].series = folder->series_count;
    }
    folder->series_count++;
}

/* A folder that holds no image, but perhaps a disc's list of those below it. */
static vks_status try_directory(const char *path, struct dicom_folder *folder)
{
    char name[4096];
    const int length = snprintf(name, sizeof name, "%s/DICOMDIR", path);
    if (length >= (int)sizeof name || !dicom_is_directory(name))
        return VKS_OK;
    VKS_TRY(dicom_add_directory(name, folder));
    return read_in_child(folder);
}

vks_status dicom_open_folder(const char *path, struct dicom_folder *out)
{
    struct stat found;
    *out = (struct dicom_folder){ .count = 0 };
    VKS_REQUIRE(stat(path, &found) == 0, VKS_ERR_NOT_FOUND, "%s cannot be opened: %s", path, strerror(errno));
    out->is_folder = S_ISDIR(found.st_mode);
    const bool is_list = !out->is_folder && dicom_is_directory(path);
    vks_status status = out->is_folder ? add_folder(out, path) : is_list ? dicom_add_directory(path, out) : dicom_add_path(out, path);
    out->is_folder = out->is_folder || is_list;
    if (status == VKS_OK)
        status = read_in_child(out);
    if (status == VKS_OK && out->count == 0 && !is_list)
        status = try_directory(path, out);
    if (status == VKS_OK && out->count == 0)
        status = vks_fail(VKS_ERR_CORRUPT, "%s holds no DICOM image", path);
    if (status != VKS_OK) {
        dicom_close_folder(out);
        return status;
    }
    dicom_sort(out);
    return VKS_OK;
}

void dicom_close_folder(struct dicom_folder *folder)
{
    for (uint32_t i = 0; i < folder->count; i++) {
        vkr_free(folder->entries[i].path);
        dicom_file_free(&folder->entries[i].file);
    }
    vkr_free(folder->entries);
    *folder = (struct dicom_folder){ .count = 0 };
}

static uint32_t count_series(const struct dicom_folder *folder, uint32_t series, uint32_t *first)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < folder->count; i++)
        if (folder->entries[i].series == series) {
            *first = count == 0 ? i : *first;
            count++;
        }
    return count;
}

vks_status dicom_describe(const struct dicom_folder *folder, char **out)
{
    enum { LINE = 160 };
    VKS_TRY(vkr_alloc(folder->series_count + 1, LINE, "a list of series", (void **)out));
    char *at = *out;
    for (uint32_t s = 0; s < folder->series_count; s++) {
        uint32_t first = 0;
        const uint32_t count = count_series(folder, s, &first);
        const struct dicom_file *file = &folder->entries[first].file;
        const uint32_t slices = count == 1 ? file->frame_count : count;
        at += snprintf(at, LINE, "%s%u: %s series %d, %u slice%s of %u x %u", s ? "\n" : "", s + 1,
                       *file->modality ? file->modality : "unknown", file->series_number, slices, slices == 1 ? "" : "s",
                       file->columns, file->rows);
    }
    return VKS_OK;
}

vks_status dicom_choose(const char *path, const struct dicom_folder *folder, const char *wanted, uint32_t *first, uint32_t *count)
{
    uint32_t chosen = UINT32_MAX;
    char *list = NULL;
    if (!wanted && folder->series_count == 1)
        chosen = 0;
    for (uint32_t i = 0; wanted && i < folder->count && chosen == UINT32_MAX; i++)
        if (strcmp(folder->entries[i].file.series, wanted) == 0)
            chosen = folder->entries[i].series;
    if (wanted && chosen == UINT32_MAX) {
        char *end;
        const unsigned long number = strtoul(wanted, &end, 10);
        if (!*end && number >= 1 && number <= folder->series_count)
            chosen = (uint32_t)number - 1;
    }
    if (chosen == UINT32_MAX) {
        VKS_TRY(dicom_describe(folder, &list));
        vks_status status = wanted ? vks_fail(VKS_ERR_ARGUMENT, "%s has no series \"%.64s\"; there are:\n%.900s", path, wanted, list)
                                   : vks_fail(VKS_ERR_ARGUMENT, "%s holds %u series; choose one:\n%.900s", path, folder->series_count, list);
        vkr_free(list);
        return status;
    }
    *count = count_series(folder, chosen, first);
    return VKS_OK;
}

/* ---- geometry ---- */

struct place { double position[3], along; const char *name; };

static void difference(const struct place *from, const struct place *to, double out[3])
{
    for (int c = 0; c < 3; c++)
        out[c] = to->position[c] - from->position[c];
}

static int compare_doubles(const void *a, const void *b)
{
    COMPARE(*(const double *)a, *(const double *)b);
    return 0;
}

/* Positions are written with few digits: a hundredth of a millimetre and two percent are rounding. */
static vks_status check_gaps(const struct place *places, uint32_t count, const double normal[3], bool is_lenient,
                             struct dicom_grid *out)
{
    double *gaps;
    VKS_TRY(vkr_alloc(count - 1, sizeof *gaps, "gaps between slices", (void **)&gaps));
    for (uint32_t i = 0; i + 1 < count; i++)
        gaps[i] = places[i + 1].along - places[i].along;
    qsort(gaps, count - 1, sizeof *gaps, compare_doubles);
    const double usual = gaps[(count - 1) / 2];
    vkr_free(gaps);
    for (uint32_t i = 0; i + 1 < count; i++) {
        double way[3], sideways = 0;
        const double gap = places[i + 1].along - places[i].along;
        difference(&places[i], &places[i + 1], way);
        for (int c = 0; c < 3; c++)
            sideways += (way[c] - gap * normal[c]) * (way[c] - gap * normal[c]);
        sideways = sqrt(sideways);
        const char *a = places[i].name, *b = places[i + 1].name;
        if (gap < 0.01) {
            VKS_REQUIRE(is_lenient, VKS_ERR_CORRUPT, "%s and %s lie at the same place: two copies, or two echoes or times in one "
                        "series; --allow-nonuniform takes them as neighbours", a, b);
            snprintf(out->note, sizeof out->note, "%s and %s lie at the same place", a, b);
        } else if (fabs(gap - usual) > 0.02 * usual + 0.01) {
            VKS_REQUIRE(is_lenient, VKS_ERR_CORRUPT, "slices are not evenly spaced: expected %.4g mm, found %.4g mm between %s and %s "
                        "(a slice missing?); --allow-nonuniform takes them as evenly spaced, volumes are wrong then", usual, gap, a, b);
            snprintf(out->note, sizeof out->note, "slices are not evenly spaced (%.4g mm, but %.4g mm between %s and %s): volumes and "
                     "distances are wrong", usual, gap, a, b);
        } else if (sideways > 0.02 * usual + 0.01) {
            VKS_REQUIRE(is_lenient, VKS_ERR_CORRUPT, "slices are tilted: from %s to %s they move %.3g mm sideways (gantry tilt); "
                        "--allow-nonuniform takes them as they are, sheared", a, b, sideways);
            snprintf(out->note, sizeof out->note, "slices are tilted by %.3g mm each", sideways);
        }
    }
    return VKS_OK;
}

static vks_status gather_places(const struct dicom_entry *entries, uint32_t count, const double normal[3], struct place *places,
                                bool *is_known)
{
    const bool is_multiframe = count == 1 && entries[0].file.frame_count > 1;
    const uint32_t slices = is_multiframe ? entries[0].file.frame_count : count;
    *is_known = true;
    for (uint32_t i = 0; i < slices; i++) {
        const struct dicom_entry *entry = &entries[is_multiframe ? 0 : i];
        const struct dicom_frame *frame = &entry->file.frames[is_multiframe ? i : 0];
        *is_known = *is_known && entry->file.has_orientation && frame->has_position;
        memcpy(places[i].position, frame->position, sizeof frame->position);
        places[i].along = dot(normal, frame->position);
        places[i].name = base_of(entry->path);
    }
    return VKS_OK;
}

static void place_unknown(const struct dicom_file *file, uint32_t slices, struct dicom_grid *out)
{
    const double step = file->thickness > 0 ? file->thickness : 1;
    for (int c = 0; c < 3; c++) {
        out->row[c] = c == 0 ? file->spacing[0] : 0;
        out->column[c] = c == 1 ? file->spacing[1] : 0;
        out->step[c] = c == 2 ? step : 0;
    }
    out->slices = slices;
    snprintf(out->note, sizeof out->note, "the file does not say how its pixels lie in the patient; left and right are not known");
}

static vks_status fill_grid(const struct dicom_file *file, struct place *places, uint32_t slices, bool is_lenient,
                            const double normal[3], struct dicom_grid *out)
{
    if (slices > 1 && places[0].along > places[slices - 1].along) {     /* frames that run against the normal */
        out->is_reversed = true;
        for (uint32_t a = 0, b = slices - 1; a < b; a++, b--) {
            const struct place spare = places[a];
            places[a] = places[b];
            places[b] = spare;
        }
    }
    if (slices > 1)
        VKS_TRY(check_gaps(places, slices, normal, is_lenient, out));
    double way[3];
    difference(&places[0], &places[slices - 1], way);
    for (int c = 0; c < 3; c++) {
        out->row[c] = file->row_direction[c] * file->spacing[0];
        out->column[c] = file->column_direction[c] * file->spacing[1];
        out->step[c] = slices > 1 ? way[c] / (slices - 1) : normal[c] * (file->thickness > 0 ? file->thickness : 1);
        out->origin[c] = places[0].position[c];
    }
    VKS_REQUIRE(slices == 1 || dot(way, way) > 1e-6, VKS_ERR_CORRUPT, "all slices lie at the same place, so they are no volume");
    return VKS_OK;
}

vks_status dicom_check_grid(const struct dicom_entry *entries, uint32_t count, bool is_lenient, struct dicom_grid *out)
{
    struct dicom_file file = entries[0].file;
    double normal[3];
    struct place *places;
    bool is_known;
    const uint32_t slices = count == 1 ? file.frame_count : count;
    *out = (struct dicom_grid){ .slices = slices };
    if (!(file.spacing[0] > 0))
        file.spacing[0] = file.spacing[1] = 1;
    normal_of(&file, normal);
    VKS_TRY(vkr_alloc(slices, sizeof *places, "positions of slices", (void **)&places));
    VKS_TRY(gather_places(entries, count, normal, places, &is_known));
    vks_status status = VKS_OK;
    if (is_known)
        status = fill_grid(&file, places, slices, is_lenient, normal, out);
    else
        place_unknown(&file, slices, out);
    vkr_free(places);
    return status;
}
