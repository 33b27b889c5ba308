"""A team of threads that shares out units of work.

Each thread has one contiguous share, so that it finds its part of an array in its cache at the next
call. It takes half of what is left of its share at a time, and then of the others': a thread that
wakes late finds less to do.
"""
from cython.parallel cimport prange, threadid
from libc.math cimport HUGE_VAL
from libc.stdint cimport int64_t

from kernels cimport *

cdef extern from "threads.h" nogil:
    bint fd_can_have_team(int team)

ctypedef void (*units_function)(const void *, Py_ssize_t, Py_ssize_t) noexcept nogil


# A team's shares, and what its threads report: the core they began on, -1 before that, and their
# seconds per unit.
cdef struct Team:
    int size
    fd_share share[FD_MAX_THREADS]
    int core[FD_MAX_THREADS]
    double rate[FD_MAX_THREADS]


cdef void run_member(
    units_function run_units, const void *job, Team *team, int member
) noexcept nogil:
    """Work on a share, and then on what is left of the others'."""
    cdef:
        int64_t begin, count, done = 0
        double since
        fd_share *share
        int turn

    if threadid() > 0:
        fd_move_apart(team.core, team.size, member)
    since = fd_seconds()
    for turn in range(team.size):
        share = &team.share[(member + turn) % team.size]
        count = fd_take(share, &begin)
        while count > 0:
            run_units(job, begin, count)
            done += count
            count = fd_take(share, &begin)
    team.rate[member] = (fd_seconds() - since) / done if done else HUGE_VAL


cdef double run_team(
    units_function run_units, const void *job, Py_ssize_t units, int size
) noexcept nogil:
    """Share units out to a team; return the seconds of one thread at the fastest member's rate.

    All `size` threads are woken, also those that no unit is left for: GNU OpenMP ends the threads
    by which a team is smaller than the one before, and starts new ones for the next. Where they
    cannot start, the calling thread works alone, and 0 is returned.
    """
    cdef:
        Team team
        int member
        double best = HUGE_VAL

    if not fd_can_have_team(size):
        run_units(job, 0, units)
        return 0
    team.size = <int> min(<Py_ssize_t> size, units)
    for member in range(team.size):
        team.share[member].next = units * member // team.size
        team.share[member].end = units * (member + 1) // team.size
        team.core[member] = -1
    team.core[0] = fd_core()
    for member in prange(size, num_threads=size, schedule="static", chunksize=1):
        if member < team.size:
            run_member(run_units, job, &team, member)
    for member in range(team.size):
        best = min(best, team.rate[member])
    return best * units
