/* A team of threads: which units of work are left, where its threads run, and the time. */
#ifndef FD_TEAM_H
#define FD_TEAM_H

#include <stdint.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sched.h> /* with the GNU extensions, which Python.h asks for */
#endif

#define FD_MAX_THREADS 256 /* of a team */

static inline double fd_seconds(void)
{
#ifdef _OPENMP
    return omp_get_wtime();
#else
    return 0;
#endif
}

/* A thread's share of the units, those from `next` on not yet taken; alone on its cache line. */
typedef struct {
    int64_t next, end;
} __attribute__((aligned(64))) fd_share;

/* Take half of the units that are left of a share, but at least 4, because fewer are not worth the
 * call. Return how many; `begin` gets the first. */
static inline int64_t fd_take(fd_share *share, int64_t *begin)
{
    int64_t count;
    *begin = __atomic_load_n(&share->next, __ATOMIC_RELAXED);
    do {
        const int64_t left = share->end - *begin;
        count = left > 8 ? left / 2 : left > 4 ? 4 : left;
    } while (count > 0 && !__atomic_compare_exchange_n(&share->next, begin, *begin + count, 0,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return count;
}

/* Return the core that the calling thread runs on, or -1 if the system does not tell. */
static inline int fd_core(void)
{
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

/* Note the core of a member of the team that is not the caller. If that is the caller's core,
 * cores[0], move to one on which no member has been seen.
 *
 * A thread wakes where it last slept or where its waker is, and Linux does not look for an idle
 * core while the machine seems busy. So a team of short shares would stay on one core for good. The
 * second call of sched_setaffinity restores the thread's own mask. A team of more threads than
 * cores is left alone. */
static inline void fd_move_apart(int *cores, int team, int member)
{
#ifdef __linux__
    const int core = fd_core();
    cpu_set_t all, others;
    __atomic_store_n(&cores[member], core, __ATOMIC_RELAXED);
    if (core < 0 || core != cores[0])
        return;
    if (sched_getaffinity(0, sizeof all, &all) || CPU_COUNT(&all) < team)
        return;
    others = all;
    for (int other = 0; other < team; ++other) {
        const int taken = __atomic_load_n(&cores[other], __ATOMIC_RELAXED);
        if (0 <= taken && taken < CPU_SETSIZE)
            CPU_CLR(taken, &others);
    }
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
        sched_setaffinity(0, sizeof all, &all);
#else
    (void)cores, (void)team, (void)member;
#endif
}

#endif
