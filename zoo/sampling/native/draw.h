// A value out of a network's raw outputs, as zoo/distributions.py and zoo/sampling/rule.py draw it.
#pragma once

#include <cmath>
#include <limits>
#include <numeric>

#include "lanes.h"

namespace zoo {

constexpr float kNever = -std::numeric_limits<float>::infinity();

enum Kind { kSymbols = 0, kLogistics = 1, kNormal = 2 };

struct Rule {
  int kind;
  int outputs;        // raw numbers a value is drawn from
  float temperature;  // 0: the likeliest
  int top_k;          // 0: all
  float top_p;
  const float* bias;  // of symbols, or null
  float least;        // log scale of a density, at least
  float half;         // of logistics: 2^(bits - 1)
};

struct Drawn {
  float value;  // a symbol or an amplitude
  float nats;   // log-likelihood of a symbol under the model itself
};

class Draw {
 public:
  explicit Draw(const Rule& rule)
      : rule_(rule), size_(padded(rule.outputs)), logits_(size_), sums_(size_) {}

  // raw: `outputs` numbers, in room for a multiple of kPad. noise: uniform; behind the first of
  // logistics a logistic number, of a normal density a normal one.
  Drawn operator()(float* raw, const float* noise) {
    if (rule_.kind == kSymbols) return symbol(raw, noise[0]);
    if (rule_.kind == kLogistics) return {logistic(raw, noise), 0};
    return {within(raw[0] + rule_.temperature * scale(raw[1]) * noise[0]), 0};
  }

 private:
  Drawn symbol(float* raw, float noise) {
    std::fill(raw + rule_.outputs, raw + size_, kNever);
    float* logits = logits_.data();
    for (int i = 0; i < size_; ++i) {
      logits[i] = raw[i] + (rule_.bias && i < rule_.outputs ? rule_.bias[i] : 0);
    }
    if (rule_.temperature > 0 && (rule_.top_k || rule_.top_p < 1)) limit(logits);
    const int which = choose(logits, rule_.outputs, noise);
    const float most = highest(raw, size_);
    return {float(which), raw[which] - most - std::log(weigh(raw, size_, most))};
  }

  float logistic(const float* raw, const float* noise) {
    const int parts = rule_.outputs / 3;
    float* logits = logits_.data();
    std::fill(logits, logits + padded(parts), kNever);
    std::copy(raw, raw + parts, logits);
    const int which = choose(logits, parts, noise[0]);
    const float spread = rule_.temperature * scale(raw[2 * parts + which]);
    const float exact = raw[parts + which] + (spread > 0 ? spread * noise[1] : 0);
    const float code = std::nearbyint(exact * rule_.half);
    return std::min(std::max(code, -rule_.half), rule_.half - 1) / rule_.half;
  }

  // The index at which the running sum of the softmax passes the noise. Changes the logits.
  int choose(float* logits, int count, float noise) {
    if (rule_.temperature == 0) return std::max_element(logits, logits + count) - logits;
    const int size = padded(count);
    for (int i = 0; i < size; ++i) logits[i] /= rule_.temperature;
    weigh(logits, size, highest(logits, size));
    const float* weights = sums_.data();
    float total = 0;
    for (int i = 0; i < count; ++i) logits[i] = total += weights[i];
    const float passed = noise * total;
    int which = 0;
    while (which < count - 1 && logits[which] < passed) ++which;
    return which;
  }

  // All but the likeliest become -inf; of equals the first stays.
  void limit(float* logits) {
    std::vector<int> order(rule_.outputs);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return logits[a] > logits[b]; });
    if (rule_.top_k) {
      for (size_t rank = rule_.top_k; rank < order.size(); ++rank) logits[order[rank]] = kNever;
    }
    if (rule_.top_p >= 1) return;
    float* scaled = raw_room(logits);
    const float total = weigh(scaled, size_, highest(scaled, size_));
    float sum = 0;
    for (size_t rank = 0; rank < order.size(); ++rank) {
      const float chance = sums_.data()[order[rank]] / total;
      sum += chance;
      if (rank && sum - chance >= rule_.top_p) logits[order[rank]] = kNever;
    }
  }

  float* raw_room(const float* logits) {
    scaled_.assign(logits, logits + size_);
    for (float& one : scaled_) one /= rule_.temperature;
    return scaled_.data();
  }

  static float highest(const float* values, int size) {
    Lane most = load(values);
    for (int i = kLanes; i < size; i += kLanes) {
      const Lane next = load(values + i);
      most = next > most ? next : most;
    }
    float found = most[0];
    for (int j = 1; j < kLanes; ++j) found = std::max(found, float(most[j]));
    return found;
  }

  // e^(value - most) into sums_; their sum.
  float weigh(const float* values, int size, float most) {
    Lane sum{};
    for (int i = 0; i < size; i += kLanes) {
      const Lane weight = exponential(load(values + i) - most);
      store(sums_.data() + i, weight);
      sum += weight;
    }
    float total = 0;
    for (int j = 0; j < kLanes; ++j) total += sum[j];
    return total;
  }

  float scale(float log) const { return std::exp(std::max(log, rule_.least)); }

  static float within(float value) { return std::min(std::max(value, -1.0f), 1.0f); }

  Rule rule_;
  int size_;
  Room logits_, sums_;
  std::vector<float> scaled_;
};

}  // namespace zoo
