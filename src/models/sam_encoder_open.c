/* sam_encoder_open.c: the image encoder's hyper-parameters from shapes, the list of its tensors, its cost. */
#include "models/sam_encoder.h"

#include <stdio.h>
#include <string.h>

static vks_status measure(struct sam_encoder *e, const struct schema *schema)
{
    const struct weights_entry *position, *patches, *lin1, *out;
    VKS_TRY(schema_need(schema, "image_encoder.pos_embed", &position));
    VKS_TRY(schema_need(schema, "image_encoder.patch_embed.proj.weight", &patches));
    VKS_TRY(schema_need(schema, "image_encoder.blocks.0.mlp.lin1.weight", &lin1));
    VKS_TRY(schema_need(schema, "image_encoder.neck.0.weight", &out));
    const struct vkr_desc *p = &position->desc, *w = &patches->desc;
    VKS_REQUIRE(p->rank == 4 && p->dim[0] == 1 && p->dim[1] == p->dim[2] && p->dim[1] >= 1 && p->dim[1] <= 1024 &&
                    p->dim[3] >= 1 && p->dim[3] <= 16384,
                VKS_ERR_MODEL, "%s: expected [1, grid, grid, width], the file has %s", position->name, VKR_SHAPE(p));
    VKS_REQUIRE(w->rank == 4 && w->dim[0] == p->dim[3] && w->dim[2] == w->dim[3] && w->dim[2] >= 1 && w->dim[2] <= 64 &&
                    p->dim[1] * w->dim[2] <= 8192,
                VKS_ERR_MODEL, "%s: expected [%u, 3, patch, patch], the file has %s", patches->name, p->dim[3],
                VKR_SHAPE(w));
    VKS_REQUIRE(lin1->desc.rank == 2 && lin1->desc.dim[0] >= 1 && lin1->desc.dim[0] <= 65536, VKS_ERR_MODEL,
                "%s: expected [hidden, %u], the file has %s", lin1->name, p->dim[3], VKR_SHAPE(&lin1->desc));
    VKS_REQUIRE(out->desc.rank == 4 && out->desc.dim[0] >= 1 && out->desc.dim[0] <= 16384, VKS_ERR_MODEL,
                "%s: expected [channels, %u, 1, 1], the file has %s", out->name, p->dim[3], VKR_SHAPE(&out->desc));
    e->grid = p->dim[1];
    e->width = p->dim[3];
    e->patch = w->dim[2];
    e->hidden = lin1->desc.dim[0];
    e->channels = out->desc.dim[0];
    return VKS_OK;
}

/* One axis's table of relative positions; NULL when the block has none of either axis. */
static vks_status find_table(const struct schema *schema, uint32_t block, const char *axis, const char *other,
                             const struct weights_entry **out)
{
    char name[SCHEMA_KEY];
    snprintf(name, sizeof name, "image_encoder.blocks.%u.attn.%s", block, axis);
    *out = schema_lookup(schema, name);
    if (*out) {
        const struct vkr_desc *d = &(*out)->desc;
        VKS_REQUIRE(d->rank == 2 && d->dim[0] % 2 == 1 && d->dim[0] < 65536 && d->dim[1] > 0, VKS_ERR_MODEL,
                    "%s: expected [2 * places - 1, head width], the file has %s", (*out)->name, VKR_SHAPE(d));
        return VKS_OK;
    }
    char counterpart[SCHEMA_KEY];
    snprintf(counterpart, sizeof counterpart, "image_encoder.blocks.%u.attn.%s", block, other);
    return schema_lookup(schema, counterpart) ? schema_need(schema, name, out) : VKS_OK;
}

/* Counts the blocks and reads the lengths of their tables; `head` becomes the tables' width, 0 without tables. */
static vks_status measure_blocks(struct sam_encoder *e, const struct schema *schema, uint32_t *head)
{
    static const char *const parts[] = { "norm1.weight", "attn.qkv.weight", "mlp.lin1.weight", NULL };
    *head = 0;
    e->depth = schema_count(schema, "image_encoder.blocks", parts, SAM_DEPTH + 1);
    VKS_REQUIRE(e->depth <= SAM_DEPTH, VKS_ERR_MODEL, "this file has more than %d encoder blocks", SAM_DEPTH);
    for (uint32_t i = 0; i < e->depth; i++) {
        const struct weights_entry *h, *w;
        VKS_TRY(find_table(schema, i, "rel_pos_h", "rel_pos_w", &h));
        VKS_TRY(find_table(schema, i, "rel_pos_w", "rel_pos_h", &w));
        if (!h || !w)
            continue;
        e->blocks[i].table_h = h->desc.dim[0];
        e->blocks[i].table_w = w->desc.dim[0];
        *head = h->desc.dim[1];
    }
    return VKS_OK;
}

/* A table of 2 * grid - 1 places belongs to a global block, and so does the longest of several lengths (the file was
 * made for another image size); a shorter table tells the window. */
static void guess_windows(struct sam_encoder *e)
{
    uint32_t whole = 2 * e->grid - 1, longest = 0, shortest = UINT32_MAX;
    bool exact = false;
    for (uint32_t i = 0; i < e->depth; i++) {
        uint32_t table = e->blocks[i].table_h;
        longest = table > longest ? table : longest;
        shortest = table < shortest ? table : shortest;
        exact = exact || table == whole;
    }
    for (uint32_t i = 0; i < e->depth; i++) {
        uint32_t table = e->blocks[i].table_h;
        bool global = exact ? table == whole : table == longest && (table > shortest || table >= whole);
        e->blocks[i].window = global || table == 0 ? 0 : (table + 1) / 2;
    }
}

static vks_status choose_windows(struct sam_encoder *e, const struct hyper *hyper)
{
    bool global[SAM_DEPTH], given;
    uint32_t window;
    guess_windows(e);
    VKS_TRY(hyper_number(hyper, "window_size", 1, 1024, 0, &window));
    VKS_TRY(hyper_set(hyper, "global_blocks", e->depth, global, &given));
    for (uint32_t i = 0; i < e->depth; i++) {
        struct sam_block *b = &e->blocks[i];
        if (given && global[i])
            b->window = 0;
        else if (window > 0 && (given || b->window > 0))
            b->window = window;
        else if (given && b->window == 0)
            return vks_fail(VKS_ERR_ARGUMENT,
                            "global_blocks leaves block %u to windows of unknown size; add window_size=N", i);
    }
    return VKS_OK;
}

static vks_status choose_heads(struct sam_encoder *e, const struct hyper *hyper, uint32_t head)
{
    uint32_t fallback = head > 0 && e->width % head == 0 ? e->width / head : e->width == 1280 ? 16 : e->width / 64;
    VKS_TRY(hyper_number(hyper, "encoder_heads", 1, 1024, fallback > 0 ? fallback : 1, &e->heads));
    VKS_REQUIRE(e->width % e->heads == 0 && (head == 0 || e->width / e->heads == head), VKS_ERR_MODEL,
                "%u encoder heads do not fit the width %u and position tables of width %u in this file; set the option "
                "encoder_heads",
                e->heads, e->width, head);
    return VKS_OK;
}

static void add_adapter(const struct sam_encoder *e, struct schema *s, uint32_t index)
{
    uint32_t d = e->width;
    const struct {
        const char *name;
        struct vkr_desc desc;
    } parts[] = {
        { "norm.weight", vkr_f32(1, d) },
        { "norm.bias", vkr_f32(1, d) },
        { "channel.0.weight", vkr_f32(2, e->adapter, d) },
        { "channel.2.weight", vkr_f32(2, d, e->adapter) },
        { "spatial.0.weight", vkr_f32(4, d, d, 3, 3) },
        { "spatial.2.weight", vkr_f32(4, d, d, 4, 4) },
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        schema_add(s, parts[i].desc, "image_encoder.blocks.%u.Adapter.%s", index, parts[i].name);
}

void sam_encoder_tensors(const struct sam_encoder *e, struct schema *s)
{
    uint32_t d = e->width, c = e->channels;
    schema_add(s, vkr_f32(4, 1, e->grid, e->grid, d), "image_encoder.pos_embed");
    schema_add(s, vkr_f32(4, d, 3, e->patch, e->patch), "image_encoder.patch_embed.proj.weight");
    schema_add(s, vkr_f32(1, d), "image_encoder.patch_embed.proj.bias");
    for (uint32_t i = 0; i < e->depth; i++) {
        const struct {
            const char *name;
            uint32_t outputs, inputs;
        } parts[] = {
            { "norm1", d, 0 },
            { "norm2", d, 0 },
            { "attn.qkv", 3 * d, d },
            { "attn.proj", d, d },
            { "mlp.lin1", e->hidden, d },
            { "mlp.lin2", d, e->hidden },
        };
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            schema_add(s,
                       parts[k].inputs ? vkr_f32(2, parts[k].outputs, parts[k].inputs) : vkr_f32(1, parts[k].outputs),
                       "image_encoder.blocks.%u.%s.weight", i, parts[k].name);
            schema_add(s, vkr_f32(1, parts[k].outputs), "image_encoder.blocks.%u.%s.bias", i, parts[k].name);
        }
        if (e->adapter)
            add_adapter(e, s, i);
        if (e->blocks[i].table_h == 0)
            continue;
        schema_add(s, vkr_f32(2, e->blocks[i].table_h, d / e->heads), "image_encoder.blocks.%u.attn.rel_pos_h", i);
        schema_add(s, vkr_f32(2, e->blocks[i].table_w, d / e->heads), "image_encoder.blocks.%u.attn.rel_pos_w", i);
    }
    schema_add(s, vkr_f32(4, c, d, 1, 1), "image_encoder.neck.0.weight");
    schema_add(s, vkr_f32(4, c, c, 3, 3), "image_encoder.neck.2.weight");
    for (uint32_t i = 1; i <= 3; i += 2) {
        schema_add(s, vkr_f32(1, c), "image_encoder.neck.%u.weight", i);
        schema_add(s, vkr_f32(1, c), "image_encoder.neck.%u.bias", i);
    }
}

static vks_status choose_adapters(struct sam_encoder *e, const struct schema *schema, const struct hyper *hyper)
{
    char value[HYPER_TEXT] = "on";
    const struct weights_entry *gate = schema_lookup(schema, "image_encoder.blocks.0.Adapter.channel.0.weight");
    hyper_text(hyper, "adapters", value);
    e->adapters_off = strcmp(value, "off") == 0;
    VKS_REQUIRE(e->adapters_off || strcmp(value, "on") == 0, VKS_ERR_ARGUMENT, "adapters=%s: on or off is wanted", value);
    if (!gate)
        return VKS_OK;
    VKS_REQUIRE(gate->desc.rank == 2 && gate->desc.dim[0] >= 1 && gate->desc.dim[0] <= 65536 && e->grid % 2 == 0,
                VKS_ERR_MODEL, "%s %s is no adapter of a grid of %u cells a side", gate->name, VKR_SHAPE(&gate->desc),
                e->grid);
    e->adapter = gate->desc.dim[0];
    return VKS_OK;
}

vks_status sam_encoder_open(struct sam_encoder *e, struct schema *schema, const struct hyper *hyper, bool adapters)
{
    uint32_t head;
    *e = (struct sam_encoder){ 0 };
    VKS_TRY(measure(e, schema));
    if (adapters)
        VKS_TRY(choose_adapters(e, schema, hyper));
    VKS_TRY(measure_blocks(e, schema, &head));
    VKS_TRY(choose_heads(e, hyper, head));
    VKS_TRY(choose_windows(e, hyper));
    sam_encoder_tensors(e, schema);
    return VKS_OK;
}

/* What is computed: projections see real tokens, attention of windows their padding too (its queries: on GPUs). */
double sam_encoder_gmac(const struct sam_encoder *e)
{
    double cells = (double)e->grid * e->grid, d = e->width, c = e->channels;
    double sum = cells * d * 3 * e->patch * e->patch + cells * c * (d + 9 * c);
    for (uint32_t i = 0; i < e->depth; i++) {
        uint32_t window = e->blocks[i].window, span = window ? window : e->grid;
        double rows = window ? (e->grid + window - 1) / window : 1, tokens = rows * rows * span * span;
        sum += cells * d * (4 * d + 2 * e->hidden) + 2 * tokens * span * span * d;
        if (e->blocks[i].table_h)
            sum += 2 * tokens * span * d;
        if (e->adapter && !e->adapters_off)
            sum += cells / 4 * d * d * (9 + 16) + 2 * d * e->adapter;
    }
    return sum * 1e-9;
}
