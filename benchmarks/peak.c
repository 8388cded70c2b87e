// What the machine can do at most, measured: multiply-adds of f32, of bf16 by
// dot pairs and by AMX tiles, and reading. Built by machine.py with the
// features that the CPU reports; what it lacks is not there.
//
// double peak_KIND(int threads): GFLOP/s of that many threads together.
// double peak_read(int threads, long bytes): GB/s of threads that each read
// their share of so many bytes, again and again.
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KEEP(x) __asm__ volatile("" : "+v"(x))

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

// --- Threads that begin together

struct job {
  double (*work)(struct job *); // returns what it did, in units of 1e9
  pthread_barrier_t *ready;
  long bytes;
  double done, start, end;
};

static void *run_job(void *argument) {
  struct job *job = argument;
  job->done = job->work(job);
  return 0;
}

// `work` calls these around what is timed, once its data are there.
static void begin(struct job *job) {
  pthread_barrier_wait(job->ready);
  job->start = now();
}

static void finish(struct job *job) { job->end = now(); }

static double rate(double (*work)(struct job *), int threads, long bytes) {
  enum { kMost = 256 };
  struct job jobs[kMost];
  pthread_t handles[kMost];
  pthread_barrier_t ready;
  threads = threads < 1 ? 1 : threads > kMost ? kMost : threads;
  pthread_barrier_init(&ready, 0, threads);
  for (int i = 0; i < threads; ++i)
    jobs[i] = (struct job){work, &ready, bytes / threads, 0, 0, 0};
  int started = 1;
  while (started < threads &&
         !pthread_create(&handles[started], 0, run_job, &jobs[started]))
    ++started;
  if (started < threads)
    abort(); // the barrier would wait for ever
  run_job(&jobs[0]);
  double done = jobs[0].done, start = jobs[0].start, end = jobs[0].end;
  for (int i = 1; i < threads; ++i) {
    pthread_join(handles[i], 0);
    done += jobs[i].done;
    start = jobs[i].start < start ? jobs[i].start : start;
    end = jobs[i].end > end ? jobs[i].end : end;
  }
  pthread_barrier_destroy(&ready);
  return done / (end - start);
}

// --- Multiply-adds

// CHAINS independent sums hide the latency of an instruction (4 cycles) on two
// units.
#define DEFINE_PEAK(NAME, CHAINS, VECTOR, ZERO, OPERAND, OPERAND_VALUE, STEP,  \
                    OPERATIONS)                                                \
  static double run_##NAME(struct job *job) {                                  \
    VECTOR sums[CHAINS];                                                       \
    OPERAND x = OPERAND_VALUE;                                                 \
    for (int i = 0; i < CHAINS; ++i)                                           \
      sums[i] = ZERO;                                                          \
    const long steps = 48000000 / CHAINS;                                      \
    begin(job);                                                                \
    for (long k = 0; k < steps; ++k) {                                         \
      for (int i = 0; i < CHAINS; ++i)                                         \
        sums[i] = STEP;                                                        \
      KEEP(x);                                                                 \
    }                                                                          \
    for (int i = 0; i < CHAINS; ++i)                                           \
      KEEP(sums[i]);                                                           \
    finish(job);                                                               \
    return 1e-9 * steps * CHAINS * OPERATIONS;                                 \
  }                                                                            \
  double peak_##NAME(int threads) { return rate(run_##NAME, threads, 0); }

#ifdef __AVX512F__
DEFINE_PEAK(f32, 24, __m512, _mm512_set1_ps(i), __m512,
            _mm512_set1_ps(0.999999f), _mm512_fmadd_ps(sums[i], x, x), 32)
#elif defined(__AVX2__)
DEFINE_PEAK(f32, 12, __m256, _mm256_set1_ps(i), __m256,
            _mm256_set1_ps(0.999999f), _mm256_fmadd_ps(sums[i], x, x), 16)
#endif
#ifdef __AVX2__
DEFINE_PEAK(f32_256, 12, __m256, _mm256_set1_ps(i), __m256,
            _mm256_set1_ps(0.999999f), _mm256_fmadd_ps(sums[i], x, x), 16)
#endif
#ifdef __AVX512BF16__
DEFINE_PEAK(dot, 24, __m512, _mm512_setzero_ps(), __m512i,
            _mm512_set1_epi32(0x3f803f80),
            _mm512_dpbf16_ps(sums[i], (__m512bh)x, (__m512bh)x), 64)
#endif

#ifdef __AMX_BF16__
// Two by two tiles, each operand loaded. With zeros for data the clock stays
// about 15% higher.
static double run_amx(struct job *job) {
  struct {
    uint8_t palette, row, reserved[14];
    uint16_t columns[16];
    uint8_t rows[16];
  } shape = {.palette = 1};
  for (int i = 0; i < 8; ++i) {
    shape.columns[i] = 64;
    shape.rows[i] = 16;
  }
  _tile_loadconfig(&shape);
  uint16_t data[4][8][16 * 32] __attribute__((aligned(64)));
  uint32_t seed = 1;
  for (size_t i = 0; i < sizeof data / 2; ++i) {
    seed = seed * 1664525 + 1013904223;
    data[0][0][i] = 0x3f80 ^ (seed >> 16 & 0x80ff); // +-0.5 to 2
  }
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const long steps = 40000;
  begin(job);
  for (long k = 0; k < steps; ++k)
    for (int j = 0; j < 8; ++j) {
      _tile_loadd(4, data[0][j], 64);
      _tile_loadd(5, data[1][j], 64);
      _tile_loadd(6, data[2][j], 64);
      _tile_loadd(7, data[3][j], 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  finish(job);
  float out[16 * 16];
  _tile_stored(0, out, 64);
  __asm__ volatile("" : : "r"(out) : "memory");
  _tile_release();
  return 1e-9 * steps * 8 * 4 * 16.0 * 16 * 32 * 2;
}

double peak_amx(int threads) {
  enum { kRequestPermission = 0x1023, kTiles = 18 }; // of the process
  if (syscall(SYS_arch_prctl, kRequestPermission, kTiles))
    return 0;
  return rate(run_amx, threads, 0);
}
#endif

// --- Reading

#ifdef __AVX512F__
typedef __m512i vector;
#define LOAD(p) _mm512_load_si512(p)
#define OR(a, b) _mm512_or_si512(a, b)
#elif defined(__AVX2__)
typedef __m256i vector;
#define LOAD(p) _mm256_load_si256(p)
#define OR(a, b) _mm256_or_si256(a, b)
#endif

#ifdef LOAD
static double run_read(struct job *job) {
  enum { kVectors = 8 };
  const long block = kVectors * sizeof(vector);
  const long size = job->bytes / block * block, least = 1l << 29;
  const long rounds = size ? least / size + 1 : 0;
  char *data = mmap(0, size + 1, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    begin(job); // the others wait for it
    finish(job);
    return 0;
  }
  madvise(data, size, MADV_HUGEPAGE);
  for (long i = 0; i < size; i += 64)
    data[i] = 1;
  vector seen[kVectors];
  for (int i = 0; i < kVectors; ++i)
    seen[i] = LOAD((void *)data);
  begin(job);
  for (long round = 0; round < rounds; ++round)
    for (char *from = data; from < data + size; from += block)
      for (int i = 0; i < kVectors; ++i) {
        seen[i] = OR(seen[i], LOAD((void *)(from + i * sizeof(vector))));
        KEEP(seen[i]);
      }
  finish(job);
  munmap(data, size + 1);
  return 1e-9 * rounds * size;
}

double peak_read(int threads, long bytes) {
  return rate(run_read, threads, bytes);
}
#endif
