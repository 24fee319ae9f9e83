"""Where the parts of the projects lie that the cases measure: the one place that names modules.

The cases of this checkout drive older trees too, in which a part may lie elsewhere. Who moves one
writes its new module in front of the old one, and its cases compare both.
"""

from contextlib import suppress
from importlib import import_module
from typing import Any


class Parts:
    """Parts by name, each looked up when a case first needs it.

    A case whose part is not there cannot run, which says nothing of the other cases of its file.

    Args:
        modules: Part -> modules that may have it, separated by spaces, the newest first.
    """

    def __init__(self, **modules: str) -> None:
        self.modules = modules

    def __getattr__(self, name: str) -> Any:
        if name not in self.modules:
            raise AttributeError(f"parts.py does not say where {name} lies")
        for module in self.modules[name].split():
            try:
                return getattr(import_module(module), name)
            except ModuleNotFoundError as error:
                if not f"{module}.".startswith(f"{error.name}."):
                    raise  # the module is there, but lacks a package that it needs
            except AttributeError:
                continue
        raise ImportError(f"{name} is in none of {self.modules[name]}")

    def preload(self) -> None:
        """Import what is there, so that no case waits for it."""
        for name in self.modules:
            with suppress(Exception):  # an old tree may raise anything; its case will say so
                getattr(self, name)


CORE = Parts(
    Alibi="sciformer.nn.position",
    AttentionPooling="sciformer.nn.pooling",
    CheckpointFiles="sciformer.training.checkpoints.lightning_io sciformer.training.checkpoint_io",
    Done="sciformer.report.combined sciformer.joined",
    Encoder="sciformer.nn.encoder",
    MLP="sciformer.nn.mlp",
    MuonAdamW="sciformer.training.optim",
    Recipe="sciformer.data.shards.index sciformer.data.index",
    Report="sciformer.report.report sciformer.report",
    Rotary="sciformer.nn.position",
    SelfAttention="sciformer.nn.attention",
    ShardedDataset="sciformer.data.shards.dataset sciformer.data.sharded",
    TransformerBlock="sciformer.nn.block",
    adamw="sciformer.training.optim",
    alibi_slopes="sciformer.nn.position",
    attend="sciformer.nn.attention",
    damage="sciformer.data.shards.verify sciformer.data.verify",
    decay_groups="sciformer.training.optim",
    draw="sciformer.report.figures sciformer.figures",
    export_safetensors="sciformer.training.checkpoints.safetensors sciformer.training.plain",
    figure="sciformer.report.figures sciformer.figures",
    generated_loader="sciformer.data.loader sciformer.data.loading",
    join="sciformer.report.combined sciformer.joined",
    load="sciformer.training.checkpoints.checkpoint sciformer.training.checkpoint",
    read_original="sciformer.training.checkpoints.original_weights sciformer.training.original",
    read_plain="sciformer.training.checkpoints.safetensors sciformer.training.plain",
    seeded_loader="sciformer.data.loader sciformer.data.loading",
    split_by_id="sciformer.data.splits sciformer.data.loading",
    stamp="sciformer.training.checkpoints.checkpoint sciformer.training.checkpoint",
    stream="sciformer.data.shards.streaming sciformer.data.streaming",
    write_shards="sciformer.data.shards.writer sciformer.data.shards",
)
ASTROCLIP = Parts(
    AstroCLIPModule="astroclip.module",
    Batch="astroclip.data.batch",
    Embeddings="astroclip.inference.embedding_files astroclip.embeddings",
    CachedFeatures="astroclip.data.feature_cache astroclip.cache",
    GENERATOR="astroclip.data.shards",
    GalaxyData="astroclip.data.datamodule astroclip.data.module",
    Head="astroclip.nn.residual_mlp astroclip.nn.head",
    ImageEncoder="astroclip.nn.image_encoder astroclip.nn.image",
    Pool="astroclip.data.simulated astroclip.data.pool",
    PoolDataset="astroclip.data.simulated astroclip.data.pool",
    PoolingHead="astroclip.convert.pooling_head astroclip.nn.heads",
    Shards="astroclip.data.shards",
    SpecFormer="astroclip.convert.original_networks astroclip.reference",
    SpectrumEncoder="astroclip.nn.spectrum_encoder astroclip.nn.spectrum",
    UNITS="astroclip.data.shards",
    VERSION="astroclip.data.shards",
    VisionTransformer="astroclip.convert.original_networks astroclip.reference",
    band_fluxes="astroclip.simulate.light",
    expose="astroclip.simulate.images",
    fiber_shares="astroclip.simulate.spectra",
    good="astroclip.data.on_error astroclip.data.source",
    hidden_patches="astroclip.losses.image_crops astroclip.objectives.views",
    hide="astroclip.losses.masked_spectrum astroclip.objectives.masked",
    in_chunks="astroclip.losses.gradient_cache astroclip.objectives.caching",
    info_nce="astroclip.losses.contrastive astroclip.objectives.contrastive",
    koleo="astroclip.losses.prototypes astroclip.objectives.prototypes",
    light="astroclip.simulate.light",
    masked_loss="astroclip.losses.masked_spectrum astroclip.objectives.masked",
    nearest="astroclip.inference.nearest astroclip.retrieval",
    observe="astroclip.simulate.spectrograph astroclip.simulate.fibers",
    open_source="astroclip.data.readers.open astroclip.data.files",
    photometry="astroclip.nn.aperture_photometry astroclip.photometry",
    ranks="astroclip.metrics astroclip.retrieval",
    read="astroclip.inference.embedding_files astroclip.embeddings",
    resampled="astroclip.data.readers.resample astroclip.data.resample",
    rescaled="astroclip.data.readers.resample astroclip.data.resample",
    siglip="astroclip.losses.contrastive astroclip.objectives.contrastive",
    sinkhorn="astroclip.losses.prototypes astroclip.objectives.prototypes",
    slice_spectrum="astroclip.convert.original_networks astroclip.reference",
    spectra="astroclip.simulate.spectra",
    targets="astroclip.simulate.target_selection astroclip.simulate.survey",
    to_rgb="astroclip.convert.original_networks astroclip.reference",
    views="astroclip.losses.image_crops astroclip.objectives.views",
    wavelengths="astroclip.survey",
    write="astroclip.inference.embedding_files astroclip.embeddings",
)
COUNTING = Parts(
    CountingData="contextual_counting.data.datamodule contextual_counting.data",
    CountingModule="contextual_counting.module",
    CountingTransformer="contextual_counting.nn.model contextual_counting.model",
    count_attention="contextual_counting.nn.prefix_count_attention "
    "contextual_counting.count_attention",
    read_sequences="contextual_counting.data.written_sequences",
    simulate="contextual_counting.data.shards contextual_counting.shards",
    with_fewer_regions="contextual_counting.data.hide_regions contextual_counting.fewer",
    without_loose_tokens="contextual_counting.data.hide_tokens",
)
MPP = Parts(
    AViT="mpp.nn.model mpp.model",
    Cached="mpp.data.frame_cache mpp.data.cache",
    PhysicsData="mpp.data.datamodule mpp.data.module",
    PhysicsModule="mpp.module",
    nrmse="mpp.metrics",
    open_files="mpp.data.sources",
    open_system="mpp.data.sources",
    recipe="mpp.data.shards",
    rollout="mpp.nn.rollout mpp.rollout",
    spectral_error="mpp.metrics",
    system="mpp.simulate.registry",
    vrmse="mpp.metrics",
    write_pdebench="mpp.data.pdebench_writer mpp.data.writers",
    write_well="mpp.data.well_writer mpp.data.writers",
)
XVAL = Parts(
    Encoding="xval.encodings.encoding",
    NumberEmbedding="xval.nn.embedding",
    SETS="xval.simulate.registry",
    TextData="xval.data.datamodule xval.data.module",
    XVal="xval.nn.model xval.model",
    XValModule="xval.module",
    cut="xval.encodings.numbers_in_text xval.numbers",
    fill="xval.nn.generate xval.generate",
    frequent_words="xval.encodings.words",
    generate="xval.nn.generate xval.generate",
    open_files="xval.data.sources",
    open_shards="xval.data.sources",
    scores="xval.metrics",
    simulate="xval.data.shards",
)
