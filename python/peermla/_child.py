"""The other end of `isolation.ask`: one request of the compiler, in this process.

Run as a script, not imported, so that a child needs neither the package nor what
the caller's interpreter has on its path. Standard input holds a pickle of
(path of the compiler's module, function, arguments), standard output receives
one of what the function returned.
"""

import os
import pickle
import sys
from importlib import machinery, util


def main():
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what LLVM prints must not meet the answer
    path, function, arguments = pickle.load(sys.stdin.buffer)
    spec = util.spec_from_loader("_compiler", machinery.ExtensionFileLoader("_compiler", path))
    compiler = util.module_from_spec(spec)
    spec.loader.exec_module(compiler)
    with answer:
        pickle.dump(getattr(compiler, function)(*arguments), answer)


if __name__ == "__main__":
    main()
