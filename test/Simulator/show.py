"""Prints the tensors of a safetensors file, a line each: the name and all
elements."""

import sys

import tensors


def main():
    for name, array in sorted(tensors.read(sys.argv[1]).items()):
        print(f"{name}: {' '.join(f'{value:.10g}' for value in array.ravel())}")


if __name__ == "__main__":
    main()
