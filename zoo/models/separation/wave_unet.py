"""Wave-U-Net: sources from a mixture, samples to samples, at twelve time scales.

Daniel Stoller, Sebastian Ewert, Simon Dixon: "Wave-U-Net: A Multi-Scale Neural Network for
End-to-End Audio Source Separation", ISMIR 2018; variants M1 to M7 of its tables.

Two later nets that change a part of it, of which no code is public and only what stands in their
abstracts was at hand; all numbers in them are ours:
- lstm_layers: bidirectional LSTMs at the bottleneck (Kaspersen's HydraNet, master's thesis 2019);
  each direction has half of the bottleneck's channels.
- dilations: for each filter a block of dilated ones that all read what those before them gave, and
  a 1x1 convolution of all to the filter's channels (Narayanaswamy, Katoch, Thiagarajan, Song and
  Spanias: "Audio Source Separation via Multi-Scale Learning with Dilated Dense U-Nets", 2019);
  `growth` is the share of these channels that each adds. Its learnt dilations are not here.

Deviations and guesses:
- Without context the learned upsampling repeats its last sample, as the linear one does.
- With `output='difference'` the last source is what remains of the mixture: the authors order the
  sources accompaniment, vocals or bass, drums, other, vocals, so that it is always the vocals.
"""

from __future__ import annotations

import flax.linen as nn
import jax

from zoo.layers.wave_unet_scales import WaveUNetScales


class WaveUNet(WaveUNetScales):
    """Wave-U-Net, mixture [B T C] -> sources [B T' S C]; T' = T, or with context the centre of T.

    The fields are M1's. M2: output='difference'. M3: also context. M4: also channels=2. M5: also
    upsampling='learned'. M6: M4 with sources=4. M7: M3 with width=34 (8,192 Hz). All others
    are for 22,050 Hz. 16,384 samples wanted take 147,443 of input with context (and give 16,389).
    """

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return self.separated(x, lambda bottom: bottom, train)
