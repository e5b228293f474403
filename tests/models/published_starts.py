"""How published systems start their weights: distribution and deviation, each with its source."""

from start_distributions import (
    TRUNCATED,
    contrib,
    exactly,
    fan_average,
    fan_in,
    fan_out,
    gained,
    glorot,
    graph,
    he,
    lecun,
    small,
    tf_gru,
    torch,
    torch_rnn,
    transposed,
    xavier,
)

BAI = "locuslab/TCN"
T2T = "tensorflow/tensor2tensor"
PONS = "jordipons/music-audio-tagging-at-scale-models: contrib's variance_scaling_initializer()"
WON = "minzwon/sota-music-tagging-models names no start"
CHOI = "keunwoochoi/music-auto_tagging-keras: Keras 1's default, glorot_uniform"
KIM = "tae-jun/resemul model.py"
LEE = "jongpillee/sampleCNN"
MAGENTA = "magenta onsets_frames_transcription/model.py"
CUDNN = "the same: contrib's default in CudnnLSTM, whose matrices are [units, inputs]"
PORT = "jongwook/onsets-and-frames"
SONNET = "no code of the authors; Sonnet's and Flax's default, our choice"
KSW = "ksw0306/ClariNet: its kaiming_normal_ has no effect under weight norm"
MEHRI = "soroushmehr/sampleRNN_ICLR2017 lib/ops.py"
DEMUCS = "facebookresearch/demucs rescale.py: s becomes sqrt(s / 10)"
TF = "tf.layers' default, glorot_uniform; "
TASNET = "facebookresearch/demucs, tasnet.py: xavier_normal_ of [out in] and of Linear"
TAN = "JupiterEthan/CRN-causal and GCRN-complex"
STOLLER = TF + "f90/Wave-U-Net"
CHILD = "Child et al. 2019, sections 5.2 and 6"
DEPTHS = {512: 48, 256: 31, 128: 14}  # layers of the rows of that width
NVIDIA = "NVIDIA/tacotron2 layers.py: xavier_uniform_ with the gain of what follows"
ITO = TF + "keithito/tacotron"
NOWHERE = "google/lyra has no training code: Keras' default"
KINGMA = "the couplings start as the identity; NVIDIA/waveglow glow.py"

# Rows (of the catalogue, with stars): patterns of kernels' paths, the first that matches counts.
TABLE = {
    "at_scale_*": {".*": contrib(PONS)},
    "basic_pitch_*": {".*": fan_average("basic-pitch 0.4.0, models.py")},
    "crepe_*": {".*": glorot("marl/crepe core.py names no start: Keras' default")},
    "crnn_magnatagatune": {"recurrent.*": torch_rnn(WON, 3), ".*": torch(WON)},
    "crnn_*.choi": {
        "recurrent_._?/recurrent_kernel|recurrent_./recurrent_kernel": exactly(
            "orthogonal", lambda s: 1.1 / s[0] ** 0.5, "Keras 1: orthogonal times 1.1"
        ),
        "recurrent": glorot(CHOI, 3),
        ".*": glorot(CHOI),
    },
    "scattering_rnn_*": {
        "gru.*": torch_rnn("ours: the paper is silent; torch's default", 3),
        ".*": torch("ours: the paper is silent; torch's default"),
    },
    "fcn_magnatagatune": {".*": torch(WON)},
    "fcn_*.compact_cnn": {
        "block": exactly(
            "normal", lambda s: (2 / fan_in(s)) ** 0.5, "compact_cnn/main.py: he_normal of Keras 1"
        ),
        ".*": glorot(CHOI),
    },
    "fcn_*": {".*": glorot(CHOI)},
    "frame_level_*": {
        "front": exactly("normal", 0.01, "ours: the paper is silent"),
        ".*": he("ours: the paper is silent"),
    },
    "harmonic_cnn_*": {".*": torch("minzwon/data-driven-harmonic-filters names no start")},
    "inception_*": {".*": glorot("chrisdonahue/wavegan: the default of tf.layers")},
    "multi_scale_*": {".*": contrib(PONS)},
    "musicnn_*": {
        "timbral_1": graph(0.098866),
        "timbral_2": graph(0.074456),
        "temporal_1": graph(0.142522),
        "temporal_2": graph(0.201556),
        "temporal_3": graph(0.285044),
        "middle_1": graph(0.025731),
        "middle_[23]": graph(0.076181),
        "hidden": graph(0.041550),
        "top": graph(0.114018),
    },
    "vgg_*": {"block_1": graph(0.537484), "block": graph(0.047507), "top": graph(0.100778)},
    "onsets_frames_*.port": {".*lstm": torch_rnn(PORT, 4), ".*": torch(PORT)},
    "onsets_frames_maestro": {
        ".*lstm": contrib(CUDNN, lambda s: s[-1] // 4),
        ".*stack": fan_average(MAGENTA),
        ".*top": glorot("the same: slim.fully_connected's default"),
    },
    "random_cnn_*": {".*": contrib("elmarc dl_models.py")},
    "resemul_*": {
        "stem|block_./conv_.$|block_./conv_./|block_./conv/": he(KIM),
        ".*": glorot(KIM),
    },
    "samplecnn_*": {"dense": glorot(LEE + ": Dense's default in Keras 1"), ".*": he(LEE)},
    "self_attention_*": {".*": torch(WON)},
    "short_chunk_*": {".*": torch(WON)},
    "sincnet_*": {
        "conv": torch("mravanelli/SincNet"),
        ".*": exactly(
            "uniform",
            lambda s: (0.01 / sum(s) / 3) ** 0.5,
            "dnn_models.py of the same: +-sqrt(.01 / (in + out))",
        ),
    },
    "clarinet_teacher_*": {".*upsample": transposed(KSW), ".*": torch(KSW)},
    "clarinet_student_*": {
        "nets.*output": small("ours: the first audio stays near the noise"),
        ".*": torch(KSW),
    },
    "parallel_wavenet_*": {
        "nets.*output": small("ours, as ClariNet's student"),
        ".*upsample": transposed("ours, as ClariNet's: no code of the authors"),
        ".*": torch("ours, as ClariNet's: no code of the authors"),
    },
    "samplernn_*|dadabots_*": {
        ".*start|.*upsample_bias": exactly("zero", 0.0, MEHRI),
        "embed": exactly("normal", 1.0, MEHRI),
        ".*upsample": exactly("uniform", lambda s: (2 / s[1]) ** 0.5, MEHRI + ": He, of the width"),
        ".*expand|enter|hidden": he(MEHRI),
        ".*recurrent_kernel": exactly("mixed", lambda s: s[0] ** -0.5, MEHRI),
        ".*candidate": exactly("orthogonal", lambda s: s[0] ** -0.5, MEHRI),
        ".*rnn|output": exactly("uniform", lambda s: fan_in(s) ** -0.5, MEHRI + ": LeCun"),
    },
    "polyphonic_*.lstm": {".*layer[0-9]/": torch_rnn(BAI, 4), ".*": torch(BAI)},
    "polyphonic_*.gru": {".*layer[0-9]/": torch_rnn(BAI, 3), ".*": torch(BAI)},
    "polyphonic_*": {
        ".*skip": exactly("normal", 0.01, BAI + ": the only ones that keep it"),
        ".*": torch(BAI),
    },
    "music_transformer_*": {
        "embed": exactly("normal", lambda s: s[-1] ** -0.5, T2T),
        "output": exactly("normal", lambda s: s[0] ** -0.5, T2T),
        ".*distance": exactly("normal", lambda s: s[-1] ** -0.5, T2T),
        ".*": glorot(T2T + ": uniform_unit_scaling"),
    },
    "ddsp_*": {
        ".*recurrent_kernel": exactly("orthogonal", lambda s: max(s) ** -0.5, "Keras' GRU"),
        ".*": glorot("magenta/ddsp nn.py names no start: Keras' default"),
    },
    "amp_*": {
        "lstm_": torch_rnn("sdatkinson/neural-amp-modeler", 4),
        ".*": torch("sdatkinson/neural-amp-modeler"),
    },
    "wavegru_*": {
        "recurrent_kernel": exactly("orthogonal", lambda s: max(s) ** -0.5, NOWHERE),
        ".*": glorot(NOWHERE),
    },
    "hifigan_*|melgan_*|mb_melgan_*": {
        ".*up_": transposed("weight norm undoes the authors' N(0, .01)"),
        ".*": torch("the same"),
    },
    "gan_tts_*": {
        ".*": exactly(
            "orthogonal",
            lambda s: max(fan_in(s), s[-1]) ** -0.5,
            "the paper: orthogonal; yanggeng1995/GAN-TTS",
        ),
    },
    "gansynth_*": {
        ".*": exactly("normal", 1.0, "magenta/magenta, gansynth: unit normal, scaled as it runs"),
    },
    "tacotron2_*": {
        ".*lstm|encoder/(ahead|back)": torch_rnn("NVIDIA/tacotron2", 4),
        "encoder/conv": gained(2**0.5, NVIDIA),
        "postnets_[0-3]|keys|.*(query|place)/": gained(5 / 3, NVIDIA),
        ".*": glorot(NVIDIA),
    },
    "tacotron_*": {
        "table": exactly("truncated", 0.5 * TRUNCATED, "keithito/tacotron models/tacotron.py"),
        "decoder/attention_gru": tf_gru(128 + 256, 256),
        "decoder/gru_": tf_gru(256, 256),
        ".*(ahead|back)": tf_gru(128, 128),
        "decoder/energy": exactly("uniform", lambda s: s[0] ** -0.5, ITO + ": of a vector"),
        ".*": glorot(ITO),
    },
    "melnet_*": {
        ".*/(time|frequency|centre|down)/": torch_rnn("Deepest-Project/MelNet", 4),
        ".*": torch("Deepest-Project/MelNet names no start"),
    },
    "specgan_*|wavegan_*": {".*": glorot(TF + "chrisdonahue/wavegan")},
    "waveglow_*": {
        ".*end/": exactly("zero", 0.0, KINGMA),
        "upsample": transposed("NVIDIA/waveglow"),
        "mixers": exactly("orthogonal", lambda s: s[0] ** -0.5, "NVIDIA/waveglow: QR of a normal"),
        ".*": torch("NVIDIA/waveglow: weight norm of torch's"),
    },
    "sparse_transformer_*": {
        "embed": exactly("normal", lambda s: 0.125 * s[-1] ** -0.5, CHILD),
        "row|column": exactly("normal", lambda s: 0.125 * (2 * s[-1]) ** -0.5, CHILD),
        ".*(out|leave)/": exactly(
            "normal", lambda s: 0.125 * (2 * DEPTHS[s[-1]] * s[0]) ** -0.5, CHILD
        ),
        "output": exactly("zero", 0.0, CHILD),
        ".*": exactly("normal", lambda s: 0.125 * s[0] ** -0.5, CHILD),
    },
    "flowavenet_*": {
        ".*end/": exactly("zero", 0.0, "ksw0306/FloWaveNet: ZeroConv1d"),
        ".*": torch("ksw0306/FloWaveNet: its kaiming_normal_ has no effect under weight norm"),
    },
    "midi_wavenet_*": {
        ".*sines": exactly("normal", 0.2, "ours: its authors have no sines"),
        ".*": lecun("ours, as wavenet.py's: its authors' code is not public"),
    },
    "wavenet_folder|vqvae_*|amae_*": {
        ".*source/embedding": exactly("normal", lambda s: s[-1] ** -0.5, SONNET),
        ".*": lecun(SONNET),
    },
    "conv_tasnet_mir1k*": {  # the speech layout
        "encoder|decoder": xavier("ours: Xavier's, of PyTorch's shapes"),
        ".*": torch("ours: no code of the authors is public"),
    },
    "conv_tasnet_*": {
        "decoder": exactly("normal", lambda s: (2 / (s[1] + s[0] * s[2])) ** 0.5, TASNET),
        ".*": xavier(TASNET),
    },
    "deep_conv_sep_*": {".*": glorot("MTG/DeepConvSep: Lasagne's default, GlorotUniform")},
    "demucs_*": {
        "lstm/lstm": torch_rnn("facebookresearch/demucs", 4),
        "lstm/projection": torch("the same"),
        "up_[0-9]+/": exactly(
            "uniform", lambda s: (0.1 * (3 * fan_out(s)) ** -0.5) ** 0.5, DEMUCS, True
        ),
        ".*": exactly("uniform", lambda s: (0.1 * (3 * fan_in(s)) ** -0.5) ** 0.5, DEMUCS, True),
    },
    "jansson_*": {".*": glorot(TF + "f90/Wave-U-Net's own U-Net")},
    "crn_*.crn": {
        ".*lstm": torch_rnn(TAN, 4),
        ".*up_": torch(TAN, lambda s: 2 * fan_out(s)),  # two frames lie side by side in the input
        ".*": torch(TAN),
    },
    "crn_*": {
        ".*lstm": torch_rnn(TAN, 4),
        ".*(real|imaginary)_[0-9]": transposed(TAN),
        ".*": torch(TAN),
    },
    "mrcae_*": {".*": glorot("ours: no code of the authors is public; Keras' default")},
    "open_unmix_*": {".*lstm": torch_rnn("sigsep/open-unmix-pytorch", 4), ".*": torch("the same")},
    "phasebook_*": {
        ".*lstm": torch_rnn("ours, torch's default: no code of the authors is public", 4),
        ".*": torch("the same"),
    },
    "voice_vocoder_*": {".*": glorot(TF + "pc2752/ss_synthesis")},
    "spleeter_*": {
        ".*up_": he("the same; Keras' transposed kernels are [... O I]", fan_out),
        ".*": he("deezer/spleeter model/functions/unet.py"),
    },
    "conditioned_wave_unet_*": {
        "output": exactly("uniform", lambda s: (2 / (s[1] + 1)) ** 0.5, "a layer a source, mono"),
        ".*": glorot(TF + "Veleslavia/vimss"),
    },
    "wave_unet_mir1k*": {
        "output": exactly("uniform", lambda s: (2 / (s[1] + 1)) ** 0.5, "a layer a source, mono"),
        ".*": glorot(STOLLER),
    },
    "wave_unet_*.dilated_dense": {
        "output": exactly("uniform", lambda s: (2 / (s[1] + 2)) ** 0.5, STOLLER),
        ".*": glorot("ours, as Wave-U-Net's: no code of the authors"),
    },
    "wave_unet_*": {
        "lstm": torch_rnn("ours, torch's default: no code of the author", 4),
        # One layer a source: as many outputs as channels, which are entered beside 24 (or 34) more.
        "output": exactly("uniform", lambda s: (2 / (s[1] + (s[1] - 24) % 10)) ** 0.5, STOLLER),
        ".*": glorot(STOLLER),
    },
    "music_translation_*": {".*": torch("facebookresearch/music-translation: torch's default")},
    "wavenet_ljspeech": {
        ".*context": exactly("equal", 1 / 3, "r9y9/wavenet_vocoder 0.1.1 modules.py"),
        ".*": exactly("normal", lambda s: fan_in(s) ** -0.5, "the same: std_mul of 1"),
    },
    "wavenet_regression_*": {".*": glorot("francesclluis/source-separation-wavenet: Keras'")},
}
