"""An oracle for compiled models: plain numpy in float64, no compiler inside.

Written from the definitions alone, so that an error would have to be made
twice to go unseen. Nothing is fused, tiled or absorbed; retrieval scores every
expert. With `storage` given, a function rounds where values are stored
between kernels: that tells how much of an error is the storage type's own.

    config.py      config.json with its defaults
    peer.py        the PEER layer
    mla.py         rotary tables, attention over rows or a paged cache
    models.py      the entries of the five architectures
    checkpoint.py  random weights of a configuration
    storage.py     f32, f16, bf16, i32 and safetensors files
"""
