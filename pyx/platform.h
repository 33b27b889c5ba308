/* What a compiler and a CPU level offer: attributes, the width of vectors, names of instructions. */
#ifndef FD_PLATFORM_H
#define FD_PLATFORM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__) && !defined(__clang__) /* clang-cl lacks the first */
#error "fastdrop needs the vector types of gcc or clang"
#endif

#define FD_INLINE static inline __attribute__((always_inline, unused))
#define FD_OUTLINE static __attribute__((noinline, unused))
#define FD_RARE static __attribute__((noinline, cold, unused))
#define FD_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define FD_UNROLL _Pragma("GCC unroll 8")

#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#define FD_BYTES 64
#elif defined(__AVX2__)
#define FD_BYTES 32
#else
#define FD_BYTES 16
#endif

/* With FD_X86 a vector of FD_BYTES is an x86 register and has its instructions. */
#if FD_BYTES >= 32 || defined(__SSE2__)
#define FD_X86
#include <immintrin.h>
#endif
#if FD_BYTES == 64
#define FD_SIMD(name) _mm512_##name
#define FD_SIMD_BITS(name) _mm512_##name##_si512
typedef __m512i fd_bytes;
#elif FD_BYTES == 32
#define FD_SIMD(name) _mm256_##name
#define FD_SIMD_BITS(name) _mm256_##name##_si256
typedef __m256i fd_bytes;
#elif defined(FD_X86)
#define FD_SIMD(name) _mm_##name
#define FD_SIMD_BITS(name) _mm_##name##_si128
typedef __m128i fd_bytes;
#endif

/* With FD_NEON it is an aarch64 register, whose instructions all these CPUs have. Only on
 * little-endian ones do the instructions count elements in the order of memory. */
#if defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FD_NEON
#include <arm_neon.h>
typedef uint8x16_t fd_bytes;

/* Of each byte, which is 0 or 255, keep the bit of its place among 8. */
FD_INLINE fd_bytes fd_own_bits(fd_bytes bytes)
{
    static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    return vandq_u8(bytes, vld1q_u8(bits));
}
#endif

#endif
