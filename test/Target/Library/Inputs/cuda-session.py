"""A session on a GPU in Python, on arrays of that device, in two streams.

    cuda-session.py LIBRARY WEIGHTS

The driver is fake-cuda.c: memory of the device is the host's, so that arrays of
NumPy can be declared to lie there. A module `torch` says which stream is current.
"""

import sys
import types

import numpy as np

import peermla
from peermla import _abi, tensors

KDL_CUDA = 2


class DeviceArray:
    """Memory of a NumPy array, as if it were on the first GPU."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __dlpack_device__(self):
        return KDL_CUDA, 0

    def __dlpack__(self, **_):
        capsule = self.array.__dlpack__()
        tensor = _abi.DLTensor.from_address(tensors._get_pointer(capsule, b"dltensor"))
        tensor.device = (KDL_CUDA, 0)
        return capsule


current = types.SimpleNamespace(cuda_stream=0)
torch = types.ModuleType("torch")
torch.Tensor = type("Tensor", (), {})
torch.cuda = types.SimpleNamespace(is_initialized=lambda: True, current_stream=lambda _: current)
sys.modules["torch"] = torch

x, y = np.arange(192, dtype=np.float32).reshape(3, 64), np.zeros(3, np.float32)
with peermla.Library(sys.argv[1]).load(sys.argv[2], device="cuda") as session:
    print("device", session.device)
    session.forward(DeviceArray(x), y=DeviceArray(y))
    print("y", *y)
    current.cuda_stream = 77
    y[:] = 0
    session.forward(DeviceArray(x), y=DeviceArray(y))
    print("y", *y)
    try:
        session.forward(x, y=DeviceArray(y))
    except peermla.Error as error:
        print(error)
