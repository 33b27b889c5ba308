/* Elements copied between strided memory and a buffer, a row at a time, and their bytes reversed. */
#ifndef FD_COPY_H
#define FD_COPY_H

#include "platform.h"

enum { FD_CACHE_LINE = 64 };

/* A buffer for elements between an array and the kernel; it takes a quarter of a small L1 cache. */
enum { FD_BUFFER = 8192 };
typedef struct {
    char bytes[FD_BUFFER];
} __attribute__((aligned(FD_CACHE_LINE))) fd_buffer;

/* Items by their size, at any address and of any type. */
#define FD_ANYWHERE __attribute__((aligned(1), may_alias))
typedef uint8_t fd_item1 FD_ANYWHERE;
typedef uint16_t fd_item2 FD_ANYWHERE;
typedef uint32_t fd_item4 FD_ANYWHERE;
typedef uint64_t fd_item8 FD_ANYWHERE;
typedef uint64_t fd_item16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef struct {
    fd_item16 halves[2];
} fd_item32;

/* fd_gather_SIZE and fd_scatter_SIZE: copy a row of items that lie `stride` bytes apart in memory.
 * Some strides, such as one item forwards or backwards, have loops of their own, which compilers
 * turn into vector code. */
#define FD_COPIES_OF(size)                                                                    \
    FD_INLINE void fd_gather_##size(char *buffer, const char *row, ptrdiff_t count, ptrdiff_t stride) \
    {                                                                                         \
        fd_item##size *to = (fd_item##size *)buffer;                                          \
        const fd_item##size *from = (const fd_item##size *)row;                               \
        if (stride == size)                                                                   \
            memcpy(buffer, row, (size_t)count * size);                                        \
        else if (stride == 0)                                                                 \
            for (ptrdiff_t i = 0; i < count; ++i)                                             \
                to[i] = *from;                                                                \
        else if (stride == -size)                                                             \
            for (ptrdiff_t i = 0; i < count; ++i)                                             \
                to[i] = from[-i];                                                             \
        else if (stride == 2 * size)                                                          \
            for (ptrdiff_t i = 0; i < count; ++i)                                             \
                to[i] = from[2 * i];                                                          \
        else                                                                                  \
            for (ptrdiff_t i = 0; i < count; ++i)                                             \
                to[i] = *(const fd_item##size *)(row + i * stride);                           \
    }                                                                                         \
                                                                                              \
    FD_INLINE void fd_scatter_##size(char *row, const char *buffer, ptrdiff_t count, ptrdiff_t stride) \
    {                                                                                         \
        const fd_item##size *from = (const fd_item##size *)buffer;                            \
        fd_item##size *to = (fd_item##size *)row;                                             \
        if (stride == size)                                                                   \
            memcpy(row, buffer, (size_t)count * size);                                        \
        else if (stride == -size)                                                             \
            for (ptrdiff_t i = 0; i < count; ++i)                                             \
                to[-i] = from[i];                                                             \
        else                                                                                  \
            for (ptrdiff_t i = 0; i < count; ++i)                                             \
                *(fd_item##size *)(row + i * stride) = from[i];                               \
    }
FD_COPIES_OF(1)
FD_COPIES_OF(2)
FD_COPIES_OF(4)
FD_COPIES_OF(8)
FD_COPIES_OF(16)
FD_COPIES_OF(32)
#undef FD_COPIES_OF

#define FD_BY_SIZE(copy, to, from, count, stride, size) \
    switch (size) {                                     \
    case 1: copy##1(to, from, count, stride); break;    \
    case 2: copy##2(to, from, count, stride); break;    \
    case 4: copy##4(to, from, count, stride); break;    \
    case 8: copy##8(to, from, count, stride); break;    \
    case 16: copy##16(to, from, count, stride); break;  \
    default: copy##32(to, from, count, stride);         \
    }

FD_INLINE void fd_gather(char *buffer, const char *row, ptrdiff_t count, ptrdiff_t stride, int size)
{
    FD_BY_SIZE(fd_gather_, buffer, row, count, stride, size)
}

FD_INLINE void fd_scatter(char *row, const char *buffer, ptrdiff_t count, ptrdiff_t stride, int size)
{
    FD_BY_SIZE(fd_scatter_, row, buffer, count, stride, size)
}
#undef FD_BY_SIZE

/* Reverse the bytes of each number of `unit` bytes, 2, 4 or 8; do nothing if `unit` is 0. */
FD_OUTLINE void fd_swap_bytes(char *numbers, ptrdiff_t bytes, int unit)
{
#define FD_SWAP(bits, type)                                  \
    for (ptrdiff_t i = 0; i < bytes / (ptrdiff_t)sizeof(type); ++i) \
        ((type *)numbers)[i] = __builtin_bswap##bits(((type *)numbers)[i]);
    if (unit == 2)
        FD_SWAP(16, fd_item2)
    else if (unit == 4)
        FD_SWAP(32, fd_item4)
    else if (unit == 8)
        FD_SWAP(64, fd_item8)
#undef FD_SWAP
}

#endif
