/* The choice between kept and dropped, by the bits of a keep word, written per CPU level. */
#ifndef FD_CHOOSE_H
#define FD_CHOOSE_H

#include "lanes.h"

typedef uint32_t fd_units32 __attribute__((vector_size(FD_BYTES)));

/* fd_choose8 to fd_choose64: take each unit of so many bits from `kept` if its bit of the keep word
 * is set, else from `dropped`. Bit i of the word decides the vector's first unit. */
#if FD_BYTES == 64
#define FD_CHOOSE(unit, type, suffix, mask)                                                   \
    FD_INLINE fd_vector fd_choose##unit(fd_vector kept, fd_vector dropped, uint64_t keep, int i) \
    {                                                                                         \
        return (fd_vector)_mm512_mask_mov_##suffix((type)dropped, (mask)(keep >> i), (type)kept); \
    }
FD_CHOOSE(8, __m512i, epi8, __mmask64)
FD_CHOOSE(16, __m512i, epi16, __mmask32)
FD_CHOOSE(32, __m512, ps, __mmask16) /* as floats, gcc masks the multiplication itself */
FD_CHOOSE(64, __m512d, pd, __mmask8)
#undef FD_CHOOSE
#else
typedef uint8_t fd_units8 __attribute__((vector_size(FD_BYTES)));
typedef uint16_t fd_units16 __attribute__((vector_size(FD_BYTES)));

/* The bit of each unit, within the byte, the 16 or the 32 bits of the keep word that hold it. */
#define FD_4(n) 1u << (n), 1u << ((n) + 1), 1u << ((n) + 2), 1u << ((n) + 3)
#define FD_4_TWICE(n)                                              \
    1u << (n), 1u << (n), 1u << ((n) + 1), 1u << ((n) + 1),        \
    1u << ((n) + 2), 1u << ((n) + 2), 1u << ((n) + 3), 1u << ((n) + 3)
static const uint8_t fd_bit8[32] = {FD_4(0), FD_4(4), FD_4(0), FD_4(4),
                                    FD_4(0), FD_4(4), FD_4(0), FD_4(4)};
static const uint16_t fd_bit16[16] = {FD_4(0), FD_4(4), FD_4(8), FD_4(12)};
static const uint32_t fd_bit32[32] = {FD_4(0),  FD_4(4),  FD_4(8),  FD_4(12),
                                      FD_4(16), FD_4(20), FD_4(24), FD_4(28)};
/* Two halves per unit, because SSE2 compares 32 bits at most. */
static const uint32_t fd_bit64[64] = {
    FD_4_TWICE(0),  FD_4_TWICE(4),  FD_4_TWICE(8),  FD_4_TWICE(12),
    FD_4_TWICE(16), FD_4_TWICE(20), FD_4_TWICE(24), FD_4_TWICE(28)};
#undef FD_4
#undef FD_4_TWICE

FD_INLINE fd_vector fd_blend(fd_vector kept, fd_vector dropped, fd_vector mask)
{
    return (kept & mask) | (dropped & ~mask);
}

/* Each byte of the word from bit i on, in all the units that it decides. */
FD_INLINE fd_units8 fd_spread_bytes(uint64_t keep, int i)
{
#if FD_BYTES == 32
    const uint64_t byte = (uint64_t)i / 8 * UINT64_C(0x0101010101010101);
    const fd_vector from = {byte, byte + UINT64_C(0x0101010101010101),
                            byte + UINT64_C(0x0202020202020202),
                            byte + UINT64_C(0x0303030303030303)};
    return (fd_units8)_mm256_shuffle_epi8(_mm256_set1_epi64x((long long)keep), (__m256i)from);
#else
    const uint64_t everywhere = UINT64_C(0x0101010101010101);
    const fd_vector both = {(keep >> i & 0xff) * everywhere, (keep >> i >> 8 & 0xff) * everywhere};
    return (fd_units8)both;
#endif
}

FD_INLINE fd_vector fd_choose8(fd_vector kept, fd_vector dropped, uint64_t keep, int i)
{
    fd_units8 bit;
    memcpy(&bit, fd_bit8, sizeof bit);
    return fd_blend(kept, dropped, (fd_vector)((fd_spread_bytes(keep, i) & bit) == bit));
}

#define FD_CHOOSE(unit, units, bits, period)                                                  \
    FD_INLINE fd_vector fd_choose##unit(fd_vector kept, fd_vector dropped, uint64_t keep, int i) \
    {                                                                                         \
        units bit;                                                                            \
        memcpy(&bit, fd_bit##unit + (i % period) * (sizeof fd_bit##unit / period / sizeof(bits)), \
               sizeof bit);                                                                   \
        const bits some = (bits)(keep >> (i / period * period));                              \
        return fd_blend(kept, dropped, (fd_vector)((bit & some) == bit));                     \
    }
FD_CHOOSE(16, fd_units16, uint16_t, 16)
FD_CHOOSE(32, fd_units32, uint32_t, 32)
FD_CHOOSE(64, fd_units32, uint32_t, 32)
#undef FD_CHOOSE
#endif

#endif
