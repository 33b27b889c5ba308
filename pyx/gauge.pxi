"""Teams: how many threads a call works on, and whether a team has paid lately."""
cimport cython

from fastdrop._keys cimport as_index
from kernels cimport *

# Default calls on so many elements or more wake a team.
cdef enum:
    FD_PARALLEL_MIN_SIZE = 8 * FD_BLOCK

BLOCK, PARALLEL_MIN_SIZE, MAX_THREADS = FD_BLOCK, FD_PARALLEL_MIN_SIZE, FD_MAX_THREADS  # for Python

# Calls that do not count: the first ones of a larger team than before. They start threads and give
# them memory, once, which takes milliseconds.
cdef int STARTS = 2
# What a team may take, as a multiple of one thread's time. That time comes from the shares, which
# may fit in a cache when the whole does not.
cdef double SLACK = 1.1
# Seconds that a team may take beyond that, to wake and to join.
cdef double JOIN = 3e-6
# Seconds that teams may lose in all before default calls stay on one thread. To wake a core that
# sleeps takes up to 0.4 ms on a virtual machine.
cdef double TOLERATED_LOSS = 1e-3
# Seconds of work on one thread after a loss, as a multiple of it: so less than a quarter is lost.
cdef double LOSS_PAID = 4
# The multiple doubles with each further loss, up to this.
cdef double MAX_LOSS_PAID = 64
# Seconds of work on one thread after a loss, at most. What looks like a busy core may be something
# else, such as a file that is read for the first time.
cdef double MAX_OWED = 1

cdef object team_limit = None  # threads.team_limit, handed in by `use`


cdef class Gauge:
    """Decides whether default calls wake a team: not while teams lose time to busy cores.

    A team waits for its last thread. If another program occupies that thread's core, the wait can
    be longer than the whole call. So the gauge compares each team of a default call with the time
    that one thread would have taken. When the losses outweigh the gains, default calls use one
    thread for a multiple of the time lost before they try a team again, and for a larger multiple
    if that team loses too. Thus teams lose only a fraction of one thread's time, however busy the
    machine is. Nothing changes while teams pay.
    """

    cdef readonly double lost       # seconds above what teams may take, less those below since
    cdef readonly double owed       # seconds of one thread's work before the next team
    cdef readonly double multiple   # of the next loss
    cdef int largest                # team so far
    cdef int starts                 # calls by that team, up to STARTS

    def __cinit__(self):
        self.multiple = LOSS_PAID

    cpdef bint allows_team(self):
        """Return whether the next default call may wake a team."""
        with cython.critical_section(self):
            return self.owed <= 0

    cpdef record(self, int team, double took, double alone):
        """Record a call: its team, its seconds, and the seconds one thread would have taken."""
        with cython.critical_section(self):
            if team == 1:
                self.owed = max(0.0, self.owed - took)
                return
            if team > self.largest:
                self.largest, self.starts = team, 0
            if self.starts < STARTS:
                self.starts += 1
                return
            self.lost += took - (SLACK * alone + JOIN)
            if self.lost <= 0:
                self.lost = 0
                self.multiple = LOSS_PAID
            elif self.lost > TOLERATED_LOSS:
                self.owed = min(self.multiple * self.lost, MAX_OWED)
                self.multiple = min(2 * self.multiple, MAX_LOSS_PAID)
                self.lost = 0


cdef Gauge gauge = Gauge()


cpdef object as_thread_count(value, str name):
    """Return a number of threads as an int; raise unless it is an integer of 1 or more."""
    value = as_index(value, name)
    if value < 1:
        raise ValueError(f"{name} must be 1 or more, but got {value}")
    return value


cpdef int team_size(num_threads, Py_ssize_t size) except -1:
    """Return the number of threads for a call on `size` elements with this `num_threads=`.

    A few blocks get the team of all default calls, even if it has more threads than they need.
    Where the team of a call is smaller than that before, GNU OpenMP ends the other threads, and to
    start them anew takes longer than a short call.
    """
    cdef:
        Py_ssize_t blocks = (size + FD_BLOCK - 1) // FD_BLOCK
        int limit

    if num_threads is not None:
        num_threads = as_thread_count(num_threads, "num_threads")
    elif size < FD_PARALLEL_MIN_SIZE:
        return 1
    if blocks <= 1:
        return 1
    limit = team_limit(num_threads)
    if limit > blocks and num_threads is not None:
        return <int> min(<Py_ssize_t> limit, max(blocks, <Py_ssize_t> team_limit(None)))
    return limit


cdef int set_team(KernelArgs *args, num_threads, Py_ssize_t size) except -1:
    """Choose a call's threads; the gauge can change the default only."""
    args.team = team_size(num_threads, size)
    args.gauged = num_threads is None and args.team > 1
    if args.gauged and not gauge.allows_team():
        args.team = 1
    return 0
