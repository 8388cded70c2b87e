// What a core can do at most, measured: products of f32 by FMA, of bf16 by dot pairs and by AMX tiles.
// Built by cpu.py with the features that the CPU reports. Each function returns GFLOP/s of one thread.
#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

#define KEEP(x) __asm__ volatile("" : "+v"(x))

#ifdef __AVX512F__
double peak_f32(void) {
  enum { kChains = 24 };
  __m512 sums[kChains], x = _mm512_set1_ps(0.999999f), y = _mm512_set1_ps(1e-6f);
  for (int i = 0; i < kChains; ++i)
    sums[i] = _mm512_set1_ps(i);
  const long steps = 400000;
  double start = now();
  for (long k = 0; k < steps; ++k) {
    for (int i = 0; i < kChains; ++i)
      sums[i] = _mm512_fmadd_ps(sums[i], x, y);
    KEEP(x);
  }
  double seconds = now() - start;
  for (int i = 0; i < kChains; ++i)
    KEEP(sums[i]);
  return steps * kChains * 32.0 / seconds * 1e-9;
}
#elif defined(__AVX2__)
double peak_f32(void) {
  enum { kChains = 12 };
  __m256 sums[kChains], x = _mm256_set1_ps(0.999999f), y = _mm256_set1_ps(1e-6f);
  for (int i = 0; i < kChains; ++i)
    sums[i] = _mm256_set1_ps(i);
  const long steps = 800000;
  double start = now();
  for (long k = 0; k < steps; ++k) {
    for (int i = 0; i < kChains; ++i)
      sums[i] = _mm256_fmadd_ps(sums[i], x, y);
    KEEP(x);
  }
  double seconds = now() - start;
  for (int i = 0; i < kChains; ++i)
    KEEP(sums[i]);
  return steps * kChains * 16.0 / seconds * 1e-9;
}
#endif

#ifdef __AVX512BF16__
double peak_dot(void) {
  enum { kChains = 24 };
  __m512 sums[kChains];
  __m512i bits = _mm512_set1_epi32(0x3f803f80);
  for (int i = 0; i < kChains; ++i)
    sums[i] = _mm512_setzero_ps();
  const long steps = 200000;
  double start = now();
  for (long k = 0; k < steps; ++k) {
    for (int i = 0; i < kChains; ++i)
      sums[i] = _mm512_dpbf16_ps(sums[i], (__m512bh)bits, (__m512bh)bits);
    KEEP(bits);
  }
  double seconds = now() - start;
  for (int i = 0; i < kChains; ++i)
    KEEP(sums[i]);
  return steps * kChains * 64.0 / seconds * 1e-9;
}
#endif

#ifdef __AMX_BF16__
// Random data and loads: with zeros the clock stays about 15% higher.
double peak_amx(void) {
  if (syscall(SYS_arch_prctl, 0x1023, 18)) // ARCH_REQ_XCOMP_PERM
    return 0;
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
  static uint16_t data[4][8][16 * 32] __attribute__((aligned(64)));
  for (size_t i = 0; i < sizeof data / 2; ++i)
    data[0][0][i] = 0x3f80 ^ (rand() & 0x80ff);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const long steps = 40000;
  double start = now();
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
  double seconds = now() - start;
  static float out[16 * 16];
  _tile_stored(0, out, 64);
  __asm__ volatile("" : : "r"(out) : "memory");
  _tile_release();
  return steps * 8 * 4 * 16.0 * 16 * 32 * 2 / seconds * 1e-9;
}
#endif
