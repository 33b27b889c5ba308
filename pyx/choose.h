/* The choice between kept and dropped, by the bits of a keep word, written per CPU level. */
#ifndef FD_CHOOSE_H
#define FD_CHOOSE_H

#include "lanes.h"

typedef uint32_t fd_units32 __attribute__((vector_size(FD_BYTES)));

/* fd_choose8 to fd_choose64: take each unit of so many bits from `kept` if its bit of the keep word
 * is set, else from `dropped`. Bit i of the word decides the vector's first unit. fd_clear8 to
 * fd_clear64: the same with zeros for the dropped units. */
#if FD_BYTES == 64
/* Cleared as floats, gcc masks the multiplication itself. Chosen as floats it would do so too, with a
 * copy of `dropped` to merge into, which was measured 1.2 times slower than a blend. */
#define FD_CHOOSE(unit, mask, type, suffix)                                                      \
    FD_INLINE fd_vector fd_choose##unit(fd_vector kept, fd_vector dropped, uint64_t keep, int i) \
    {                                                                                            \
        return (fd_vector)_mm512_mask_blend_epi##unit((mask)(keep >> i), (__m512i)dropped,       \
                                                      (__m512i)kept);                            \
    }                                                                                            \
    FD_INLINE fd_vector fd_clear##unit(fd_vector kept, uint64_t keep, int i)                     \
    {                                                                                            \
        return (fd_vector)_mm512_maskz_mov_##suffix((mask)(keep >> i), (type)kept);              \
    }
FD_CHOOSE(8, __mmask64, __m512i, epi8)
FD_CHOOSE(16, __mmask32, __m512i, epi16)
FD_CHOOSE(32, __mmask16, __m512, ps)
FD_CHOOSE(64, __mmask8, __m512d, pd)
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
#if FD_BYTES == 32
    return (fd_vector)_mm256_blendv_epi8((__m256i)dropped, (__m256i)kept, (__m256i)mask);
#else
    return (kept & mask) | (dropped & ~mask);
#endif
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

/* fd_mask8 to fd_mask64: all bits of each unit that is kept. */
FD_INLINE fd_vector fd_mask8(uint64_t keep, int i)
{
    fd_units8 bit;
    memcpy(&bit, fd_bit8, sizeof bit);
    return (fd_vector)((fd_spread_bytes(keep, i) & bit) == bit);
}

#define FD_MASK(unit, units, bits, period)                                                        \
    FD_INLINE fd_vector fd_mask##unit(uint64_t keep, int i)                                       \
    {                                                                                             \
        units bit;                                                                                \
        memcpy(&bit, fd_bit##unit + (i % period) * (sizeof fd_bit##unit / period / sizeof(bits)), \
               sizeof bit);                                                                       \
        const bits some = (bits)(keep >> (i / period * period));                                  \
        return (fd_vector)((bit & some) == bit);                                                  \
    }
FD_MASK(16, fd_units16, uint16_t, 16)
FD_MASK(32, fd_units32, uint32_t, 32)
FD_MASK(64, fd_units32, uint32_t, 32)
#undef FD_MASK

#define FD_CHOOSE(unit)                                                                          \
    FD_INLINE fd_vector fd_choose##unit(fd_vector kept, fd_vector dropped, uint64_t keep, int i) \
    {                                                                                            \
        return fd_blend(kept, dropped, fd_mask##unit(keep, i));                                  \
    }                                                                                            \
    FD_INLINE fd_vector fd_clear##unit(fd_vector kept, uint64_t keep, int i)                     \
    {                                                                                            \
        return kept & fd_mask##unit(keep, i);                                                    \
    }
FD_CHOOSE(8)
FD_CHOOSE(16)
#if FD_BYTES == 32
/* The blends of floats read the sign only, so a unit's bit is shifted there, and no mask is made. */
FD_INLINE fd_vector fd_choose32(fd_vector kept, fd_vector dropped, uint64_t keep, int i)
{
    const __m256i last = _mm256_set1_epi32(31 - i % 32), unit = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i bits = _mm256_set1_epi32((int)(keep >> (i / 32 * 32)));
    const __m256i signs = _mm256_sllv_epi32(bits, _mm256_sub_epi32(last, unit));
    return (fd_vector)_mm256_blendv_ps((__m256)dropped, (__m256)kept, (__m256)signs);
}

FD_INLINE fd_vector fd_choose64(fd_vector kept, fd_vector dropped, uint64_t keep, int i)
{
    const __m256i last = _mm256_set1_epi64x(63 - i), unit = _mm256_setr_epi64x(0, 1, 2, 3);
    const __m256i bits = _mm256_set1_epi64x((long long)keep);
    const __m256i signs = _mm256_sllv_epi64(bits, _mm256_sub_epi64(last, unit));
    return (fd_vector)_mm256_blendv_pd((__m256d)dropped, (__m256d)kept, (__m256d)signs);
}

/* Zero, hidden from the compiler: gcc would make a mask again, to clear by it, which is slower. */
FD_INLINE fd_vector fd_hidden_zero(void)
{
    fd_vector zero = {0};
    __asm__("" : "+x"(zero));
    return zero;
}

FD_INLINE fd_vector fd_clear32(fd_vector kept, uint64_t keep, int i)
{
    return fd_choose32(kept, fd_hidden_zero(), keep, i);
}

FD_INLINE fd_vector fd_clear64(fd_vector kept, uint64_t keep, int i)
{
    return fd_choose64(kept, fd_hidden_zero(), keep, i);
}
#else
FD_CHOOSE(32)
FD_CHOOSE(64)
#endif
#undef FD_CHOOSE
#endif

#endif
