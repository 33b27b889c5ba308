/* Mask format 1 in C: the hash, 16 xoshiro256++ lanes, the keep word, and its masked multiply.
 *
 * Every constant here decides the mask (docs/mask-format.md): a change of any is a new format.
 * One body serves every CPU level: fd_vector is as wide as the level's registers (one uint64_t
 * where the compiler has no vector types), and the 16 lanes are FD_VECTORS of them, so the
 * stream never follows the hardware. Only compare and multiply are written per level.
 */
#ifndef FD_LANES_H
#define FD_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define FD_INLINE static inline __attribute__((always_inline, unused))
#define FD_RARE static __attribute__((noinline, cold, unused))
#define FD_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define FD_INLINE static inline
#define FD_RARE static
#define FD_UNLIKELY(condition) (condition)
#endif

#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#define FD_BYTES 64
#elif defined(__AVX2__)
#define FD_BYTES 32
#elif defined(__GNUC__)
#define FD_BYTES 16
#endif

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

enum {
    FD_LANES = 16,        /* generators in a block */
    FD_WORD = 64,         /* decisions in a step, a keep word */
    FD_BLOCK_WORDS = 256, /* steps in a block */
    FD_BLOCK = 16384      /* elements in a block */
};

#ifdef FD_BYTES
typedef uint64_t fd_vector __attribute__((vector_size(FD_BYTES)));
#else
typedef uint64_t fd_vector;
#endif
enum {
    FD_WIDTH = sizeof(fd_vector) / sizeof(uint64_t), /* lanes in a vector */
    FD_VECTORS = FD_LANES / FD_WIDTH
};

/* ---- the hash ------------------------------------------------------------------------- */

#define FD_PHI UINT64_C(0x9e3779b97f4a7c15)

/* The finalizer of SplitMix64 (Steele, Lea and Flood 2014, with Stafford's Mix13 constants),
 * as an expression over a word or a vector of words. */
#define FD_MIX64(z)                                                    \
    do {                                                               \
        (z) = ((z) ^ ((z) >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);      \
        (z) = ((z) ^ ((z) >> 27)) * UINT64_C(0x94d049bb133111eb);      \
        (z) = (z) ^ ((z) >> 31);                                       \
    } while (0)

#define FD_HASH2(z, index, a, b) \
    do {                         \
        (z) = (index) * FD_PHI + (a); \
        FD_MIX64(z);             \
        (z) = (z) + (b);         \
        FD_MIX64(z);             \
    } while (0)

FD_INLINE uint64_t fd_hash2(uint64_t index, uint64_t a, uint64_t b)
{
    uint64_t z;
    FD_HASH2(z, index, a, b);
    return z;
}

/* ---- what a mask depends on ----------------------------------------------------------- */

typedef struct {
    uint64_t k0, k1;    /* the key */
    uint64_t threshold; /* T: a 16-bit draw below it drops, */
    uint64_t tie;       /* L: and one equal to it does where the element's own hash is below L */
} fd_rule;

/* T and L of floor(p * 2^80), exactly, for any double 0 < p < 1: p is m * 2^e with an integer m
 * of 53 bits, so the product is a shift of m. */
FD_INLINE void fd_set_probability(fd_rule *rule, double p)
{
    int exponent;
    uint64_t m = (uint64_t)ldexp(frexp(p, &exponent), 53);
    int shift = exponent - 53 + 80; /* at most 27, as p < 1 */
    if (shift > 0) {
        rule->threshold = m >> (64 - shift);
        rule->tie = m << shift;
    } else {
        rule->threshold = 0;
        rule->tie = shift > -64 ? m >> -shift : 0;
    }
}

FD_INLINE void fd_fold_in(uint64_t words[2], uint64_t k0, uint64_t k1, uint64_t n)
{
    k0 ^= UINT64_C(0x3c6ef372fe94f82b);
    k1 ^= UINT64_C(0xa54ff53a5f1d36f1);
    words[0] = fd_hash2(2 * n, k0, k1);
    words[1] = fd_hash2(2 * n + 1, k0, k1);
}

/* ---- the lanes ------------------------------------------------------------------------ */

typedef struct {
    fd_vector s[4][FD_VECTORS];
} fd_lanes;

/* State word j of lane l of a block is hash2(64 * block + 4 * l + j). */
FD_INLINE void fd_seed(fd_lanes *lanes, const fd_rule *rule, uint64_t block)
{
    for (int j = 0; j < 4; ++j) {
        for (int v = 0; v < FD_VECTORS; ++v) {
            uint64_t each[FD_WIDTH];
            fd_vector index;
            for (int l = 0; l < FD_WIDTH; ++l)
                each[l] = 4 * (uint64_t)(FD_WIDTH * v + l) + (uint64_t)j;
            memcpy(&index, each, sizeof index);
            index += 64 * block;
            FD_HASH2(lanes->s[j][v], index, rule->k0, rule->k1);
        }
    }
}

#define FD_ROTATE_LEFT(x, k) (((x) << (k)) | ((x) >> (64 - (k))))

/* One xoshiro256++ step (Blackman and Vigna 2019) of vector v of the lanes. */
FD_INLINE fd_vector fd_step(fd_lanes *lanes, int v)
{
    fd_vector s0 = lanes->s[0][v], s1 = lanes->s[1][v], s2 = lanes->s[2][v], s3 = lanes->s[3][v];
    fd_vector sum = s0 + s3;
    fd_vector output = FD_ROTATE_LEFT(sum, 23) + s0;
    fd_vector shifted = s1 << 17;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = FD_ROTATE_LEFT(s3, 45);
    lanes->s[0][v] = s0;
    lanes->s[1][v] = s1;
    lanes->s[2][v] = s2;
    lanes->s[3][v] = s3;
    return output;
}

/* Go on to a later step of the block. */
FD_INLINE void fd_skip(fd_lanes *lanes, uint64_t steps)
{
    for (; steps; --steps)
        for (int v = 0; v < FD_VECTORS; ++v)
            fd_step(lanes, v);
}

/* ---- the keep word -------------------------------------------------------------------- */

/* Bits of 64 draws: those at or above the threshold; sets *tied to those equal to it. */
#if FD_BYTES == 64
FD_INLINE uint64_t fd_compare(const fd_vector draws[FD_VECTORS], uint64_t threshold, uint64_t *tied)
{
    const __m512i t = _mm512_set1_epi16((short)threshold);
    const __m512i a = (__m512i)draws[0], b = (__m512i)draws[1];
    *tied = _mm512_cmpeq_epu16_mask(a, t) | (uint64_t)_mm512_cmpeq_epu16_mask(b, t) << 32;
    return _mm512_cmpge_epu16_mask(a, t) | (uint64_t)_mm512_cmpge_epu16_mask(b, t) << 32;
}
#elif FD_BYTES == 32
FD_INLINE uint64_t fd_bits32(__m256i a, __m256i b)
{
    /* packs interleaves the 128-bit halves of its operands; the permutation puts them right */
    return (uint32_t)_mm256_movemask_epi8(
        _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8));
}

FD_INLINE uint64_t fd_compare(const fd_vector draws[FD_VECTORS], uint64_t threshold, uint64_t *tied)
{
    const __m256i t = _mm256_set1_epi16((short)threshold);
    __m256i keep[FD_VECTORS], tie[FD_VECTORS], any = _mm256_setzero_si256();
    for (int v = 0; v < FD_VECTORS; ++v) {
        const __m256i r = (__m256i)draws[v];
        keep[v] = _mm256_cmpeq_epi16(_mm256_max_epu16(r, t), r); /* r >= t, unsigned */
        tie[v] = _mm256_cmpeq_epi16(r, t);
        any = _mm256_or_si256(any, tie[v]);
    }
    *tied = 0;
    if (FD_UNLIKELY(!_mm256_testz_si256(any, any)))
        *tied = fd_bits32(tie[0], tie[1]) | fd_bits32(tie[2], tie[3]) << 32;
    return fd_bits32(keep[0], keep[1]) | fd_bits32(keep[2], keep[3]) << 32;
}
#elif defined(__SSE2__)
FD_INLINE uint64_t fd_compare(const fd_vector draws[FD_VECTORS], uint64_t threshold, uint64_t *tied)
{
    const __m128i t = _mm_set1_epi16((short)threshold), zero = _mm_setzero_si128();
    __m128i tie[FD_VECTORS], any = zero;
    uint64_t keep = 0;
    for (int v = 0; v < FD_VECTORS; v += 2) {
        const __m128i a = (__m128i)draws[v], b = (__m128i)draws[v + 1];
        /* t - r saturates to 0 where r >= t, unsigned */
        const __m128i bytes = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_subs_epu16(t, a), zero),
                                              _mm_cmpeq_epi16(_mm_subs_epu16(t, b), zero));
        keep |= (uint64_t)_mm_movemask_epi8(bytes) << (8 * v);
        tie[v] = _mm_cmpeq_epi16(a, t);
        tie[v + 1] = _mm_cmpeq_epi16(b, t);
        any = _mm_or_si128(any, _mm_or_si128(tie[v], tie[v + 1]));
    }
    *tied = 0;
    if (FD_UNLIKELY(_mm_movemask_epi8(any)))
        for (int v = 0; v < FD_VECTORS; v += 2)
            *tied |= (uint64_t)_mm_movemask_epi8(_mm_packs_epi16(tie[v], tie[v + 1])) << (8 * v);
    return keep;
}
#else
FD_INLINE uint64_t fd_compare(const fd_vector draws[FD_VECTORS], uint64_t threshold, uint64_t *tied)
{
    uint64_t outputs[FD_LANES], keep = 0, tie = 0;
    memcpy(outputs, draws, sizeof outputs);
    for (int i = 0; i < FD_WORD; ++i) {
        const uint64_t r = outputs[i / 4] >> (16 * (i % 4)) & 0xffff;
        keep |= (uint64_t)(r >= threshold) << i;
        tie |= (uint64_t)(r == threshold) << i;
    }
    *tied = tie;
    return keep;
}
#endif

/* Of the tied elements of the word that starts at element `first`, those that are dropped. */
FD_RARE uint64_t fd_dropped_ties(uint64_t tied, const fd_rule *rule, uint64_t first)
{
    const uint64_t a = rule->k0 ^ UINT64_C(0x6a09e667f3bcc909);
    const uint64_t b = rule->k1 ^ UINT64_C(0xbb67ae8584caa73b);
    uint64_t dropped = 0;
    for (int i = 0; i < FD_WORD; ++i)
        if (tied >> i & 1 && fd_hash2(first + (uint64_t)i, a, b) < rule->tie)
            dropped |= UINT64_C(1) << i;
    return dropped;
}

/* The next step's 64 decisions, 1 = keep; `first` is the index of its first element. */
FD_INLINE uint64_t fd_keep_word(fd_lanes *lanes, const fd_rule *rule, uint64_t first)
{
    fd_vector draws[FD_VECTORS];
    uint64_t keep, tied;
    for (int v = 0; v < FD_VECTORS; ++v)
        draws[v] = fd_step(lanes, v);
    keep = fd_compare(draws, rule->threshold, &tied);
    if (FD_UNLIKELY(tied))
        keep &= ~fd_dropped_ties(tied, rule, first);
    return keep;
}

/* ---- the masked multiply -------------------------------------------------------------- */

/* y[i] = keep bit i ? x[i] * scale : +0, for 64 elements; y may be x. */
#if FD_BYTES == 64
FD_INLINE void fd_apply_float32(const float *x, float *y, uint64_t keep, float scale)
{
    const __m512 s = _mm512_set1_ps(scale);
    for (int i = 0; i < FD_WORD; i += 16)
        _mm512_storeu_ps(
            y + i, _mm512_maskz_mul_ps((__mmask16)(keep >> i), _mm512_loadu_ps(x + i), s));
}

FD_INLINE void fd_apply_float64(const double *x, double *y, uint64_t keep, double scale)
{
    const __m512d s = _mm512_set1_pd(scale);
    for (int i = 0; i < FD_WORD; i += 8)
        _mm512_storeu_pd(
            y + i, _mm512_maskz_mul_pd((__mmask8)(keep >> i), _mm512_loadu_pd(x + i), s));
}
#elif defined(FD_BYTES)
/* Bit i of a keep word's half, for unit i of a float and for both units of a double. */
#define FD_4(n) 1u << (n), 1u << (n + 1), 1u << (n + 2), 1u << (n + 3)
#define FD_4_TWICE(n) \
    1u << (n), 1u << (n), 1u << (n + 1), 1u << (n + 1), \
    1u << (n + 2), 1u << (n + 2), 1u << (n + 3), 1u << (n + 3)
static const uint32_t fd_bits_float32[32] = {FD_4(0),  FD_4(4),  FD_4(8),  FD_4(12),
                                             FD_4(16), FD_4(20), FD_4(24), FD_4(28)};
static const uint32_t fd_bits_float64[64] = {
    FD_4_TWICE(0),  FD_4_TWICE(4),  FD_4_TWICE(8),  FD_4_TWICE(12),
    FD_4_TWICE(16), FD_4_TWICE(20), FD_4_TWICE(24), FD_4_TWICE(28)};
#undef FD_4
#undef FD_4_TWICE

/* The product is ANDed with all ones or all zeros, in units of 32 bits whatever the dtype (SSE2
 * compares no wider ones): a unit stays where its element's bit of the word is set. */
#define FD_APPLY(name, real, table)                                                  \
    FD_INLINE void name(const real *x, real *y, uint64_t keep, real scale)           \
    {                                                                                \
        typedef real reals __attribute__((vector_size(FD_BYTES)));                   \
        typedef uint32_t units __attribute__((vector_size(FD_BYTES)));               \
        enum { width = FD_BYTES / sizeof(real), each = sizeof(real) / 4 };           \
        for (int i = 0; i < FD_WORD; i += width) {                                   \
            const uint32_t half = (uint32_t)(keep >> (i & 32));                      \
            reals product;                                                           \
            units bits;                                                              \
            memcpy(&bits, table + each * (i & 31), sizeof bits);                     \
            memcpy(&product, x + i, sizeof product);                                 \
            product *= scale;                                                        \
            product = (reals)((units)product & (units)((bits & half) == bits));      \
            memcpy(y + i, &product, sizeof product);                                 \
        }                                                                            \
    }
FD_APPLY(fd_apply_float32, float, fd_bits_float32)
FD_APPLY(fd_apply_float64, double, fd_bits_float64)
#undef FD_APPLY
#else
#define FD_APPLY(name, real)                                               \
    FD_INLINE void name(const real *x, real *y, uint64_t keep, real scale) \
    {                                                                      \
        for (int i = 0; i < FD_WORD; ++i)                                  \
            y[i] = keep >> i & 1 ? x[i] * scale : 0;                       \
    }
FD_APPLY(fd_apply_float32, float)
FD_APPLY(fd_apply_float64, double)
#undef FD_APPLY
#endif

#endif
