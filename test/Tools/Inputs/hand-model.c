/* A model whose code is written by hand, linked with the runtime as the
 * compiler links one:
 *
 *     run    x [T], rows [R] in [0, T), counts [2] in and out -> y [R]
 *            y = scale x[rows], counts += (T, R)
 *     lost   -> y [Q], a shape that no input tells
 */
#include <stdint.h>

const void *peermla_rt_api(uint32_t version, const char *metadata,
                           uint64_t size, void *const *functions);

static const char metadata[] =
    "{\"schema\": 1, \"model\": \"Hand\", \"compiler\": \"by hand\","
    " \"weights\": [{\"name\": \"scale\", \"dtype\": \"f32\", \"shape\": [1]}],"
    " \"entries\": ["
    "  {\"name\": \"run\", \"arguments\": ["
    "   {\"name\": \"x\", \"kind\": \"in\", \"dtype\": \"f32\","
    "    \"shape\": [\"T\"]},"
    "   {\"name\": \"rows\", \"kind\": \"in\", \"dtype\": \"i32\","
    "    \"shape\": [\"R\"], \"check\": \"index:T\"},"
    "   {\"name\": \"counts\", \"kind\": \"inout\", \"dtype\": \"f32\","
    "    \"shape\": [2]},"
    "   {\"name\": \"y\", \"kind\": \"out\", \"dtype\": \"f32\","
    "    \"shape\": [\"R\"]}]},"
    "  {\"name\": \"lost\", \"arguments\": ["
    "   {\"name\": \"y\", \"kind\": \"out\", \"dtype\": \"f32\","
    "    \"shape\": [\"Q\"]}]}],"
    " \"programs\": [{\"level\": \"" LEVEL "\","
    "  \"prepared\": [{\"name\": \"scale\", \"dtype\": \"f32\","
    "                  \"shape\": [1], \"source\": 0}],"
    "  \"entries\": ["
    "   {\"name\": \"run\", \"function\": 0, \"prepared\": [0]},"
    "   {\"name\": \"lost\", \"function\": 0, \"prepared\": []}]}]}";

static void run(const int64_t *words) {
  /* Descriptors of rank 1 have 5 words. */
  const float *x = (const float *)words[1];
  const int32_t *rows = (const int32_t *)words[5 + 1];
  float *counts = (float *)words[10 + 1];
  float *y = (float *)words[15 + 1];
  const float *scale = (const float *)words[20 + 1];
  int64_t T = words[3], R = words[5 + 3];
  for (int64_t r = 0; r < R; ++r)
    y[r] = *scale * x[rows[r]];
  counts[0] += (float)T;
  counts[1] += (float)R;
}

static void *const functions[] = {(void *)run};

const void *peermla_Hand_api(uint32_t version) {
  return peermla_rt_api(version, metadata, sizeof(metadata) - 1, functions);
}
