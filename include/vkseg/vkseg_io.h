/* vkseg_io.h: optional readers and writers (library vksegio). The core library never opens an image file.
 *
 * Every writer writes to a temporary file in the same folder and renames it: never half a file. Without `overwrite`
 * an existing output is refused (VKS_ERR_OUTPUT).
 */
#ifndef VKSEG_VKSEG_IO_H
#define VKSEG_VKSEG_IO_H

#include "vkseg/vkseg.h"
#include "vkseg/vkseg_volume.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels the library allocated; freed with vks_io_image_free. `view` points into them. */
typedef struct vks_io_image {
    vks_image view;
    char format[32];            /* "png", "jpeg", "npy", ... */
    void *owned;
} vks_io_image;

/* Reads PNG, JPEG, BMP, TGA, PNM (8 and 16 bit, grey, palette, RGB, alpha), TIFF of one page (these and signed 16 bit and
 * float, in builds with libtiff) and .npy (H x W or H x W x 3, u8, u16, i16, f32), recognised by content. At most 32768 pixels
 * a side and 2^28 pixels. CMYK JPEG is refused. Errors: NOT_FOUND, CORRUPT (malformed, unsupported or too large; the sentence
 * says which), UNSUPPORTED (TIFF in a build without), HOST_MEMORY. */
VKS_API vks_status vks_io_read_image(const char *path, vks_io_image *out);
VKS_API vks_status vks_io_read_image_memory(const void *data, size_t size, vks_io_image *out);
VKS_API void vks_io_image_free(vks_io_image *image);

/* Writes masks by the extension of `path`:
 *   .png   one object: 8-bit grey 0/255; several: 8-bit palette, 0 background, 1.. objects (later objects on top);
 *          several masks per object: one file each, NAME_0.png, NAME_1.png, ...
 *   .npy   uint8 0/1 [objects * masks, H, W]
 *   .json  COCO run-length encoding (uncompressed counts, column-major), one entry per mask, with predicted IoU and box
 * Errors: ARGUMENT (unknown extension), OUTPUT. */
VKS_API vks_status vks_io_write_masks(const char *path, const vks_masks *masks, int overwrite);

/* The image as 8-bit RGB .png; deep images are windowed as vkseg.h says. Errors: ARGUMENT, OUTPUT. */
VKS_API vks_status vks_io_write_image(const char *path, const vks_image *image, int overwrite);

/* Low-res logits as float32 .npy [objects * masks, lh, lw]. */
VKS_API vks_status vks_io_write_logits(const char *path, const vks_masks *masks, int overwrite);

/* Predicted IoUs as a JSON list, same order. */
VKS_API vks_status vks_io_write_iou(const char *path, const vks_masks *masks, int overwrite);

/* The image with each object outlined and filled translucently in its own colour, prompts drawn on it: RGB PNG. */
VKS_API vks_status vks_io_write_overlay(const char *path, const vks_image *image, const vks_masks *masks,
                                        const vks_prompt *prompts, size_t prompt_count, int overwrite);

/* What vks_session_auto found, as .json: a list with one entry per region, in the words of the official generator: area,
 * bbox [x, y, x1 - x0, y1 - y0], predicted_iou, point_coords, stability_score, crop_box, and segmentation in COCO run
 * lengths (uncompressed). */
VKS_API vks_status vks_io_write_regions(const char *path, const vks_regions *regions, int overwrite);

/* The image with every region in a colour of its own, smaller ones on top: RGB PNG. */
VKS_API vks_status vks_io_write_regions_overlay(const char *path, const vks_image *image, const vks_regions *regions,
                                                int overwrite);

/* Embeddings. .npy holds the float32 array `data`, [C, H, W], alone; .safetensors holds all maps ("embedding" and the names
 * of the others) with image size, family and hashes and is what vks_io_read_embedding accepts. */
VKS_API vks_status vks_io_write_embedding(const char *path, const vks_embedding *embedding, int overwrite);
VKS_API vks_status vks_io_write_layer(const char *path, const vks_layer *layer, int overwrite);     /* .npy */
VKS_API vks_status vks_io_read_embedding(const char *path, vks_embedding **out);    /* vks_embedding_free */

/* Reads a mask prompt: low-res logits from .npy float32 [h, w] (or [1, h, w]). *out is freed with vks_io_free. */
VKS_API vks_status vks_io_read_logits(const char *path, float **out, uint32_t *width, uint32_t *height);
VKS_API void vks_io_free(void *block);

/* Writes text (a report, a JSON document) atomically. */
VKS_API vks_status vks_io_write_text(const char *path, const char *text, int overwrite);

/* ---- volumes ---------------------------------------------------------------------------------------------------- */

typedef struct vks_io_volume_params {
    size_t struct_size;
    int has_index;              /* non-zero: `index` chooses among the volumes of a file that holds several (4D) */
    uint32_t index;             /* from 0 */
    const char *series;         /* of a DICOM folder with several: its number in the listing, from 1, or its UID; or NULL */
    int allow_nonuniform;       /* non-zero: a DICOM series with gaps, tilt or doubled slices is read all the same */
} vks_io_volume_params;

/* Voxels the library allocated, and what a label map in the same place needs; freed with vks_io_volume_free. A program
 * may also fill `view` itself and leave the rest zero: labels written like it get a header of its affine. */
typedef struct vks_io_volume {
    vks_volume view;
    char format[32];            /* "nifti-1", "nifti-2", ... */
    uint32_t volumes;           /* in the file */
    uint32_t index;             /* which of them this is */
    char note[512];             /* what the user should know about the geometry; may be "" */
    void *owned;
    void *header;               /* the file's own, for vks_io_write_labels */
} vks_io_volume;

/* Reads DICOM (a file, or a folder with one or several series, in builds with GDCM) and NIfTI-1 and NIfTI-2 in one file (.nii,
 * .nii.gz), NRRD (.nrrd, .seg.nrrd, .nhdr), MetaImage (.mha, .mhd) and the .npz of MedSAM's challenges, recognised by content. Slices of a series are sorted along their normal; gaps, tilt and two
 * slices in one place are refused with the names of the files. Scaling (scl_slope, rescale slope slice by slice) is applied; types become u8, u16, i16 or f32, RGB24 three channels of u8. The affine is the sform, else the qform, else
 * made of the spacing alone, which `note` says. At most 32768 voxels a side and 2^31 - 1 in all.
 * Errors: NOT_FOUND, CORRUPT (malformed, cut off or unsupported; the sentence says which), ARGUMENT (several volumes or series
 * and no choice, or one that is not there; the sentence lists them), UNSUPPORTED (DICOM in a build without), HOST_MEMORY. */
VKS_API vks_status vks_io_read_volume(const char *path, const vks_io_volume_params *params, vks_io_volume *out);
VKS_API vks_status vks_io_read_volume_memory(const void *data, size_t size, const vks_io_volume_params *params,
                                             vks_io_volume *out);
VKS_API void vks_io_volume_free(vks_io_volume *volume);

/* Reads a label map: any volume, PNG masks (grey values or palette indices as stored, no colour), grey TIFF, .npy of [H, W], of masks of
 * 0 and 1 [N, H, W] (label k + 1 where mask k is set, later ones on top), or of a volume's slices [D, H, W]. Pictures have
 * a spacing of 1 and no place in a patient. vks_volume_labels gives the values. */
VKS_API vks_status vks_io_read_labels(const char *path, const vks_io_volume_params *params, vks_io_volume *out);

/* What a label map calls its labels, and their colours: of Slicer's .seg.nrrd. *count is 0 for other kinds, and where nothing is
 * named; *out is freed with vks_io_free. Errors: NOT_FOUND, CORRUPT, HOST_MEMORY. */
VKS_API vks_status vks_io_read_label_names(const char *path, vks_label **out, size_t *count);

/* Would vks_io_read_volume be the reader for this file? By content; 0 also when it cannot be opened. */
VKS_API int vks_io_is_volume(const char *path);

/* A box that came with a volume: columns x and rows y of an axial slice, corners included. */
typedef struct vks_io_box {
    float x0, y0, x1, y1;
    uint32_t first, last;       /* the slices it spans, both included */
    uint32_t slice;             /* the one it was drawn on */
} vks_io_box;

/* The boxes in a challenge's .npz, to be used as prompts on a volume of `size`; *count is 0 when there are none, or the file is
 * of another kind. *out is freed with vks_io_free. Objects in it are read as data, nothing is run.
 * Errors: NOT_FOUND, CORRUPT (damaged, outside the volume, or it names a class that would have to be run), HOST_MEMORY. */
VKS_API vks_status vks_io_read_boxes(const char *path, const uint32_t size[3], vks_io_box **out, size_t *count);
VKS_API vks_status vks_io_read_boxes_memory(const void *data, size_t data_size, const uint32_t size[3], vks_io_box **out, size_t *count);

/* A label map; a view of memory the caller owns. */
typedef struct vks_label_map {
    const void *voxels;         /* in the order of vks_volume */
    vks_pixel_type type;        /* VKS_PIXEL_U8 or VKS_PIXEL_U16 */
    uint32_t size[3];
    const vks_label *names;     /* NULL: none */
    size_t name_count;
} vks_label_map;

/* Writes .nii, .nii.gz or, from a DICOM series, a segmentation object (.dcm) in the place of `like`, whose size must be the map's. If that came from a NIfTI file its dim,
 * pixdim, qform, sform, their codes and units are copied byte for byte (a volume out of several becomes 3D), its version
 * and byte order kept, and its texts dropped. Names go into an extension that viewers ignore or show.
 * Errors: ARGUMENT (unknown extension, sizes differ), OUTPUT, HOST_MEMORY. */
VKS_API vks_status vks_io_write_labels(const char *path, const vks_label_map *map, const vks_io_volume *like, int overwrite);

typedef struct vks_io_view_params {
    size_t struct_size;
    float window_centre, window_width;  /* as vks_image has them */
    vks_axis axis;              /* of a sheet: which slices */
    uint32_t tiles;             /* of a sheet: how many slices at most; 0: 20 */
} vks_io_view_params;

/* A volume as a person looks at it: three planes through the centre of the labels (of the volume without any), or a contact
 * sheet of slices over the labels' extent. Labels are outlined and tinted in the colours of their table. The patient's right
 * is at the left, anterior and superior are up; letters at the edges say so, and which slice it is; below three planes the
 * names of the labels there are. RGB PNG.
 * `map` may be NULL. Errors: ARGUMENT, OUTPUT, HOST_MEMORY. */
VKS_API vks_status vks_io_write_planes(const char *path, const vks_volume *volume, const vks_label_map *map,
                                       const vks_io_view_params *params, int overwrite);
VKS_API vks_status vks_io_write_sheet(const char *path, const vks_volume *volume, const vks_label_map *map,
                                      const vks_io_view_params *params, int overwrite);

#ifdef __cplusplus
}
#endif
#endif
