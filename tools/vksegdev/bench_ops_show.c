/* bench_ops_show.c: the results of `vksegdev bench ops`, as a table and as a file for the next time. */
#include "bench_ops.h"

#include "vkseg/vkseg_io.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double op_row_share(const struct op_bench *bench, const struct op_row *row)
{
    const struct vkr_rates *rates = &bench->rates;
    double arithmetic = strstr(row->kernel, "coop") && rates->matrix_gflops > 0 ? rates->matrix_gflops : rates->f32_gflops;
    double memory = fmax(rates->read_gbs, rates->copy_gbs);
    double bound = fmax(arithmetic > 0 ? row->flops / arithmetic : 0, memory > 0 ? row->bytes / memory : 0) * 1e-6;
    return row->ms > 0 ? 100 * bound / row->ms : 0;
}

/* Milliseconds of the same call in an earlier result; 0 when it has none. */
static double earlier_ms(const json_t *previous, const struct op_row *row)
{
    const json_t *list = json_object_get(previous, "rows"), *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        const char *keys[] = { "op", "stage", "kernel", "shape" }, *values[] = { row->op, row->stage, row->kernel, row->shape };
        bool same = true;
        for (int k = 0; k < 4 && same; k++) {
            const char *text = json_string_value(json_object_get(entry, keys[k]));
            same = text && strcmp(text, values[k]) == 0;
        }
        if (same)
            return json_number_value(json_object_get(entry, "ms"));
    }
    return 0;
}

static vks_status read_previous(const char *path, json_t **out)
{
    json_error_t error;
    *out = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    VKS_REQUIRE(*out || json_error_code(&error) != json_error_cannot_open_file, VKS_ERR_NOT_FOUND, "cannot open %s", path);
    const char *schema = json_string_value(json_object_get(*out, "schema"));
    VKS_REQUIRE(schema && strcmp(schema, "vkseg.ops") == 0 && json_integer_value(json_object_get(*out, "schema_version")) == 1,
                VKS_ERR_CORRUPT, "%s is no result of `vksegdev bench ops -o FILE`", path);
    return VKS_OK;
}

static void print_row(const struct op_bench *bench, const struct op_row *row, const json_t *previous)
{
    printf("%-9s %-7s %c %-28s %5u %10.3f %9.1f %8.2f %6.1f ", row->op, row->stage, row->chosen ? '*' : ' ', row->kernel, row->count,
           row->ms, row->ms > 0 ? row->flops / row->ms * 1e-6 : 0, row->ms > 0 ? row->bytes / row->ms * 1e-6 : 0,
           op_row_share(bench, row));
    double earlier = previous ? earlier_ms(previous, row) : 0;
    if (earlier > 0)
        printf("%10.3f %6.2fx", earlier, earlier / row->ms);
    else if (previous)
        printf("%18s", "-");
    printf("  %s\n", row->shape);
}

/* Operator by operator, call by call, so that the variants of one call stand together. */
static int by_call(const void *a, const void *b)
{
    const struct op_row *x = a, *y = b;
    int order = strcmp(x->op, y->op);
    order = order ? order : strcmp(x->stage, y->stage);
    order = order ? order : x->flops < y->flops ? 1 : x->flops > y->flops ? -1 : strcmp(x->shape, y->shape);
    return order ? order : x->ms < y->ms ? -1 : x->ms > y->ms;
}

vks_status ops_print(const struct op_bench *bench, const char *previous)
{
    json_t *earlier = NULL;
    if (previous) {
        vks_status status = read_previous(previous, &earlier);
        if (status != VKS_OK) {
            json_decref(earlier);
            return status;
        }
    }
    if (bench->count)
        qsort(bench->rows, bench->count, sizeof *bench->rows, by_call);
    printf("%s, %s\nbest rates: f32 %.1f GFLOP/s, f16 %.1f, cooperative matrix %.1f, read %.1f GB/s, copy %.1f GB/s\n"
           "*: the model's own choice. %%: of the best rates, arithmetic or bytes.\n\n", bench->device, bench->driver,
           bench->rates.f32_gflops, bench->rates.f16_gflops, bench->rates.matrix_gflops, bench->rates.read_gbs,
           bench->rates.copy_gbs);
    printf("%-9s %-7s   %-28s %5s %10s %9s %8s %6s %s%s\n", "operator", "stage", "kernel", "calls", "ms", "GFLOP/s", "GB/s", "%",
           previous ? "   earlier  ratio" : "", "  shape");
    for (uint32_t i = 0; i < bench->count; i++)
        print_row(bench, &bench->rows[i], earlier);
    json_decref(earlier);
    return VKS_OK;
}

vks_status ops_write(const struct op_bench *bench, const char *path, bool overwrite)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < bench->count; i++) {
        const struct op_row *row = &bench->rows[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:f, s:f, s:f, s:f}", "op", row->op, "stage", row->stage,
                                              "kernel", row->kernel, "shape", row->shape, "calls", (json_int_t)row->count, "chosen",
                                              row->chosen, "ms", row->ms, "gflop", row->flops * 1e-9, "gbyte", row->bytes * 1e-9,
                                              "percent", op_row_share(bench, row)));
    }
    json_t *document = json_pack("{s:s, s:i, s:s, s:s, s:{s:f, s:f, s:f, s:f, s:f}, s:o}", "schema", "vkseg.ops", "schema_version", 1,
                                 "device", bench->device, "driver", bench->driver, "rates", "f32_gflops", bench->rates.f32_gflops,
                                 "f16_gflops", bench->rates.f16_gflops, "matrix_gflops", bench->rates.matrix_gflops, "read_gbs",
                                 bench->rates.read_gbs, "copy_gbs", bench->rates.copy_gbs, "rows", rows);
    char *text = document ? json_dumps(document, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(document);
    VKS_REQUIRE(text, VKS_ERR_HOST_MEMORY, "out of memory for the result");
    vks_status status = vks_io_write_text(path, text, overwrite);
    free(text);
    return status;
}
