/* measure.c: what a session remembers of its last run, in the words of vkseg_measure.h. */
#include "api/handles.h"
#include "gpu/device.h"
#include "gpu/rates.h"
#include "graph/params.h"
#include "graph/slot.h"
#include "graph/tuning.h"

#include <stdio.h>

const char *vks_stage_name(vks_stage stage)
{
    static const char *const names[VKS_STAGE_COUNT] = { "preprocess",  "plan",   "upload",   "encode",
                                                        "plan prompt", "decode", "download", "finish" };
    return (unsigned)stage < VKS_STAGE_COUNT ? names[stage] : "?";
}

vks_status vks_session_stage(const vks_session *session, vks_stage stage, vks_stage_time *out)
{
    VKS_REQUIRE(session && out, VKS_ERR_ARGUMENT, "vks_session_stage: session and out must not be NULL");
    VKS_REQUIRE((unsigned)stage < VKS_STAGE_COUNT, VKS_ERR_ARGUMENT, "vks_session_stage: there is no stage %d", (int)stage);
    *out = session->stages[stage];
    return VKS_OK;
}

vks_status vks_session_set_profile(vks_session *session, int profile)
{
    VKS_REQUIRE(session, VKS_ERR_ARGUMENT, "vks_session_set_profile: session must not be NULL");
    if (session->profile == (profile != 0))
        return VKS_OK;
    session->profile = profile != 0;
    session->decoded = NULL;
    stage_cache_clear(&session->decode);
    vkr_plan_destroy(&session->encode);
    return VKS_OK;
}

vks_status vks_session_kernel(const vks_session *session, vks_stage stage, size_t index, vks_kernel *out)
{
    VKS_REQUIRE(session && out, VKS_ERR_ARGUMENT, "vks_session_kernel: session and out must not be NULL");
    const struct vkr_plan *plan = stage == VKS_STAGE_ENCODE ? session->encode : stage == VKS_STAGE_DECODE ? session->decoded : NULL;
    struct vkr_profile_row row;
    VKS_REQUIRE(plan, VKS_ERR_ARGUMENT, "vks_session_kernel: the stage \"%s\" has no kernels, or has not run", vks_stage_name(stage));
    VKS_REQUIRE(index < UINT32_MAX && vkr_plan_profile(plan, (uint32_t)index, &row), VKS_ERR_ARGUMENT,
                "vks_session_kernel: the stage \"%s\" has no kernel %zu", vks_stage_name(stage), index);
    *out = (vks_kernel){ row.node, row.shader, row.variant, row.ms, row.flops, row.bytes };
    return VKS_OK;
}

vks_status vks_context_choice(const vks_context *context, size_t index, vks_choice *out)
{
    struct vkr_question question;
    VKS_REQUIRE(context && out, VKS_ERR_ARGUMENT, "vks_context_choice: context and out must not be NULL");
    VKS_REQUIRE(context->target.tuning && index < UINT32_MAX &&
                vkr_tuning_question(context->target.tuning, (uint32_t)index, &question), VKS_ERR_ARGUMENT,
                "vks_context_choice: there was no choice %zu", index);
    const struct vkr_candidate *chosen = &question.candidates[question.chosen];
    *out = (vks_choice){ .candidates = question.count, .ms = question.why < VKR_BY_TIMING ? 0 : chosen->ms };
    snprintf(out->call, sizeof out->call, "%s", question.call);
    snprintf(out->kernel, sizeof out->kernel, "%s", chosen->kernel);
    snprintf(out->reason, sizeof out->reason, "%s", vkr_reason_name(question.why));
    return VKS_OK;
}

vks_precision vks_model_precision(const vks_model *model)
{
    return !model ? VKS_PRECISION_AUTO : model->half ? VKS_PRECISION_F16 : VKS_PRECISION_F32;
}

vks_status vks_session_memory(const vks_session *session, vks_memory *out)
{
    VKS_REQUIRE(session && out, VKS_ERR_ARGUMENT, "vks_session_memory: session and out must not be NULL");
    vks_memory memory = { .weights = vkr_params_bytes(session->model->params) };
    if (session->encode)
        memory.activations += vkr_plan_bytes(session->encode);
    for (uint32_t i = 0; i < STAGE_PLANS; i++)
        if (session->decode.entries[i].plan)
            memory.activations += vkr_plan_bytes(session->decode.entries[i].plan);
    for (uint32_t i = 0; i < FAMILY_FEATURES; i++)
        if (session->slots[i])
            memory.features += vkr_bytes(vkr_slot_desc(session->slots[i]));
    vkr_device_memory_now(session->model->context->device, &memory.now, &memory.peak);
    *out = memory;
    return VKS_OK;
}

vks_status vks_context_measure(vks_context *context, vks_rates *out)
{
    VKS_REQUIRE(context && out, VKS_ERR_ARGUMENT, "vks_context_measure: context and out must not be NULL");
    struct vkr_rates rates;
    VKS_TRY(vkr_measure_rates(context->device, &rates));
    *out = (vks_rates){ rates.f32_gflops, rates.f16_gflops, rates.matrix_gflops, rates.read_gbs, rates.copy_gbs };
    return VKS_OK;
}
