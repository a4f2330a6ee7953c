/* dicom_series.h: the files of a folder, grouped into series whose slices fit together and sorted along their normal. */
#ifndef VKS_IO_DICOM_SERIES_H
#define VKS_IO_DICOM_SERIES_H

#include "io/dicom.h"

struct dicom_entry {
    char *path;
    struct dicom_file file;
    double along;               /* the first frame's position along the normal */
    uint32_t series;            /* from 0, in the order of the listing */
};

struct dicom_folder {
    struct dicom_entry *entries;        /* sorted by series, then along the normal */
    uint32_t count, capacity, series_count;
    bool is_folder;
};

/* Reads the headers of one file, of every file in a folder (not below it), or of what a DICOMDIR lists: one that is named, or
 * one in a folder without images of its own. Files that are no DICOM images are passed over
 * in a folder. Errors: NOT_FOUND, CORRUPT (nothing there, damaged), HOST_MEMORY. */
vks_status dicom_open_folder(const char *path, struct dicom_folder *out);
void dicom_close_folder(struct dicom_folder *folder);

/* Appends a file, to be read with the others. Errors: CORRUPT (too many), HOST_MEMORY. */
vks_status dicom_add_path(struct dicom_folder *folder, const char *path);

/* The first bytes of a file, at least DICOM_HEAD: how many there are, 0 when they are not those of a DICOM file. */
enum { DICOM_HEAD = 132 };
size_t dicom_read_head(const char *path, unsigned char *head, size_t size);

/* dicom_directory.c: is this a DICOMDIR; appends the images it lists. Errors: CORRUPT (damaged, a name that leads away, a file
 * that is not there), HOST_MEMORY. */
bool dicom_is_directory(const char *path);
vks_status dicom_add_directory(const char *path, struct dicom_folder *folder);

/* Numbers the series of a folder that is not empty, and brings its entries into order. */
void dicom_sort(struct dicom_folder *folder);

/* "1: CT series 3, 120 slices of 512 x 512", one line each. Never a description: people write names there. */
vks_status dicom_describe(const struct dicom_folder *folder, char **out);

/* The range of entries that `wanted` (NULL; a number of the listing; a series UID) means. Errors: ARGUMENT. */
vks_status dicom_choose(const char *path, const struct dicom_folder *folder, const char *wanted, uint32_t *first, uint32_t *count);

/* What the slices' positions say. `step` is the way from one slice to the next in LPS mm. */
struct dicom_grid { double row[3], column[3], step[3], origin[3]; uint32_t slices; bool is_reversed; char note[512]; };

/* Checks that slices are evenly spaced, once each, straight behind each other. Errors: CORRUPT with two file names, unless
 * `is_lenient`, which makes notes of them. */
vks_status dicom_check_grid(const struct dicom_entry *entries, uint32_t count, bool is_lenient, struct dicom_grid *out);

#endif
