/* window.h: --window: which grey values become black and white. */
#ifndef VKSEG_CLI_WINDOW_H
#define VKSEG_CLI_WINDOW_H

#include "vkseg/vkseg_volume.h"

struct window {
    float width, level; /* width 0: from the smallest to the largest value of each image */
    char rule[48]; /* how it was chosen, for the report: "abdomen", "given", "percentiles 0.5 to 99.5 above 0", ... */
};

/* `text` as --window takes it; NULL or "auto" leaves width 0 and the rule "auto". Returns 0 or an exit code. */
int window_parse(const char *text, struct window *out);

/* The same for a volume, where auto looks at all voxels and says what it decided: CT when values go below -500, else
 * percentiles. 8-bit volumes stay as they are. */
int window_choose(const char *text, const vks_volume *volume, struct window *out);

#endif
