/* vkseg_volume.h: volumes: a grid of voxels and where it lies in the patient. Pure data, no file is opened here
 * (vkseg_io.h reads and writes them) and nothing is ever flipped or resampled: index (i, j, k) is the file's own.
 *
 * Millimetres are NIfTI's: x grows to the patient's Right, y to Anterior, z to Superior ("RAS+").
 */
#ifndef VKSEG_VKSEG_VOLUME_H
#define VKSEG_VKSEG_VOLUME_H

#include "vkseg/vkseg.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A view of voxels the caller owns. Voxel (i, j, k) is element ((k * size[1] + j) * size[0] + i) * channels. */
typedef struct vks_volume {
    const void *voxels;
    vks_pixel_type type;
    uint32_t size[3];           /* of i, j, k; 1..32768 each */
    uint32_t channels;          /* 1, or 3: RGB, VKS_PIXEL_U8 */
    double affine[3][4];        /* (x, y, z) in mm of the centre of voxel (i, j, k): affine * (i, j, k, 1) */
    double spacing[3];          /* mm between neighbours along i, j, k: lengths of the affine's columns */
} vks_volume;

/* What a slice is cut across. Names follow the order of storage, as SimpleITK's arrays do: axial is one k, coronal one
 * j, sagittal one i, whatever the affine says; vks_volume_orientation tells where these really point. */
typedef enum vks_axis { VKS_AXIS_AXIAL, VKS_AXIS_CORONAL, VKS_AXIS_SAGITTAL } vks_axis;

/* Columns, rows and number of slices across `axis`: axial i, j, k; coronal i, k, j; sagittal j, k, i. */
VKS_API void vks_volume_slice_size(const uint32_t size[3], vks_axis axis, uint32_t *width, uint32_t *height, uint32_t *count);

/* Index in `voxels` (of a grid of `size`) of column x and row y of slice `slice`. */
VKS_API size_t vks_volume_slice_index(const uint32_t size[3], vks_axis axis, uint32_t slice, uint32_t x, uint32_t y);

/* One slice as an image whose window is unset. Axial slices are views into the volume and need no buffer; others are
 * copied to `buffer` (width * height * channels elements of the volume's type). Errors: ARGUMENT. */
VKS_API vks_status vks_volume_slice(const vks_volume *volume, vks_axis axis, uint32_t slice, void *buffer, vks_image *out);

/* All voxels as 32-bit floats, size[0] * size[1] * size[2] * channels of them. */
VKS_API void vks_volume_floats(const vks_volume *volume, float *out);

/* Where i, j and k grow to, as three letters of L, R, A, P, S, I ("RAS", "LPS"), and a final zero. Oblique axes take
 * the nearest letter, no two the same direction. "???" when the affine is singular. */
VKS_API void vks_volume_orientation(const double affine[3][4], char out[4]);

/* Do two grids lie on each other? Sizes equal and no corner farther apart than `tolerance` times the smallest spacing. */
VKS_API int vks_volume_same_grid(const vks_volume *a, const vks_volume *b, double tolerance);

/* Fills spacing from affine. */
VKS_API void vks_volume_set_spacing(vks_volume *volume);

/* ---- grey values --------------------------------------------------------------------------------------------------- */

/* What a volume's window can be chosen from. Percentiles are numpy's (linear between neighbours), of the voxels above 0 as
 * the references of MedSAM take them: the background would drown the rest. */
typedef struct vks_volume_range {
    double least, most;         /* of all finite voxels; 0 if there are none */
    double low, high;           /* the two percentiles; 0 if no voxel is above 0 */
    uint64_t positive;          /* voxels above 0 */
} vks_volume_range;
VKS_API vks_status vks_volume_get_range(const vks_volume *volume, double low_percent, double high_percent,
                                        vks_volume_range *out);      /* Errors: HOST_MEMORY */

/* ---- label maps and how well two agree ---------------------------------------------------------------------------- */

/* The voxels of a label map as u16, size[0] * size[1] * size[2] of them. Errors: ARGUMENT when the volume has colour or
 * a value that is no whole number of 0..65535: it is an image, not labels. */
VKS_API vks_status vks_volume_labels(const vks_volume *volume, uint16_t *out);

typedef struct vks_score_params {
    size_t struct_size;
    double tolerance;           /* mm, of surface_dice; 0: 2 mm */
    int is_flat;                /* the grid is one image: its contours are compared, not the surface of a slab */
} vks_score_params;

/* How well one label of two maps agrees. A ratio of nothing to nothing is NaN: Dice, IoU and surface Dice where the label
 * is in neither map, the volume difference where it is not in the truth. */
typedef struct vks_score {
    uint32_t label;
    uint64_t prediction, truth, both;       /* voxels with the label */
    double dice, iou;
    double hd95;                /* mm; infinite where only one map has the label, NaN where neither has */
    double surface_dice;
    double mean_distance;       /* mm between the surfaces, mean of both directions weighted by area */
    double volume_difference;   /* (prediction - truth) / truth */
} vks_score;

/* Surfaces and their areas are those of surface-distance (Nikolov et al. 2018): corners of 2 x 2 x 2 voxels that are not
 * all alike, weighted by the marching-cubes area in them, distances corner to corner; hd95 is the 95th percentile by area
 * of each direction, the greater of the two. Index (i, j, k) is that package's (x0, x1, x2).
 * Errors: ARGUMENT, HOST_MEMORY (10 bytes a voxel of the box around the label in both maps). */
VKS_API vks_status vks_score_label(const uint16_t *prediction, const uint16_t *truth, const uint32_t size[3],
                                   const double spacing[3], uint32_t label, const vks_score_params *params, vks_score *out);

/* ---- automatic models: no prompt, a label for every voxel -------------------------------------------------------- */

typedef struct vks_label {
    uint32_t value;             /* in the label map; 0 is background */
    char name[64];
    uint8_t rgb[3];
} vks_label;

struct vks_kernel;

/* What a run will need, known before it starts. */
typedef struct vks_label_estimate {
    uint32_t size[3];           /* of what the network sees */
    uint32_t tiles;             /* pieces the volume is cut into, overlapping so that no label changes */
    uint32_t planes;            /* taken at a time */
    uint64_t device_bytes;
    double gmac;                /* 10^9 multiply-adds, overlaps included */
} vks_label_estimate;

typedef struct vks_label_params {
    size_t struct_size;
    int as_stored;              /* non-zero: voxels as they lie. 0: brought into the grid the model was made for first (8
                                   bits, 1 mm, axes left, inferior, anterior), and the labels back */
    int crop;                   /* non-zero: only the box of what is brighter than crop_threshold (0..1) of the brightest */
    float crop_threshold;
    uint32_t crop_padding;      /* voxels the box grows by on each side */
    int largest_component;      /* non-zero: what is not connected with the largest labelled piece becomes background */
    const uint32_t *logit_planes;   /* planes k of the network's grid, ascending, whose logits are wanted; NULL: none */
    size_t logit_plane_count;
    void (*estimated)(void *user, const vks_label_estimate *estimate);          /* before the run; may be NULL */
    int (*progress)(void *user, double fraction, const char *stage);            /* as in vks_session_params */
    void *user;
    /* vkseg_measure.h: called for each kernel of each tile, in the order in which they ran. Not NULL: each gets a time
     * stamp of its own, which may keep kernels from overlapping. */
    void (*kernel)(void *user, const struct vks_kernel *kernel);
} vks_label_params;

typedef struct vks_labels {
    const uint8_t *voxels;      /* 0: background; in the order and size of the volume */
    uint32_t size[3];
    const vks_label *names;     /* of every class, by value */
    size_t name_count;
    int conformed;              /* the volume was not in the model's grid and went through it */
    uint32_t box_first[3], box_size[3];     /* what the network saw of its grid */
    uint32_t components;        /* before all but the largest were removed; 0 unless asked for */
    float low, high;            /* intensities that became 0 and 1 */
    vks_label_estimate estimate;
    const float *logits;        /* [logit_planes, box_size[1], box_size[0], classes]; NULL: not wanted */
    size_t logit_planes;
    double prepare_ms, run_ms, gpu_ms;
    double prepare_cpu_ms, run_cpu_ms;      /* of all threads of this process, so that software devices count */
} vks_labels;

/* Runs an automatic model (vks_model_info.accepts has VKS_ACCEPTS_VOLUME) on a volume of one channel. Memory is planned to
 * fit the device and vks_context_params.max_memory. *out is freed with vks_labels_free. Errors: ARGUMENT (several channels,
 * a volume without contrast), UNSUPPORTED (the model wants prompts), DEVICE_MEMORY (does not fit, whatever the tiles),
 * CANCELLED, HOST_MEMORY. */
VKS_API vks_status vks_model_label(vks_model *model, const vks_volume *volume, const vks_label_params *params,
                                   vks_labels **out);
VKS_API void vks_labels_free(vks_labels **labels);

#ifdef __cplusplus
}
#endif
#endif
