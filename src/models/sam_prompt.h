/* sam_prompt.h: SAM's encoding of points and boxes, on the host in double: positions become random Fourier features. */
#ifndef VKS_SAM_PROMPT_H
#define VKS_SAM_PROMPT_H

#include "models/schema.h"
#include "prompt/prompt.h"

struct sam_prompt {
    uint32_t channels; /* C */
    uint32_t side;     /* of the square the encoder sees: coordinates are divided by it */
    float *matrix;     /* [2, C / 2] */
    float *labels;     /* [5, C]: background, foreground, top left, bottom right, not a point */
};

/* Adds the tensors to a schema: pe_layer, point_embeddings, not_a_point_embed under prompt_encoder. */
void sam_prompt_schema(struct schema *schema, uint32_t channels);

/* Reads them. Free also after a failure. Errors: HOST_MEMORY, MODEL (an element type that is no number). */
vks_status sam_prompt_open(const struct schema *schema, uint32_t channels, uint32_t side, struct sam_prompt *out);
void sam_prompt_free(struct sam_prompt *prompt);

/* Rows that the object needs: its points, and a padding row when it has points but no box. */
uint32_t sam_prompt_tokens(const struct prompt_object *object);

/* One point with its label, or the padding row, as a row [C]. */
void sam_prompt_point(const struct sam_prompt *prompt, const struct prompt_point *point, float *row);
void sam_prompt_padding(const struct sam_prompt *prompt, float *row);

/* rows: [tokens, C]. */
void sam_prompt_embed(const struct sam_prompt *prompt, const struct prompt_object *object, float *rows);

/* The position of each cell of the embedding: [grid * grid, C]. */
void sam_prompt_dense(const struct sam_prompt *prompt, uint32_t grid, float *dst);

#endif
