/* Probabilities as arrays: made into the thresholds and the scales of single elements. */
#ifndef FD_PROBABILITIES_H
#define FD_PROBABILITIES_H

#include "copy.h"

typedef float fd_float_anywhere FD_ANYWHERE;
typedef double fd_double_anywhere FD_ANYWHERE;

/* The threshold of p is floor(2^16 p), exactly: the product only changes the exponent. That of p = 1
 * does not fit into 16 bits. It becomes 65535, so that a draw of 65535 counts as a tie, which is
 * decided by p itself. */
#define FD_THRESHOLD(p) ((int32_t)((p) * 65536) < 65535 ? (int32_t)((p) * 65536) : 65535)

/* Make `count` numbers `to` from a row of probabilities that lie `stride` bytes apart. Rows without
 * gaps have a loop of their own, which compilers turn into vector code. */
#define FD_MAKE(name, made, probability, value)                                                  \
    FD_OUTLINE void name(made *to, const char *row, ptrdiff_t count, ptrdiff_t stride)           \
    {                                                                                            \
        if (stride == sizeof(probability)) {                                                     \
            for (ptrdiff_t i = 0; i < count; ++i) {                                              \
                const probability p = ((const fd_##probability##_anywhere *)row)[i];             \
                to[i] = (made)(value);                                                           \
            }                                                                                    \
        } else {                                                                                 \
            for (ptrdiff_t i = 0; i < count; ++i) {                                              \
                const probability p = *(const fd_##probability##_anywhere *)(row + i * stride);  \
                to[i] = (made)(value);                                                           \
            }                                                                                    \
        }                                                                                        \
    }
FD_MAKE(fd_thresholds_of_floats, uint16_t, float, FD_THRESHOLD(p))
FD_MAKE(fd_thresholds_of_doubles, uint16_t, double, FD_THRESHOLD(p))
FD_MAKE(fd_floats_of_floats, float, float, 1 / (1 - (double)p))
FD_MAKE(fd_floats_of_doubles, float, double, 1 / (1 - p))
FD_MAKE(fd_doubles_of_floats, double, float, 1 / (1 - (double)p))
FD_MAKE(fd_doubles_of_doubles, double, double, 1 / (1 - p))
#undef FD_MAKE
#undef FD_THRESHOLD

/* What to look for in an array of probabilities. */
typedef struct {
    int outside; /* whether one is outside [0, 1], or NaN */
    int differ;  /* whether they are not all the same */
    int chance;  /* whether one is neither 0 nor 1 */
} fd_survey;

/* By their bits, which as integers are in the order of the numbers from 0 on; compilers make no vector
 * code of comparisons that a NaN fails. Negative integers are rare, and then -0 has to be told from
 * the negative numbers. */
#define FD_SURVEY(type, bits, one)                                                     \
    FD_INLINE fd_survey fd_survey_bits_of_##type(const void *p, ptrdiff_t count,       \
                                                 bits minus_zero)                      \
    {                                                                                  \
        bits most = 0, least = one, chance = 0;                                        \
        for (ptrdiff_t i = 0; i < count; ++i) {                                        \
            bits number = ((const fd_##bits##_anywhere *)p)[i];                        \
            if (minus_zero)                                                            \
                number = number == minus_zero ? 0 : number;                            \
            most = number > most ? number : most;                                      \
            least = number < least ? number : least;                                   \
            chance |= (number > 0) & (number < one);                                   \
        }                                                                              \
        return (fd_survey){most > one || least < 0, least < most, chance != 0};        \
    }                                                                                  \
    FD_OUTLINE fd_survey fd_survey_##type##s(const void *p, ptrdiff_t count)           \
    {                                                                                  \
        const fd_survey found = fd_survey_bits_of_##type(p, count, 0);                 \
        if (!found.outside)                                                            \
            return found;                                                              \
        return fd_survey_bits_of_##type(p, count, (bits)~(~(u##bits)0 >> 1));          \
    }
typedef int32_t fd_int32_t_anywhere FD_ANYWHERE;
typedef int64_t fd_int64_t_anywhere FD_ANYWHERE;
FD_SURVEY(float, int32_t, INT32_C(0x3f800000))
FD_SURVEY(double, int64_t, INT64_C(0x3ff0000000000000))
#undef FD_SURVEY

#endif
