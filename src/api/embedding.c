/* embedding.c: the encoder's result out of a session and back. Outside [C, H, W] as PyTorch has it, inside [H, W, C];
 * the transposition moves values and never rounds them. An embedding is one block: struct, then data. */
#include "api/handles.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* dst[c, p] = src[p, c] for `rows` = positions, `columns` = channels; the inverse with the two exchanged. */
static void transpose(float *dst, const float *src, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            dst[c * rows + r] = src[r * columns + c];
}

static vks_status fetch(vks_session *session, float *data, size_t positions, size_t channels)
{
    float *inside;
    size_t size = positions * channels * sizeof(float);
    VKS_TRY(vkr_alloc(1, size, "an embedding", (void **)&inside));
    vks_status status = vkr_slot_read(session->slots[0], inside, size);
    if (status == VKS_OK)
        transpose(data, inside, positions, channels);
    vkr_free(inside);
    return status;
}

vks_status vks_session_get_embedding(vks_session *session, vks_embedding **out)
{
    VKS_REQUIRE(session && out, VKS_ERR_ARGUMENT, "vks_session_get_embedding: session and out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(session->ready, VKS_ERR_ARGUMENT, "no image is set, so there is no embedding; call vks_session_set_image first");
    const struct network *network = session->model->network;
    size_t positions = (size_t)network->grid * network->grid, channels = network->channels;
    vks_embedding *embedding;
    VKS_TRY(vkr_alloc(1, sizeof *embedding + positions * channels * sizeof(float), "an embedding", (void **)&embedding));
    float *data = (float *)(embedding + 1);
    vks_status status = vks_model_sha256(session->model, embedding->model_sha256);
    if (status == VKS_OK)
        status = fetch(session, data, positions, channels);
    if (status != VKS_OK) {
        vkr_free(embedding);
        return status;
    }
    embedding->channels = network->channels;
    embedding->height = embedding->width = network->grid;
    embedding->image_width = session->size.width;
    embedding->image_height = session->size.height;
    embedding->data = data;
    snprintf(embedding->family, sizeof embedding->family, "%s", network->family->name);
    memcpy(embedding->image_sha256, session->image_sha256, sizeof embedding->image_sha256);
    *out = embedding;
    return VKS_OK;
}

void vks_embedding_free(vks_embedding **embedding)
{
    if (!embedding)
        return;
    vkr_free(*embedding);
    *embedding = NULL;
}

/* ---- the way back ------------------------------------------------------------------------------------------- */

/* Text fields come from files: they end within their arrays, or they are refused. */
static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static vks_status check(vks_session *session, const vks_embedding *embedding)
{
    const struct network *network = session->model->network;
    VKS_REQUIRE(embedding->data, VKS_ERR_ARGUMENT, "the embedding's data is NULL");
    VKS_REQUIRE(ends(embedding->family, sizeof embedding->family) &&
                    ends(embedding->model_sha256, sizeof embedding->model_sha256) &&
                    ends(embedding->image_sha256, sizeof embedding->image_sha256),
                VKS_ERR_ARGUMENT, "a text field of the embedding does not end");
    VKS_REQUIRE(strcmp(embedding->family, network->family->name) == 0, VKS_ERR_ARGUMENT,
                "the embedding was made by family \"%s\", the model is of family \"%s\"; use the model that made it",
                embedding->family, network->family->name);
    VKS_REQUIRE(embedding->channels == network->channels && embedding->height == network->grid &&
                    embedding->width == network->grid, VKS_ERR_ARGUMENT,
                "the embedding is %u x %u x %u (channels, height, width), the model's is %u x %u x %u; use the model that made it",
                embedding->channels, embedding->height, embedding->width, network->channels, network->grid, network->grid);
    VKS_REQUIRE(embedding->image_width >= 1 && embedding->image_width <= IMAGE_MAX_SIDE && embedding->image_height >= 1 &&
                    embedding->image_height <= IMAGE_MAX_SIDE, VKS_ERR_ARGUMENT,
                "the embedding says its image is %u x %u pixels; 1 to %d a side are possible", embedding->image_width,
                embedding->image_height, IMAGE_MAX_SIDE);
    return VKS_OK;
}

/* Another checkpoint of the same family may have been meant, so this is said, not refused. Hashing the model for it alone
 * would cost more than it tells: the comparison is made when the hash is known already. */
static void warn_about_origin(vks_session *session, const vks_embedding *embedding)
{
    char hex[65];
    if (embedding->model_sha256[0] && model_known_sha256(session->model, hex) && strcmp(hex, embedding->model_sha256) != 0)
        vkr_log(&session->model->context->log, VKS_LOG_WARNING,
                "the embedding was made by another checkpoint (sha256 %.16s...) than the loaded one (%.16s...)",
                embedding->model_sha256, hex);
}

vks_status vks_session_set_embedding(vks_session *session, const vks_embedding *embedding)
{
    VKS_REQUIRE(session && embedding, VKS_ERR_ARGUMENT, "vks_session_set_embedding: session and embedding must not be NULL");
    session->ready = false;
    VKS_REQUIRE(session->model->network->feature_count == 1, VKS_ERR_UNSUPPORTED,
                "the decoder of the family %s reads %u results of the encoder, and an embedding holds one; set the image",
                session->model->network->family->name, session->model->network->feature_count);
    VKS_TRY(check(session, embedding));
    warn_about_origin(session, embedding);
    size_t positions = (size_t)embedding->height * embedding->width, channels = embedding->channels;
    float *inside;
    VKS_TRY(vkr_alloc(positions * channels, sizeof *inside, "an embedding", (void **)&inside));
    transpose(inside, embedding->data, channels, positions);
    vks_status status = vkr_slot_write(session->slots[0], inside, positions * channels * sizeof *inside);
    vkr_free(inside);
    VKS_TRY(status);
    session_set_size(session, embedding->image_width, embedding->image_height);
    memcpy(session->image_sha256, embedding->image_sha256, sizeof session->image_sha256);
    session->ready = true;
    return VKS_OK;
}
