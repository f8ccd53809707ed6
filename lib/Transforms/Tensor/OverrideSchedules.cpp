//===- OverrideSchedules.cpp - schedules by the names of ops --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/AsmParser/AsmParser.h"
#include "peermla/Transforms/Passes.h"
#include "llvm/Support/GlobPattern.h"

namespace peermla {
#define GEN_PASS_DEF_OVERRIDESCHEDULES
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// `ID = SCHEDULE`, where ID may have the wildcards of a shell.
struct Override {
  StringRef id;
  llvm::GlobPattern pattern;
  tile::ScheduleAttr schedule;
  bool isUsed = false;
};

struct OverrideSchedules
    : peermla::impl::OverrideSchedulesBase<OverrideSchedules> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Override> overrides;
    SmallVector<StringRef> entries;
    StringRef(schedules).split(entries, ';', -1, /*KeepEmpty=*/false);
    for (StringRef entry : entries)
      if (failed(parse(entry, overrides)))
        return signalPassFailure();

    llvm::SetVector<StringRef> ids;
    getOperation()->walk([&](Operation *op) {
      auto id = op->getAttrOfType<StringAttr>("peermla.id");
      if (!id)
        return;
      ids.insert(id.getValue());
      for (Override &override : overrides)
        if (override.pattern.match(id)) {
          override.isUsed = true;
          op->setAttr(scheduleName, override.schedule);
        }
    });
    for (const Override &override : overrides)
      if (!override.isUsed) {
        getOperation().emitError()
            << "no op has the id '" << override.id << "', there "
            << (ids.empty() ? "are none" : "are " + llvm::join(ids, ", "));
        return signalPassFailure();
      }
  }

  LogicalResult parse(StringRef entry, SmallVectorImpl<Override> &overrides) {
    auto [id, text] = entry.split('=');
    id = id.trim();
    text = text.trim();
    if (id.empty() || text.empty())
      return getOperation().emitError()
             << "expects a schedule to be 'ID = block = [..]', got '" << entry
             << "'";
    llvm::Expected<llvm::GlobPattern> pattern = llvm::GlobPattern::create(id);
    if (!pattern)
      return getOperation().emitError()
             << "expects the name of an op, got '" << id
             << "': " << llvm::toString(pattern.takeError());
    auto schedule = dyn_cast_or_null<tile::ScheduleAttr>(
        parseAttribute(("#tile.schedule<" + text + ">").str(), &getContext()));
    if (!schedule)
      return getOperation().emitError()
             << "expects a schedule such as 'block = [48, 192, 0]' for '" << id
             << "', got '" << text << "'";
    overrides.push_back({id, std::move(*pattern), schedule});
    return success();
  }
};

} // namespace
