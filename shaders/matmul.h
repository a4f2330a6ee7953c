/* matmul.h: contract between matmul*.comp and runtime/ops/matmul.c. */
#ifndef MATMUL_H
#define MATMUL_H
#include "shared.h"

/* tile family: a workgroup of MATMUL_LOCAL invocations makes MATMUL_TILE x MATMUL_TILE outputs */
#define MATMUL_LOCAL 128
#define MATMUL_TILE 64
#define MATMUL_DEPTH 16

/* vec family: a workgroup of eight lanes makes MATMUL_VEC_ROWS (wide: MATMUL_WIDE_ROWS) x MATMUL_PANEL outputs. Wide takes
 * K by eight; its workgroups are (row tiles of a block, panels, batch * blocks). Its cells variants take the rows by
 * 2 x 2 cells and store the maximum of each.
 * Weight panels: [batch][ceil(N / 32)][ceil4(K) + 4][32]; the four extra rows hold the bias as a sum of two values (so
 * that 16-bit panels keep its precision), then zeros. Row panels: [batch][ceil(M / 8)][ceil4(K) / 4][8] vec4. */
#define MATMUL_VEC_ROWS 16
#define MATMUL_WIDE_ROWS 32
#define MATMUL_PANEL 32
#define MATMUL_BIAS_ROWS 4

/* coopmat family: operands as f16 rows, padded with zeros: [batch][rows, a multiple of the tile][a multiple of the depth] */
#define MATMUL_COOPMAT_DEPTH 32
#define MATMUL_COOPMAT2_LOCAL 256

struct matmul_args {
    uint m, n, k;
    uint x_batch, w_batch;  /* elements between batches (vec: texels, coopmat: uvec4); 0 repeats */
    uint act;               /* enum vkr_activation: 0, 1 or 2 */
    uint flags;             /* 1: bias, 2: residual, 4: x is in row panels (vec), 8: y too (vec) */
    uint zero;              /* 0, and the compiler must not know it (vec) */
    uint blocks;            /* blocks of rows (wide) */
    uint cells_w;           /* cells in a row of the grid (wide_cells) */
};
VKR_ARGS_FIT(matmul_args)

/* matmul_pack: one invocation per output vec4; matmul_rows: likewise */
#define MATMUL_PACK_LOCAL 64
struct matmul_pack_args {
    uint rows, k;           /* rows: N (pack) or M (rows) */
    uint panels;            /* per batch */
    uint count;             /* vec4 to write in all */
    uint bias;              /* 1: bias is bound */
};
VKR_ARGS_FIT(matmul_pack_args)

struct matmul_half_args {
    uint rows, padded, k;   /* per batch: rows read, rows written */
    uint count;             /* uvec4 to write in all */
};
VKR_ARGS_FIT(matmul_half_args)
#endif
