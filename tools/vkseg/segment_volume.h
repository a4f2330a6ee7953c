/* segment_volume.h: `vkseg segment` when IMAGE is a volume: slices through a 2D model to a label map. */
#ifndef VKSEG_CLI_SEGMENT_VOLUME_H
#define VKSEG_CLI_SEGMENT_VOLUME_H

#include "args.h"

/* Does the whole command from parsed options to written files. Returns the exit code. */
int segment_volume(const struct args *args);

#endif
