//===- SpecialRegisters.cpp - %tid, %laneid and the like ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A special register has the same name as an NVVM op, as an intrinsic and in
// PTX: nvvm.read.ptx.sreg.tid.x, llvm.nvvm.read.ptx.sreg.tid.x, %tid.x.
//
//===----------------------------------------------------------------------===//

#include "Rewriter.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

static std::optional<sim::SpecialRegister> findRegister(StringRef name) {
  using R = sim::SpecialRegister;
  return llvm::StringSwitch<std::optional<R>>(name)
      .Case("tid.x", R::TidX)
      .Case("tid.y", R::TidY)
      .Case("tid.z", R::TidZ)
      .Case("ntid.x", R::NtidX)
      .Case("ntid.y", R::NtidY)
      .Case("ntid.z", R::NtidZ)
      .Case("ctaid.x", R::CtaidX)
      .Case("ctaid.y", R::CtaidY)
      .Case("ctaid.z", R::CtaidZ)
      .Case("nctaid.x", R::NctaidX)
      .Case("nctaid.y", R::NctaidY)
      .Case("nctaid.z", R::NctaidZ)
      .Case("laneid", R::LaneId)
      .Case("warpid", R::WarpId)
      .Case("nwarpid", R::NumWarps)
      .Case("warpsize", R::WarpSize)
      .Case("lanemask.eq", R::LaneMaskEq)
      .Case("lanemask.lt", R::LaneMaskLt)
      .Case("lanemask.le", R::LaneMaskLe)
      .Case("lanemask.gt", R::LaneMaskGt)
      .Case("lanemask.ge", R::LaneMaskGe)
      .Case("clusterid.x", R::ClusterIdX)
      .Case("clusterid.y", R::ClusterIdY)
      .Case("clusterid.z", R::ClusterIdZ)
      .Case("nclusterid.x", R::NumClustersX)
      .Case("nclusterid.y", R::NumClustersY)
      .Case("nclusterid.z", R::NumClustersZ)
      .Case("cluster.ctaid.x", R::ClusterCtaidX)
      .Case("cluster.ctaid.y", R::ClusterCtaidY)
      .Case("cluster.ctaid.z", R::ClusterCtaidZ)
      .Case("cluster.nctaid.x", R::ClusterNctaidX)
      .Case("cluster.nctaid.y", R::ClusterNctaidY)
      .Case("cluster.nctaid.z", R::ClusterNctaidZ)
      .Case("cluster.ctarank", R::ClusterCtaRank)
      .Case("cluster.nctarank", R::ClusterNctaRank)
      .Case("smid", R::SmId)
      .Case("nsmid", R::NumSms)
      .Case("gridid", R::GridId)
      .Case("dynamic.smem.size", R::DynamicSharedSize)
      .Case("total.smem.size", R::TotalSharedSize)
      .Default(std::nullopt);
}

static std::optional<sim::ClockRegister> findClock(StringRef name) {
  using C = sim::ClockRegister;
  return llvm::StringSwitch<std::optional<C>>(name)
      .Case("clock", C::Clock)
      .Case("clock64", C::Clock64)
      .Cases({"globaltimer", "globaltimer.lo"}, C::GlobalTimer)
      .Default(std::nullopt);
}

Value tosim::readSpecialRegister(Rewriter &rewriter, StringRef name) {
  // PTX writes underscores in the names that ops write with dots.
  std::string dotted = name.str();
  for (StringRef word :
       {"cluster_", "dynamic_smem_", "total_smem_", "lanemask_"})
    if (StringRef(dotted).starts_with(word))
      for (char &c : dotted)
        c = c == '_' ? '.' : c;
  if (dotted == "warpsize" || dotted == "WARP_SZ")
    return rewriter.i32(32);
  if (auto found = findRegister(dotted))
    return rewriter.call(Runtime::special_register, {rewriter.i32(*found)});
  if (auto found = findClock(dotted))
    return rewriter.call(Runtime::clock, {rewriter.i32(*found)});
  return Value();
}

Outcome tosim::rewriteSpecialRegister(Rewriter &rewriter, Operation *op) {
  StringRef name = op->getName().getStringRef();
  if (!name.consume_front("nvvm.read.ptx.sreg."))
    return std::nullopt;
  Value value = readSpecialRegister(rewriter, name);
  if (!value)
    return rewriter.reject("");
  rewriter.replace(value);
  return success();
}
