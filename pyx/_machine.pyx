"""What this process runs on: the CPU's levels, OpenMP, the compiler."""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define FD_OPENMP _OPENMP
    #else
    #define FD_OPENMP 0
    static int omp_get_max_threads(void) { return 1; }
    static int omp_get_num_procs(void) { return 1; }
    #endif

    #if defined(__unix__)
    #include <unistd.h>
    #endif
    static long fd_last_level_cache(void)
    {
    #ifdef _SC_LEVEL3_CACHE_SIZE
        return sysconf(_SC_LEVEL3_CACHE_SIZE);
    #else
        return 0;
    #endif
    }

    #if defined(__clang__)
    #define FD_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define FD_COMPILER "gcc " __VERSION__
    #else
    #define FD_COMPILER "unknown"
    #endif

    /* The features that setup.py lets the compiler use for a level, and no others. */
    #if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    #include <cpuid.h>
    static int fd_has_f16c(void) /* whose name older compilers' __builtin_cpu_supports lacks */
    {
        unsigned int a, b, c, d;
        return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
    }
    static int fd_has_avx2(void)
    {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
               __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("popcnt") && fd_has_f16c();
    }
    static int fd_has_avx512(void)
    {
        return fd_has_avx2() && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
    #else
    static int fd_has_avx2(void) { return 0; }
    static int fd_has_avx512(void) { return 0; }
    #endif
    """
    const int FD_OPENMP
    long fd_last_level_cache()
    const char *FD_COMPILER
    int omp_get_max_threads()
    int omp_get_num_procs()
    bint fd_has_avx2()
    bint fd_has_avx512()


compiler = FD_COMPILER.decode()
openmp = FD_OPENMP  # the specification's date, 0 where the build has no OpenMP


def cpu_levels():
    """The CPU levels that this CPU and its operating system can run, best first."""
    levels = []
    if fd_has_avx512():
        levels.append("avx512")
    if fd_has_avx2():
        levels.append("avx2")
    return (*levels, "baseline")


def last_level_cache():
    """Bytes of the third-level cache, 0 or less where the system does not tell."""
    return fd_last_level_cache()


def openmp_threads():
    """OpenMP's own answer for the calling thread: OMP_NUM_THREADS, and threadpoolctl's limits."""
    return omp_get_max_threads()


def processors():
    """Processors that the calling thread may run on."""
    return omp_get_num_procs()
