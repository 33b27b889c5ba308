/* Whether the system lets OpenMP start the threads of a team.
 *
 * GNU's and LLVM's OpenMP end the process where a thread cannot start: beyond RLIMIT_NPROC or a
 * container's limit of processes, or without memory for its stack. So the threads by which a team
 * grows are started here first, by pthread_create, which reports an error, and end at once. */
#ifndef FD_THREADS_H
#define FD_THREADS_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform.h"
#include "team.h"

#if defined(_OPENMP) && !defined(_WIN32)
#include <pthread.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

/* Bytes that must be left beside the stacks, for OpenMP's own tables. */
#define FD_SPARE_BYTES ((size_t)1 << 20)
/* Seconds after a failure in which no team is tried: to try takes longer than a short call. */
#define FD_RETRY_SECONDS 1.0

/* Every thread that calls has OpenMP threads of its own: how many there are with it, since its last
 * team, and when they could not start. */
static _Thread_local int fd_team_of_caller = 1;
static _Thread_local double fd_failed_at = -FD_RETRY_SECONDS;

typedef struct {
    pthread_mutex_t *gate;
    pthread_t thread;
    long id; /* of the system; 0 until the thread runs, and where the system has none */
} fd_trial;

static void *fd_wait_at_gate(void *argument)
{
    fd_trial *trial = (fd_trial *)argument;
#ifdef __linux__
    trial->id = syscall(SYS_gettid);
#endif
    pthread_mutex_lock(trial->gate);
    pthread_mutex_unlock(trial->gate);
    return NULL;
}

/* Wait until the system no longer counts a thread that has been joined, which is some microseconds
 * later, but not for ever: a debugger may hold it. */
static inline void fd_wait_until_gone(const fd_trial *trial)
{
#ifdef __linux__
    for (int i = 0; i < 10000 && !syscall(SYS_tgkill, getpid(), trial->id, 0); ++i)
        sched_yield();
#else
    (void)trial;
#endif
}

/* The size of a stack that OpenMP was told by the environment, or 0. It is read when the module is
 * loaded, as OpenMP reads it: to call getenv without the GIL would race with os.environ. */
static size_t fd_stack_bytes;

/* Without a unit the size is in KiB. What OpenMP cannot read, it ignores. */
__attribute__((constructor)) static void fd_read_stack_bytes(void)
{
    static const char *const names[] = {"OMP_STACKSIZE", "GOMP_STACKSIZE"};
    for (int i = 0; i < 2; ++i) {
        const char *text = getenv(names[i]);
        unsigned long long number;
        char unit = 'k', rest;
        int shift;
        if (!text || *text == '-' || sscanf(text, "%llu %c %c", &number, &unit, &rest) < 1)
            continue;
        unit |= 'a' - 'A';
        shift = unit == 'b' ? 0 : unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : -1;
        if (shift >= 0 && number <= SIZE_MAX >> shift) {
            fd_stack_bytes = (size_t)number << shift;
            return;
        }
    }
}

/* Return whether so many threads can run at once, beside those of the process. */
FD_RARE int fd_can_start(int count)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_attr_t attributes;
    fd_trial trials[FD_MAX_THREADS];
    void *volatile spare = NULL; /* volatile, or compilers leave out the allocation */
    int started = 0, enough;

    if (pthread_attr_init(&attributes))
        return 0;
    if (fd_stack_bytes)
        pthread_attr_setstacksize(&attributes, fd_stack_bytes);
    pthread_mutex_lock(&gate);
    for (; started < count; ++started) {
        fd_trial *trial = &trials[started];
        trial->gate = &gate;
        trial->id = 0;
        if (pthread_create(&trial->thread, &attributes, fd_wait_at_gate, trial))
            break;
    }
    if (started == count)
        spare = malloc(FD_SPARE_BYTES);
    enough = spare != NULL;
    free(spare);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < started; ++i)
        pthread_join(trials[i].thread, NULL);
    for (int i = 0; i < started; ++i)
        fd_wait_until_gone(&trials[i]);
    pthread_attr_destroy(&attributes);
    return enough;
}

/* Return whether the calling thread can have a team of so many, and note that it gets one. */
static inline int fd_can_have_team(int team)
{
    if (team > fd_team_of_caller) {
        const double now = fd_seconds();
        if (now - fd_failed_at < FD_RETRY_SECONDS)
            return 0;
        if (!fd_can_start(team - fd_team_of_caller)) {
            fd_failed_at = now;
            return 0;
        }
    }
    fd_team_of_caller = team;
    return 1;
}

#else

static inline int fd_can_have_team(int team)
{
    (void)team;
    return 1;
}

#endif
#endif
