/* volume_score.c: agreement of label maps as surface-distance measures it (make_scores.py); the distance transform against the
 * distances themselves. */
//! test src_volume_score
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "volume/distance.h"
#include "vkseg/vkseg_volume.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct blob { int64_t centre[3], weight[3], radius, noise; };
struct score_case {
    uint32_t size[3];
    struct blob prediction, truth;
    double spacing[3], tolerance, dice, iou, hd95, surface_dice, mean_distance;
};

static const struct score_case cases[] = {
#include "src/score_cases.h"
};

enum { LABEL = 3, MOST = 64 * 64 * 64 };

static void make(const struct blob *blob, const uint32_t size[3], uint16_t *out)
{
    for (int64_t k = 0; k < size[2]; k++)
        for (int64_t j = 0; j < size[1]; j++)
            for (int64_t i = 0; i < size[0]; i++) {
                const int64_t index[3] = { i, j, k };
                int64_t sum = 0;
                for (int c = 0; c < 3; c++)
                    sum += blob->weight[c] * (2 * index[c] - blob->centre[c]) * (2 * index[c] - blob->centre[c]);
                bool inside = sum <= blob->radius;
                if (blob->noise)
                    inside ^= (i * 7919 + j * 104729 + k * 1299709 + i * j * 31 + j * k * 17) % blob->noise == 0;
                *out++ = inside ? LABEL : (uint16_t)(i % 2);
            }
}

static void expect(const char *what, size_t number, double got, double wanted)
{
    const bool is_same = isnan(wanted) ? isnan(got) : isinf(wanted) ? isinf(got) : fabs(got - wanted) <= 1e-9 * fmax(1, fabs(wanted));
    if (!is_same)
        fail_msg("case %zu: %s is %.12g, expected %.12g", number, what, got, wanted);
}

static void agrees_with_surface_distance(void **state)
{
    (void)state;
    uint16_t *maps = malloc(2 * MOST * sizeof *maps);
    assert_non_null(maps);
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        const struct score_case *c = &cases[n];
        vks_score score;
        const vks_score_params params = { sizeof params, c->tolerance, c->size[2] == 1 };
        make(&c->prediction, c->size, maps);
        make(&c->truth, c->size, maps + MOST);
        assert_int_equal(vks_score_label(maps, maps + MOST, c->size, c->spacing, LABEL, &params, &score), VKS_OK);
        expect("Dice", n, score.dice, c->dice);
        expect("IoU", n, score.iou, c->iou);
        expect("HD95", n, score.hd95, c->hd95);
        expect("surface Dice", n, score.surface_dice, c->surface_dice);
        expect("mean distance", n, score.mean_distance, c->mean_distance);
    }
    free(maps);
}

static void distances_are_exact(void **state)
{
    (void)state;
    enum { X = 7, Y = 9, Z = 5, COUNT = X * Y * Z };
    const size_t size[3] = { X, Y, Z };
    const double spacing[3] = { 0.7, 1.3, 2.9 };
    for (uint32_t seed = 1; seed < 40; seed++) {
        double squares[COUNT];
        bool point[COUNT];
        uint32_t random = seed * 2654435761u;
        for (int i = 0; i < COUNT; i++) {
            random = random * 1664525u + 1013904223u;
            point[i] = (random >> 16) % (3 * seed) == 0;
            squares[i] = point[i] ? 0 : INFINITY;
        }
        assert_int_equal(distance_squares(squares, size, spacing), VKS_OK);
        for (int q = 0; q < COUNT; q++) {
            double least = INFINITY;
            for (int p = 0; p < COUNT; p++) {
                const double x = spacing[0] * (q % X - p % X), y = spacing[1] * (q / X % Y - p / X % Y),
                             z = spacing[2] * (q / (X * Y) - p / (X * Y));
                if (point[p])
                    least = fmin(least, x * x + y * y + z * z);
            }
            expect("square", (size_t)q, squares[q], least);
        }
    }
}

static void knows_labels_from_images(void **state)
{
    (void)state;
    float values[2] = { 3, 70000 };
    uint16_t out[2];
    vks_volume volume = { .voxels = values, .type = VKS_PIXEL_F32, .size = { 2, 1, 1 }, .channels = 1 };
    assert_int_equal(vks_volume_labels(&volume, out), VKS_ERR_ARGUMENT);
    values[1] = 0.5f;
    assert_int_equal(vks_volume_labels(&volume, out), VKS_ERR_ARGUMENT);
    values[1] = NAN;
    assert_int_equal(vks_volume_labels(&volume, out), VKS_ERR_ARGUMENT);
    values[1] = 65535;
    assert_int_equal(vks_volume_labels(&volume, out), VKS_OK);
    assert_int_equal(out[0], 3);
    assert_int_equal(out[1], 65535);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Percentiles of the values above 0 against a sorted copy, of every type. */
static void measures_ranges(void **state)
{
    (void)state;
    enum { COUNT = 5 * 7 * 11 };
    float floats[COUNT];
    int16_t shorts[COUNT];
    uint32_t random = 12345;
    for (int i = 0; i < COUNT; i++) {
        random = random * 1664525u + 1013904223u;
        shorts[i] = (int16_t)((int)(random >> 16) % 3000 - 1024);
        floats[i] = (float)shorts[i] * 0.37f;
    }
    floats[7] = NAN;
    floats[8] = -INFINITY;
    for (int is_float = 0; is_float < 2; is_float++) {
        const vks_volume volume = { .voxels = is_float ? (void *)floats : (void *)shorts, .size = { 5, 7, 11 }, .channels = 1,
                                    .type = is_float ? VKS_PIXEL_F32 : VKS_PIXEL_I16 };
        double sorted[COUNT];
        size_t count = 0;
        for (int i = 0; i < COUNT; i++) {
            const double value = is_float ? (double)floats[i] : shorts[i];
            if (value > 0)
                sorted[count++] = value;
        }
        qsort(sorted, count, sizeof *sorted, ascending);
        for (double percent = 0; percent <= 100; percent += 12.5) {
            const double place = percent / 100 * (double)(count - 1);
            const size_t below = (size_t)place;
            const double above = below + 1 < count ? sorted[below + 1] : sorted[below];
            vks_volume_range range;
            assert_int_equal(vks_volume_get_range(&volume, percent, 99.5, &range), VKS_OK);
            assert_int_equal(range.positive, count);
            expect("percentile", (size_t)percent, range.low, sorted[below] + (above - sorted[below]) * (place - (double)below));
            assert_true(range.least < 0 && range.most == sorted[count - 1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(agrees_with_surface_distance), cmocka_unit_test(distances_are_exact),
                                        cmocka_unit_test(knows_labels_from_images),
                                        cmocka_unit_test(measures_ranges) };
    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}
