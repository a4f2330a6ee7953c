/* io.h: what the files of this room share: whole files in, atomic files out, pictures in memory. This room sees the public
 * headers and runtime/base only. */
#ifndef VKS_IO_ROOM_H
#define VKS_IO_ROOM_H

#include "vkseg/vkseg_io.h"

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

/* ---- paths and files (path.c) ---- */

/* Does `path` end with `extension` (".png"), in any case? */
bool io_ends_with(const char *path, const char *extension);

/* Errors: OUTPUT when `path` is taken and must not be replaced, or can never be a file. */
vks_status io_may_write(const char *path, int overwrite);

/* "NAME_k.EXT" for path "NAME.EXT"; vkr_free()d by the caller. */
vks_status io_numbered(const char *path, uint32_t k, char **out);

/* A file under construction: a temporary one in the same folder until io_output_end(VKS_OK) gives it its name. */
struct io_output { FILE *file; const char *path; char *temporary; int overwrite; };
vks_status io_output_begin(const char *path, int overwrite, struct io_output *out);     /* `path` must live on */
vks_status io_output_end(struct io_output *output, vks_status status);  /* returns `status`, or OUTPUT if it fails itself */
vks_status io_put(struct io_output *output, const void *data, size_t size);

/* Reads all of `path` (a pipe, too); *bytes is vkr_free()d by the caller. Errors: NOT_FOUND, CORRUPT (empty, or more than
 * 2^31 - 1 bytes), HOST_MEMORY. */
vks_status io_read_file(const char *path, unsigned char **bytes, size_t *size);

/* ---- reading images ---- */

struct io_source { const unsigned char *bytes; size_t size; const char *name; };    /* `name` begins the sentences */

enum io_kind { IO_PNG, IO_JPEG, IO_BMP, IO_TGA, IO_PNM, IO_NPY, IO_TIFF };

/* Recognises the kind by content. Errors: CORRUPT; the sentence names other kinds it knows. (sniff.c) */
vks_status io_sniff(const struct io_source *source, enum io_kind *kind);

/* Is the file all there, by its own structure, and of a flavour that is supported? Errors: CORRUPT. (whole.c) */
vks_status io_check_whole(const struct io_source *source, enum io_kind kind);

/* Errors: CORRUPT outside 1..32768 a side or above 2^28 pixels. */
vks_status io_check_size(const struct io_source *source, uint64_t width, uint64_t height);

vks_status io_read_stb(const struct io_source *source, const char *format, vks_io_image *out);
/* UNSUPPORTED in a build without libtiff. */
vks_status io_read_tiff(const struct io_source *source, vks_io_image *out);
vks_status io_read_jpeg(const struct io_source *source, vks_io_image *out);
vks_status io_read_pnm(const struct io_source *source, vks_io_image *out);
vks_status io_read_npy(const struct io_source *source, vks_io_image *out);

/* An array of numbers; *is_u16: what the desc calls i16 has no sign. *data is vkr_free()d by the caller. (read_npy.c) */
struct vkr_desc;
vks_status io_parse_npy(const struct io_source *source, struct vkr_desc *desc, void **data, bool *is_u16);

/* ---- writing pictures ---- */

enum io_pixels { IO_GREY, IO_PALETTE, IO_RGB };     /* IO_PALETTE: 0 black, then io_colour(0), io_colour(1), ... */
vks_status io_write_png(const char *path, enum io_pixels kind, const uint8_t *pixels, uint32_t width, uint32_t height,
                        int overwrite);

/* Colour of object `index`: legible on grey and told apart from its neighbours in the list. (display.c) */
void io_colour(uint32_t index, uint8_t rgb[3]);

/* The image as it is shown: `rgb` [height, width, 3]; windowed as vkseg.h says of vks_image. Errors: ARGUMENT. */
vks_status io_check_image(const vks_image *image);
void io_display(const vks_image *image, uint8_t *rgb);

/* Shapes with soft edges on an RGB picture; coordinates as prompts have them, (0, 0) the centre of the top-left pixel.
 * Parts outside are cut off; anything not finite is not drawn. (draw.c) */
struct io_canvas { uint8_t *rgb; uint32_t width, height; };
struct io_ink { uint8_t rgb[3]; double alpha; };
void io_draw_disc(const struct io_canvas *canvas, double x, double y, double radius, struct io_ink ink);
void io_draw_bar(const struct io_canvas *canvas, double x, double y, double half_width, double half_height,
                 struct io_ink ink);
void io_draw_frame(const struct io_canvas *canvas, const double box[4], double thickness, struct io_ink ink);

/* ASCII letters, digits and -_. in white with a black rim, `dot` pixels a dot; (x, y) is the top left corner. Others are
 * blanks. (text.c) */
void io_draw_text(const struct io_canvas *canvas, int64_t x, int64_t y, uint32_t dot, const char *text);
uint32_t io_text_width(uint32_t dot, const char *text);

/* Names and colours of the labels that occur in a map, in columns. Height in pixels on a picture of this width, 0 without
 * names; draws from (0, y) downwards. (legend.c) */
uint32_t io_legend_height(const vks_label_map *map, uint32_t width);
void io_draw_legend(const struct io_canvas *canvas, uint32_t y, const vks_label_map *map);

#endif
