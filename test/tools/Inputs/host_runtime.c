// A host's own functions in the place of the runtime's.
#include <stdint.h>
#include <stdio.h>

void infini_set_threads(int32_t threads);

void infini_parallel_for(void (*body)(void *, int64_t, int64_t), void *context, int64_t count) {
  // One of the runtime's own from the same file.
  infini_set_threads(1);
  puts("the host's loop");
  body(context, 0, count);
}
