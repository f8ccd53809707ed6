//===- TileDialect.cpp - the tile dialect ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla::tile;

/// extents ::= `[` (integer (`,` integer)*)? `]`
static ParseResult parseExtents(AsmParser &parser,
                                SmallVectorImpl<int64_t> &extents) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    return parser.parseInteger(extents.emplace_back());
  });
}

static void printExtents(AsmPrinter &printer, ArrayRef<int64_t> extents) {
  printer << "[" << extents << "]";
}

#include "peermla/Dialect/Tile/IR/TileDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "peermla/Dialect/Tile/IR/TileAttrs.cpp.inc"

LogicalResult
ScheduleAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     ArrayRef<int64_t> block, ArrayRef<int64_t> inner,
                     ArrayRef<int64_t> registers, int64_t split,
                     int64_t parts) {
  for (auto [name, extents] :
       {std::pair("block", block), std::pair("inner", inner),
        std::pair("registers", registers), std::pair("split", ArrayRef(split))})
    for (int64_t extent : extents)
      if (extent < 0)
        return emitError() << "expects extents of '" << name
                           << "' to be at least 0, got " << extent;
  if (parts < 0)
    return emitError() << "expects 'parts' to be at least 0, got " << parts;
  return success();
}

void TileDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "peermla/Dialect/Tile/IR/TileOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "peermla/Dialect/Tile/IR/TileAttrs.cpp.inc"
      >();
}
