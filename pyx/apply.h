/* What a keep word makes of 64 elements, for every dtype: selected, scaled, or scaled and shifted.
 *
 * One loop (FD_APPLY) serves them all: load a vector, compute, choose by the word's bits, store.
 * The choice is made by the size of a unit (choose.h). The computation depends on the kind of number
 * and is written once, except for float16, for which x86 has instructions. A kept element goes
 * through the same IEEE operations at every level, so its bytes are the same. operations.py says
 * which operations there are.
 */
#ifndef FD_APPLY_H
#define FD_APPLY_H

#include "bits.h"
#include "choose.h"
#include "copy.h"
#include "operations.h" /* made from operations.py */

/* A kept element x becomes x * scale + shift, except in operations without a scale or a shift. A
 * dropped one becomes `dropped`, an element repeated to 32 bytes. */
typedef struct {
    double scale, shift;
    uint64_t dropped, dropped1, dropped2, dropped3;
} fd_affine;

typedef int32_t fd_ints32 __attribute__((vector_size(FD_BYTES)));
typedef float fd_floats __attribute__((vector_size(FD_BYTES)));
typedef double fd_doubles __attribute__((vector_size(FD_BYTES)));

/* ---- memory --------------------------------------------------------------------------- */

/* How many bytes ahead the source is prefetched: a few keep words. Measured: it helps if the source
 * lies beyond the L2 cache, and costs nothing measurable if it lies nearer. */
enum { FD_AHEAD = 2048 };

FD_INLINE void fd_prefetch(const void *x, size_t bytes, size_t ahead)
{
    for (size_t i = 0; i < bytes; i += FD_CACHE_LINE)
        __builtin_prefetch((const void *)((uintptr_t)x + ahead + i));
}

/* With `nontemporal` the store bypasses the cache, and y has to lie on a cache line. */
FD_INLINE void fd_store(void *y, fd_vector value, int nontemporal)
{
#ifdef FD_X86
    if (nontemporal) {
        FD_SIMD_BITS(stream)((fd_bytes *)y, (fd_bytes)value);
        return;
    }
#endif
    (void)nontemporal;
    memcpy(y, &value, sizeof value);
}

/* Make the stores that bypassed the cache visible to other threads. */
FD_INLINE void fd_fence(void)
{
#ifdef FD_X86
    _mm_sfence();
#endif
}

/* Return what dropped elements of `bits` bits become, in the vector that begins at byte `at`. */
FD_INLINE fd_vector fd_dropped(fd_affine affine, int bits, int at)
{
    const uint64_t a = affine.dropped, b = affine.dropped1, c = affine.dropped2, d = affine.dropped3;
    (void)at;
    if (bits <= 64)
        return (fd_vector){0} + a;
#if FD_BYTES == 16
    return at & 16 ? (fd_vector){c, d} : (fd_vector){a, b};
#elif FD_BYTES == 32
    return (fd_vector){a, b, c, d};
#else
    return (fd_vector){a, b, c, d, a, b, c, d};
#endif
}

/* ---- the computation ------------------------------------------------------------------ */

/* What is computed with: numbers for all elements or, unless `scales` is NULL, a scale for each, as
 * float or, for float64 and complex128, as double. */
typedef struct {
    fd_affine affine;
    const void *scales; /* of the vector's first element */
    int units;          /* of an element, which have one scale */
    int shifted;
} fd_numbers;

FD_INLINE fd_vector fd_as_is(fd_vector x, fd_numbers numbers)
{
    (void)numbers;
    return x;
}

/* Compute with floats, of which x holds those of the units `first`, `first + step` and so on. */
FD_INLINE fd_floats fd_affine_floats(fd_floats x, fd_numbers numbers, int first, int step)
{
    fd_floats scales = (fd_floats){0} + (float)numbers.affine.scale;
    if (numbers.scales) {
        float each[FD_BYTES / sizeof(float)];
        for (int i = 0; i < (int)(FD_BYTES / sizeof(float)); ++i)
            each[i] = ((const float *)numbers.scales)[(first + step * i) / numbers.units];
        memcpy(&scales, each, sizeof scales);
    }
    return numbers.shifted ? x * scales + (float)numbers.affine.shift : x * scales;
}

FD_INLINE fd_vector fd_float32(fd_vector x, fd_numbers numbers)
{
    return (fd_vector)fd_affine_floats((fd_floats)x, numbers, 0, 1);
}

FD_INLINE fd_vector fd_float64(fd_vector x, fd_numbers numbers)
{
    fd_doubles scales = (fd_doubles){0} + numbers.affine.scale;
    if (numbers.scales) {
        double each[FD_WIDTH];
        for (int i = 0; i < FD_WIDTH; ++i)
            each[i] = ((const double *)numbers.scales)[i / numbers.units];
        memcpy(&scales, each, sizeof scales);
    }
    const fd_doubles product = (fd_doubles)x * scales;
    return (fd_vector)(numbers.shifted ? product + numbers.affine.shift : product);
}

/* Which of two numbers of 16 bits, side by side in memory, is the lower half of the unit of 32. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { FD_LOW = 1, FD_HIGH = 0 };
#else
enum { FD_LOW = 0, FD_HIGH = 1 };
#endif

/* A bfloat16 is the upper half of a float32, and rounding to even carries into it. A NaN that was a
 * bfloat16 has no lower bits, so nothing carries and it stays a NaN. */
FD_INLINE fd_units32 fd_narrow_bfloat16(fd_floats x)
{
    const fd_units32 bits = (fd_units32)x;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* A unit of 32 bits holds two, which are computed separately: no vector is packed or unpacked. */
FD_INLINE fd_vector fd_bfloat16(fd_vector x, fd_numbers numbers)
{
    const fd_units32 pair = (fd_units32)x;
    const fd_floats low = fd_affine_floats((fd_floats)(pair << 16), numbers, FD_LOW, 2);
    const fd_floats high = fd_affine_floats((fd_floats)(pair & 0xffff0000), numbers, FD_HIGH, 2);
    return (fd_vector)(fd_narrow_bfloat16(low) | fd_narrow_bfloat16(high) << 16);
}

FD_INLINE fd_units32 fd_select(fd_ints32 where, fd_units32 yes, fd_units32 no)
{
    return ((fd_units32)where & yes) | (~(fd_units32)where & no);
}

/* The float16 nearest to each float32, ties to even, a NaN's upper bits kept: what VCVTPS2PH does.
 * The sum with 2^(e + 13) rounds a number of exponent e to 11 digits, and leaves them as the sum's
 * last ones. Below 2^-14, where float16 is subnormal, e stays -14. Larger numbers are capped at
 * 65536, which becomes infinity. */
FD_INLINE fd_units32 fd_narrow_float16(fd_floats x)
{
    const fd_units32 bits = (fd_units32)x, size = bits & 0x7fffffff;
    const fd_units32 smallest = (fd_units32){0} + (113u << 23), most = (fd_units32){0} + (143u << 23);
    const fd_units32 capped = fd_select((fd_ints32)size > (fd_ints32)most, most, size);
    const fd_units32 exponent =
        fd_select((fd_ints32)capped > (fd_ints32)smallest, capped, smallest) & 0x7f800000;
    const fd_units32 sum =
        (fd_units32)((fd_floats)capped + (fd_floats)(exponent + (13u << 23))) - exponent;
    const fd_units32 number = sum + (exponent >> 13) - ((13u << 23) + (113u << 10));
    const fd_units32 quiet = 0x7e00 | (size >> 13 & 0x3ff);
    return (bits >> 16 & 0x8000) | fd_select((fd_ints32)size > (255 << 23), quiet, number);
}

#if FD_BYTES >= 32
#if FD_BYTES == 64
#define FD_HALF(x, i) _mm512_extracti64x4_epi64((__m512i)(x), i)
#define FD_JOIN(a, b) _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1)
#else
#define FD_HALF(x, i) _mm256_extracti128_si256((__m256i)(x), i)
#define FD_JOIN(a, b) _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1)
#endif
#define FD_NARROW(x) FD_SIMD(cvtps_ph)(x, _MM_FROUND_TO_NEAREST_INT)
FD_INLINE fd_vector fd_float16(fd_vector x, fd_numbers numbers)
{
    const fd_floats first = (fd_floats)FD_SIMD(cvtph_ps)(FD_HALF(x, 0));
    const fd_floats second = (fd_floats)FD_SIMD(cvtph_ps)(FD_HALF(x, 1));
    const fd_floats a = fd_affine_floats(first, numbers, 0, 1);
    const fd_floats b = fd_affine_floats(second, numbers, FD_BYTES / 4, 1);
    return (fd_vector)FD_JOIN(FD_NARROW(a), FD_NARROW(b));
}
#else
/* Return the float32 equal to the float16 in the upper half of each unit. The product with 2^-112
 * corrects the exponent and keeps infinity and NaN. A subnormal's digits become the last ones of
 * 0.5, which is then subtracted. */
FD_INLINE fd_floats fd_widen_float16(fd_units32 bits)
{
    const fd_units32 size = bits << 1;
    const fd_floats normal = (fd_floats)((size >> 4) + (224u << 23)) * 0x1p-112f;
    const fd_floats subnormal = (fd_floats)(size >> 17 | 126u << 23) - 0.5f;
    const fd_ints32 is_subnormal = (fd_ints32)(size >> 4) < (1 << 23);
    return (fd_floats)((bits & 0x80000000) |
                       fd_select(is_subnormal, (fd_units32)subnormal, (fd_units32)normal));
}

FD_INLINE fd_vector fd_float16(fd_vector x, fd_numbers numbers)
{
    const fd_units32 pair = (fd_units32)x;
    const fd_floats low = fd_affine_floats(fd_widen_float16(pair << 16), numbers, FD_LOW, 2);
    const fd_floats high = fd_affine_floats(fd_widen_float16(pair & 0xffff0000), numbers, FD_HIGH, 2);
    return (fd_vector)(fd_narrow_float16(low) | fd_narrow_float16(high) << 16);
}
#endif

/* ---- the loop ------------------------------------------------------------------------- */

/* Return each of the lower 32 bits twice, side by side. */
FD_INLINE uint64_t fd_twice(uint64_t bits)
{
    bits &= 0xffffffff;
    bits = (bits | bits << 16) & UINT64_C(0x0000ffff0000ffff);
    bits = (bits | bits << 8) & UINT64_C(0x00ff00ff00ff00ff);
    bits = (bits | bits << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    bits = (bits | bits << 2) & UINT64_C(0x3333333333333333);
    bits = (bits | bits << 1) & UINT64_C(0x5555555555555555);
    return bits * 3;
}

/* Return 64 decisions on units: those of one of the `units` parts of the keep word's elements. */
FD_INLINE uint64_t fd_part(uint64_t keep, int units, int part)
{
    if (units > 2) /* 4 */
        keep = fd_twice(keep >> (32 * (part / 2 % 2)));
    return units > 1 ? fd_twice(keep >> (32 * (part % 2))) : keep;
}

/* The type of an operation's elements: an array of bytes, so that they may be unaligned. */
#define FD_ELEMENT(name, unit, unit_count, compute, shifts, fills) \
    typedef struct {                                                \
        unsigned char bytes[(unit) / 8 * (unit_count)];             \
    } fd_##name;
FD_OPERATIONS(FD_ELEMENT)
#undef FD_ELEMENT

/* fd_apply_NAME: apply a keep word to 64 elements of x and store them in y, which may be x. Unless
 * they are NULL, `fill` and `scales` point to what each element becomes if it is dropped, and to
 * its scale. */
#define FD_APPLY(name, unit, unit_count, compute, shifts, fills)                                \
    FD_INLINE void fd_apply_##name(const fd_##name *x, fd_##name *y, const fd_##name *fill,     \
                                   const void *scales, uint64_t keep, fd_affine affine,         \
                                   int nontemporal)                                             \
    {                                                                                           \
        fd_numbers numbers = {affine, NULL, unit_count, shifts};                                \
        fd_prefetch(x, FD_WORD * sizeof *x, FD_AHEAD);                                          \
        for (int part = 0; part < unit_count; ++part) {                                         \
            const uint64_t word = fd_part(keep, unit_count, part);                              \
            _Pragma("GCC unroll 32")                                                            \
            for (int i = 0; i < FD_WORD; i += 8 * FD_BYTES / unit) {                            \
                const int at = FD_WORD * part + i;                                              \
                fd_vector value, dropped;                                                       \
                memcpy(&value, (const char *)x + at * unit / 8, sizeof value);                  \
                if (scales)                                                                     \
                    numbers.scales = (const char *)scales + at / unit_count *                   \
                                     (unit == 64 ? sizeof(double) : sizeof(float));             \
                value = compute(value, numbers);                                                \
                if (fill)                                                                       \
                    memcpy(&dropped, (const char *)fill + at * unit / 8, sizeof dropped);       \
                else if (fills)                                                                 \
                    dropped = fd_dropped(affine, unit * unit_count, at * unit / 8);             \
                value = fill || fills ? fd_choose##unit(value, dropped, word, i)                \
                                      : fd_clear##unit(value, word, i);                         \
                fd_store((char *)y + at * unit / 8, value, nontemporal);                        \
            }                                                                                   \
        }                                                                                       \
    }
FD_OPERATIONS(FD_APPLY)
#undef FD_APPLY

/* The element of a packed mask is the keep word itself: there is one for 64 decisions. */
typedef struct {
    uint64_t word;
} fd_packed;

FD_INLINE void fd_apply_packed(const fd_packed *x, fd_packed *y, const fd_packed *fill,
                               const void *scales, uint64_t keep, fd_affine affine, int nontemporal)
{
    (void)x, (void)fill, (void)scales, (void)affine, (void)nontemporal;
    y->word = fd_little_endian(keep);
}

/* fd_apply: the function for the type of y. */
#define FD_APPLY_OF(name, unit, unit_count, compute, shifts, fills) fd_##name: fd_apply_##name,
#define fd_apply_each(x, y, fill, scales, keep, affine, nontemporal)            \
    _Generic(*(y), FD_OPERATIONS(FD_APPLY_OF) fd_packed: fd_apply_packed)(      \
        x, y, fill, scales, keep, affine, nontemporal)
#define fd_apply(x, y, keep, affine, nontemporal) \
    fd_apply_each(x, y, NULL, NULL, keep, affine, nontemporal)

/* ---- the numbers ---------------------------------------------------------------------- */

/* Return the bits of a number in the dtype, repeated to 64. */
FD_INLINE uint64_t fd_bits_float16(double value)
{
    return fd_narrow_float16((fd_floats){0} + (float)value)[0] * UINT64_C(0x0001000100010001);
}

FD_INLINE uint64_t fd_bits_bfloat16(double value)
{
    return fd_narrow_bfloat16((fd_floats){0} + (float)value)[0] * UINT64_C(0x0001000100010001);
}

FD_INLINE uint64_t fd_bits_float32(double value)
{
    const float rounded = (float)value;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return bits * UINT64_C(0x0000000100000001);
}

FD_INLINE uint64_t fd_bits_float64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif
