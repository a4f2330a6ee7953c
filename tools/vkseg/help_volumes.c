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

const char preview_text[] =
    "vkseg preview VOLUME [--labels LABELS] -o SHEET.png\n"
    "\n"
    "  vkseg preview ct.nii.gz -o ct.png\n"
    "  vkseg preview ct.nii.gz --labels liver.nii.gz -o sheet.png --tiles 12\n"
    "  vkseg preview ct.nii.gz --labels liver.nii.gz --planes -o planes.png\n"
    "\n"
    "A contact sheet of slices (over the extent of the labels, if there are any), or\n"
    "three planes through the centre of the labels. The patient's right is at the\n"
    "left, anterior and superior are up; letters at the edges (R L A P S I) say so,\n"
    "and the number of the slice stands in the corner (k: the third index).\n"
    "\n";

const char volumes_text[] =
    "Volumes: a 2D model on slices, labels in the place of the input\n"
    "\n"
    "  vkseg info ct.nii.gz\n"
    "  vkseg segment ct.nii.gz -m medsam_vit_b.pth --box 95,255,190,350@42 \\\n"
    "        --propagate box -o liver.nii.gz --report run.json\n"
    "  vkseg segment ct.nii.gz -m sam_vit_b_01ec64.pth --slice 30:60 --propagate box \\\n"
    "        --box 95,255,190,350@42 --object --point 210,90@50 -o organs.nii.gz\n"
    "\n"
    "Read are NIfTI-1 and NIfTI-2 (.nii, .nii.gz). Labels are written as .nii.gz or\n"
    ".nii with the geometry of the input byte for byte: object 1 is label 1.\n"
    "\n"
    "Slices are cut in the order of storage, never flipped: --axis ax holds the\n"
    "third index fixed (columns i, rows j), cor the second (i, k), sag the first\n"
    "(j, k). Slices, rows and columns are counted from 0. `--box ...@42` stands on\n"
    "slice 42; without @ a prompt stands on the slice of --slice N, or in the middle\n"
    "of --slice A:B when it is propagated. In a --prompts file an object has\n"
    "\"slice\": 42.\n"
    "\n"
    "--propagate box goes from every prompted slice outwards; each next slice is\n"
    "prompted by the box around the mask before and a margin (3 pixels of a\n"
    "256-pixel model, 5 of a larger one). Within --slice A:B an empty mask falls back\n"
    "to your own box, as LiteMedSAM's reference does. Without it, an object ends where\n"
    "its mask is empty or would grow to more than three times the one before.\n"
    "\n"
    "--window says which grey values become black and white; auto takes CT (values\n"
    "below -500) at width 400, level 40, anything else from percentile 0.5 to 99.5 of\n"
    "the voxels above 0, and says which. 8-bit volumes stay as they are. The report\n"
    "records it all. Ctrl-C writes what is finished and ends with 130.\n";
/* clang-format on */
