/* The floor that benchmarks/sampling.py compares with: WaveNet's sampling loop as one writes it down
   in C, for sizes that the compiler knows (-DWIDTH=64 -DLAYERS=30 -DHEAD=256 -DCODES=256). Kernel of
   two taps, as many gates and skips as channels. No code of the zoo's own loop is used here. */

#include <math.h>
#include <string.h>

#define W WIDTH

static void multiply(const float *matrix, int rows, int columns, const float *x, float *out) {
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) out[c] += x[r] * matrix[r * columns + c];
}

static void rectify(float *x, int size) {
  for (int i = 0; i < size; ++i) x[i] = x[i] > 0 ? x[i] : 0;
}

/* codes [samples voices], of which the first row is given; noise [samples - 1 voices]. taps [L 2W
   2W], bias [L 2W], residual [L W W], residual_bias [L W], skip [L W W], rings: zeros. */
void plain_loop(int samples, int voices, const int *dilations, const float *embedding,
                const float *taps, const float *bias, const float *residual,
                const float *residual_bias, const float *skip, const float *skip_bias,
                const float *hidden, const float *hidden_bias, const float *output,
                const float *output_bias, float *rings, const float *noise, int *codes) {
  for (int t = 0; t + 1 < samples; ++t) {
    float x[voices][W], skips[voices][W];
    float *ring = rings;
    for (int v = 0; v < voices; ++v) {
      memcpy(x[v], embedding + codes[t * voices + v] * W, sizeof(x[v]));
      memcpy(skips[v], skip_bias, sizeof(skips[v]));
    }
    for (int l = 0; l < LAYERS; ++l) {
      for (int v = 0; v < voices; ++v) {
        float z[2 * W], gate[W];
        float *past = ring + ((t % dilations[l]) * voices + v) * W;
        memcpy(z, bias + l * 2 * W, sizeof(z));
        multiply(taps + l * 4 * W * W, W, 2 * W, past, z);
        multiply(taps + l * 4 * W * W + 2 * W * W, W, 2 * W, x[v], z);
        memcpy(past, x[v], sizeof(x[v]));
        for (int i = 0; i < W; ++i) gate[i] = tanhf(z[i]) / (1 + expf(-z[W + i]));
        multiply(skip + l * W * W, W, W, gate, skips[v]);
        for (int i = 0; i < W; ++i) x[v][i] += residual_bias[l * W + i];
        multiply(residual + l * W * W, W, W, gate, x[v]);
      }
      ring += dilations[l] * voices * W;
    }
    for (int v = 0; v < voices; ++v) {
      float h[HEAD], logits[CODES], most, total = 0;
      memcpy(h, hidden_bias, sizeof(h));
      memcpy(logits, output_bias, sizeof(logits));
      rectify(skips[v], W);
      multiply(hidden, W, HEAD, skips[v], h);
      rectify(h, HEAD);
      multiply(output, HEAD, CODES, h, logits);
      most = logits[0];
      for (int i = 0; i < CODES; ++i) most = logits[i] > most ? logits[i] : most;
      for (int i = 0; i < CODES; ++i) total += logits[i] = expf(logits[i] - most);
      float sum = logits[0], wanted = noise[t * voices + v] * total;
      int code = 0;
      while (code < CODES - 1 && sum < wanted) sum += logits[++code];
      codes[(t + 1) * voices + v] = code;
    }
  }
}
