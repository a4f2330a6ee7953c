/* support.c: examples of what to segment. The session's support slots are complete, or there are none. */
#include "api/handles.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/prepare.h"

void session_clear_support(vks_session *session)
{
    vkr_plan_destroy(&session->encode); /* made for these slots */
    for (uint32_t i = 0; i < session->support_slots; i++)
        vkr_slot_destroy(&session->support[i]);
    vkr_free(session->support);
    session->support = NULL;
    session->support_slots = session->support_count = 0;
}

/* ---- examples as floats ------------------------------------------------------------------------------------- */

static vks_status check_example(const vks_example *example, size_t number)
{
    const vks_image *image = &example->image, *mask = &example->mask;
    vks_status status = image_validate(image);
    VKS_REQUIRE(status == VKS_OK, status, "the image of example %zu: %s", number, vks_last_error());
    status = image_validate(mask);
    VKS_REQUIRE(status == VKS_OK, status, "the mask of example %zu: %s", number, vks_last_error());
    VKS_REQUIRE(mask->type == VKS_PIXEL_U8 && mask->channels == 1, VKS_ERR_ARGUMENT,
                "the mask of example %zu has %u channels of type %d; one 8-bit channel is wanted", number,
                mask->channels, (int)mask->type);
    VKS_REQUIRE(mask->width == image->width && mask->height == image->height, VKS_ERR_ARGUMENT,
                "the mask of example %zu is %u x %u, but its image is %u x %u", number, mask->width, mask->height,
                image->width, image->height);
    return VKS_OK;
}

/* Nearest by pixel centres: a mask has no values between. dst [side, side] with a step of two floats. */
static void fill_mask(const vks_image *mask, uint32_t side, float *dst)
{
    const size_t row_bytes = mask->row_bytes ? mask->row_bytes : mask->width;
    for (uint32_t y = 0; y < side; y++) {
        const uint8_t *row =
            (const uint8_t *)mask->pixels + (size_t)((2ull * y + 1) * mask->height / (2ull * side)) * row_bytes;
        for (uint32_t x = 0; x < side; x++, dst += 2)
            *dst = row[(2ull * x + 1) * mask->width / (2ull * side)] ? 1.0f : 0.0f;
    }
}

/* dst [side, side, 2] */
static vks_status fill_example(const struct image_spec *spec, const vks_example *example, size_t number, float *dst)
{
    struct prepared prepared = { 0 };
    VKS_TRY(check_example(example, number));
    VKS_TRY(prepare(spec, &example->image, &prepared));
    for (size_t i = 0; i < (size_t)spec->side * spec->side; i++)
        dst[2 * i] = prepared.pixels[3 * i];
    fill_mask(&example->mask, spec->side, dst + 1);
    prepared_free(&prepared);
    return VKS_OK;
}

/* dst: the mean of `count` arrays of `each` floats. */
static void mean_of(const float *all, size_t count, size_t each, float *dst)
{
    for (size_t i = 0; i < each; i++) {
        double sum = 0;
        for (size_t k = 0; k < count; k++)
            sum += (double)all[k * each + i];
        dst[i] = (float)(sum / (double)count);
    }
}

/* ---- slots -------------------------------------------------------------------------------------------------- */

static vks_status create_slots(vks_session *session, uint32_t count)
{
    const struct network *network = session->model->network;
    struct vkr_desc desc;
    uint32_t slots = 0;
    while (network->family->support_slot(network, count, slots, &desc))
        slots++;
    VKS_TRY(vkr_alloc(slots, sizeof *session->support, "the list of examples", (void **)&session->support));
    session->support_slots = slots;
    for (uint32_t i = 0; i < slots; i++) {
        network->family->support_slot(network, count, i, &desc);
        VKS_TRY(vkr_slot_create(session->model->context->device, "support", desc, &session->support[i]));
    }
    return VKS_OK;
}

static void build_support(void *user, struct vkr_graph *graph, struct stage_key key)
{
    const vks_session *session = user;
    const struct network *network = session->model->network;
    const struct support_set set = { key.objects, session->support };
    network->family->support(network, (struct nn){ graph, session->model->half }, &set);
}

static vks_status run_support(vks_session *session, uint32_t count, const float *supports, size_t size)
{
    const struct stage_builder builder = { .build = build_support, .user = session };
    const struct stage_key key = { .objects = count };
    vks_context *context = session->model->context;
    struct vkr_plan *plan = NULL;
    VKS_TRY(stage_compile(context, session->model->params, &builder, key, &plan));
    vks_status status = vkr_plan_write(plan, "supports", supports, size);
    if (status == VKS_OK)
        status = stage_run(context, plan, "support", NULL);
    vkr_plan_destroy(&plan);
    return status;
}

/* `work`: room for all examples and their mean. */
static vks_status show(vks_session *session, const vks_example *examples, uint32_t count, float *work)
{
    const struct image_spec *spec = &session->model->network->image;
    const size_t each = (size_t)spec->side * spec->side * 2;
    float *mean = work + count * each;
    for (uint32_t i = 0; i < count; i++)
        VKS_TRY(fill_example(spec, &examples[i], i, work + i * each));
    mean_of(work, count, each, mean);
    VKS_TRY(create_slots(session, count));
    VKS_TRY(vkr_slot_write(session->support[0], mean, each * sizeof *mean));
    VKS_TRY(run_support(session, count, work, count * each * sizeof *work));
    session->support_count = count;
    return VKS_OK;
}

vks_status vks_session_set_support(vks_session *session, const vks_example *examples, size_t count)
{
    VKS_REQUIRE(session && examples, VKS_ERR_ARGUMENT, "vks_session_set_support: session and examples must not be NULL");
    const struct network *network = session->model->network;
    VKS_REQUIRE(network->family->support, VKS_ERR_UNSUPPORTED,
                "the family %s takes prompts, not examples of what to segment", network->family->name);
    VKS_REQUIRE(count >= 1 && count <= SUPPORT_MOST, VKS_ERR_ARGUMENT, "%zu examples; 1 to %d are wanted", count,
                SUPPORT_MOST);
    float *work;
    size_t each = (size_t)network->image.side * network->image.side * 2;
    session->ready = false;
    session_clear_support(session);
    VKS_TRY(vkr_alloc((count + 1) * each, sizeof *work, "the examples", (void **)&work));
    vks_status status = show(session, examples, (uint32_t)count, work);
    vkr_free(work);
    if (status != VKS_OK)
        session_clear_support(session);
    return status;
}
