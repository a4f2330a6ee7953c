/* attention.h: contract between attention*.comp and runtime/ops/attention.c. */
#ifndef ATTENTION_H
#define ATTENTION_H
#include "shared.h"

#define ATTENTION_LOCAL 64      /* portable: one query row per invocation */
#define ATTENTION_KEYS 16       /* portable: keys per shared-memory tile */
#define ATTENTION_VEC_ROWS 16   /* vec: query rows per workgroup of eight lanes */
#define ATTENTION_VEC_KEYS 32   /* vec: keys per tile */
#define ATTENTION_PACK_LOCAL 64

/* The vec family orders keys by padded position: with a relative position, grid rows are padded to a multiple of four
 * columns, p = ky * width + kx; otherwise p is the key. Positions are padded to a multiple of 32. Rows of a bias have the keys
 * of each 32 in the order that lanes take them: a lane's four are eight apart. */
struct attention_args {
    uint batch, heads, head_dim;
    uint queries, keys;
    uint q_at, k_at, v_at;      /* first element of head 0 in a row (vec: texel; relative: unused) */
    uint q_row, k_row, v_row;   /* elements per row (vec: texels) */
    uint kv_batch;              /* 1: k and v have a batch of their own; 0: shared */
    float scale;
    uint grid_w, grid_h;        /* 0: no relative position */
    uint width, positions;      /* vec: padded grid width; vec and coopmat: padded key positions */
    uint window_h, window_w;    /* vec: a batch element's queries are those of a window of these rows and columns .. */
    uint image_h, image_w;      /* .. that lie on its grid, which o is (window.glsl); of one window when it is not cut */
    uint down, across;          /* vec: windows of a grid */
    uint tiles, tiles_last;     /* vec: row tiles of all heads of a whole window; of one in the last row of windows */
    uint tiles_across;          /* vec: of a row of windows, but for the last row */
    uint key_window_h, key_window_w, key_image_h, key_image_w;      /* vec, not relative: of keys and values .. */
    uint fill;                  /* .. 1: those beyond their grid are a fill; 0: zeros */
    uint zero;                  /* 0, and the compiler must not know it */
};
VKR_ARGS_FIT(attention_args)

/* Queries of vec are numbered within the part of their window that lies on the grid, row by row: those beyond it have no
 * place in the result and are not computed.
 *
 * Packing for vec with a relative position: queries [B, H, ceil(Nq/8), D/4, 8] vec4; keys [B, H, P/32, D, 8] vec4 (32
 * positions of one d); values [B, H, P, D/4] vec4. */
struct attention_pack_args {
    uint heads, dim4;           /* dim4: head_dim / 4 */
    uint tokens;                /* real ones per batch */
    uint positions;             /* padded ones */
    uint at4, row4;             /* vec4 offset of head 0, vec4 per row */
    uint grid_w, width;         /* position -> token when grid_w != 0 */
    uint window;                /* *_window: batch elements are windows of so many tokens a side .. */
    uint image_h, image_w;      /* .. of a grid of tokens; those beyond it are a fill .. */
    uint fill;                  /* .. 1: of its own; 0: zeros */
    uint inside;                /* queries_window, 1: only those on the grid */
};
VKR_ARGS_FIT(attention_pack_args)

/* Packing for coopmat: f16 [batch, heads, padded, width]. */
struct attention_half_args {
    uint heads, head_dim;
    uint tokens, padded;        /* per batch: read, written */
    uint at, row;               /* first element of head 0, elements per row */
    uint width;                 /* head_dim, padded */
    uint count;                 /* invocations */
};
VKR_ARGS_FIT(attention_half_args)

/* Relative position terms: q·rel[qy - ky + K - 1]. */
struct attention_rel_args {
    uint heads, head_dim, queries, batch;
    uint q_at, q_row;           /* portable: elements; vec: unused */
    uint grid_h, grid_w;
    uint rows, width;           /* vec: padded rows and columns; the rest is -1e30 */
    uint image_h, image_w;      /* vec: as above, of windows of grid_h x grid_w */
    uint count;                 /* invocations */
};
VKR_ARGS_FIT(attention_rel_args)

/* An additive bias [heads, queries, keys], its rows padded to `positions`. */
struct attention_bias_args {
    uint keys, positions;
    uint count;                 /* invocations */
};
VKR_ARGS_FIT(attention_bias_args)
#endif
