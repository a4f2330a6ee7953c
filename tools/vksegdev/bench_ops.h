/* bench_ops.h: what `vksegdev bench ops` measures, and how it is kept. */
#ifndef DEV_BENCH_OPS_H
#define DEV_BENCH_OPS_H

#include "dev.h"

#include "base/mem.h"
#include "gpu/rates.h"
#include "graph/graph.h"

/* One operator of the model at one shape in one kernel variant. */
struct op_row {
    const char *op, *stage;     /* "matmul", "encode" */
    char kernel[72];            /* its last dispatch, the others only prepare: "matmul_vec.vec" */
    char shape[240];            /* operands -> result */
    uint32_t count;             /* how often the model has it */
    bool chosen;                /* the model takes this variant by itself */
    double ms, flops, bytes;    /* of one call: median; bytes: operands and result, each counted once */
};

struct op_bench {
    struct op_row *rows;
    uint32_t count, capacity;
    struct vkr_arena names;
    struct vkr_rates rates;
    char device[256], driver[256];
};

/* Percent of what the device could do at best. */
double op_row_share(const struct op_bench *bench, const struct op_row *row);

/* A table on stdout; next to the times of `previous`, a file that ops_write made (may be NULL). Errors: NOT_FOUND,
 * CORRUPT. */
vks_status ops_print(const struct op_bench *bench, const char *previous);

/* Errors: OUTPUT. */
vks_status ops_write(const struct op_bench *bench, const char *path, bool overwrite);

#endif
