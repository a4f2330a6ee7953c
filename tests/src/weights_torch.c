/* weights_torch.c: the pickles of PyTorch checkpoints: what must open, what lies, what attacks. */
//! test src_weights_torch
#include "weights_build.h"

static const int64_t shape[] = { 2, 3 }, stride[] = { 3, 1 };

/* Takes the pickle away. */
static vks_status open_pickle(struct bytes *pickle, struct weights **weights)
{
    struct bytes file = make_torch(pickle);
    vks_status status = open_copy(file.data, file.size, weights);
    if (status == VKS_OK)
        read_everything(*weights);
    drop(&file);
    drop(pickle);
    return status;
}

#define refuse(word, pickle) \
    do { \
        struct weights *weights_; \
        assert_refused(VKS_ERR_MODEL, word, open_pickle(&(pickle), &weights_)); \
        assert_null(weights_); \
    } while (0)

/* A pickle from literal bytes. */
static struct bytes literal(const void *data, size_t size)
{
    struct bytes p = { NULL, 0 };
    add(&p, data, size);
    return p;
}
#define LITERAL(text) literal(text, sizeof(text) - 1)

static void expect_one(struct bytes *pickle, const char *name)
{
    struct weights *weights;
    assert_ok(open_pickle(pickle, &weights));
    assert_int_equal(weights_count(weights), 1);
    assert_string_equal(weights_at(weights, 0)->name, name);
    assert_int_equal(weights_at(weights, 0)->desc.rank, 2);
    assert_string_equal(weights_format(weights), "torch zip");
    weights_close(&weights);
}

/* The same dictionary under every wrapper, with things beside it that are of no use. */
static void unwraps(void **state)
{
    (void)state;
    static const char *const wrappers[] = { "model", "state_dict", "network_weights", "model_state_dict" };
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        struct bytes p = LITERAL("\x80\x02}(");
        p_text(&p, "epoch");
        add_string(&p, "K\x07");
        p_text(&p, "best");                             /* a tensor beside the wrapper does not count */
        p_tensor(&p, "FloatStorage", "1", 16, 0, 0, shape, stride);
        p_text(&p, wrappers[i]);
        add_string(&p, "}");
        p_text(&p, "module.w");
        p_tensor(&p, "FloatStorage", "0", 16, 0, 2, shape, stride);
        add_string(&p, "su.");
        expect_one(&p, "w");
    }
    struct bytes p = LITERAL("\x80\x02}");              /* {"model": "vit_b", "w": ...}: a name, no wrapper */
    p_text(&p, "model");
    p_text(&p, "vit_b");
    add_string(&p, "s");
    p_text(&p, "w");
    p_tensor(&p, "FloatStorage", "0", 16, 0, 2, shape, stride);
    add_string(&p, "s.");
    expect_one(&p, "w");
    p = LITERAL("\x80\x02}");                           /* {"state_dict": {"model": {"w": ...}}} */
    p_text(&p, "state_dict");
    add_string(&p, "}");
    p_text(&p, "model");
    add_string(&p, "}");
    p_text(&p, "w");
    p_tensor(&p, "FloatStorage", "0", 16, 0, 2, shape, stride);
    add_string(&p, "sss.");
    expect_one(&p, "w");
}

/* What trainers leave beside weights: floats, lists, sets, bytes, numpy scalars, long integers, attributes. */
static void skips_what_is_of_no_use(void **state)
{
    (void)state;
    struct bytes p = LITERAL("\x80\x04\x95\0\0\0\0\0\0\0\0}\x94(");
    p_text(&p, "history");
    add(&p, "](G\0\0\0\0\0\0\0\0NeN0", 14);
    add_string(&p, "N");
    p_text(&p, "score");
    p_global(&p, "numpy.core.multiarray", "scalar");
    p_global(&p, "numpy", "dtype");
    add_string(&p, "\x8c\x02" "f8\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK");
    add(&p, "\0tb", 3);
    add(&p, "C\x08\0\0\0\0\0\0\0\0\x86R", 12);
    p_text(&p, "args");
    p_global(&p, "argparse", "Namespace");
    add_string(&p, ")\x81}\x8c\x02lrK\x01sb");
    p_text(&p, "big");
    add_string(&p, "\x8a\x0a..........");
    add_string(&p, "K\x05");                            /* a key that is no text */
    p_tensor(&p, "FloatStorage", "2", 16, 0, 0, shape, stride);
    add_string(&p, "\x8f(K\x01K\x02\x90K\x01");         /* a set as key */
    p_text(&p, "w");
    p_tensor(&p, "FloatStorage", "0", 16, 0, 2, shape, stride);
    add_string(&p, "u}\x8c\x09_metadataK\x01sb.");
    expect_one(&p, "w");
}

static void parameters_memo_and_protocol_4(void **state)
{
    (void)state;
    struct bytes p = LITERAL("\x80\x04}");
    p_text(&p, "w");
    add_string(&p, "\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_parameter\x94\x93\x94");
    p_tensor(&p, "HalfStorage", "0", 32, 2, 2, shape, stride);
    add_string(&p, "\x88");
    p_global(&p, "collections", "OrderedDict");
    add_string(&p, ")R\x87R\x94s.");
    expect_one(&p, "w");
}

static void refuses_code(void **state)
{
    (void)state;
    static const char *const names[][3] = {
        { "os", "system", "os.system" }, { "posix", "system", "posix.system" }, { "builtins", "eval", "builtins.eval" },
        { "__builtin__", "getattr", "__builtin__.getattr" }, { "builtins", "exec", "builtins.exec" },
        { "subprocess", "Popen", "subprocess.Popen" }, { "torch.nn.modules.linear", "Linear", "linear.Linear" },
        { "torch", "load", "torch.load" }, { "torch", "floatx", "no dictionary" },
        { "torch._utils", "_rebuild_tensor", "_rebuild_tensor" },
        { "torch._utils _rebuild_tensor_v2", "", "v2" }, { "", "", "run ." }, { "torch", "", "torch." },
        { "collections OrderedDict", "x", "OrderedDict.x" }, { "\x1b[31m", "\x07", "?[31m.?" },
        { "numpy", "load", "numpy.load" },
        { "numpy.core.multiarray", "scalarx", "scalarx" }, { "torch", "FloatStorages", "FloatStorages" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bytes p = LITERAL("\x80\x02");
        p_global(&p, names[i][0], names[i][1]);
        p_text(&p, "touch /tmp/owned");
        add_string(&p, "\x85R.");
        refuse(names[i][2], p);
    }
    struct bytes p = LITERAL("\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.");
    refuse("os.system", p);
    p = LITERAL("\x80\x02(ios\nsystem\n.");             /* INST */
    refuse("0x69", p);
    p = LITERAL("\x80\x02(cos\nsystem\no.");            /* the global comes first */
    refuse("os.system", p);
    p = LITERAL("\x80\x02\x82\x01.");                   /* EXT1 */
    refuse("0x82", p);
    p = LITERAL("\x80\x02Pid\n.");
    refuse("0x50", p);
    p = LITERAL("(dp0\n.");                             /* protocol 0 */
    refuse("0x64", p);
}

static void refuses_malformed_pickles(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t size; } cases[] = {
#define CASE(text) { text, sizeof(text) - 1 }
        CASE(""), CASE("\x80"), CASE("\x80\x02"), CASE("."), CASE("\x80\x02."), CASE("NN."), CASE("(."), CASE("(N."),
        CASE("N0."), CASE("0"), CASE("1"), CASE("2"), CASE("t."), CASE("\x85."), CASE("N\x86."), CASE("(\x85"),
        CASE("}N\x73."), CASE("}NNs"), CASE("s."), CASE("u."), CASE("}(Nu."), CASE("(u."), CASE("N(NNu."), CASE("N(e."),
        CASE("]a"), CASE("Na"), CASE("(e."), CASE("h\0."), CASE("Nq\0h\1."), CASE("j\xff\xff\xff\xff."), CASE("q\0."),
        CASE("\x94."), CASE("(\x94."), CASE("Nr\xff\xff\xff\xff."), CASE("Nr\0\0\x40\0."), CASE("X\xff\xff\xff\xff."),
        CASE("X\4\0\0\0abc"), CASE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."),
        CASE("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"),
        CASE("\x8c"), CASE("\x8c\1"), CASE("U\1"), CASE("T\xff\xff\xff\xff"), CASE("B\xff\xff\xff\xff"), CASE("C\1"),
        CASE("\x8e\xff\xff\xff\xff\xff\xff\xff\xff."), CASE("\x96\1\0\0\0\0\0\0\0"), CASE("K"), CASE("M\1"),
        CASE("J\1\1\1"),
        CASE("G\0\0\0"), CASE("\x8a\2\1"), CASE("\x8b\xff\xff\xff\xff"), CASE("\x8a"), CASE("\x95\1"), CASE("c"),
        CASE("ca"),
        CASE("ca\n"), CASE("ca\nb"), CASE("\x93."), CASE("N\x93"), CASE("NN\x93"), CASE("\x8c\1aN\x93"), CASE("Q."),
        CASE("NQ."), CASE(")Q."), CASE("(NNNNNtQ."), CASE("R"), CASE("NR"), CASE("NNR"), CASE("N)R."), CASE("))R."),
        CASE("N)\x81."), CASE("NNN\x92."), CASE("N\x92."), CASE("b"), CASE("Nb."), CASE("(Nb."),
        CASE("ctorch\nFloatStorage\n)R."),
        CASE("ccollections\nOrderedDict\nNR."), CASE("ccollections\nOrderedDict\nN\x85R."),
        CASE("ctorch._utils\n_rebuild_tensor_v2\n)R."), CASE("ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR."),
        CASE("ctorch._utils\n_rebuild_parameter\n(NNNtR."), CASE("ctorch._utils\n_rebuild_parameter\n)R."),
        CASE("\xff."), CASE("I1\n."), CASE("N.N"), CASE("]."), CASE("}."), CASE("K\1."),
        CASE("ccollections\nOrderedDict\n)R."),
        CASE("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\0\0\0\0J\xff\xff\xff\xfftQ."),
        CASE("(X\7\0\0\0storagectorch\nSize\nX\1\0\0\0000X\0\0\0\0K\1tQ."),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes p = literal(cases[i].bytes, cases[i].size);
        refuse("", p);
    }
}

/* Each of these asks for far more than its own size, or for depth; all end quickly, refused or as data. */
static void refuses_bombs(void **state)
{
    (void)state;
    enum { MANY = 5 << 20 };
    static const char *const repeated[] = { "(", "N", "]", "}", ")", "}0", "(1", "N\x85", "}NNs0", "M\1\0010" };
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        struct bytes p = { NULL, 0 };
        size_t length = strlen(repeated[i]);
        p.data = malloc(MANY * length + 2);
        assert_non_null(p.data);
        p.size = 1;
        p.data[0] = 'N';
        for (size_t k = 0; k < MANY; k++, p.size += length)
            memcpy(p.data + p.size, repeated[i], length);
        p.data[p.size++] = '.';
        refuse("", p);
    }
    struct bytes p = LITERAL("]");                      /* a list of itself, doubled a thousand times */
    add(&p, "q\0", 2);
    for (int i = 0; i < 1000; i++)
        add(&p, "h\0h\0\x86q\0", 7);
    add_string(&p, ".");
    refuse("", p);
    p = LITERAL("}q\0h\0sh\0.");
    refuse("", p);
    p = LITERAL("}q\0X\5\0\0\0modelh\0s.");             /* {"model": itself} */
    refuse("no dictionary of tensors", p);
    p = LITERAL("N");
    for (uint64_t i = 0; i < 64; i++) {                 /* scattered memo numbers up to the limit */
        add_string(&p, "r");
        add_number(&p, i * 65536, 4);
    }
    add_string(&p, ".");
    refuse("no dictionary", p);
}

struct tensor_case {
    const char *storage, *key;
    int64_t elements, offset;
    unsigned rank;
    int64_t shape[6], stride[6];
    const char *word;
};

static void refuses_impossible_tensors(void **state)
{
    (void)state;
    enum { MAX = 0x7fffffff };
    const int64_t huge = INT64_MAX;
    const struct tensor_case cases[] = {
        { "FloatStorage", "9", 16, 0, 1, { 1 }, { 1 }, "no record" },
        { "FloatStorage", "../data/0", 16, 0, 1, { 1 }, { 1 }, "no record" },
        { "FloatStorage", "", 16, 0, 1, { 1 }, { 1 }, "no record" },
        { "FloatStorage", "0", 15, 0, 1, { 1 }, { 1 }, "another size" },
        { "FloatStorage", "0", 17, 0, 1, { 1 }, { 1 }, "another size" },
        { "FloatStorage", "0", huge, 0, 1, { 1 }, { 1 }, "another size" },
        { "FloatStorage", "0", 16 + (huge / 2 + 1), 0, 1, { 1 }, { 1 }, "another size" },  /* 16 after wrapping */
        { "DoubleStorage", "0", 16, 0, 1, { 1 }, { 1 }, "another size" },
        { "FloatStorage", "0", 16, 16, 1, { 1 }, { 1 }, "outside its storage" },
        { "FloatStorage", "0", 16, 17, 1, { 0 }, { 1 }, "outside its storage" },
        { "FloatStorage", "0", 16, -1, 1, { 1 }, { 1 }, "outside its storage" },
        { "FloatStorage", "0", 16, huge, 1, { 1 }, { 1 }, "outside its storage" },
        { "FloatStorage", "0", 16, INT64_MIN, 1, { 1 }, { 1 }, "outside its storage" },
        { "FloatStorage", "0", 16, 0, 1, { 17 }, { 1 }, "outside its storage" },
        { "FloatStorage", "0", 16, 0, 2, { 4, 4 }, { 5, 1 }, "outside its storage" },
        { "FloatStorage", "0", 16, 0, 1, { 2 }, { huge }, "" },
        { "FloatStorage", "0", 16, 0, 2, { 2, 2 }, { huge, huge }, "" },
        { "FloatStorage", "0", 16, 0, 1, { 3 }, { huge }, "overflow" },
        { "FloatStorage", "0", 16, 0, 1, { 1 }, { -1 }, "impossible" },
        { "FloatStorage", "0", 16, 0, 1, { -1 }, { 1 }, "impossible" },
        { "FloatStorage", "0", 16, 0, 1, { 1ll << 32 }, { 0 }, "impossible" },
        { "FloatStorage", "0", 16, 0, 3, { MAX, MAX, MAX }, { 0, 0, 0 }, "overflow" },
        { "FloatStorage", "0", 16, 0, 6, { 1, 1, 1, 1, 1, 1 }, { 1, 1, 1, 1, 1, 1 }, "5 dimensions" },
        { "ComplexFloatStorage", "0", 16, 0, 1, { 1 }, { 1 }, "ComplexFloatStorage" },
        { "QInt8Storage", "0", 64, 0, 1, { 1 }, { 1 }, "QInt8Storage" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tensor_case *c = &cases[i];
        struct bytes p = LITERAL("}");
        p_text(&p, "w");
        p_tensor(&p, c->storage, c->key, c->elements, c->offset, c->rank, c->shape, c->stride);
        add_string(&p, "s.");
        refuse(c->word, p);
    }
    struct bytes p = LITERAL("}(");                     /* one name, twice */
    for (int i = 0; i < 2; i++) {
        p_text(&p, "w");
        p_tensor(&p, "FloatStorage", "0", 16, 0, 2, shape, stride);
    }
    add_string(&p, "u.");
    refuse("twice", p);
    p = LITERAL("}");
    p_text(&p, "w\n\x1b[2J");
    p_tensor(&p, "FloatStorage", "0", 16, 0, 2, shape, stride);
    add_string(&p, "s.");
    refuse("unprintable", p);
}

static void survives_damage(void **state)
{
    (void)state;
    struct bytes file = small_torch();
    refuse_truncations(&file);
    try_changes(&file);
    drop(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unwraps), cmocka_unit_test(skips_what_is_of_no_use),
        cmocka_unit_test(parameters_memo_and_protocol_4), cmocka_unit_test(refuses_code),
        cmocka_unit_test(refuses_malformed_pickles), cmocka_unit_test(refuses_bombs),
        cmocka_unit_test(refuses_impossible_tensors), cmocka_unit_test(survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
