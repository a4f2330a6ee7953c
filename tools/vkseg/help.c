/* help.c: `vkseg help TOPIC`. Examples come first; options are printed from the tables the parser uses, so neither can
 * promise what the other does not do. Everything fits 80 columns.
 */
#include "commands.h"

#include "help_volumes.h"
#include "message.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 79, INDENT = 26 };

struct topic {
    const char *name, *summary, *text;
    const struct option *options;
};

/* clang-format off */
static const char overview[] =
    "vkseg: medical-image segmentation foundation models on any Vulkan device.\n"
    "Research use only: no result of this program is a medical device's result.\n"
    "\n"
    "  vkseg segment ct.png -m medsam_vit_b.pth --box 95,255,190,350 -o liver.png\n"
    "  vkseg segment photo.jpg -m sam_vit_b_01ec64.pth --point 210,135 -o mask.png\n"
    "  vkseg devices\n"
    "\n"
    "Commands\n"
    "  segment IMAGE -m MODEL PROMPTS -o OUT   masks of what points and boxes show\n"
    "  auto    IMAGE -m MODEL -o OUT.json      masks of everything, without prompts\n"
    "  predict VOLUME -m MODEL -o OUT          labels of every voxel, no prompt\n"
    "  encode  IMAGE -m MODEL -o EMBEDDING     run the image encoder once, keep it\n"
    "  info    FILE                            what a checkpoint or an image is\n"
    "  devices                                 what can run, what each can do\n"
    "  eval    PREDICTION TRUTH                Dice and distances, label by label\n"
    "  preview VOLUME [--labels L] -o PNG      slices or three planes as a picture\n"
    "  bench   -m MODEL                        how long it takes, if it is right\n"
    "  doctor                                  is every kernel right on this device?\n"
    "  help    [TOPIC]                         this, or one of the topics below\n"
    "  --version [--json]\n"
    "\n";

static const char segment_text[] =
    "vkseg segment IMAGE -m MODEL PROMPTS -o OUT\n"
    "\n"
    "  vkseg segment ct.png -m medsam_vit_b.pth --box 95,255,190,350 -o liver.png\n"
    "  vkseg segment ct.png -m sam_vit_b_01ec64.pth --point 120,85 --point 30,40,- \\\n"
    "        -o mask.png --overlay look.png --report run.json\n"
    "  vkseg segment ct.png -m medsam_vit_b.pth --box 95,255,190,350 \\\n"
    "        --object --box 210,90,300,180 -o organs.png\n"
    "\n"
    "IMAGE is a PNG, JPEG, BMP, TGA, TIFF, PNM or .npy file, an embedding that\n"
    "`vkseg encode` wrote, or a volume (.nii.gz; see `vkseg help volumes`). Prints\n"
    "the predicted IoU of every mask. At least one output (or --json) is needed;\n"
    "existing files are kept unless --overwrite.\n"
    "Research use only.\n"
    "\n";

static const char auto_text[] =
    "vkseg auto IMAGE -m MODEL -o OUT.json\n"
    "\n"
    "  vkseg auto photo.jpg -m mobile_sam.pt -o masks.json --overlay look.png\n"
    "  vkseg auto ct.png -m sam_vit_b_01ec64.pth --points-per-side 16 -o masks.json\n"
    "\n"
    "Asks the model at every point of a grid and keeps the masks that it is sure\n"
    "of, that are stable, and that do not repeat a better one: the generator of\n"
    "segment-anything with its defaults. The decoder runs once per point, 1024\n"
    "times by default: without a GPU that takes minutes.\n"
    "Research use only.\n"
    "\n";

static const char predict_text[] =
    "vkseg predict VOLUME -m MODEL -o OUT.nii.gz\n"
    "\n"
    "  vkseg predict t1.nii.gz -m model11_gw_ae -o seg.nii.gz --overlay seg.png\n"
    "  vkseg predict t1.nii.gz -m model18cls -o seg.nii.gz \\\n"
    "        --crop --crop-threshold 0.2 --largest-component --report run.json\n"
    "  vkseg predict dicom/ --series 2 -m model11_gw_ae/model.json -o seg.dcm\n"
    "\n"
    "Automatic models label every voxel; there is no prompt. MeshNet wants a\n"
    "T1-weighted head of 256 x 256 x 256 voxels of 1 mm: any other volume is\n"
    "brought into that grid first and its labels back into its own (trilinear there,\n"
    "nearest on the way back). What the run will need is said before it starts; with\n"
    "--max-memory the volume goes through in thinner slabs or overlapping tiles,\n"
    "which change no label. Prints voxels and millilitres of every label. --overlay\n"
    "draws them with their names, in the model's colours, on three planes.\n"
    "Research use only.\n"
    "\n";

static const char encode_text[] =
    "vkseg encode IMAGE -m MODEL -o EMBEDDING\n"
    "\n"
    "  vkseg encode ct.png -m medsam_vit_b.pth -o ct.safetensors\n"
    "  vkseg segment ct.safetensors -m medsam_vit_b.pth --box 95,255,190,350 -o a.png\n"
    "  vkseg encode ct.png -m mobile_sam.pt --layer image_encoder.layers.2 -o f.npy\n"
    "\n"
    "The encoder is the expensive part and does not depend on the prompts: encode\n"
    "once, then segment the embedding as often as you like. Masks are the same to\n"
    "the last bit. An embedding remembers which checkpoint made it, and only that\n"
    "one is accepted later. Of MedSAM2 and SAM 2.1 it holds three maps; .npy is the\n"
    "first alone. It is derived from the image: treat it as the image.\n"
    "Research use only.\n"
    "\n";

static const char info_text[] =
    "vkseg info FILE [--json]\n"
    "\n"
    "  vkseg info medsam_vit_b.pth\n"
    "  vkseg info ct.png --json\n"
    "\n"
    "Says what a checkpoint, an embedding or an image is, by content. Needs no\n"
    "device.\n"
    "\n";

static const char devices_text[] =
    "vkseg devices [--json]\n"
    "\n"
    "  vkseg devices\n"
    "  vkseg segment ct.png -m model.pth --box 10,10,90,90 -o a.png -d name:radeon\n"
    "\n"
    "Lists every Vulkan device, best first. The number in the first column is what\n"
    "-d takes. Other forms: -d auto (best by class), -d name:TEXT (part of the\n"
    "name), -d uuid:HEX, -d cpu (software Vulkan, slow but everywhere). The\n"
    "environment variable VKSEG_DEVICE stands in for -d.\n"
    "\n";

static const char bench_text[] =
    "vkseg bench -m MODEL [-r N] [--json]\n"
    "\n"
    "  vkseg bench -m synthetic:sam_vit_b\n"
    "  vkseg bench -m synthetic:sam_vit_b --json >a.json\n"
    "  vkseg bench --compare a.json b.json\n"
    "\n"
    "Times every stage from image file to mask, cold and warm, and every class of\n"
    "kernel against the best rates of the device, which are measured too. Needs no\n"
    "download: synthetic models are generated. The output is compared with a\n"
    "golden first; when it is wrong, no time is printed (exit code 11).\n"
    "\n";

static const char doctor_text[] =
    "vkseg doctor [-d DEVICE] [--json]\n"
    "\n"
    "  vkseg doctor\n"
    "  vkseg doctor -d 0 --op matmul\n"
    "\n"
    "Runs every kernel variant that a device can run on cases whose answers are\n"
    "known. A kernel that is wrong, or that took its driver down while it was tried,\n"
    "is set aside on that device from then on (--tune off overrules it). Exit code\n"
    "11 when any is wrong.\n"
    "\n"
    "Then says what each operator becomes in calls of the size that models make, and\n"
    "why: table (the first in its list that can run), timed or cached (the fastest),\n"
    "memory (too large to time), forced, safest (--tune off); and a kernel that was\n"
    "set aside by the self-test, or by quarantine: it ended a process while it was\n"
    "checked or timed. On GPUs what was not timed yet is, for three seconds at most.\n"
    "\n";

static const char prompts_text[] =
    "Prompts: points, boxes and masks\n"
    "\n"
    "  --point 120,85                 a point on the object\n"
    "  --point 30,40,-                a point that is not on it\n"
    "  --box 95,255,190,350           top-left and bottom-right corner\n"
    "  --mask-prompt logits.npy       low-res logits of an earlier run (--logits)\n"
    "  --object                       a new object begins here\n"
    "\n"
    "Coordinates are pixels of the original image; 0,0 is the centre of the\n"
    "top-left pixel, x grows to the right, y downwards. Decimals have a point:\n"
    "12.5. An object has at most one box and one mask, and any number of points.\n"
    "MedSAM knows boxes only.\n"
    "\n"
    "The same in a file, for --prompts FILE.json:\n"
    "\n"
    "  {\"objects\": [\n"
    "    {\"box\": [95, 255, 190, 350]},\n"
    "    {\"points\": [[120, 85], [30, 40, 0]], \"mask\": \"logits.npy\"}\n"
    "  ]}\n"
    "\n"
    "A point may have a third number: 1 on the object (as without it), 0 not on it.\n"
    "\n"
    "UniverSeg takes no prompts but examples, --support DIR: a folder of images with\n"
    "their masks, 01.png with 01_mask.png (or 01_label.png) and so on, at most 256\n"
    "pairs. What is not 0 in a mask is the object.\n"
    "\n"
    "  vkseg segment scan.png -m universeg.pt --support examples -o mask.png\n";

static const char models_text[] =
    "Models\n"
    "\n"
    "  vkseg info sam_vit_b_01ec64.pth\n"
    "  vkseg segment ct.png -m medsam_vit_b.pth --box 95,255,190,350 -o liver.png\n"
    "\n"
    "This version reads the original checkpoints, without conversion:\n"
    "\n"
    "  SAM ViT-B   sam_vit_b_01ec64.pth   points, boxes, masks   Apache-2.0\n"
    "  SAM ViT-L   sam_vit_l_0b3195.pth   points, boxes, masks   Apache-2.0\n"
    "  SAM ViT-H   sam_vit_h_4b8939.pth   points, boxes, masks   Apache-2.0\n"
    "  MedSAM      medsam_vit_b.pth       boxes                  Apache-2.0\n"
    "  MobileSAM   mobile_sam.pt          points, boxes, masks   Apache-2.0\n"
    "  LiteMedSAM  lite_medsam.pth        boxes                  Apache-2.0\n"
    "  SAM-Med2D   sam-med2d_b.pth        points, boxes, masks   Apache-2.0\n"
    "  MedSAM2     MedSAM2_latest.pt      points, boxes, masks   research, education\n"
    "  SAM 2.1     sam2.1_hiera_tiny.pt   points, boxes, masks   Apache-2.0\n"
    "  UniverSeg   universeg.pt           none: examples         OpenRAIL++-M\n"
    "\n"
    "SAM: github.com/facebookresearch/segment-anything, \"Model Checkpoints\".\n"
    "MedSAM: github.com/bowang-lab/MedSAM, \"Installation\" and \"Get Started\";\n"
    "LiteMedSAM: its branch of that name.\n"
    "UniverSeg: github.com/JJGO/UniverSeg, weights for research only.\n"
    "MobileSAM: github.com/ChaoningZhang/MobileSAM, folder weights.\n"
    "SAM-Med2D: github.com/OpenGVLab/SAM-Med2D; --model-option adapters=off leaves\n"
    "its adapters out.\n"
    "vkseg itself never uses the network. The same weights as .safetensors work\n"
    "too. A MedSAM file holds the same tensors as SAM ViT-B but wants another\n"
    "preprocessing; vkseg decides by what it can see and says so. Overrule it with\n"
    "--family sam or --family medsam.\n"
    "`-m demo` is the bundled model, in builds that have one.\n"
    "`-m synthetic:sam_vit_b` (also sam_vit_l, sam_vit_h, medsam, sam_mini,\n"
    "sam_med2d, mobile_sam, lite_medsam, universeg, medsam2, sam2_hiera_t, _s, _b,\n"
    "_l, meshnet) is made of random numbers, the same everywhere: for measuring, not\n"
    "for looking at.\n";

static const char exit_codes_text[] =
    "Exit codes\n"
    "\n"
    "    0  done\n"
    "    1  internal error (please report it)\n"
    "    2  usage: the command line is not understood\n"
    "    3  input not found or unreadable\n"
    "    4  input corrupt or unsupported\n"
    "    5  model missing, invalid, or not the one that was expected\n"
    "    6  no usable device\n"
    "    7  out of host or device memory\n"
    "    8  device lost or timed out\n"
    "    9  output exists or cannot be written\n"
    "   10  batch: some cases failed\n"
    "   11  a check failed\n"
    "   12  cancelled\n"
    "  130  stopped by Ctrl-C; 143 by SIGTERM. Nothing half-written stays.\n";

static const char options_text[] =
    "Runtime options, for those who measure or search faults\n"
    "\n"
    "  VKS_CAPS=-coopmat vkseg segment ...\n"
    "  VKS_VALIDATE=1 VKS_LOG=info vkseg segment ...\n"
    "\n"
    "Environment variables:\n"
    "  VKSEG_DEVICE   what -d takes\n"
    "  VKS_LOG        error, warning, info or debug\n"
    "  VKS_CAPS       capabilities to ignore: -coopmat,-f16\n"
    "  VKS_FORCE      pin a kernel variant: matmul:f32\n"
    "  VKS_PROFILE    1: device time stamps\n"
    "  VKS_SERIAL     1: one submission per kernel\n"
    "  VKS_VALIDATE   1: Vulkan validation layer; its messages become failures\n"
    "  VKS_DUMP       folder: one .npy per marked tensor. Holds image data.\n"
    "  VKS_TUNE       what --tune takes\n"
    "  VKS_CACHE      folder of compiled pipelines and tuning results; off: none\n"
    "  VKS_OPTIONS    several at once: caps=-coopmat,profile=1,submit_ms=50\n"
    "  NO_COLOR       any value: no colour in messages\n";

static const char help_text[] = "vkseg help [TOPIC]\n\n  vkseg help\n  vkseg help prompts\n\n";
/* clang-format on */

static const struct topic topics[] = {
    { "segment", "masks of what points and boxes show", segment_text, segment_options },
    { "auto", "masks of everything in an image", auto_text, auto_options },
    { "predict", "a label for every voxel, by an automatic model", predict_text, predict_options },
    { "encode", "run the image encoder once and keep its result", encode_text, encode_options },
    { "info", "what a file is", info_text, info_options },
    { "devices", "how a device is chosen", devices_text, devices_options },
    { "eval", "how well a label map agrees with the truth", eval_text, eval_options },
    { "bench", "how long a model takes on a device", bench_text, bench_options },
    { "doctor", "known answers of every kernel", doctor_text, doctor_options },
    { "prompts", "points, boxes, masks, and the file for --prompts", prompts_text, NULL },
    { "preview", "a contact sheet of a volume and its labels", preview_text, preview_options },
    { "volumes", "2D models on volumes, slice by slice", volumes_text, NULL },
    { "models", "which checkpoints this version reads", models_text, NULL },
    { "exit-codes", "what the numbers mean", exit_codes_text, NULL },
    { "options", "environment variables", options_text, NULL },
    { "help", "this command", help_text, NULL },
};

enum { TOPIC_COUNT = sizeof topics / sizeof *topics };

/* Prints words from column INDENT on; `used` columns of the first line are taken. */
static void print_wrapped(const char *text, int used)
{
    int column = used;
    if (column >= INDENT - 1) {
        putchar('\n');
        column = 0;
    }
    printf("%*s", INDENT - column, "");
    for (column = INDENT; *text; text += strspn(text, " ")) {
        int length = (int)strcspn(text, " ");
        if (column > INDENT && column + 1 + length > COLUMNS) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
        }
        column += printf("%s%.*s", column > INDENT ? " " : "", length, text);
        text += length;
    }
    putchar('\n');
}

static void print_options(const struct option *options)
{
    for (; options->name || options->help; options++) {
        if (!options->name) {
            printf("%s\n", options->help);
            continue;
        }
        char form[80];
        int used;
        if (options->letter)
            used = snprintf(form, sizeof form, "  -%c, --%s%s%s", options->letter, options->name,
                            options->value ? " " : "", options->value ? options->value : "");
        else
            used = snprintf(form, sizeof form, "      --%s%s%s", options->name, options->value ? " " : "",
                            options->value ? options->value : "");
        fputs(form, stdout);
        print_wrapped(options->help, used);
    }
    print_wrapped("This help.", printf("  -h, --help"));
}

int help_print(const char *topic)
{
    const char *names[TOPIC_COUNT + 1];
    if (!topic) {
        fputs(overview, stdout);
        puts("Topics: vkseg help TOPIC");
        for (size_t i = 0; i < TOPIC_COUNT; i++)
            printf("  %-11s %s\n", topics[i].name, topics[i].summary);
        return 0;
    }
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        names[i] = topics[i].name;
        if (strcmp(topic, topics[i].name) == 0) {
            fputs(topics[i].text, stdout);
            if (topics[i].options)
                print_options(topics[i].options);
            return 0;
        }
    }
    names[TOPIC_COUNT] = NULL;
    char advice[96];
    const char *near = closest(topic, names);
    if (near)
        snprintf(advice, sizeof advice, "Did you mean `vkseg help %s`?", near);
    else
        snprintf(advice, sizeof advice, "`vkseg help` lists the topics.");
    return fail(BAD_USAGE, advice, "there is no help on '%s'.", topic);
}

int cmd_help(int count, char **words)
{
    static const struct option none[] = { { 0 } };
    struct args args;
    int code = args_parse(count, words, "help", none, &args);
    if (!code)
        code = args_word(&args, 1) ? args_expect_words(&args, 1, "help", "vkseg help TOPIC")
                                   : help_print(args.wants_help ? NULL : args_word(&args, 0));
    args_free(&args);
    return code;
}
