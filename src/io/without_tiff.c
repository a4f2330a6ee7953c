/* without_tiff.c: TIFF in a build without libtiff: recognised and refused. */
#include "io/io.h"

vks_status io_read_tiff(const struct io_source *source, vks_io_image *out)
{
    (void)out;
    return vks_fail(VKS_ERR_UNSUPPORTED, "%s is a TIFF file, which this build does not read (it was made without libtiff); convert it "
                    "to PNG", source->name);
}
