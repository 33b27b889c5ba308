/* The headers of the kernels without Python, for .ci/emulated: what they compute, as text that must
 * be the same on every machine, and loops whose instructions are counted.
 *
 * kernels bytes                          digests of masks, packed masks and every operation
 * kernels decisions K0 K1 P FIRST COUNT  1 for each element that is kept
 * kernels loop NAME TURNS                run loop_NAME: so many keep words, or 64 elements each
 */
#include <stdio.h>
#include <stdlib.h>

#include "apply.h"
#include "words.h"

#if FD_BYTES != 16
#error "compile for the CPU level baseline"
#endif

enum { SIZE = 1 << 16 }; /* elements: as many as there are numbers of 16 bits */

static unsigned char numbers[32 * SIZE], x[32 * SIZE], y[32 * SIZE];
static uint64_t keep[SIZE / FD_WORD];

/* FNV-1a; not the hash of mask format 1, which is tested. */
static uint64_t digest(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; ++i)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Between a machine's byte order and little-endian: numbers of `unit` bytes. */
static void swap(void *numbers, size_t size, int unit)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    fd_swap_bytes(numbers, (ptrdiff_t)size, unit == 1 ? 0 : unit);
#else
    (void)numbers, (void)size, (void)unit;
#endif
}

/* Print a digest of little-endian numbers of `unit` bytes, which come to lie so. */
static void print(const char *what, double of, void *numbers, size_t size, int unit)
{
    swap(numbers, size, unit);
    printf("%s %a %016llx\n", what, of, (unsigned long long)digest(numbers, size));
}

/* xorshift64 (Marsaglia 2003) */
static uint64_t random_word(void)
{
    static uint64_t state = 1;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Random bits in which numbers of each format are often zero, subnormal, infinite or NaN. */
static uint64_t awkward_word(void)
{
    static const uint64_t exponents[] = {
        UINT64_C(0x7c007c007c007c00), UINT64_C(0x7f807f807f807f80), UINT64_C(0x7f8000007f800000),
        UINT64_C(0x7ff0000000000000)};
    const uint64_t word = random_word(), choice = random_word();
    const uint64_t exponent = exponents[choice % 4], sign = UINT64_C(0x8000800080008000);
    switch (choice >> 8 & 7) {
    case 0: return word & ~exponent;
    case 1: return word | exponent;
    case 2: return (word & sign) | exponent;
    case 3: return word & sign;
    default: return word;
    }
}

/* ---- bytes ---------------------------------------------------------------------------- */

static void print_masks(void)
{
    static const double chances[] = {0x1p-81, 0x1p-80, 0x1.8p-17, 0x1p-16,     0x1.8p-16,
                                     1e-3,    0.1,     1.0 / 3,   0.5,         0.9,
                                     1 - 0x1p-16,      1 - 0x1.8p-17,          1 - 0x1p-53};
    enum { WORDS = 1 << 14 }; /* of which some have a tie at every p */
    for (size_t i = 0; i < sizeof chances / sizeof *chances; ++i) {
        fd_mask_params params = {.k0 = random_word(), .k1 = i};
        fd_words words = {.next = 0};
        fd_set_probability(&params, chances[i]);
        fd_seek(&words, &params, 77);
        for (size_t at = 0; at < WORDS * sizeof(uint64_t); at += sizeof(uint64_t)) {
            const uint64_t word = fd_next(&words, &params);
            memcpy(y + at, &word, sizeof word);
        }
        print("mask", chances[i], y, WORDS * sizeof(uint64_t), 8);
    }
}

/* Of draws around thresholds, where a comparison could be wrong: one for all draws, or one for
 * each. What a comparison says of a draw that is tied does not count. */
static void print_comparisons(void)
{
    static const uint16_t around[] = {0,      1,      2,      3,      0xff,   0x100,
                                      0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff};
    for (size_t i = 0; i < sizeof around / sizeof *around; ++i) {
        for (int word = 0; word < SIZE / FD_WORD; word += 4) {
            uint16_t thresholds[FD_BYTES]; /* of the draws of two vectors */
            fd_vector a[2] = {{0}, {0}}, t[2];
            uint64_t tied;
            for (int j = 0; j < FD_BYTES; ++j) {
                const uint64_t bits = random_word();
                const uint16_t draw =
                    (uint16_t)(bits & 3 ? around[i] + bits / 4 % 5 - 2 : bits >> 32);
                a[j / 4 / FD_WIDTH][j / 4 % FD_WIDTH] |= (uint64_t)draw << (16 * (j % 4));
                thresholds[j] = (uint16_t)(around[i] + bits / 64 % 3 - 1);
            }
            memcpy(t, thresholds, sizeof t);
            keep[word] = fd_compare(a[0], a[1], around[i], &tied) | tied;
            keep[word + 1] = tied;
            keep[word + 2] = fd_compare_each(a[0], a[1], t[0], t[1], &tied) | tied;
            keep[word + 3] = tied;
        }
        print("comparison", around[i], keep, sizeof keep, 8);
    }
}

static void print_packed(void)
{
    for (int i = 0; i < SIZE; ++i)
        x[i] = (uint8_t)(1 << random_word() % 16); /* half of them 0 */
    for (int i = 0; i < SIZE; i += FD_WORD)
        keep[i / FD_WORD] = fd_pack_bools(x + i);
    print("packed", SIZE, keep, sizeof keep, 8);
}

/* Little-endian numbers: every one of 16 bits, or awkward ones. */
static void set_numbers(int awkward)
{
    for (size_t i = 0; i < sizeof numbers; i += sizeof(uint64_t)) {
        const uint64_t first = i / sizeof(uint16_t) % 0x10000 * UINT64_C(0x0001000100010001);
        const uint64_t word = awkward ? awkward_word() : first + UINT64_C(0x0003000200010000);
        memcpy(numbers + i, &word, sizeof word);
    }
    swap(numbers, sizeof numbers, sizeof(uint64_t));
    for (size_t i = 0; i < sizeof keep / sizeof *keep; ++i)
        keep[i] = i % 8 ? random_word() : UINT64_C(0) - (i % 16 != 0);
}

static void set_native(void *to, const void *from, size_t size, int unit)
{
    memcpy(to, from, size);
    swap(to, size, unit);
}

/* Apply a keep word to the elements from number `at` on. */
#define APPLY(name, fill, scales, word, affine, at)                                       \
    fd_apply_##name((fd_##name *)x + (at), (fd_##name *)y + (at), fill, scales, word, affine, 0)

/* With numbers for all elements, and with a fill and a scale for each. */
#define PRINT_APPLIED(name, unit, unit_count, compute, shifts, fills)                     \
    set_native(x, numbers, SIZE * sizeof(fd_##name), unit / 8);                           \
    set_native(fill, fills_of_all, sizeof fill, unit / 8);                                \
    for (size_t i = 0; i < sizeof affines / sizeof *affines; ++i) {                       \
        const void *const scales = unit == 64 ? (void *)doubles : (void *)floats;         \
        fd_affine affine;                                                                 \
        memset(&affine, 0x39, sizeof affine); /* what is dropped */                       \
        affine.scale = affines[i][0];                                                     \
        affine.shift = affines[i][1];                                                     \
        for (int at = 0; at < SIZE; at += FD_WORD)                                        \
            APPLY(name, NULL, NULL, keep[at / FD_WORD], affine, at);                      \
        print(#name, affine.scale, y, SIZE * sizeof(fd_##name), unit / 8);                \
        for (int at = 0; at < SIZE; at += FD_WORD)                                        \
            APPLY(name, (fd_##name *)fill, scales, keep[at / FD_WORD], affine, at);       \
        print(#name " each", affine.scale, y, SIZE * sizeof(fd_##name), unit / 8);        \
    }

static void print_applied(void)
{
    static const double affines[][2] = {
        {1 / 0.9, -0.75}, {2, 0.3}, {0x1p17 + 1, 1e5}, {0.7, -1e-7}};
    static unsigned char fills_of_all[FD_WORD * 32], fill[FD_WORD * 32];
    static float floats[FD_WORD];
    static double doubles[FD_WORD];
    for (size_t i = 0; i < sizeof fill; ++i)
        fills_of_all[i] = (unsigned char)random_word();
    for (int i = 0; i < FD_WORD; ++i)
        doubles[i] = floats[i] = 1 / (float)(random_word() % 1000 + 1);
    for (int awkward = 0; awkward < 2; ++awkward) {
        set_numbers(awkward);
        FD_OPERATIONS(PRINT_APPLIED)
    }
}

static void print_decisions(char **arguments)
{
    fd_mask_params params = {.k0 = strtoull(arguments[0], NULL, 10),
                             .k1 = strtoull(arguments[1], NULL, 10)};
    const uint64_t first = strtoull(arguments[3], NULL, 10);
    const uint64_t end = first + strtoull(arguments[4], NULL, 10);
    uint64_t word = 0;
    fd_words words = {.next = 0};
    fd_set_probability(&params, strtod(arguments[2], NULL));
    fd_seek(&words, &params, first / FD_WORD);
    for (uint64_t i = first / FD_WORD * FD_WORD; i < end; ++i) {
        if (i % FD_WORD == 0)
            word = fd_next(&words, &params);
        if (i >= first)
            putchar('0' + (int)(word >> i % FD_WORD & 1));
    }
    putchar('\n');
}

/* ---- loops ---------------------------------------------------------------------------- */

/* What compilers must take for used, and not move out of a loop. */
#define USED __asm__ volatile("" : : "r"(x), "r"(y), "r"(keep) : "memory")
#define LOOP(name) __attribute__((noinline)) void loop_##name(long turns)

/* At p = 0.5 and this key no draw of the first words is tied. */
static fd_mask_params stream = {.k0 = 1, .k1 = 2, .threshold = 0x8000};
static fd_lanes state;

LOOP(keep_word);
LOOP(keep_each);
LOOP(pack_bools);
LOOP(drop_float32);

LOOP(keep_word)
{
    fd_lanes lanes = state;
    const fd_mask_params params = stream;
    for (long i = 0; i < turns; ++i) {
        keep[i] = fd_keep_word(&lanes, &params, FD_WORD * (uint64_t)i);
        USED;
    }
    state = lanes;
}

LOOP(keep_each)
{
    fd_lanes lanes = state;
    const uint16_t *const thresholds = (const uint16_t *)x;
    for (long i = 0; i < turns; ++i) {
        keep[2 * i] = fd_keep_each(&lanes, NULL, thresholds + FD_WORD * i, &keep[2 * i + 1]);
        USED;
    }
    state = lanes;
}

LOOP(pack_bools)
{
    for (long i = 0; i < turns; ++i) {
        keep[i] = fd_pack_bools(x + FD_WORD * i);
        USED;
    }
}

LOOP(drop_float32)
{
    fd_lanes lanes = state;
    const fd_mask_params params = stream;
    fd_affine affine = {.scale = 2};
    for (long i = 0; i < turns; ++i) {
        const uint64_t word = fd_keep_word(&lanes, &params, FD_WORD * (uint64_t)i);
        APPLY(scale_float32, NULL, NULL, word, affine, FD_WORD * i);
        USED;
    }
    state = lanes;
}

#define APPLY_LOOP(name, unit, unit_count, compute, shifts, fills)                        \
    LOOP(name);                                                                           \
    LOOP(name)                                                                            \
    {                                                                                     \
        fd_affine affine = {.scale = 2, .shift = 1};                                      \
        for (long i = 0; i < turns; ++i) {                                                \
            APPLY(name, NULL, NULL, keep[i], affine, FD_WORD * i);                        \
            USED;                                                                         \
        }                                                                                 \
    }
FD_OPERATIONS(APPLY_LOOP)

static int run_loop(const char *name, long turns)
{
    fd_seed(&state, &stream, 0);
#define RUN(loop)                                       \
    if (strcmp(name, #loop) == 0)                       \
        return loop_##loop(turns), 0;
#define RUN_APPLY(name, unit, unit_count, compute, shifts, fills) RUN(name)
    RUN(keep_word)
    RUN(keep_each)
    RUN(pack_bools)
    RUN(drop_float32)
    FD_OPERATIONS(RUN_APPLY)
    return 2;
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "loop") == 0)
        return run_loop(arguments[2], atol(arguments[3]));
    if (count == 7 && strcmp(arguments[1], "decisions") == 0) {
        print_decisions(arguments + 2);
        return 0;
    }
    if (count != 2 || strcmp(arguments[1], "bytes") != 0)
        return 2;
    print_masks();
    print_comparisons();
    print_packed();
    print_applied();
    return 0;
}
