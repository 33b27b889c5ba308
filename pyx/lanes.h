/* Mask format 1 in C: the hash, 16 xoshiro256++ lanes, the keep word.
 *
 * Every constant here decides the mask (docs/mask-format.md): another value is another format.
 * One body serves every CPU level: fd_vector is as wide as the level's registers, and the 16 lanes
 * are FD_VECTORS of them, so the stream does not depend on the hardware. Only the comparison is
 * written per level.
 */
#ifndef FD_LANES_H
#define FD_LANES_H

#include <math.h>

#include "platform.h"

enum {
    FD_LANES = 16,        /* generators in a block */
    FD_WORD = 64,         /* decisions in a step, a keep word */
    FD_BLOCK_WORDS = 256, /* steps in a block */
    FD_BLOCK = 16384      /* elements in a block */
};

typedef uint64_t fd_vector __attribute__((vector_size(FD_BYTES)));
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
    uint64_t threshold; /* T: a 16-bit draw below T drops its element */
    uint64_t tie;       /* L: a draw equal to T drops it if the element's own hash is below L */
} fd_mask_params;

/* T and L of floor(p * 2^80), exactly, for any double 0 < p < 1: p is m * 2^e with an integer m
 * of 53 bits, so the product is a shift of m. */
FD_INLINE void fd_set_probability(fd_mask_params *params, double p)
{
    int exponent;
    uint64_t m = (uint64_t)ldexp(frexp(p, &exponent), 53);
    int shift = exponent - 53 + 80; /* at most 27, as p < 1 */
    if (shift > 0) {
        params->threshold = m >> (64 - shift);
        params->tie = m << shift;
    } else {
        params->threshold = 0;
        params->tie = shift > -64 ? m >> -shift : 0;
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
    fd_vector s[FD_VECTORS][4];
} fd_lanes;

/* Return the lane at place l of vector v. The AVX2 pack that makes keep bytes of two vectors puts
 * the lower halves of both before the upper ones; with this order of the lanes its bytes come out
 * in the order of the elements. */
FD_INLINE uint64_t fd_lane(int v, int l)
{
#if FD_BYTES == 32
    return (uint64_t)(8 * (v / 2) + 4 * (l / 2) + 2 * (v % 2) + l % 2);
#else
    return (uint64_t)(FD_WIDTH * v + l);
#endif
}

/* State word j of lane l of a block is hash2(64 * block + 4 * l + j). The first product of the hash is
 * split: that of the block's part is one for all, and that of the lane's part is a constant. */
FD_OUTLINE void fd_seed(fd_lanes *lanes, const fd_mask_params *params, uint64_t block)
{
    const uint64_t first = 64 * block * FD_PHI + params->k0;
    FD_UNROLL
    for (int v = 0; v < FD_VECTORS; ++v) {
        FD_UNROLL
        for (int j = 0; j < 4; ++j) {
            fd_vector z;
            FD_UNROLL
            for (int l = 0; l < FD_WIDTH; ++l)
                z[l] = (4 * fd_lane(v, l) + (uint64_t)j) * FD_PHI;
            z += first;
            FD_MIX64(z);
            z += params->k1;
            FD_MIX64(z);
            lanes->s[v][j] = z;
        }
    }
}

#ifdef FD_NEON /* two instructions: the second inserts what it shifts */
#define FD_ROTATE_LEFT(x, k)                                                        \
    ((fd_vector)vsriq_n_u64(vshlq_n_u64((uint64x2_t)(x), k), (uint64x2_t)(x), 64 - (k)))
#else
#define FD_ROTATE_LEFT(x, k) (((x) << (k)) | ((x) >> (64 - (k))))
#endif

FD_INLINE fd_vector fd_xor3(fd_vector a, fd_vector b, fd_vector c)
{
#if FD_BYTES == 64
    return (fd_vector)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
    return a ^ b ^ c;
#endif
}

/* One xoshiro256++ step (Blackman and Vigna 2019) of a vector of generators, its exclusive ors
 * grouped by three, for which AVX-512 has one instruction. */
FD_INLINE fd_vector fd_step(fd_vector s[4])
{
    const fd_vector s0 = s[0], s1 = s[1], s2 = s[2], s3 = s[3];
    const fd_vector sum = s0 + s3, s13 = s1 ^ s3;
    s[0] = fd_xor3(s0, s1, s3);
    s[1] = fd_xor3(s0, s1, s2);
    s[2] = fd_xor3(s0, s2, s1 << 17);
    s[3] = FD_ROTATE_LEFT(s13, 45);
    return FD_ROTATE_LEFT(sum, 23) + s0;
}

/* ---- the keep word -------------------------------------------------------------------- */

/* Compare the draws of two vectors with the threshold. Return the bits of those at or above it;
 * `tied` gets the bits of those equal to it, which may be missing from the former.
 *
 * AVX2 and SSE2 have no unsigned compare, and few registers. There a draw r becomes r - (T - 1),
 * saturated at 0, and then a byte, saturated again: 0 if r < T, 1 if r == T, and another value
 * otherwise. For T = 0 it becomes r itself, and the byte is 0 if r == T.
 *
 * NEON has no instruction that collects the bits of a comparison. There each byte keeps one bit,
 * that of its place among 8, and sums of neighbours collect them, for both comparisons at once. */
#if FD_BYTES == 64
FD_INLINE uint64_t fd_compare(fd_vector a, fd_vector b, uint64_t threshold, uint64_t *tied)
{
    const __m512i t = _mm512_set1_epi16((short)threshold);
    const __mmask32 equal_a = _mm512_cmpeq_epu16_mask((__m512i)a, t);
    const __mmask32 equal_b = _mm512_cmpeq_epu16_mask((__m512i)b, t);
    *tied = 0;
    if (FD_UNLIKELY(!_kortestz_mask32_u8(equal_a, equal_b)))
        *tied = equal_a | (uint64_t)equal_b << 32;
    return _mm512_cmpge_epu16_mask((__m512i)a, t) |
           (uint64_t)_mm512_cmpge_epu16_mask((__m512i)b, t) << 32;
}
#elif defined(FD_X86)
FD_INLINE uint64_t fd_bits(fd_bytes bytes, fd_bytes value)
{
    const fd_bytes equal = FD_SIMD(cmpeq_epi8)(bytes, value);
    return (uint64_t)FD_SIMD(movemask_epi8)(equal) & (UINT64_MAX >> (64 - FD_BYTES));
}

FD_INLINE uint64_t fd_compare(fd_vector a, fd_vector b, uint64_t threshold, uint64_t *tied)
{
    const fd_bytes below = FD_SIMD(set1_epi16)((short)(threshold ? threshold - 1 : 0));
    const fd_bytes tie = FD_SIMD(set1_epi8)(threshold != 0);
    const fd_bytes bytes = FD_SIMD(packs_epi16)(FD_SIMD(subs_epu16)((fd_bytes)a, below),
                                                FD_SIMD(subs_epu16)((fd_bytes)b, below));
    *tied = fd_bits(bytes, tie);
    return fd_bits(bytes, FD_SIMD_BITS(setzero)()) ^ (UINT64_MAX >> (64 - FD_BYTES));
}
#elif defined(FD_NEON)
/* Of each byte, which is 0 or 255, keep the bit of its place among 8. */
FD_INLINE fd_bytes fd_own_bits(fd_bytes bytes)
{
    static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    return vandq_u8(bytes, vld1q_u8(bits));
}

FD_INLINE uint64_t fd_compare_with(fd_vector a, fd_vector b, fd_vector a_thresholds,
                                   fd_vector b_thresholds, uint64_t *tied)
{
    const uint16x8_t a_draws = (uint16x8_t)a, at = (uint16x8_t)a_thresholds;
    const uint16x8_t b_draws = (uint16x8_t)b, bt = (uint16x8_t)b_thresholds;
    const fd_bytes keep =
        vuzp1q_u8((fd_bytes)vcgeq_u16(a_draws, at), (fd_bytes)vcgeq_u16(b_draws, bt));
    const fd_bytes equal =
        vuzp1q_u8((fd_bytes)vceqq_u16(a_draws, at), (fd_bytes)vceqq_u16(b_draws, bt));
    fd_bytes sums = vpaddq_u8(fd_own_bits(keep), fd_own_bits(equal));
    sums = vpaddq_u8(sums, sums);
    sums = vpaddq_u8(sums, sums);
    *tied = vgetq_lane_u16((uint16x8_t)sums, 1);
    return vgetq_lane_u16((uint16x8_t)sums, 0);
}

FD_INLINE uint64_t fd_compare(fd_vector a, fd_vector b, uint64_t threshold, uint64_t *tied)
{
    const fd_vector t = (fd_vector)vdupq_n_u16((uint16_t)threshold);
    return fd_compare_with(a, b, t, t, tied);
}
#else
FD_INLINE uint64_t fd_compare(fd_vector a, fd_vector b, uint64_t threshold, uint64_t *tied)
{
    uint64_t outputs[2 * FD_WIDTH], keep = 0;
    memcpy(outputs, &a, sizeof a);
    memcpy(outputs + FD_WIDTH, &b, sizeof b);
    *tied = 0;
    for (int i = 0; i < 8 * FD_WIDTH; ++i) {
        const uint64_t r = outputs[i / 4] >> (16 * (i % 4)) & 0xffff;
        keep |= (uint64_t)(r >= threshold) << i;
        *tied |= (uint64_t)(r == threshold) << i;
    }
    return keep;
}
#endif

/* Return whether an element whose draw is the threshold is dropped. */
FD_INLINE int fd_drops_tie(const fd_mask_params *params, uint64_t index)
{
    return fd_hash2(index, params->k0 ^ UINT64_C(0x6a09e667f3bcc909),
                    params->k1 ^ UINT64_C(0xbb67ae8584caa73b)) < params->tie;
}

/* Return which of the tied elements are dropped; `first` is the index of the word's first. */
FD_RARE uint64_t fd_dropped_ties(uint64_t tied, fd_mask_params params, uint64_t first)
{
    uint64_t dropped = 0;
    for (int i = 0; i < FD_WORD; ++i)
        if (tied >> i & 1 && fd_drops_tie(&params, first + (uint64_t)i))
            dropped |= UINT64_C(1) << i;
    return dropped;
}

/* Return the next step's 64 decisions, 1 = keep; `first` is the index of its first element. */
FD_INLINE uint64_t fd_keep_word(fd_lanes *lanes, const fd_mask_params *params, uint64_t first)
{
    uint64_t keep = 0, tied = 0;
    FD_UNROLL
    for (int v = 0; v < FD_VECTORS; v += 2) {
        const fd_vector a = fd_step(lanes->s[v]), b = fd_step(lanes->s[v + 1]);
        uint64_t equal;
        keep |= fd_compare(a, b, params->threshold, &equal) << (4 * FD_WIDTH * v);
        tied |= equal << (4 * FD_WIDTH * v);
    }
    if (FD_UNLIKELY(tied))
        keep = (keep | tied) & ~fd_dropped_ties(tied, *params, first);
    return keep;
}

/* ---- a threshold for each element ----------------------------------------------------- */

/* Return the numbers of the lanes in vector v, from those of all: 8 bytes to a lane. */
FD_INLINE fd_vector fd_of_lanes(const void *numbers, int v)
{
    const char *first = (const char *)numbers + 8 * fd_lane(v, 0);
    fd_vector result;
#if FD_BYTES == 32
    const __m128i *upper = (const __m128i *)((const char *)numbers + 8 * fd_lane(v, 2));
    result = (fd_vector)_mm256_loadu2_m128i(upper, (const __m128i *)first);
#else
    memcpy(&result, first, sizeof result);
#endif
    return result;
}

/* As fd_compare, with the thresholds of the draws of both vectors; `tied` gets all that are equal,
 * and those may be missing from the result. */
FD_INLINE uint64_t fd_compare_each(fd_vector a, fd_vector b, fd_vector a_thresholds,
                                   fd_vector b_thresholds, uint64_t *tied)
{
#if FD_BYTES == 64
    const __m512i at = (__m512i)a_thresholds, bt = (__m512i)b_thresholds;
    *tied = _mm512_cmpeq_epu16_mask((__m512i)a, at) |
            (uint64_t)_mm512_cmpeq_epu16_mask((__m512i)b, bt) << 32;
    return _mm512_cmpge_epu16_mask((__m512i)a, at) |
           (uint64_t)_mm512_cmpge_epu16_mask((__m512i)b, bt) << 32;
#elif defined(FD_X86)
    const fd_bytes at = (fd_bytes)a_thresholds, bt = (fd_bytes)b_thresholds;
    const fd_bytes equal = FD_SIMD(packs_epi16)(FD_SIMD(cmpeq_epi16)((fd_bytes)a, at),
                                                FD_SIMD(cmpeq_epi16)((fd_bytes)b, bt));
    const fd_bytes above = FD_SIMD(packs_epi16)(FD_SIMD(subs_epu16)((fd_bytes)a, at),
                                                FD_SIMD(subs_epu16)((fd_bytes)b, bt));
    *tied = (uint64_t)FD_SIMD(movemask_epi8)(equal) & (UINT64_MAX >> (64 - FD_BYTES));
    return fd_bits(above, FD_SIMD_BITS(setzero)()) ^ (UINT64_MAX >> (64 - FD_BYTES));
#elif defined(FD_NEON)
    return fd_compare_with(a, b, a_thresholds, b_thresholds, tied);
#else
    uint64_t outputs[2 * FD_WIDTH], keep = 0;
    uint16_t thresholds[8 * FD_WIDTH];
    memcpy(outputs, &a, sizeof a);
    memcpy(outputs + FD_WIDTH, &b, sizeof b);
    memcpy(thresholds, &a_thresholds, sizeof a);
    memcpy(thresholds + 4 * FD_WIDTH, &b_thresholds, sizeof b);
    *tied = 0;
    for (int i = 0; i < 8 * FD_WIDTH; ++i) {
        const uint64_t r = outputs[i / 4] >> (16 * (i % 4)) & 0xffff;
        keep |= (uint64_t)(r >= thresholds[i]) << i;
        *tied |= (uint64_t)(r == thresholds[i]) << i;
    }
    return keep;
#endif
}

/* Take a step: write the output of each lane. */
FD_OUTLINE void fd_draw(fd_lanes *lanes, uint64_t outputs[FD_LANES])
{
    for (int v = 0; v < FD_VECTORS; ++v) {
        const fd_vector output = fd_step(lanes->s[v]);
        for (int l = 0; l < FD_WIDTH; ++l)
            outputs[fd_lane(v, l)] = output[l];
    }
}

/* Compare the next step's draws, or those of `outputs` if that is not NULL, with the thresholds of
 * the step's elements. Those that are tied may be missing from the result. */
FD_INLINE uint64_t fd_keep_each(fd_lanes *lanes, const uint64_t *outputs,
                                const uint16_t thresholds[FD_WORD], uint64_t *tied)
{
    uint64_t keep = 0;
    *tied = 0;
    FD_UNROLL
    for (int v = 0; v < FD_VECTORS; v += 2) {
        const fd_vector a = outputs ? fd_of_lanes(outputs, v) : fd_step(lanes->s[v]);
        const fd_vector b = outputs ? fd_of_lanes(outputs, v + 1) : fd_step(lanes->s[v + 1]);
        uint64_t equal;
        keep |= fd_compare_each(a, b, fd_of_lanes(thresholds, v), fd_of_lanes(thresholds, v + 1),
                                &equal) << (4 * FD_WIDTH * v);
        *tied |= equal << (4 * FD_WIDTH * v);
    }
    return keep;
}

/* ---- a place in the stream ------------------------------------------------------------ */

/* A reader of the stream, one keep word at a time, from any word on. */
typedef struct {
    fd_lanes lanes; /* at word `next`, unless a block begins there */
    uint64_t next;
} fd_words;

/* Seed the lanes if a block begins here. */
FD_INLINE void fd_enter(fd_words *words, const fd_mask_params *params)
{
    if (words->next % FD_BLOCK_WORDS == 0)
        fd_seed(&words->lanes, params, words->next / FD_BLOCK_WORDS);
}

/* Take `steps` steps, two vectors at a time: what fits into the registers, and hides the latency. */
FD_INLINE void fd_skip(fd_lanes *lanes, uint64_t steps)
{
    for (int v = 0; v < FD_VECTORS; v += 2) {
        fd_vector a[4], b[4];
        memcpy(a, lanes->s[v], sizeof a);
        memcpy(b, lanes->s[v + 1], sizeof b);
        for (uint64_t i = 0; i < steps; ++i) {
            fd_step(a);
            fd_step(b);
        }
        memcpy(lanes->s[v], a, sizeof a);
        memcpy(lanes->s[v + 1], b, sizeof b);
    }
}

/* Go to a word. In the same block the lanes go on to it without being seeded anew. */
FD_OUTLINE void fd_seek(fd_words *words, const fd_mask_params *params, uint64_t word)
{
    const uint64_t begin = word - word % FD_BLOCK_WORDS;
    uint64_t from = words->next;
    words->next = word;
    if (word == begin)
        return; /* fd_enter seeds */
    if (from <= begin || word < from) {
        fd_seed(&words->lanes, params, word / FD_BLOCK_WORDS);
        from = begin;
    }
    fd_skip(&words->lanes, word - from);
}

FD_OUTLINE uint64_t fd_next(fd_words *words, const fd_mask_params *params)
{
    fd_enter(words, params);
    return fd_keep_word(&words->lanes, params, FD_WORD * words->next++);
}

#endif
