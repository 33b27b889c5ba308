/* Exact counts: the ranks of decisions, and the limit below which so many ranks lie.
 *
 * The two constants decide the mask (docs/mask-format.md): another value is another format. Ranks
 * are hashes, so they are spread evenly. Where the limit lies is guessed from that, and what is
 * counted there decides.
 */
#ifndef FD_COUNTS_H
#define FD_COUNTS_H

#include "bits.h"
#include "choose.h"

enum {
    FD_RANKS = 4096, /* ranks in a table; it takes a small L1 cache */
    FD_FEW = 32      /* so few are compared with each other */
};

/* Compute the ranks of decisions that are `step` apart in the stream. They are computed a vector at
 * a time, so there is room for a whole number of vectors. */
FD_INLINE void fd_ranks(uint64_t *ranks, ptrdiff_t count, const fd_mask_params *params,
                        uint64_t index, uint64_t step)
{
    const uint64_t a = params->k0 ^ UINT64_C(0x510e527fade682d1);
    const uint64_t b = params->k1 ^ UINT64_C(0x9b05688c2b3e6c1f);
    const uint64_t next = step * FD_PHI; /* so the product in hash2 becomes a sum */
    uint64_t each[FD_WIDTH];
    fd_vector first;
    for (int l = 0; l < FD_WIDTH; ++l)
        each[l] = index * FD_PHI + a + (uint64_t)l * next;
    memcpy(&first, each, sizeof first);
    for (ptrdiff_t i = 0; i < count; i += FD_WIDTH) {
        fd_vector rank = first;
        FD_MIX64(rank);
        rank += b;
        FD_MIX64(rank);
        memcpy(ranks + i, &rank, sizeof rank);
        first += FD_WIDTH * next;
    }
}

/* Return how many ranks are less than a limit. */
FD_INLINE ptrdiff_t fd_count_below(const uint64_t *ranks, ptrdiff_t count, uint64_t limit)
{
    ptrdiff_t below = 0;
    for (ptrdiff_t i = 0; i < count; ++i)
        below += ranks[i] < limit;
    return below;
}

/* Return the bits of a vector's ranks that are not less than those of `limit`. AVX2 compares signed
 * numbers only, so both are moved by half of the numbers there are. */
FD_INLINE uint64_t fd_compare_ranks(fd_vector ranks, fd_vector limit)
{
#if FD_BYTES == 64
    return _mm512_cmpge_epu64_mask((__m512i)ranks, (__m512i)limit);
#elif FD_BYTES == 32
    const fd_vector half = (fd_vector){0} + (UINT64_C(1) << 63);
    const __m256i below = _mm256_cmpgt_epi64((__m256i)(limit ^ half), (__m256i)(ranks ^ half));
    return (uint64_t)_mm256_movemask_pd((__m256d)below) ^ 15;
#else
    uint64_t bits = 0;
    for (int l = 0; l < FD_WIDTH; ++l)
        bits |= (uint64_t)(ranks[l] >= limit[l]) << l;
    return bits;
#endif
}

/* Return the bits of up to 64 ranks that are not less than a limit; the others are 0. */
FD_INLINE uint64_t fd_from_limit(const uint64_t *ranks, int count, uint64_t limit)
{
    const fd_vector limits = (fd_vector){0} + limit;
    uint64_t bits = 0;
    for (int i = 0; i < count; i += FD_WIDTH) {
        fd_vector some;
        memcpy(&some, ranks + i, sizeof some);
        bits |= fd_compare_ranks(some, limits) << i;
    }
    return bits & UINT64_MAX >> (FD_WORD - count);
}

/* Append the ranks whose bits are set to a table. */
FD_INLINE void fd_tabulate(uint64_t *table, const uint64_t *ranks, uint64_t bits)
{
    for (; bits; bits &= bits - 1)
        *table++ = ranks[__builtin_ctzll(bits)];
}

/* A range of ranks, its ends included, and the decisions of a line below it and inside it. */
typedef struct {
    uint64_t low, high;
    ptrdiff_t below, inside;
} fd_range;

/* Return the rank near which the decisions `at` places above the range's first lie. */
FD_INLINE uint64_t fd_near(const fd_range *range, double at)
{
    const double part = at / ((double)range->inside + 1);
    if (part <= 0)
        return range->low;
    if (part >= 1)
        return range->high;
    const uint64_t width = range->high - range->low, ahead = (uint64_t)(part * (double)width);
    return ahead < width ? range->low + ahead : range->high;
}

/* Return the limit below which exactly `count` of a line's ranks lie, of which those in the range
 * are given: range.below <= count < range.below + range.inside. Each turn cuts the range, and in a
 * range of one rank the limit is found, because no two ranks are equal. */
FD_OUTLINE uint64_t fd_limit(const uint64_t *ranks, ptrdiff_t size, fd_range range, ptrdiff_t count)
{
    const ptrdiff_t given = range.below; /* ranks below those that are given */
    if (size <= FD_FEW) {
        int i = 0;
        while (given + size - fd_ones(fd_from_limit(ranks, (int)size, ranks[i])) != count)
            ++i;
        return ranks[i];
    }
    while (range.below < count) {
        uint64_t limit = fd_near(&range, (double)(count - range.below) + 0.5);
        limit = limit > range.low ? limit : range.low + 1;
        const ptrdiff_t below = given + fd_count_below(ranks, size, limit);
        if (below <= count) {
            range.low = limit;
            range.inside -= below - range.below;
            range.below = below;
        } else {
            range.high = limit - 1;
            range.inside = below - range.below;
        }
    }
    return range.low;
}

/* Store 64 decisions as bools. */
FD_INLINE void fd_store_bools(uint8_t *bools, uint64_t keep)
{
    const fd_vector none = {0}, all = none + UINT64_C(0x0101010101010101);
    for (int i = 0; i < FD_WORD; i += FD_BYTES) {
        const fd_vector some = fd_choose8(all, none, keep, i);
        memcpy(bools + i, &some, sizeof some);
    }
}

#endif
