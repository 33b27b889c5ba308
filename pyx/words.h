/* Mask format 1 in C: the draws of a step become a keep word, from any word of the stream on.
 *
 * Only the comparison of draws and thresholds is written per CPU level.
 */
#ifndef FD_WORDS_H
#define FD_WORDS_H

#include "lanes.h"

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
