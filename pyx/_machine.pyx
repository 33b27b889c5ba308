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

    /* setup.py defines FD_LEVELS from the table by which it compiles the levels. */
    #if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    #include <cpuid.h>
    static int fd_has_f16c(void)
    {
        unsigned int a, b, c, d;
        return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
    }
    /* __builtin_cpu_supports of older compilers does not know the name f16c. For f16c the first
       argument of FD_SECOND expands to two, so that the second is not the builtin. */
    #define FD_ASK_f16c , fd_has_f16c()
    #define FD_SECOND(first, second, ...) second
    #define FD_CALL(macro, ...) macro(__VA_ARGS__)
    #define FD_HAS(name) && FD_CALL(FD_SECOND, FD_ASK_##name, __builtin_cpu_supports(#name), 0)
    #define FD_CPU_INIT() __builtin_cpu_init()
    #else
    #define FD_HAS(name) && 0
    #define FD_CPU_INIT() ((void)0)
    #endif

    #define FD_LEVEL(name, features) + 1
    enum { FD_LEVEL_COUNT = 0 FD_LEVELS };
    #undef FD_LEVEL

    /* Write the names of the levels that this CPU and its operating system can run. */
    static int fd_cpu_levels(const char **names)
    {
        int count = 0;
        FD_CPU_INIT();
    #define FD_LEVEL(name, features) if (1 features) names[count++] = #name;
        FD_LEVELS
    #undef FD_LEVEL
        return count;
    }
    """
    const int FD_OPENMP
    long fd_last_level_cache()
    const char *FD_COMPILER
    int omp_get_max_threads()
    int omp_get_num_procs()
    enum: FD_LEVEL_COUNT
    int fd_cpu_levels(const char **names)


compiler = FD_COMPILER.decode()
openmp = FD_OPENMP  # the specification's date, 0 where the build has no OpenMP


def cpu_levels():
    """Return the CPU levels that this CPU and its operating system can run, best first."""
    cdef const char *names[FD_LEVEL_COUNT]
    cdef int count = fd_cpu_levels(names)

    return tuple([names[i].decode() for i in range(count)])


def last_level_cache():
    """Return the size of the L3 cache in bytes; 0 or less if the system does not tell."""
    return fd_last_level_cache()


def openmp_threads():
    """Return OpenMP's number for the calling thread: OMP_NUM_THREADS, threadpoolctl's limit."""
    return omp_get_max_threads()


def processors():
    """Return the number of processors that the calling thread may run on."""
    return omp_get_num_procs()
