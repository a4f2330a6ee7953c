/* read_jpeg.c: JPEG through libjpeg, which the models' reference codes decode with too: the same pixels to the bit. Nothing
 * libjpeg says ends the process or reaches a terminal: its errors come back as a status. */
#include "io/io.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum { MOST_SCANS = 500 };      /* of a progressive file; honest ones have about ten */

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char reason[JMSG_LENGTH_MAX];
    unsigned char *pixels;      /* [height, width, channels] */
};

static void stop(j_common_ptr info)
{
    struct decoder *decoder = info->client_data;
    info->err->format_message(info, decoder->reason);
    longjmp(decoder->failed, 1);
}

/* Where libjpeg would go on with invented pixels, we stop. */
static void warn(j_common_ptr info, int level)
{
    const int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE))
        stop(info);
}

static void watch(j_common_ptr info)
{
    struct decoder *decoder = info->client_data;
    if (decoder->jpeg.input_scan_number > MOST_SCANS) {
        snprintf(decoder->reason, sizeof decoder->reason, "more than %d scans", MOST_SCANS);
        longjmp(decoder->failed, 1);
    }
}

static void decode(struct decoder *decoder, const struct io_source *source)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    jpeg_mem_src(jpeg, source->bytes, (unsigned long)source->size);
    jpeg_read_header(jpeg, TRUE);
    jpeg->out_color_space = jpeg->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(jpeg);
    const size_t row_bytes = (size_t)jpeg->output_width * (size_t)jpeg->output_components;
    decoder->pixels = vkr_calloc(jpeg->output_height, row_bytes);
    while (decoder->pixels && jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = decoder->pixels + jpeg->output_scanline * row_bytes;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    if (decoder->pixels)
        jpeg_finish_decompress(jpeg);
}

/* Decodes; false when libjpeg gave up, and decoder->reason says why. */
static bool try_decode(struct decoder *decoder, const struct io_source *source)
{
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->jpeg.client_data = decoder;
    decoder->errors.error_exit = stop;
    decoder->errors.emit_message = warn;
    decoder->progress.progress_monitor = watch;
    if (setjmp(decoder->failed))
        return false;
    jpeg_create_decompress(&decoder->jpeg);
    decoder->jpeg.progress = &decoder->progress;
    decode(decoder, source);
    return true;
}

vks_status io_read_jpeg(const struct io_source *source, vks_io_image *out)
{
    struct decoder decoder = { .pixels = NULL };
    const bool done = try_decode(&decoder, source);
    const struct jpeg_decompress_struct *jpeg = &decoder.jpeg;
    const vks_image view = { .pixels = decoder.pixels, .type = VKS_PIXEL_U8, .width = jpeg->output_width,
                             .height = jpeg->output_height, .channels = (uint32_t)jpeg->output_components };
    const bool out_of_memory = done ? !decoder.pixels : decoder.errors.msg_code == JERR_OUT_OF_MEMORY;
    jpeg_destroy_decompress(&decoder.jpeg);
    if (!done || !decoder.pixels) {
        vkr_free(decoder.pixels);
        VKS_REQUIRE(!out_of_memory, VKS_ERR_HOST_MEMORY, "out of memory: cannot decode %s", source->name);
        return vks_fail(VKS_ERR_CORRUPT, "%s is a damaged or unusual JPEG file (%s); open it in another program and save it as PNG",
                        source->name, decoder.reason);
    }
    out->owned = decoder.pixels;
    out->view = view;
    return VKS_OK;
}
