/* dicom_child.h: GDCM at arm's length. Its parsers assert and run wild on damaged files, so they run in a child process and
 * their results come through a pipe; when the child dies the file it was at is damaged. */
#ifndef VKS_IO_DICOM_CHILD_H
#define VKS_IO_DICOM_CHILD_H

#include "io/dicom_shim.h"
#include "io/io.h"

struct dicom_child { int pid, pipe; };
enum dicom_work { DICOM_WORK_HEADERS, DICOM_WORK_PIXELS, DICOM_WORK_NAMES };

/* Starts reading the headers, the pixels, or the names in DICOMDIRs, of these files in this order. `paths` must live until dicom_child_end. */
vks_status dicom_child_start(const char *const *paths, uint32_t count, enum dicom_work work, struct dicom_child *out);

/* The next file's, as dicom_read_header, dicom_read_pixels and dicom_read_names give them (and are freed). */
enum dicom_result dicom_child_header(struct dicom_child *child, struct dicom_file *out, char message[256]);
enum dicom_result dicom_child_pixels(struct dicom_child *child, struct dicom_pixels *out, char message[256]);
enum dicom_result dicom_child_names(struct dicom_child *child, char **names, size_t *size, char message[256]);

/* Accepts a zeroed one. */
void dicom_child_end(struct dicom_child *child);

#endif
