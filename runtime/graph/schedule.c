/* schedule.c: barriers and submissions. After the planner, because re-used bytes make hazards between unrelated tensors. */
#include "graph/program.h"

/* Rough rates for splitting work, not for judging it: operations and bytes per millisecond by device class. */
static double estimate_ms(const struct vkr_caps *caps, double flops, double bytes)
{
    static const double gflops[] = { 15, 100, 500, 5000 }, gbytes[] = { 8, 20, 40, 300 };
    return flops / (gflops[caps->device_class] * 1e6) + bytes / (gbytes[caps->device_class] * 1e6) + 0.005;
}

static bool overlap(const struct vkr_program *program, const struct vkr_tensor *a, const struct vkr_tensor *b)
{
    const struct vkr_place *x = &program->places[a->base->index], *y = &program->places[b->base->index];
    if (x->space != y->space)
        return false;
    if (x->space == VKR_SPACE_SLOT)
        return a->base->slot == b->base->slot;
    if (x->space == VKR_SPACE_PARAM)
        return a->base == b->base;
    return x->offset < y->offset + y->size && y->offset < x->offset + x->size;
}

static bool conflict(const struct vkr_program *program, const struct vkr_dispatch *now, const struct vkr_dispatch *before)
{
    for (uint32_t i = 0; i < now->bind_count; i++)
        for (uint32_t k = 0; k < before->bind_count; k++)
            if (((now->writes >> i | before->writes >> k) & 1u) && overlap(program, now->bind[i], before->bind[k]))
                return true;
    return false;
}

void vkr_schedule(struct vkr_program *program)
{
    const struct vkr_target *target = &program->graph->target;
    double limit = target->options.submit_ms ? target->options.submit_ms : 200, running = 0;
    uint32_t clean = 0;                                     /* first step since the last barrier */
    program->submissions = program->step_count ? 1 : 0;
    for (uint32_t s = 0; s < program->step_count; s++) {
        struct vkr_step *step = &program->steps[s];
        for (uint32_t q = clean; q < s && !step->barrier; q++)
            step->barrier = conflict(program, &step->dispatch, &program->steps[q].dispatch);
        if (step->barrier) {
            clean = s;
            program->barriers++;
        }
        double ms = estimate_ms(&target->caps, step->flops, step->bytes);
        program->work_ms += ms;
        if (s > 0 && (running + ms > limit || target->options.serial)) {
            step->submit = true;
            program->submissions++;
            running = 0;
        }
        running += ms;
    }
}
