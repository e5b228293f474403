// A block of samples of WaveNet, one after the other, in one call from XLA.
//
// What the loop of zoo/sampling/autoregressive.py computes with the weights that gated_stack.py
// lays out: gated layers over queues of their past inputs, skips, a head of two layers, a draw.

#include "draw.h"
#include "lanes.h"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Numbers = ffi::Buffer<ffi::S32>;
#if defined(ZOO_BFLOAT16)
using Matrices = ffi::Buffer<ffi::U16>;
#elif defined(ZOO_INT8)
using Matrices = ffi::Buffer<ffi::S8>;
#else
using Matrices = Floats;
#endif
using zoo::kLanes;
using zoo::Lane;
using zoo::Number;
using zoo::padded;

// Few voices wait for the weights: those that multiply a past older than this are read for as many
// samples at once.
constexpr int kAhead = 8, kFew = 2;

struct Sizes {
  int layers, voices, width, gate, skip, head, outputs, kernel;
};

class Stack {
 public:
  Stack(const Sizes& sizes, ffi::Span<const int64_t> dilations, float residual_scale)
      : s_(sizes),
        dilations_(dilations),
        residual_scale_(residual_scale),
        x_(sizes.voices * padded(sizes.width)),
        z_(sizes.voices * 2 * padded(sizes.gate)),
        gates_(sizes.voices * padded(sizes.gate)),
        skips_(sizes.voices * padded(sizes.skip)),
        hidden_(sizes.voices * padded(sizes.head)),
        raw_(sizes.voices * padded(sizes.outputs)),
        few_(sizes.voices <= kFew),
        past_(few_ ? kAhead * sizes.voices * sizes.width : 0),
        ahead_(few_ ? sizes.layers * kAhead * sizes.voices * 2 * padded(sizes.gate) : 0) {}

  // The input of the first layer; the rest of the row stays zero.
  float* input(int voice) { return x_.data() + voice * padded(s_.width); }

  float* raw(int voice) { return raw_.data() + voice * padded(s_.outputs); }

  // From `input` to `raw`, and the queues one sample on. constant [L V 2A], of V = 1 or all
  // voices; added [L B 2A] or null.
  void step(const Number* weights, const float* biases, const float* constant, bool shared,
            const float* added, float* queues, int64_t clock) {
    if (few_ && turn_ == 0) look(weights, constant, shared, queues, clock);
    zoo::Weights next(weights);
    const int wide = padded(s_.width), gate = padded(s_.gate), skip = padded(s_.skip);
    const float* residual_biases = biases;
    biases = spread(biases + s_.layers * wide, skip, skips_.data());
    for (int l = 0; l < s_.layers; ++l) {
      const int64_t row = int64_t{s_.voices} * s_.width, dilation = dilations_[l];
      const int64_t length = (s_.kernel - 1) * dilation;
      if (far(l)) {
        std::copy_n(found(l) + turn_ * z_size(), z_size(), z_.data());
        next.skip((s_.kernel - 1) * zoo::numbers(s_.width, 2 * gate));
      } else {
        begin(l, constant, shared, z_.data());
        for (int k = 0; k < s_.kernel - 1; ++k) {
          const float* past = queues + (clock + k * dilation) % length * row;
          next.multiply(s_.voices, s_.width, 2 * gate, past, s_.width, z_.data(), 2 * gate);
        }
      }
      if (added) condition(added + int64_t{l} * s_.voices * 2 * s_.gate);
      next.multiply(s_.voices, s_.width, 2 * gate, x_.data(), wide, z_.data(), 2 * gate);
      keep(queues + clock % length * row);
      queues += length * row;
      open();
      next.multiply(s_.voices, s_.gate, skip, gates_.data(), gate, skips_.data(), skip);
      if (l + 1 == s_.layers) break;  // nothing reads what the last layer passes on
      add(residual_biases + l * wide);
      next.multiply(s_.voices, s_.gate, wide, gates_.data(), gate, x_.data(), wide);
      if (residual_scale_ != 1) {
        for (int i = 0; i < s_.voices * wide; ++i) x_.data()[i] *= residual_scale_;
      }
    }
    rectify(skips_.data(), skip);
    const int head = padded(s_.head), outputs = padded(s_.outputs);
    biases = spread(biases, head, hidden_.data());
    next.multiply(s_.voices, s_.skip, head, skips_.data(), skip, hidden_.data(), head);
    rectify(hidden_.data(), head);
    spread(biases, outputs, raw_.data());
    next.multiply(s_.voices, s_.head, outputs, hidden_.data(), head, raw_.data(), outputs);
    turn_ = (turn_ + 1) % kAhead;
  }

 private:
  bool far(int layer) const { return few_ && dilations_[layer] >= kAhead; }

  int z_size() const { return s_.voices * 2 * padded(s_.gate); }

  float* found(int layer) { return ahead_.data() + int64_t{layer} * kAhead * z_size(); }

  // What the past of the far layers gives z in the next kAhead samples, biases included.
  void look(const Number* weights, const float* constant, bool shared, const float* queues,
            int64_t clock) {
    const int wide = padded(s_.width), gate = padded(s_.gate), rows = kAhead * s_.voices;
    const int64_t size = s_.kernel * zoo::numbers(s_.width, 2 * gate) +
                         zoo::numbers(s_.gate, padded(s_.skip) + wide);
    for (int l = 0; l < s_.layers; ++l) {
      const int64_t row = int64_t{s_.voices} * s_.width, length = (s_.kernel - 1) * dilations_[l];
      if (far(l)) {
        zoo::Weights next(weights + l * size);
        for (int j = 0; j < kAhead; ++j) begin(l, constant, shared, found(l) + j * z_size());
        for (int k = 0; k < s_.kernel - 1; ++k) {
          for (int j = 0; j < kAhead; ++j) {
            const int64_t at = (clock + j + k * dilations_[l]) % length;
            std::copy_n(queues + at * row, row, past_.data() + j * row);
          }
          next.multiply(rows, s_.width, 2 * gate, past_.data(), s_.width, found(l), 2 * gate);
        }
      }
      queues += length * row;
    }
  }

  // z of a layer before its products.
  void begin(int layer, const float* constant, bool shared, float* z) {
    const int gate = padded(s_.gate);
    for (int v = 0; v < s_.voices; ++v) {
      const float* bias = constant + (shared ? layer : layer * s_.voices + v) * 2 * s_.gate;
      for (int half = 0; half < 2; ++half) {
        std::copy_n(bias + half * s_.gate, s_.gate, z + (2 * v + half) * gate);
      }
    }
  }

  void condition(const float* added) {
    const int gate = padded(s_.gate);
    for (int half = 0; half < 2 * s_.voices; ++half) {
      for (int i = 0; i < s_.gate; ++i) z_.data()[half * gate + i] += added[half * s_.gate + i];
    }
  }

  void open() {
    const int gate = padded(s_.gate);
    for (int v = 0; v < s_.voices; ++v) {
      const float* z = z_.data() + 2 * v * gate;
      for (int i = 0; i < gate; i += kLanes) {
        const Lane value = zoo::gated(zoo::load(z + i), zoo::load(z + gate + i));
        zoo::store(gates_.data() + v * gate + i, value);
      }
    }
  }

  void keep(float* row) {
    for (int v = 0; v < s_.voices; ++v) {
      std::copy_n(input(v), s_.width, row + int64_t{v} * s_.width);
    }
  }

  void add(const float* bias) {
    const int wide = padded(s_.width);
    for (int v = 0; v < s_.voices; ++v) {
      for (int i = 0; i < wide; ++i) input(v)[i] += bias[i];
    }
  }

  const float* spread(const float* bias, int size, float* to) {
    for (int v = 0; v < s_.voices; ++v) std::copy_n(bias, size, to + v * size);
    return bias + size;
  }

  void rectify(float* values, int size) {
    for (int i = 0; i < s_.voices * size; ++i) values[i] = std::max(values[i], 0.0f);
  }

  Sizes s_;
  ffi::Span<const int64_t> dilations_;
  float residual_scale_;
  zoo::Room x_, z_, gates_, skips_, hidden_, raw_;
  bool few_;
  zoo::Room past_, ahead_;
  int turn_ = 0;  // within kAhead samples
};

ffi::Error Run(Matrices weights, Floats biases, Floats source, Floats constant, Floats condition,
               Floats before, Numbers clock, Numbers rounds, Floats first, Floats noise,
               Floats temperature, Floats logit_bias, Floats values,
               ffi::Span<const int64_t> dilations, float residual_scale, int32_t kernel,
               int32_t gate, int32_t skip, int32_t head, int32_t kind, int32_t outputs,
               int32_t top_k, float top_p, float least, float half,
               ffi::Result<Floats> audio, ffi::Result<Floats> kept, ffi::Result<Floats> queues) {
  const auto dims = queues->dimensions();  // [N B C]
  const int voices = dims[1], width = dims[2], layers = dilations.size();
  const int64_t size = noise.dimensions()[0], numbers = noise.dimensions()[2];
  const int64_t steps = std::min<int64_t>(rounds.typed_data()[0], size);
  const bool symbols = kind == zoo::kSymbols;
  const int each = symbols ? 1 : outputs;  // numbers kept of a sample
  if (queues->typed_data() != before.typed_data()) {
    std::copy_n(before.typed_data(), before.element_count(), queues->typed_data());
  }
  std::fill_n(audio->typed_data(), audio->element_count(), 0.0f);
  std::fill_n(kept->typed_data(), kept->element_count(), 0.0f);
  Stack stack({layers, voices, width, gate, skip, head, outputs, kernel}, dilations,
              residual_scale);
  zoo::Draw draw({kind, outputs, temperature.typed_data()[0], top_k, top_p,
                  logit_bias.element_count() ? logit_bias.typed_data() : nullptr, least, half});
  std::vector<float> last(first.typed_data(), first.typed_data() + voices);
  const int64_t conditioned = condition.element_count() ? int64_t{layers} * voices * 2 * gate : 0;
  for (int64_t t = 0; t < steps; ++t) {
    for (int v = 0; v < voices; ++v) {
      float* x = stack.input(v);
      const float* from = source.typed_data() + (symbols ? int64_t(last[v]) * width : 0);
      for (int i = 0; i < width; ++i) {
        x[i] = symbols ? from[i] : from[i] * last[v] + from[width + i];
      }
      std::fill(x + width, x + padded(width), 0.0f);
    }
    stack.step(weights.typed_data(), biases.typed_data(),
               constant.typed_data(),
               constant.dimensions()[1] == 1,
               conditioned ? condition.typed_data() + t * conditioned : nullptr,
               queues->typed_data(), clock.typed_data()[0] + t);
    for (int v = 0; v < voices; ++v) {
      const int64_t place = t * voices + v;
      float* raw = stack.raw(v);
      if (!symbols) std::copy_n(raw, each, kept->typed_data() + place * each);
      const zoo::Drawn drawn = draw(raw, noise.typed_data() + place * numbers);
      last[v] = drawn.value;
      audio->typed_data()[place] = symbols ? values.typed_data()[int(drawn.value)] : drawn.value;
      if (symbols) kept->typed_data()[place] = drawn.nats;
    }
  }
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(zoo_gated_stack, Run,
                              ffi::Ffi::Bind()
                                  .Arg<Matrices>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Numbers>()
                                  .Arg<Numbers>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Attr<ffi::Span<const int64_t>>("dilations")
                                  .Attr<float>("residual_scale")
                                  .Attr<int32_t>("kernel")
                                  .Attr<int32_t>("gate")
                                  .Attr<int32_t>("skip")
                                  .Attr<int32_t>("head")
                                  .Attr<int32_t>("kind")
                                  .Attr<int32_t>("outputs")
                                  .Attr<int32_t>("top_k")
                                  .Attr<float>("top_p")
                                  .Attr<float>("least")
                                  .Attr<float>("half")
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>());

extern "C" int zoo_panel() { return zoo::kPanel; }
