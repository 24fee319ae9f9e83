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
    CheckpointFiles="sciformer.training.checkpoint_io",
    Done="sciformer.joined",
    Encoder="sciformer.nn.encoder",
    MLP="sciformer.nn.mlp",
    MuonAdamW="sciformer.training.optim",
    Recipe="sciformer.data.index",
    Report="sciformer.report",
    Rotary="sciformer.nn.position",
    SelfAttention="sciformer.nn.attention",
    ShardedDataset="sciformer.data.sharded",
    TransformerBlock="sciformer.nn.block",
    adamw="sciformer.training.optim",
    alibi_slopes="sciformer.nn.position",
    attend="sciformer.nn.attention",
    damage="sciformer.data.verify",
    decay_groups="sciformer.training.optim",
    draw="sciformer.figures",
    export_safetensors="sciformer.training.plain",
    figure="sciformer.figures",
    generated_loader="sciformer.data.loading",
    join="sciformer.joined",
    load="sciformer.training.checkpoint",
    read_original="sciformer.training.original",
    read_plain="sciformer.training.plain",
    seeded_loader="sciformer.data.loading",
    split_by_id="sciformer.data.loading",
    stamp="sciformer.training.checkpoint",
    stream="sciformer.data.streaming",
    write_shards="sciformer.data.shards",
)
ASTROCLIP = Parts(
    AstroCLIPModule="astroclip.module",
    Batch="astroclip.data.batch",
    Embeddings="astroclip.embeddings",
    GENERATOR="astroclip.data.shards",
    GalaxyData="astroclip.data.module",
    Head="astroclip.nn.head",
    ImageEncoder="astroclip.nn.image",
    Pool="astroclip.data.pool",
    PoolDataset="astroclip.data.pool",
    PoolingHead="astroclip.nn.heads",
    Shards="astroclip.data.shards",
    SpecFormer="astroclip.reference",
    SpectrumEncoder="astroclip.nn.spectrum",
    UNITS="astroclip.data.shards",
    VERSION="astroclip.data.shards",
    VisionTransformer="astroclip.reference",
    band_fluxes="astroclip.simulate.light",
    expose="astroclip.simulate.images",
    fiber_shares="astroclip.simulate.spectra",
    hidden_patches="astroclip.objectives.views",
    hide="astroclip.objectives.masked",
    in_chunks="astroclip.objectives.caching",
    info_nce="astroclip.objectives.contrastive",
    koleo="astroclip.objectives.prototypes",
    light="astroclip.simulate.light",
    masked_loss="astroclip.objectives.masked",
    nearest="astroclip.retrieval",
    observe="astroclip.simulate.fibers",
    open_source="astroclip.data.files",
    photometry="astroclip.photometry",
    ranks="astroclip.retrieval",
    read="astroclip.embeddings",
    resampled="astroclip.data.resample",
    rescaled="astroclip.data.resample",
    siglip="astroclip.objectives.contrastive",
    sinkhorn="astroclip.objectives.prototypes",
    slice_spectrum="astroclip.reference",
    spectra="astroclip.simulate.spectra",
    targets="astroclip.simulate.survey",
    to_rgb="astroclip.reference",
    views="astroclip.objectives.views",
    wavelengths="astroclip.survey",
    write="astroclip.embeddings",
)
COUNTING = Parts(
    CountingData="contextual_counting.data",
    CountingModule="contextual_counting.module",
    CountingTransformer="contextual_counting.model",
    count_attention="contextual_counting.count_attention",
    simulate="contextual_counting.shards",
)
MPP = Parts(
    AViT="mpp.model",
    Cached="mpp.data.cache",
    PhysicsData="mpp.data.module",
    PhysicsModule="mpp.module",
    nrmse="mpp.metrics",
    open_files="mpp.data.sources",
    open_system="mpp.data.sources",
    recipe="mpp.data.shards",
    rollout="mpp.rollout",
    spectral_error="mpp.metrics",
    system="mpp.simulate.registry",
    vrmse="mpp.metrics",
    write_pdebench="mpp.data.writers",
    write_well="mpp.data.writers",
)
XVAL = Parts(
    Encoding="xval.encodings.encoding",
    NumberEmbedding="xval.nn.embedding",
    SETS="xval.simulate.registry",
    TextData="xval.data.module",
    XVal="xval.model",
    XValModule="xval.module",
    cut="xval.numbers",
    fill="xval.generate",
    frequent_words="xval.encodings.words",
    generate="xval.generate",
    open_files="xval.data.sources",
    open_shards="xval.data.sources",
    scores="xval.metrics",
    simulate="xval.data.shards",
)
