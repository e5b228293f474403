// Vectors as wide as this CPU has them, and products of weights that are read once, in order.
//
// Every sum runs over the inputs in their order, in one accumulator an output: it does not depend
// on how many voices are drawn, nor on how wide the vectors are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace zoo {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kVoices = 4;
#elif defined(__AVX__)
constexpr int kLanes = 8, kVoices = 2;
#elif defined(__aarch64__)
constexpr int kLanes = 4, kVoices = 4;
#else
constexpr int kLanes = 4, kVoices = 2;
#endif
constexpr int kPad = 16;             // columns of a matrix are filled up to a multiple of it
constexpr int kPanel = 4 * kLanes;   // columns that lie side by side in memory

typedef float Lane __attribute__((vector_size(4 * kLanes)));
// kScaled: bytes of a column's unit, which stands above its numbers.
#if defined(ZOO_BFLOAT16)
typedef uint16_t Number;  // of weights: the upper half of a float
constexpr int kScaled = 0;
#elif defined(ZOO_INT8)
typedef int8_t Number;  // in units that each column of a matrix has for itself
constexpr int kScaled = sizeof(float);
#else
typedef float Number;
constexpr int kScaled = 0;
#endif
typedef int32_t Whole __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Half __attribute__((vector_size(2 * kLanes)));
typedef int8_t Byte __attribute__((vector_size(kLanes)));

inline int padded(int size) { return (size + kPad - 1) / kPad * kPad; }

inline Lane load(const float* from) {
  Lane lane;
  std::memcpy(&lane, from, sizeof(lane));
  return lane;
}

inline Lane load(const uint16_t* from) {
  Half half;
  std::memcpy(&half, from, sizeof(half));
  const Whole whole = __builtin_convertvector(half, Whole) << 16;
  Lane lane;
  std::memcpy(&lane, &whole, sizeof(lane));
  return lane;
}

inline Lane load(const int8_t* from) {
  // GCC takes a widening by four apart, so that it is named where it is one instruction.
#if defined(__AVX512F__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return Lane(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)));
#elif defined(__AVX2__)
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return Lane(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
#else
  Byte bytes;
  std::memcpy(&bytes, from, sizeof(bytes));
  return __builtin_convertvector(__builtin_convertvector(bytes, Whole), Lane);
#endif
}

inline void store(float* to, Lane lane) { std::memcpy(to, &lane, sizeof(lane)); }

inline Lane all(float value) { return Lane{} + value; }

// e^x to about two units in the last place; 0 below the smallest normal number.
inline Lane exponential(Lane x) {
  const Lane low = all(-87.0f), high = all(88.0f), magic = all(12582912.0f);  // 1.5 * 2^23
  const Lane within = x < low ? low : (x > high ? high : x);
  const Lane whole = (within * 1.44269504f + magic) - magic;  // rounded: no fast-math, please
  const Lane rest = (within - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Lane sum = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  sum = (sum * rest) * rest + rest + 1.0f;
  const Whole power = (__builtin_convertvector(whole, Whole) + 127) << 23;
  Lane scale;
  std::memcpy(&scale, &power, sizeof(scale));
  return x < low ? Lane{} : sum * scale;
}

// tanh(filter) * sigmoid(gate)
inline Lane gated(Lane filter, Lane gate) {
  const Lane most = all(20.0f);
  const Lane twice = filter + filter;
  const Lane f = exponential(twice > most ? most : (twice < -most ? -most : twice));
  const Lane g = exponential(gate < -most - most ? most + most : -gate);
  return (f - 1.0f) / ((f + 1.0f) * (g + 1.0f));
}

// Numbers on the boundaries of vectors.
class Room {
 public:
  explicit Room(size_t numbers) : lanes_(numbers / kLanes + 1) {}
  float* data() { return reinterpret_cast<float*>(lanes_.data()); }

 private:
  std::vector<Lane> lanes_;
};

// Of a matrix in memory, its units included.
inline int64_t numbers(int rows, int columns) { return int64_t{rows + kScaled} * columns; }

// out [voices columns] += x [voices rows] @ weights [rows columns], a panel of columns.
template <int kWide, int kMany>
inline void panel(const Number* weights, int rows, const float* x, int64_t x_stride, float* out,
                  int64_t out_stride) {
  Lane sums[kMany][kWide];
  const float* units = reinterpret_cast<const float*>(weights);
  weights += kScaled * kWide * kLanes;
  for (int v = 0; v < kMany; ++v) {
    for (int j = 0; j < kWide; ++j) {
      sums[v][j] = kScaled ? Lane{} : load(out + v * out_stride + j * kLanes);
    }
  }
  for (int r = 0; r < rows; ++r, weights += kWide * kLanes) {
    for (int j = 0; j < kWide; ++j) {
      const Lane weight = load(weights + j * kLanes);
      for (int v = 0; v < kMany; ++v) sums[v][j] += weight * x[v * x_stride + r];
    }
  }
  for (int v = 0; v < kMany; ++v) {
    for (int j = 0; j < kWide; ++j) {
      float* to = out + v * out_stride + j * kLanes;
      store(to, kScaled ? load(to) + sums[v][j] * load(units + j * kLanes) : sums[v][j]);
    }
  }
}

template <int kWide>
inline void panel_of(int voices, const Number* weights, int rows, const float* x, int64_t x_stride,
                     float* out, int64_t out_stride) {
  int v = 0;
  for (; v + kVoices <= voices; v += kVoices) {
    panel<kWide, kVoices>(weights, rows, x + v * x_stride, x_stride, out + v * out_stride,
                          out_stride);
  }
  for (; v + 2 <= voices; v += 2) {
    panel<kWide, 2>(weights, rows, x + v * x_stride, x_stride, out + v * out_stride, out_stride);
  }
  for (; v < voices; ++v) {
    panel<kWide, 1>(weights, rows, x + v * x_stride, x_stride, out + v * out_stride, out_stride);
  }
}

// Matrices one behind the other, as packing.py lays them out.
class Weights {
 public:
  explicit Weights(const Number* first) : at_(first) {}

  void skip(int64_t numbers) { at_ += numbers; }

  // out [voices columns] += x [voices rows] @ the next matrix [rows columns].
  void multiply(int voices, int rows, int columns, const float* x, int64_t x_stride, float* out,
                int64_t out_stride) {
    for (int first = 0; first < columns; first += kPanel) {
      const int wide = std::min(kPanel, columns - first) / kLanes;
      float* here = out + first;
      switch (wide) {
        case 1: panel_of<1>(voices, at_, rows, x, x_stride, here, out_stride); break;
        case 2: panel_of<2>(voices, at_, rows, x, x_stride, here, out_stride); break;
        case 3: panel_of<3>(voices, at_, rows, x, x_stride, here, out_stride); break;
        default: panel_of<4>(voices, at_, rows, x, x_stride, here, out_stride);
      }
      at_ += numbers(rows, wide * kLanes);
    }
  }

 private:
  const Number* at_;
};

}  // namespace zoo
