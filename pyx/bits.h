/* Packed masks: words of bits, read from anywhere, spread apart, and transposed. */
#ifndef FD_BITS_H
#define FD_BITS_H

#include "lanes.h"

/* Convert a keep word to the 8 bytes of a packed mask, and back. */
FD_INLINE uint64_t fd_little_endian(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

/* Return the number of ones. */
FD_INLINE int fd_ones(uint64_t word)
{
    return __builtin_popcountll(word);
}

/* Return 64 bits: those of `word` from bit `shift` on, and then those of `next`. */
FD_INLINE uint64_t fd_window(uint64_t word, uint64_t next, int shift)
{
    return word >> shift | next << 1 << (FD_WORD - 1 - shift);
}

/* Return 64 bits of a packed mask from bit `at` on. Two words are read, so a mask has one more. */
FD_INLINE uint64_t fd_bits_from(const uint64_t *bits, ptrdiff_t at)
{
    const uint64_t *word = bits + at / FD_WORD;
    return fd_window(fd_little_endian(word[0]), fd_little_endian(word[1]), (int)(at % FD_WORD));
}

/* Return the bits of 64 bools: 1 where the byte is not 0. */
FD_INLINE uint64_t fd_pack_bools(const uint8_t *bools)
{
    uint64_t bits = 0;
#ifdef FD_X86
    for (int i = 0; i < FD_WORD; i += FD_BYTES) {
        fd_bytes bytes;
        memcpy(&bytes, bools + i, sizeof bytes);
#if FD_BYTES == 64
        bits |= _mm512_test_epi8_mask(bytes, bytes);
#else
        const fd_bytes zero = FD_SIMD(cmpeq_epi8)(bytes, FD_SIMD_BITS(setzero)());
        bits |= ((uint64_t)~FD_SIMD(movemask_epi8)(zero) & (UINT64_MAX >> (64 - FD_BYTES))) << i;
#endif
    }
#elif defined(FD_NEON)
    fd_bytes sums[4];
    for (int i = 0; i < 4; ++i) {
        const fd_bytes bytes = vld1q_u8(bools + 16 * i);
        sums[i] = fd_own_bits(vtstq_u8(bytes, bytes));
    }
    sums[0] = vpaddq_u8(vpaddq_u8(sums[0], sums[1]), vpaddq_u8(sums[2], sums[3]));
    bits = vgetq_lane_u64((uint64x2_t)vpaddq_u8(sums[0], sums[0]), 0);
#else
    for (int i = 0; i < FD_WORD; ++i)
        bits |= (uint64_t)(bools[i] != 0) << i;
#endif
    return bits;
}

/* How to spread bits `repeat` apart: the shifts and masks (as for Morton codes; Warren, Hacker's
 * Delight, 2nd edition, section 7-1), and how many spread bits fit into a word. */
typedef struct {
    int repeat, count;
    int shift[5]; /* of groups of 16, 8, 4, 2 bits, and 1 */
    uint64_t mask[5];
} fd_spread;

/* For 2 <= repeat <= 32. */
FD_OUTLINE void fd_set_spread(fd_spread *spread, int repeat)
{
    spread->repeat = repeat;
    spread->count = FD_WORD / repeat;
    for (int i = 0, group = 16; i < 5; ++i, group /= 2) {
        const int shift = group * (repeat - 1);
        spread->shift[i] = shift < FD_WORD ? shift : FD_WORD - 1; /* outside the mask */
        spread->mask[i] = 0;
        for (int at = 0; at < FD_WORD; at += group * repeat)
            spread->mask[i] |= ((UINT64_C(1) << group) - 1) << at;
    }
}

/* Return the lowest bits, `repeat` apart: as many as begin in a word, `count` or one more. */
FD_INLINE uint64_t fd_spread_bits(uint64_t bits, const fd_spread *spread)
{
    bits &= 0xffffffff;
    for (int i = 0; i < 5; ++i)
        bits = (bits | bits << spread->shift[i]) & spread->mask[i];
    return bits;
}

/* Return bits that are `repeat` apart, `count` or one more, as the lowest bits. */
FD_INLINE uint64_t fd_gather_bits(uint64_t bits, const fd_spread *spread)
{
    bits &= spread->mask[4];
    for (int i = 4; i > 0; --i)
        bits = (bits | bits >> spread->shift[i]) & spread->mask[i - 1];
    return (bits | bits >> spread->shift[0]) & 0xffffffff;
}

/* Return the lowest `count` bits, each `repeat` times. */
FD_INLINE uint64_t fd_repeat_bits(uint64_t bits, const fd_spread *spread)
{
    return fd_spread_bits(bits, spread) * (UINT64_MAX >> (FD_WORD - spread->repeat));
}

/* A sequence of bits to which bits are appended. */
typedef struct {
    uint64_t *next;   /* word to be written */
    uint64_t started; /* its first bits */
    int count;        /* number of those bits, less than 64 */
} fd_writer;

/* Append the lowest `count` bits, 1 to 64, of a word whose other bits are 0. */
FD_INLINE void fd_append(fd_writer *writer, uint64_t bits, int count)
{
    const int begin = writer->count, end = begin + count;
    writer->started |= bits << begin;
    writer->count = end;
    if (end >= FD_WORD) {
        *writer->next++ = fd_little_endian(writer->started);
        writer->started = bits >> 1 >> (FD_WORD - 1 - begin);
        writer->count = end - FD_WORD;
    }
}

FD_INLINE void fd_flush(fd_writer *writer)
{
    if (writer->count)
        *writer->next = fd_little_endian(writer->started);
}

/* One stage of the transposition: exchange blocks of half x half bits. */
#define FD_EXCHANGE(half, low)                                                      \
    for (int r = 0; r < FD_WORD; r += 2 * (half))                                   \
        for (int i = r; i < r + (half); ++i) {                                      \
            const uint64_t swap = (square[i] >> (half) ^ square[i + (half)]) & (low); \
            square[i] ^= swap << (half);                                            \
            square[i + (half)] ^= swap;                                             \
        }

/* Transpose a square of 64 x 64 bits: bit c of word r becomes bit r of word c (the halving exchange
 * of Warren, Hacker's Delight, 2nd edition, section 7-3). */
FD_OUTLINE void fd_transpose64(uint64_t square[FD_WORD])
{
    FD_EXCHANGE(32, UINT64_C(0x00000000ffffffff))
    FD_EXCHANGE(16, UINT64_C(0x0000ffff0000ffff))
    FD_EXCHANGE(8, UINT64_C(0x00ff00ff00ff00ff))
    FD_EXCHANGE(4, UINT64_C(0x0f0f0f0f0f0f0f0f))
    FD_EXCHANGE(2, UINT64_C(0x3333333333333333))
    FD_EXCHANGE(1, UINT64_C(0x5555555555555555))
}
#undef FD_EXCHANGE

#endif
