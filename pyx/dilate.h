/* Blocks from their seeds, in bits: a sequence of bits joined with itself, moved. */
#ifndef FD_DILATE_H
#define FD_DILATE_H

#include "bits.h"

FD_INLINE fd_vector fd_load(const uint64_t *words)
{
    fd_vector vector;
    memcpy(&vector, words, sizeof vector);
    return vector;
}

/* Set each bit for which the one `shift` places below is set, shift >= 1. From the end to the
 * beginning, because words are read that lie below the one that is written. */
FD_OUTLINE void fd_join_moved(uint64_t *words, ptrdiff_t count, ptrdiff_t shift)
{
    const ptrdiff_t ahead = shift / FD_WORD;
    const int up = (int)(shift % FD_WORD), down = FD_WORD - 1 - up;
    ptrdiff_t i = count;
    while (i - FD_WIDTH > ahead) {
        i -= FD_WIDTH;
        const uint64_t *from = words + i - ahead;
        const fd_vector moved = fd_load(from) << up | fd_load(from - 1) >> 1 >> down;
        const fd_vector joined = fd_load(words + i) | moved;
        memcpy(words + i, &joined, sizeof joined);
    }
    while (i > ahead) {
        --i;
        words[i] |= words[i - ahead] << up;
        if (i > ahead)
            words[i] |= words[i - ahead - 1] >> 1 >> down;
    }
}

/* Set each bit for which one of the `size` bits is set that are 0, step, 2 step, ... below it. */
FD_INLINE void fd_dilate(uint64_t *words, ptrdiff_t count, ptrdiff_t size, ptrdiff_t step)
{
    for (ptrdiff_t have = 1, more; have < size; have += more) {
        more = have < size - have ? have : size - have;
        fd_join_moved(words, count, more * step);
    }
}

/* Set up to 64 bits that begin at bit `at`; those after the highest that is set are not touched. */
FD_INLINE void fd_set_bits(uint64_t *words, ptrdiff_t at, uint64_t bits)
{
    const int shift = (int)(at % FD_WORD);
    const uint64_t rest = bits >> 1 >> (FD_WORD - 1 - shift);
    words += at / FD_WORD;
    words[0] |= bits << shift;
    if (rest)
        words[1] |= rest;
}

/* Add to a sum that the threads of a team share. */
FD_INLINE void fd_add(int64_t *sum, int64_t number)
{
    __atomic_fetch_add(sum, number, __ATOMIC_RELAXED);
}

#endif
