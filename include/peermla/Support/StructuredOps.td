//===- StructuredOps.td - what all tensor-level model ops share -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Model ops are in destination style and live on tensors before bufferization
// and on memrefs after it. On tensors there is one result per destination, of
// its type; on memrefs there are none.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_STRUCTUREDOPS_TD
#define PEERMLA_SUPPORT_STRUCTUREDOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

/// A tensor or a strided memref of the given ranks.
class Peermla_ShapedOf<list<Type> elements, list<int> ranks>
    : AnyTypeOf<[TensorRankOf<elements, ranks>,
                 StridedMemRefRankOf<elements, ranks>]>;

/// Storage types of weights and activations. F64 is what the reference
/// evaluates in.
defvar Peermla_Storage = [F16, BF16, F32, F64];
/// Types that are never rounded below f32.
defvar Peermla_Wide = [F32, F64];

class Peermla_FloatOf<list<int> ranks> : Peermla_ShapedOf<Peermla_Storage, ranks>;
class Peermla_WideOf<list<int> ranks> : Peermla_ShapedOf<Peermla_Wide, ranks>;
class Peermla_IndexOf<list<int> ranks> : Peermla_ShapedOf<[I32], ranks>;

#endif // PEERMLA_SUPPORT_STRUCTUREDOPS_TD
