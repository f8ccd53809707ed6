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

/// parent ::= attribute | `<` ... `>` of #tile.mma
static ParseResult parseParent(AsmParser &parser, Attribute &parent) {
  if (failed(parser.parseOptionalLess()))
    return parser.parseAttribute(parent);
  SmallVector<int64_t> warps;
  if (parser.parseKeyword("warps") || parser.parseEqual() ||
      parseExtents(parser, warps) || parser.parseGreater())
    return failure();
  parent = parser.getChecked<MmaLayoutAttr>(parser.getContext(), warps);
  return success(parent != nullptr);
}

static void printParent(AsmPrinter &printer, Attribute parent) {
  if (auto mma = dyn_cast<MmaLayoutAttr>(parent))
    printer.printStrippedAttrOrType(mma);
  else
    printer << parent;
}

#include "peermla/Dialect/Tile/IR/TileDialect.cpp.inc"

#include "peermla/Dialect/Tile/IR/TileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "peermla/Dialect/Tile/IR/TileAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "peermla/Dialect/Tile/IR/TileTypes.cpp.inc"

LogicalResult
ScheduleAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     ArrayRef<int64_t> block, ArrayRef<int64_t> inner,
                     ArrayRef<int64_t> registers, int64_t split, int64_t parts,
                     ArrayRef<int64_t> warps, int64_t stages,
                     Instructions instructions, ArrayRef<int64_t> roles) {
  for (auto [name, extents] :
       {std::pair("block", block), std::pair("inner", inner),
        std::pair("registers", registers), std::pair("split", ArrayRef(split)),
        std::pair("stages", ArrayRef(stages))})
    for (int64_t extent : extents)
      if (extent < 0)
        return emitError() << "expects extents of '" << name
                           << "' to be at least 0, got " << extent;
  if (parts < 0)
    return emitError() << "expects 'parts' to be at least 0, got " << parts;
  if (!warps.empty() && warps.size() != 2)
    return emitError() << "expects 'warps' to have 2 extents, got "
                       << warps.size();
  for (int64_t extent : warps)
    if (extent < 1)
      return emitError() << "expects extents of 'warps' to be at least 1, got "
                         << extent;
  if (instructions == Instructions::Wgmma &&
      (warps.empty() || warps.front() % 4 != 0))
    return emitError() << "expects rows of 'warps' to be a multiple of 4 for "
                          "'wgmma', got ["
                       << warps << "]";
  if (!roles.empty() && roles.size() != 2)
    return emitError() << "expects 'roles' to have 2 extents, got "
                       << roles.size();
  for (int64_t registers : roles)
    if (registers != 0 &&
        (registers < 24 || registers > 256 || registers % 8 != 0))
      return emitError() << "expects registers of 'roles' to be 0 or multiples "
                            "of 8 from 24 to 256, got "
                         << registers;
  if (!roles.empty() && warps.empty())
    return emitError() << "expects 'warps' where there are 'roles'";
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
  addTypes<
#define GET_TYPEDEF_LIST
#include "peermla/Dialect/Tile/IR/TileTypes.cpp.inc"
      >();
}
