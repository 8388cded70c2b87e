// Calls the compiled @mix by the header that was made with it.
#include "mix.h"

#include <stdio.h>
#include <stdlib.h>

int main(void) {
  float mem[24], dot[24], gate[2] = {0.0f, 100.0f};
  for (int i = 0; i < 24; ++i) {
    mem[i] = 1.0f;
    dot[i] = 3.0f;
  }
  infini_memref_4d_f32 a_mem = {mem, mem, 0, {1, 2, 3, 4}, {24, 12, 4, 1}};
  infini_memref_4d_f32 a_dot = {dot, dot, 0, {1, 2, 3, 4}, {24, 12, 4, 1}};
  infini_memref_1d_f32 logits = {gate, gate, 0, {2}, {1}};
  mix_results results;
  // More threads than any machine has are as many as the runtime takes.
  infini_set_threads(1 << 30);
  _mlir_ciface_mix(&results, &a_mem, &a_dot, &logits);
  const char *error = infini_last_error();
  if (error) {
    puts(error);
    return 1;
  }
  printf("%d tokens: %g %g\n", (int)results.result0.sizes[2],
         results.result0.aligned[results.result0.offset],
         results.result0.aligned[results.result0.offset + 12]);
  free(results.result0.allocated);
  free(results.result1.allocated);
  return 0;
}
