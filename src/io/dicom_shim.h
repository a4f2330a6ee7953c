/* dicom_shim.h: DICOM files as plain data, and a segmentation object out of plain data. The one door between C and GDCM, which
 * is C++: dicom_shim.cpp behind it lets no exception and no C++ type through.
 *
 * Nothing that identifies a patient is in these structs. A segmentation object has to carry the patient of its source: the
 * shim copies those fields from file to file without showing them.
 */
#ifndef VKS_IO_DICOM_SHIM_H
#define VKS_IO_DICOM_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DICOM_UID = 65 };

struct dicom_frame {
    double position[3];         /* LPS mm of the centre of the first pixel */
    double slope, inter;        /* of the stored values */
    int has_position;
};

struct dicom_file {
    char series[DICOM_UID], instance[DICOM_UID], sop_class[DICOM_UID], frame_of_reference[DICOM_UID];
    char modality[17];
    int32_t series_number, instance_number;
    uint32_t columns, rows, frame_count;
    double row_direction[3], column_direction[3];   /* of growing column, of growing row index */
    double spacing[2];          /* mm between columns, between rows */
    double thickness;           /* between slices as the file claims it, 0 unknown: only for frames without positions */
    int has_orientation, has_pixels;
    struct dicom_frame *frames; /* [frame_count] */
};

/* What came of a call; `message` is one sentence without the file's name. */
enum dicom_result { DICOM_OK, DICOM_NONE, DICOM_BROKEN, DICOM_UNSUPPORTED, DICOM_MEMORY };

/* Reads everything but the pixels. DICOM_NONE: this is no DICOM file. dicom_file_free accepts a failed one. */
enum dicom_result dicom_read_header(const char *path, struct dicom_file *out, char message[256]);
void dicom_file_free(struct dicom_file *file);

/* The images a DICOMDIR lists, as it names them (A\B\C), one after another, each with its final zero: *size bytes in all,
 * free()d by the caller. DICOM_BROKEN: there are none. */
enum dicom_result dicom_read_names(const char *path, char **names, size_t *size, char message[256]);

/* Decodes the pixels of all frames: [frames, rows, columns, channels], sign and unused bits cleaned, MONOCHROME1 turned so
 * that greater is brighter, palettes and YBR as RGB. *bytes is 1 or 2 a value (always 1 with 3 channels); freed with
 * dicom_pixels_free. */
struct dicom_pixels {
    void *values;
    int bytes, is_signed, channels, is_inverted;
    size_t size;                /* bytes of `values` */
};
enum dicom_result dicom_read_pixels(const char *path, struct dicom_pixels *out, char message[256]);
void dicom_pixels_free(struct dicom_pixels *pixels);

/* One frame of a segmentation object: which label, on which source slice. */
struct dicom_segment { uint16_t value; char name[65]; uint8_t rgb[3]; };
struct dicom_seg_frame { uint32_t segment, source; double position[3]; };
struct dicom_seg {
    const char *path;           /* written to */
    const struct dicom_segment *segments;
    uint32_t segment_count;
    const struct dicom_seg_frame *frames;
    uint32_t frame_count;
    const uint8_t *bits;        /* [frames, rows, columns], one bit each, least significant first, no padding between */
    size_t bit_bytes;           /* even */
    const char *const *source_paths;    /* [sources]; the first gives patient and study */
    const struct dicom_file *sources;   /* [sources] */
    uint32_t source_count;
    double slice_spacing;
};
enum dicom_result dicom_write_seg(const struct dicom_seg *seg, char message[256]);

#ifdef __cplusplus
}
#endif
#endif
