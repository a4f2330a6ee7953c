/* options.h: every runtime knob in one struct; parsed from "key=value,key=value". */
#ifndef VKR_OPTIONS_H
#define VKR_OPTIONS_H

#include "caps.h"
#include "log.h"

enum { VKR_MAX_FORCED = 8, VKR_MAX_BANNED = 32 };

/* Which kernel is used for a call, where several could be. */
enum vkr_tune {
    VKR_TUNE_TABLE,                 /* the first in the static order; those found wrong earlier are set aside */
    VKR_TUNE_AUTO,                  /* on GPUs also: kernels new to the device are checked, then timed, the faster is used */
    VKR_TUNE_OFF                    /* the safest: what needs no optional unit; nothing is looked up */
};

struct vkr_options {
    char caps[64];                  /* see vkr_caps_mask; "" keeps everything */
    struct {
        char shader[32];            /* file stem, e.g. "matmul" */
        char variant[64];
    } force[VKR_MAX_FORCED];        /* pins a variant: "force=matmul:f32" */
    uint32_t force_count;
    char ban[VKR_MAX_BANNED][64];   /* kernels that are not chosen: "ban=matmul_coopmat.f16" */
    uint32_t ban_count;
    char avoid[VKR_MAX_BANNED][64]; /* kernels that are chosen only where no other can run (not parsed) */
    uint32_t avoid_count;
    enum vkr_tune tune;
    uint32_t force_turn;            /* which of the cuts that a pinned variant can run in, modulo their number (not parsed) */
    bool force_is_wish;             /* a pinned variant that cannot run is passed over instead of refused (not parsed) */
    bool profile;                   /* timestamps per node */
    bool serial;                    /* one submission per dispatch */
    bool validate;                  /* VK_LAYER_KHRONOS_validation, core and synchronization; messages become failures */
    char cache[512];                /* folder of compiled pipelines and tuning results (store.h); "" none */
    char dump[512];                 /* folder: one .npy per marked tensor; "" off */
    uint64_t max_memory;            /* bytes of device memory the runtime may hold; 0: no limit of our own */
    uint32_t submit_ms;             /* estimated milliseconds per submission; 0: default */
    uint32_t guard;                 /* tests: sentinel bytes after every arena tensor, checked by vkr_plan_check_guards */
};

/* Applies "caps=-coopmat,force=matmul:f32,profile=1,serial=1,validate=1,dump=DIR,max_memory=512M,submit_ms=50,cache=DIR,tune=auto" on top
 * of `options`. NULL or "" changes nothing. VKS_ERR_ARGUMENT names the bad word. */
vks_status vkr_options_parse(struct vkr_options *options, const char *text);

/* "512M", "2GiB", "1000000" to bytes. */
vks_status vkr_parse_size(const char *text, uint64_t *out);

/* Sets a kernel aside, "SHADER.VARIANT" or one cut of it, if it is not yet and there is room. */
void vkr_options_ban(struct vkr_options *options, const char *kernel);
void vkr_options_avoid(struct vkr_options *options, const char *kernel);

/* The variant pinned for `shader`, or NULL. */
const char *vkr_options_forced(const struct vkr_options *options, const char *shader);

#endif
