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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(agrees_with_surface_distance), cmocka_unit_test(distances_are_exact),
                                        cmocka_unit_test(knows_labels_from_images) };
    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}
