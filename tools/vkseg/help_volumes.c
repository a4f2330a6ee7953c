/* help_volumes.c: texts only; 80 columns. */
#include "help_volumes.h"

/* clang-format off */
const char eval_text[] =
    "vkseg eval PREDICTION TRUTH [--json] [--min-dice NUMBER]\n"
    "\n"
    "  vkseg eval liver.nii.gz truth.nii.gz\n"
    "  vkseg eval mask.png truth.png --min-dice 0.9 && echo good enough\n"
    "  vkseg eval labels.nii.gz truth.nii.gz --tolerance 1 --json > scores.json\n"
    "\n"
    "Compares label maps (.nii.gz, .nii, .png, .npy), label by label: Dice, IoU,\n"
    "HD95 and surface Dice at a tolerance as the package surface-distance defines\n"
    "them, difference of volume. Volumes must lie in the same place; a mask of 0\n"
    "and 255 counts as one of 0 and 1. In images distances are pixels.\n"
    "With --min-dice every label must reach it, else the exit code is 11.\n"
    "\n";
/* clang-format on */
