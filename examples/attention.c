/* Calls examples/attention.mlir, compiled with --header=attention.h. */
#include "attention.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 300, WIDTH = 64 };

/* One row of `heads` heads, all ones. The strides are those of row-major order. */
static infini_memref_4d_f32 ones(int64_t heads) {
  int64_t head = TOKENS * WIDTH;
  float *data = malloc(heads * head * sizeof(float));
  for (int64_t i = 0; i < heads * head; ++i)
    data[i] = 1.0f;
  infini_memref_4d_f32 array = {data, data, 0, {1, heads, TOKENS, WIDTH}, {heads * head, head, WIDTH, 1}};
  return array;
}

int main(void) {
  float logits[4] = {0};
  infini_memref_4d_f32 q = ones(4), k = ones(2), v = ones(2);
  infini_memref_1d_f32 gate = {logits, logits, 0, {4}, {1}};
  attention_results results;
  _mlir_ciface_attention(&results, &q, &k, &v, &gate);
  const char *error = infini_last_error();
  if (error) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  printf("%d tokens, the last one begins with %.3f\n", (int)results.result0.sizes[2],
         results.result0.aligned[results.result0.offset + (TOKENS - 1) * WIDTH]);
  free(results.result0.allocated);
  free(q.allocated);
  free(k.allocated);
  free(v.allocated);
  return 0;
}
