/* embedding.c: the encoder's results out of a session and back. Outside [C, H, W] as PyTorch has it, inside [H, W, C];
 * the transposition moves values and never rounds them. An embedding is one block: struct, list of maps, data. */
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

/* A slot's [H, W, C] as [C, H, W] into `data`. */
static vks_status fetch(struct vkr_slot *slot, const struct vkr_desc *desc, float *data)
{
    float *inside;
    const size_t size = (size_t)vkr_bytes(desc), channels = desc->dim[2];
    VKS_TRY(vkr_alloc(1, size, "an embedding", (void **)&inside));
    vks_status status = vkr_slot_read(slot, inside, size);
    if (status == VKS_OK)
        transpose(data, inside, (size_t)desc->dim[0] * desc->dim[1], channels);
    vkr_free(inside);
    return status;
}

static vks_status fetch_all(vks_session *session, vks_embedding *embedding, vks_feature_map *more)
{
    const struct network *network = session->model->network;
    float *data = (float *)(more + network->feature_count - 1);
    embedding->data = data;
    for (uint32_t i = 0; i < network->feature_count; i++) {
        const struct family_feature *feature = &network->features[i];
        VKS_TRY(fetch(session->slots[i], &feature->desc, data));
        if (i > 0) {
            vks_feature_map *map = &more[i - 1];
            snprintf(map->name, sizeof map->name, "%s", feature->name);
            map->height = feature->desc.dim[0];
            map->width = feature->desc.dim[1];
            map->channels = feature->desc.dim[2];
            map->data = data;
        }
        data += vkr_numel(&feature->desc);
    }
    return VKS_OK;
}

vks_status vks_session_get_embedding(vks_session *session, vks_embedding **out)
{
    VKS_REQUIRE(session && out, VKS_ERR_ARGUMENT, "vks_session_get_embedding: session and out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(session->ready, VKS_ERR_ARGUMENT, "no image is set, so there is no embedding; call vks_session_set_image first");
    const struct network *network = session->model->network;
    const uint32_t more_count = network->feature_count - 1;
    size_t size = sizeof(vks_embedding) + more_count * sizeof(vks_feature_map);
    for (uint32_t i = 0; i < network->feature_count; i++)
        size += (size_t)vkr_bytes(&network->features[i].desc);
    vks_embedding *embedding;
    VKS_TRY(vkr_alloc(1, size, "an embedding", (void **)&embedding));
    vks_feature_map *more = (vks_feature_map *)(embedding + 1);
    vks_status status = vks_model_sha256(session->model, embedding->model_sha256);
    if (status == VKS_OK)
        status = fetch_all(session, embedding, more);
    if (status != VKS_OK) {
        vkr_free(embedding);
        return status;
    }
    embedding->struct_size = sizeof *embedding;
    embedding->channels = network->channels;
    embedding->height = embedding->width = network->grid;
    embedding->image_width = session->size.width;
    embedding->image_height = session->size.height;
    embedding->more_count = more_count;
    embedding->more = more_count ? more : NULL;
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

/* Map `index` in the order of the network's features. */
static vks_feature_map map_of(const vks_embedding *embedding, uint32_t index)
{
    if (index > 0)
        return embedding->more[index - 1];
    return (vks_feature_map){ "embedding", embedding->channels, embedding->height, embedding->width, embedding->data };
}

static vks_status check_maps(const struct network *network, const vks_embedding *embedding)
{
    VKS_REQUIRE(embedding->more_count + 1ull == network->feature_count, VKS_ERR_ARGUMENT,
                "the embedding holds %llu maps, the decoder of a %s model reads %u; encode the image again with this "
                "model", embedding->more_count + 1ull, network->family->name, network->feature_count);
    VKS_REQUIRE(embedding->more || !embedding->more_count, VKS_ERR_ARGUMENT, "the embedding's list of maps is NULL");
    for (uint32_t i = 0; i < network->feature_count; i++) {
        const struct family_feature *feature = &network->features[i];
        const uint32_t *dim = feature->desc.dim;
        const vks_feature_map map = map_of(embedding, i);
        VKS_REQUIRE(map.data, VKS_ERR_ARGUMENT, "the embedding's data is NULL");
        VKS_REQUIRE(ends(map.name, sizeof map.name), VKS_ERR_ARGUMENT, "a text field of the embedding does not end");
        VKS_REQUIRE(strcmp(map.name, feature->name) == 0 && map.channels == dim[2] && map.height == dim[0] &&
                        map.width == dim[1], VKS_ERR_ARGUMENT,
                    "the embedding's map \"%s\" is %u x %u x %u (channels, height, width), the model's \"%s\" is %u x "
                    "%u x %u; use the model that made it", map.name, map.channels, map.height, map.width, feature->name,
                    dim[2], dim[0], dim[1]);
    }
    return VKS_OK;
}

static vks_status check(const struct network *network, const vks_embedding *embedding)
{
    VKS_REQUIRE(ends(embedding->family, sizeof embedding->family) &&
                    ends(embedding->model_sha256, sizeof embedding->model_sha256) &&
                    ends(embedding->image_sha256, sizeof embedding->image_sha256),
                VKS_ERR_ARGUMENT, "a text field of the embedding does not end");
    VKS_REQUIRE(strcmp(embedding->family, network->family->name) == 0, VKS_ERR_ARGUMENT,
                "the embedding was made by family \"%s\", the model is of family \"%s\"; use the model that made it",
                embedding->family, network->family->name);
    VKS_REQUIRE(embedding->image_width >= 1 && embedding->image_width <= IMAGE_MAX_SIDE && embedding->image_height >= 1 &&
                    embedding->image_height <= IMAGE_MAX_SIDE, VKS_ERR_ARGUMENT,
                "the embedding says its image is %u x %u pixels; 1 to %d a side are possible", embedding->image_width,
                embedding->image_height, IMAGE_MAX_SIDE);
    return check_maps(network, embedding);
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

static vks_status upload(struct vkr_slot *slot, const vks_feature_map *map)
{
    const size_t positions = (size_t)map->height * map->width, channels = map->channels;
    float *inside;
    VKS_TRY(vkr_alloc(positions * channels, sizeof *inside, "an embedding", (void **)&inside));
    transpose(inside, map->data, channels, positions);
    vks_status status = vkr_slot_write(slot, inside, positions * channels * sizeof *inside);
    vkr_free(inside);
    return status;
}

vks_status vks_session_set_embedding(vks_session *session, const vks_embedding *embedding)
{
    VKS_REQUIRE(session && embedding, VKS_ERR_ARGUMENT, "vks_session_set_embedding: session and embedding must not be NULL");
    vks_embedding own;
    session->ready = false;
    VKS_TRY(params_copy(&own, sizeof own, embedding, "vks_embedding"));
    VKS_TRY(check(session->model->network, &own));
    warn_about_origin(session, &own);
    for (uint32_t i = 0; i <= own.more_count; i++) {
        const vks_feature_map map = map_of(&own, i);
        VKS_TRY(upload(session->slots[i], &map));
    }
    session_set_size(session, own.image_width, own.image_height);
    memcpy(session->image_sha256, own.image_sha256, sizeof session->image_sha256);
    session->ready = true;
    return VKS_OK;
}
