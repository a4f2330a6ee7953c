/* offers.h: what a model takes, for whoever gave it something else. */
#ifndef VKSEG_CLI_OFFERS_H
#define VKSEG_CLI_OFFERS_H

#include "args.h"
#include "vkseg/vkseg.h"

enum { OFFERS_TEXT = 400 };

/* "It takes --point, --box."; for automatic models, the command that runs them. `kind` (VKS_ACCEPTS_*; 0: none): and
 * the families that take what this one does not. */
void offers_text(const vks_model_info *info, uint32_t kind, char text[OFFERS_TEXT]);

/* Nothing says what to segment. Tells what the model of -m takes, if it can be opened. Returns an exit code. */
int offers_nothing_given(const struct args *args);

#endif
