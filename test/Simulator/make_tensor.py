"""Writes a safetensors file with a tensor of i32: FILE NAME NUMBER..."""

import sys

import numpy as np

import tensors

tensors.write(sys.argv[1], {sys.argv[2]: np.array(sys.argv[3:], np.int32)})
