// A block of samples of SampleRNN in one call from XLA: tiers over frames, a net for each sample.
//
// What `frame` of the models does with the weights that tiers.py lays out; vectors of the tiers lie
// in chunks of the width, each filled up to a multiple of kPad.

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
using zoo::all;
using zoo::kLanes;
using zoo::Lane;
using zoo::Number;
using zoo::load;
using zoo::padded;
using zoo::store;

enum Cell { kGru = 0, kLstm = 1, kResetFirst = 2 };

Lane sigmoid(Lane x) { return 1.0f / (zoo::exponential(-x) + 1.0f); }

Lane tangent(Lane x) { return 1.0f - 2.0f / (zoo::exponential(x + x) + 1.0f); }

struct Sizes {
  int voices, layers, width, cell, hidden, symbols;
  int chunk() const { return padded(width); }
  int gates() const { return (cell == kLstm ? 4 : 3) * chunk(); }
  int states() const { return cell == kLstm ? 2 : 1; }
};

struct Tier {
  int frame, ratio, below;  // below: numbers that it gives for each frame or sample below it
  const Number* weights;
  const float* biases;
  zoo::Room extra;
};

class Net {
 public:
  Net(const Sizes& sizes, ffi::Span<const int64_t> frames, const Number* weights,
      const float* biases, const float* table, const float* real, zoo::Draw& draw)
      : s_(sizes),
        table_(table),
        real_(real),
        draw_(draw),
        codes_(sizes.voices),
        states_(frames.size() * sizes.layers * sizes.states() * sizes.voices * sizes.chunk()),
        gates_(sizes.voices * sizes.gates()),
        recurrent_(sizes.voices * sizes.gates()),
        reset_(sizes.voices * sizes.chunk()),
        x_(sizes.voices * sizes.chunk()),
        y_(sizes.voices * sizes.chunk()),
        raw_(sizes.voices * padded(sizes.symbols)) {
    int frame = 1;
    for (size_t i = 0; i < frames.size(); ++i) {
      const int ratio = frames[i] / frame, below = i ? s_.gates() : s_.chunk();
      frame = frames[i];
      tiers_.push_back({frame, ratio, below, weights, biases,
                        zoo::Room(size_t(s_.voices) * ratio * below)});
      const int gates = s_.gates(), width = s_.width;
      weights += zoo::numbers(frame, gates) + (2 * s_.layers - 1) * zoo::numbers(width, gates) +
                 zoo::numbers(width, ratio * below);
      biases += s_.layers * gates + (s_.cell == kGru ? s_.layers * gates : 0) + ratio * below;
    }
    weights_ = weights;
    biases_ = biases;
    real_in_.resize(size_t(s_.voices) * frame);
  }

  std::vector<std::vector<int>>& codes() { return codes_; }

  float* state(size_t tier, int layer, int which) {
    const size_t row = (tier * s_.layers + layer) * s_.states() + which;
    return states_.data() + row * s_.voices * s_.chunk();
  }

  // A frame of the top tier and all below it. noise, nats [samples B].
  void frame(const float* noise, float* nats) {
    noise_ = noise;
    nats_ = nats;
    descend(tiers_.size() - 1, nullptr, 0);
  }

 private:
  void descend(int number, const float* added, int64_t stride) {
    if (number < 0) return sample(added, stride);
    Tier& tier = tiers_[number];
    zoo::Weights next(tier.weights);
    const float* biases = tier.biases;
    const int gates = s_.gates(), chunk = s_.chunk(), voices = s_.voices;
    float* real = real_in_.data();
    for (int v = 0; v < voices; ++v) {
      const int* last = codes_[v].data() + codes_[v].size() - tier.frame;
      for (int i = 0; i < tier.frame; ++i) real[v * tier.frame + i] = real_[last[i]];
    }
    biases = spread(biases, gates, gates_);
    if (added) {
      for (int v = 0; v < voices; ++v) {
        for (int i = 0; i < gates; ++i) gates_.data()[v * gates + i] += added[v * stride + i];
      }
    }
    next.multiply(voices, tier.frame, gates, real, tier.frame, gates_.data(), gates);
    for (int l = 0; l < s_.layers; ++l) {
      if (l) {
        biases = spread(biases, gates, gates_);
        const float* below = state(number, l - 1, 0);
        next.multiply(voices, s_.width, gates, below, chunk, gates_.data(), gates);
      }
      update(next, biases, state(number, l, 0));
    }
    const int wide = tier.ratio * tier.below;
    spread(biases, wide, tier.extra);
    const float* out = state(number, s_.layers - 1, 0);
    next.multiply(voices, s_.width, wide, out, chunk, tier.extra.data(), wide);
    for (int j = 0; j < tier.ratio; ++j) {
      descend(number - 1, tier.extra.data() + j * tier.below, wide);
    }
  }

  // The state h of a layer (and c behind it) by gates_, one step on.
  void update(zoo::Weights& next, const float*& biases, float* h) {
    const int gates = s_.gates(), chunk = s_.chunk(), voices = s_.voices, width = s_.width;
    float* g = gates_.data();
    float* r = recurrent_.data();
    if (s_.cell == kGru) {
      biases = spread(biases, gates, recurrent_);
      next.multiply(voices, width, gates, h, chunk, r, gates);
    } else {
      const int first = s_.cell == kLstm ? gates : 2 * chunk;
      next.multiply(voices, width, first, h, chunk, g, gates);
    }
    if (s_.cell == kResetFirst) {
      each([&](int at, int state) {
        store(reset_.data() + state, sigmoid(load(g + at + chunk)) * load(h + state));
      });
      next.multiply(voices, width, chunk, reset_.data(), chunk, g + 2 * chunk, gates);
    }
    each([&](int at, int state) {
      const Lane one = load(g + at), two = load(g + at + chunk), three = load(g + at + 2 * chunk);
      const Lane before = load(h + state);
      if (s_.cell == kGru) {
        const Lane reset = sigmoid(one + load(r + at)), kept = sigmoid(two + load(r + at + chunk));
        const Lane fresh = tangent(three + reset * load(r + at + 2 * chunk));
        store(h + state, (1.0f - kept) * fresh + kept * before);
      } else if (s_.cell == kResetFirst) {
        const Lane share = sigmoid(one);
        store(h + state, share * tangent(three) + (1.0f - share) * before);
      } else {
        float* c = h + voices * chunk;
        const Lane cell = sigmoid(two) * load(c + state) + sigmoid(one) * tangent(three);
        store(c + state, cell);
        store(h + state, sigmoid(load(g + at + 3 * chunk)) * tangent(cell));
      }
    });
  }

  // act(place in the first gate, place in a state) for all lanes.
  template <typename Act>
  void each(Act act) {
    for (int v = 0; v < s_.voices; ++v) {
      for (int i = 0; i < s_.chunk(); i += kLanes) act(v * s_.gates() + i, v * s_.chunk() + i);
    }
  }

  void sample(const float* added, int64_t stride) {
    const int chunk = s_.chunk(), seen = tiers_[0].frame, outputs = padded(s_.symbols);
    zoo::Weights next(weights_);
    const float* biases = biases_;
    for (int v = 0; v < s_.voices; ++v) {
      float* x = x_.data() + v * chunk;
      std::copy_n(added + v * stride, chunk, x);
      const int* last = codes_[v].data() + codes_[v].size() - seen;
      for (int p = 0; p < seen; ++p) {
        const float* row = table_ + (int64_t{p} * s_.symbols + last[p]) * chunk;
        for (int i = 0; i < chunk; ++i) x[i] += row[i];
      }
    }
    zoo::Room *x = &x_, *y = &y_;
    for (int l = 0; l < s_.hidden; ++l, std::swap(x, y)) {
      if (l || s_.cell != kResetFirst) rectify(*x);  // the released net begins without a ReLU
      biases = spread(biases, chunk, *y);
      next.multiply(s_.voices, s_.width, chunk, x->data(), chunk, y->data(), chunk);
    }
    rectify(*x);
    spread(biases, outputs, raw_);
    next.multiply(s_.voices, s_.width, outputs, x->data(), chunk, raw_.data(), outputs);
    for (int v = 0; v < s_.voices; ++v) {
      const zoo::Drawn drawn = draw_(raw_.data() + v * outputs, noise_++);
      codes_[v].push_back(int(drawn.value));
      *nats_++ = drawn.nats;
    }
  }

  const float* spread(const float* bias, int size, zoo::Room& to) {
    for (int v = 0; v < s_.voices; ++v) std::copy_n(bias, size, to.data() + v * size);
    return bias + size;
  }

  void rectify(zoo::Room& values) {
    for (int i = 0; i < s_.voices * s_.chunk(); ++i) {
      values.data()[i] = std::max(values.data()[i], 0.0f);
    }
  }

  Sizes s_;
  const float *table_, *real_, *biases_;
  const Number* weights_;
  const float* noise_ = nullptr;
  float* nats_ = nullptr;
  zoo::Draw& draw_;
  std::vector<Tier> tiers_;
  std::vector<std::vector<int>> codes_;
  std::vector<float> real_in_;
  zoo::Room states_, gates_, recurrent_, reset_, x_, y_, raw_;
};

ffi::Error Run(Matrices weights, Floats biases, Floats table, Floats real, Floats before,
               Numbers past, Numbers rounds, Floats noise, Floats temperature, Floats logit_bias, Floats values,
               ffi::Span<const int64_t> frames, int32_t layers, int32_t cell, int32_t hidden,
               int32_t outputs, int32_t top_k, float top_p, ffi::Result<Floats> audio,
               ffi::Result<Floats> nats, ffi::Result<Floats> states) {
  const auto dims = before.dimensions();  // [tiers * layers * states, B, D]
  const int voices = dims[1], width = dims[2], hop = past.dimensions()[1];
  const Sizes sizes{voices, layers, width, cell, hidden, outputs};
  zoo::Draw draw({zoo::kSymbols, outputs, temperature.typed_data()[0], top_k, top_p,
                  logit_bias.element_count() ? logit_bias.typed_data() : nullptr, 0, 1});
  Net net(sizes, frames, weights.typed_data(), biases.typed_data(), table.typed_data(),
          real.typed_data(), draw);
  for (int v = 0; v < voices; ++v) {
    const int32_t* from = past.typed_data() + v * hop;
    net.codes()[v].assign(from, from + hop);
  }
  const int64_t rows = dims[0] * voices;
  float* inside = net.state(0, 0, 0);
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(before.typed_data() + i * width, width, inside + i * sizes.chunk());
  }
  std::fill_n(audio->typed_data(), audio->element_count(), 0.0f);
  std::fill_n(nats->typed_data(), nats->element_count(), 0.0f);
  const int64_t most = noise.dimensions()[0] / hop;
  const int64_t steps = std::min<int64_t>(rounds.typed_data()[0], most);
  for (int64_t t = 0; t < steps; ++t) {
    const int64_t place = t * hop * voices;
    net.frame(noise.typed_data() + place, nats->typed_data() + place);
  }
  for (int v = 0; v < voices; ++v) {
    for (int64_t t = 0; t < steps * hop; ++t) {
      audio->typed_data()[t * voices + v] = values.typed_data()[net.codes()[v][hop + t]];
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(inside + i * sizes.chunk(), width, states->typed_data() + i * width);
  }
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(zoo_tiers, Run,
                              ffi::Ffi::Bind()
                                  .Arg<Matrices>()
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
                                  .Attr<ffi::Span<const int64_t>>("frames")
                                  .Attr<int32_t>("layers")
                                  .Attr<int32_t>("cell")
                                  .Attr<int32_t>("hidden")
                                  .Attr<int32_t>("outputs")
                                  .Attr<int32_t>("top_k")
                                  .Attr<float>("top_p")
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>());

extern "C" int zoo_panel() { return zoo::kPanel; }
