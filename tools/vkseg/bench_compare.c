/* bench_compare.c: two documents of `vkseg bench --json` side by side. A difference counts only when the middle ninety
 * per cent of the two do not overlap. */
#include "bench.h"

#include "message.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

static int load(const char *path, json_t **out)
{
    json_error_t error;
    *out = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!*out && json_error_code(&error) == json_error_cannot_open_file)
        return fail(INPUT_MISSING, "Check the path.", "'%s' cannot be opened.", path);
    const json_t *schema = json_object_get(*out, "schema"), *version = json_object_get(*out, "schema_version");
    if (!json_is_string(schema) || strcmp(json_string_value(schema), "vkseg.bench") != 0 || !json_is_integer(version))
        return fail(INPUT_BAD, "`vkseg bench -m MODEL --json >FILE` writes one.",
                    "'%s' is no result of `vkseg bench --json`.", path);
    if (json_integer_value(version) != 1)
        return fail(INPUT_BAD, "Measure again with this version.",
                    "'%s' has schema version %lld; this program reads 1.", path,
                    (long long)json_integer_value(version));
    return 0;
}

/* "model.family" and the like; "" when absent. */
static const char *text_at(const json_t *document, const char *outer, const char *inner)
{
    const json_t *value = json_object_get(document, outer);
    value = inner ? json_object_get(value, inner) : value;
    return json_is_string(value) ? json_string_value(value) : "";
}

static void note_differences(const json_t *a, const json_t *b)
{
    static const char *const places[][2] = {
        { "model", "name" }, { "precision", NULL }, { "device", "name" }, { "device", "driver" }, { "version", NULL },
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *x = text_at(a, places[i][0], places[i][1]), *y = text_at(b, places[i][0], places[i][1]);
        if (strcmp(x, y) != 0)
            note("note: %s%s%s differs: %s, and %s", places[i][0], places[i][1] ? " " : "",
                 places[i][1] ? places[i][1] : "", x, y);
    }
}

/* Median, p05 and p95 of a row; zero when absent. */
static struct summary summary_at(const json_t *document, const char *row)
{
    const json_t *wall =
        json_object_get(json_object_get(json_object_get(json_object_get(document, "warm"), "stages"), row), "wall_ms");
    return (struct summary){ json_number_value(json_object_get(wall, "median")),
                             json_number_value(json_object_get(wall, "p05")),
                             json_number_value(json_object_get(wall, "p95")) };
}

static const char *judge(struct summary a, struct summary b)
{
    return b.p95 < a.p05 ? "faster" : a.p95 < b.p05 ? "slower" : "same";
}

static int print_rows(const json_t *a, const json_t *b)
{
    printf("%-12s %12s %12s %8s  warm wall ms, median\n", "", "first", "second", "ratio");
    for (int row = 0; row < BENCH_ROWS; row++) {
        struct summary x = summary_at(a, bench_row_name(row)), y = summary_at(b, bench_row_name(row));
        printf("%-12s %12.2f %12.2f ", bench_row_name(row), x.median, y.median);
        if (x.median > 0)
            printf("%8.3f  %s\n", y.median / x.median, judge(x, y));
        else
            printf("%8s\n", "-");
    }
    return 0;
}

static json_t *make_rows(const json_t *a, const json_t *b)
{
    json_t *rows = json_object();
    for (int row = 0; row < BENCH_ROWS; row++) {
        struct summary x = summary_at(a, bench_row_name(row)), y = summary_at(b, bench_row_name(row));
        json_object_set_new(rows, bench_row_name(row),
                            json_pack("{s:f, s:f, s:o, s:s}", "first_ms", x.median, "second_ms", y.median, "ratio",
                                      x.median > 0 ? json_real(y.median / x.median) : json_null(), "verdict",
                                      judge(x, y)));
    }
    return json_pack("{s:s, s:i, s:o}", "schema", "vkseg.bench.compare", "schema_version", 1, "stages", rows);
}

int bench_compare(const char *first, const char *second, int is_json)
{
    json_t *a = NULL, *b = NULL;
    int code = load(first, &a);
    if (!code)
        code = load(second, &b);
    if (!code)
        note_differences(a, b);
    if (!code)
        code = is_json ? print_json(make_rows(a, b)) : print_rows(a, b);
    json_decref(a);
    json_decref(b);
    return code;
}
