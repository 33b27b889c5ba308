/* Mask format 1 in C: the hash, and 16 xoshiro256++ lanes.
 *
 * Every constant here decides the mask (docs/mask-format.md): another value is another format.
 * One body serves every CPU level: fd_vector is as wide as the level's registers, and the 16 lanes
 * are FD_VECTORS of them, so the stream does not depend on the hardware.
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

#endif
